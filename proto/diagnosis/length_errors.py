r"""Diagnosis of a line that should be a length: the reason, a text, and the offending bytes.

diagnose_length_line(b"+20", 0)     sign    length is b'+20', with a sign, expected …
diagnose_length_line(b"20\r", 0)    crlf    length is b'20\r', with a carriage return, expected …
"""

import re

from .problems import Diagnostic

MAX_LENGTH_LINE_BYTES = 64
"""Bytes in which a newline is searched."""

_EXPECTED = "expected decimal digits and a newline"
_FORMS = (
    ("sign", re.compile(rb"([+-])[0-9]+"), "a sign"),
    ("hex", re.compile(rb"-?0([xX])[0-9a-fA-F]+"), "hexadecimal digits"),
    ("crlf", re.compile(rb"[0-9]+(\r)"), "a carriage return"),
    ("blank", re.compile(rb"([ \t]+)[0-9]+[ \t]*|[0-9]+([ \t]+)"), "a blank"),
)
"""Reason, form of the line with the offending bytes as a group, and their description."""


def diagnose_length_line(line: bytes, offset: int) -> Diagnostic:
    """Return why a line is no length; `line` is without its newline, `offset` in the stream."""
    if not line:
        text = f"length is empty, {_EXPECTED}"
        return Diagnostic("empty-length", text, offset, offset + 1)
    if line.startswith(b"HTTP/1."):
        text = f"is an HTTP response inside the body, {_show(line)}, expected a length"
        return Diagnostic("http-answer", text, offset, offset + len(line))
    if offset == 0 and line.startswith(b"\x1f\x8b"):
        text = "is compressed with gzip; Mesos never compresses a stream"
        return Diagnostic("gzip", text, 0, 2)
    if line.startswith(b"{"):
        text = f"there is no length before the record, found {_show(line)}"
        return Diagnostic("missing-length", text, offset, offset + 1)
    for reason, form, description in _FORMS:
        if parts := form.fullmatch(line):
            start, stop = parts.span(parts.lastindex or 0)
            text = f"length is {_show(line)}, with {description}, {_EXPECTED}"
            return Diagnostic(reason, text, offset + start, offset + stop)
    if line.isdigit():
        text = f"length is {_show(line)}, more than 64 bits hold"
        return Diagnostic("overflow", text, offset, offset + len(line))
    start = len(line) - len(line.lstrip(b"0123456789"))
    text = f"length is {_show(line)}, {_EXPECTED}"
    return Diagnostic("not-digits", text, offset + start, offset + start + 1)


def truncated_length(line: bytes, offset: int) -> Diagnostic:
    """Report that the stream ends inside a line of digits."""
    text = f"stream ends inside a length, {line!r}, expected a newline"
    return Diagnostic("truncated-length", text, offset, offset + len(line))


def length_over_limit(line: bytes, offset: int, length: int, limit: int) -> Diagnostic:
    """Report a length that is over the limit."""
    text = f"length is {length}, the limit is {limit}"
    return Diagnostic("over-limit", text, offset, offset + len(line))


def wrong_length(line: bytes, offset: int) -> Diagnostic:
    """Report a wrong length; `PendingSkip` refines it when the end of the record is known."""
    text = f"length is {int(line)}, but no record starts after that many bytes"
    return Diagnostic("wrong-length", text, offset, offset + len(line))


def leading_zeros(line: bytes, offset: int) -> Diagnostic:
    """Report leading zeros."""
    text = f"length is {line!r}, with leading zeros; Mesos writes none"
    return Diagnostic("leading-zeros", text, offset, offset + 1)


def _show(data: bytes) -> str:
    return repr(data if len(data) <= 32 else data[:32] + b"...")
