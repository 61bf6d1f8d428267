r"""How three readers parse the line that should be a length.

    line                     strict   C++ (libprocess, agents)   Python (Mesos's CLI)
    5   005                  5        5                          5
    +5                       -        5                          5
    -1                       -        2**64 - 1                  an empty record
    0x5                      -        5                          -
    ' 5'   '5\r'   5_0       -        -                          5, 5, 50
    (nothing)  abc  1e1      -        -                          -

A dash means that the reader fails, permanently. C++ is stout/numify.hpp, called by
stout/recordio.hpp: boost's lexical_cast to a 64-bit number, then hexadecimal. Python is int() of
the text (src/python/lib/mesos/recordio.py). Neither limits the length of a record.
"""

import re

from ..recordio import MAX_LENGTH_DIGITS

_DECIMAL = re.compile(rb"([+-]?)([0-9]+)")
_HEXADECIMAL = re.compile(rb"(-?)0[xX]([0-9a-fA-F]+)")
_TOO_LARGE = 1 << 64


def parse_length_strict(line: bytes) -> int | None:
    """Parse decimal digits alone, up to 64 bits; leading zeros are accepted."""
    if not line.isdigit() or len(line) > MAX_LENGTH_DIGITS:
        return None
    length = int(line)
    return length if length < _TOO_LARGE else None


def parse_length_cpp(line: bytes) -> int | None:
    """Parse a length as Mesos's C++ decoder does; a negative one becomes huge."""
    if parts := _DECIMAL.fullmatch(line):
        length = int(parts[2][-40:])
        if len(parts[2].lstrip(b"0")) > MAX_LENGTH_DIGITS or length >= _TOO_LARGE:
            return None
    elif parts := _HEXADECIMAL.fullmatch(line):
        length = int(parts[2][-40:], 16)
        if length >= _TOO_LARGE:
            return None
    else:
        return None
    return -length % _TOO_LARGE if parts[1] == b"-" else length


def parse_length_python(line: bytes) -> int | None:
    """Parse a length as the decoder of Mesos's CLI does; a negative one is an empty record."""
    try:
        return max(0, int(line.decode()))
    except ValueError:
        return None


def intended_lengths(line: bytes) -> set[int]:
    """Return the lengths that other readers parse, and that of a negative number without sign."""
    is_negative = line[:1] == b"-" and line[1:].isdigit() and len(line) < 40
    unsigned = int(line[1:]) if is_negative else None
    lengths = (parse_length_cpp(line), parse_length_python(line), unsigned)
    return {length for length in lengths if length}
