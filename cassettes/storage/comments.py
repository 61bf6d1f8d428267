"""The comments between the documents of a cassette."""

import re

from .reader import Cassette

_MOST_BYTES = 1 << 20
"""More between two documents is no comment of a person; a document that was cut off is there."""

_COMMENT_OR_BLANK = re.compile(rb"[ \t]*(?:[#%].*)?\r?\n?\Z")


def comments_between(cassette: Cassette, start: int, end: int) -> bytes:
    """Return the comments and blank lines between the end of a document and the next start."""
    if not start < end <= start + _MOST_BYTES:
        return b""
    lines = cassette.read_bytes(start, end).splitlines(keepends=True)
    return b"".join(line for line in lines if _COMMENT_OR_BLANK.match(line))
