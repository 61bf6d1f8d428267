"""What stands for a secret in a cassette: `REDACTED-1`, also inside base64."""

import re
from base64 import b64decode
from collections.abc import Callable, Iterator

from .spellings import base64_interiors

PLACEHOLDER = re.compile(r"REDACTED-[0-9]{1,9}")
PLACEHOLDER_BEGINNINGS = (b"REDACTED-", b"UkVEQUNURUQt")
"""Of a placeholder as it is, and in base64."""

_NUMBER = re.compile(rb"REDACTED-([0-9]{1,9})")
_MAX_DEPTH = 2
_MOST_DIGITS = 48
"""Of a placeholder in base64, also twice."""

_BLOCK_BYTES = 1 << 20
_OVERLAP_BYTES = 64

_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_ONCE = [*base64_interiors(b"REDACTED-")]
_TWICE = [twice for once in _ONCE for twice in base64_interiors(once)]
_ALL = (*_ONCE, *_TWICE)
_IN_BASE64 = re.compile(
    rb"[A-Za-z0-9+/_-]{0,8}(?:%b)[A-Za-z0-9+/_-]{0,%d}" % (b"|".join(_ALL), _MOST_DIGITS)
)


def placeholder_numbers(data: bytes, depth: int = 0) -> Iterator[int]:
    """Iterate over the numbers of the placeholders in some bytes, also in base64, once or twice."""
    yield from map(int, _NUMBER.findall(data))
    # The search for the expression alone would take half the time of `mesotape redact`.
    if depth == _MAX_DEPTH or not any(each in data for each in _ALL):
        return
    for found in _IN_BASE64.finditer(data):
        digits = found.group().translate(_TO_STANDARD)
        for shift in range(4):
            aligned = digits[shift:]
            if len(aligned) % 4 != 1:
                decoded = b64decode(aligned + b"=" * (-len(aligned) % 4))
                yield from placeholder_numbers(decoded, depth + 1)


def last_placeholder_in(read: Callable[[int, int], bytes]) -> int:
    """Return the highest number of a placeholder in a file, or 0; `read` gets two offsets."""
    last, position = 0, 0
    while data := read(position, position + _BLOCK_BYTES + _OVERLAP_BYTES):
        last = max(last, *placeholder_numbers(data), 0)
        position += _BLOCK_BYTES
    return last
