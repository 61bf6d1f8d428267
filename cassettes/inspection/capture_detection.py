r"""Tell a capture of HTTP from the bytes of a stream.

17\r\n20\n{"type":"HEARTBEAT"}\r\n   a chunk: a hexadecimal size; CRLF after it and after the data
20\n{"type":"HEARTBEAT"}           a record: a decimal length, and a newline
20\r\n{"type":"HEARTBEAT"}         a record with a wrong length, as some writers make it
"""

import re

SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\r\n]*)?\r\n")
START_LINE = re.compile(rb"HTTP/1\.[01] [1-5]|[A-Z]{3,10} [^ \r\n]+ HTTP/1\.[01]\r?\n")

_BEGINNING = re.compile(
    rb"(?:[0-9A-Fa-f]{1,16}(?:[ \t]*(?:;[^\r\n]*)?\r?)?|HTTP[/.10 ]{0,5}"
    rb"|[A-Z]{1,10}(?: [^ \r\n]*(?: [HTP/.10]*\r?)?)?)?\Z"
)
"""What may become the first line of a capture."""

_RECORD_LENGTH = re.compile(rb"[0-9]{1,10}\n")
NEXT_CHUNK = re.compile(rb"\r\n[0-9A-Fa-f]{1,16}(?:;[^\r\n]*)?\r\n")
_AFTER_LAST_CHUNK = re.compile(rb"\r\n|[!-~]+:[^\r\n]*\r\n")
_MAX_SIZE_LINE_BYTES = 64
_MAX_UNDECIDED_BYTES = 1 << 20


def has_http_framing(data: bytes, *, is_whole: bool) -> bool | None:
    r"""Return whether a file that begins with `data` is an HTTP capture; None: more bytes decide.

    A file begins with a head, or with a chunk. A chunk is one that begins with a record, or one
    after which CRLF and the next size follow. Lengths of records are decimal, and `\n` follows:
    a stream of records is never taken for a capture, not even if its lengths end in CRLF, because a
    record never begins like a line with a size or a length.
    """
    is_undecided = not is_whole and len(data) <= _MAX_UNDECIDED_BYTES
    if START_LINE.match(data):
        return True
    size_line = SIZE_LINE.match(data)
    if size_line is None:
        return None if is_undecided and _BEGINNING.match(data) else False
    size, start = int(size_line[1], 16), size_line.end()
    if size and _RECORD_LENGTH.match(data, start):
        return True
    following = data[start + size :]
    if (NEXT_CHUNK if size else _AFTER_LAST_CHUNK).match(following):
        return True
    return None if is_undecided and len(following) <= _MAX_SIZE_LINE_BYTES else False
