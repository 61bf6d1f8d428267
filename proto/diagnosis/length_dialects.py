r"""What three readers make of the line that should be a length.

    line                     strict   C++ (libprocess, agents)   Python (Mesos's CLI)
    5   005                  5        5                          5
    +5                       -        5                          5
    -1                       -        2**64 - 1                  an empty record
    0x5                      -        5                          -
    ' 5'   '5\r'   5_0       -        -                          5, 5, 50
    (nothing)  abc  1e1      -        -                          -

A dash means that the reader fails, and for good. C++ is stout/numify.hpp under stout/recordio.hpp:
boost's lexical_cast to a 64-bit number, then hexadecimal. Python is int() on the text
(src/python/lib/mesos/recordio.py). Neither has a limit.
"""

import re

from ..recordio import MAX_LENGTH_DIGITS

_DECIMAL = re.compile(rb"([+-]?)([0-9]+)")
_HEXADECIMAL = re.compile(rb"(-?)0[xX]([0-9a-fA-F]+)")
_ENDLESS = 1 << 64


def parse_length_strict(line: bytes) -> int | None:
    """Parse decimal digits alone, up to 64 bits; leading zeros are accepted."""
    if not line.isdigit() or len(line) > MAX_LENGTH_DIGITS:
        return None
    length = int(line)
    return length if length < _ENDLESS else None


def parse_length_cpp(line: bytes) -> int | None:
    """Read a length as Mesos's C++ decoder does; a negative one becomes huge."""
    if found := _DECIMAL.fullmatch(line):
        value = int(found[2][-40:])
        if len(found[2].lstrip(b"0")) > MAX_LENGTH_DIGITS or value >= _ENDLESS:
            return None
    elif found := _HEXADECIMAL.fullmatch(line):
        value = int(found[2][-40:], 16)
        if value >= _ENDLESS:
            return None
    else:
        return None
    return -value % _ENDLESS if found[1] == b"-" else value


def parse_length_python(line: bytes) -> int | None:
    """Read a length as the decoder of Mesos's CLI does; a negative one is an empty record."""
    try:
        return max(0, int(line.decode()))
    except ValueError:
        return None


def intended_lengths(line: bytes) -> set[int]:
    """Collect what a line may have been meant to say: what readers take it for, or without sign."""
    unsigned = int(line[1:]) if line[:1] == b"-" and line[1:].isdigit() and len(line) < 40 else None
    return {
        value for value in (parse_length_cpp(line), parse_length_python(line), unsigned) if value
    }
