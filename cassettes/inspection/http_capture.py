r"""Captured HTTP/1.1 bytes of one direction, without I/O: heads, bodies, and what is wrong.

`curl --raw`, netcat and tools that follow a TCP connection keep the framing of HTTP. A stream of
Mesos then has a size in hexadecimal before each chunk, and CRLF after it (RFC 9112, section 7.1):

    HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n    may be absent, or of a request
    17\r\n20\n{"type":"HEARTBEAT"}\r\n
    0\r\n\r\n                                                the last chunk; a head may follow

Feed bytes as they come; pieces come out at once, parts of a chunk too. Offsets are those of the
file. Memory is bounded by the longest head.
"""

import contextlib
import re
import sys
from collections.abc import Generator, Iterator
from typing import Literal

import httptools
from msgspec import Struct

from ...proto.counted import counted
from ...proto.http.headers import header_value
from .capture_detection import SIZE_LINE, START_LINE

type FramingReason = Literal[
    "http-head", "chunk-size", "chunk-end", "truncated-chunk", "content-coding"
]

_MAX_HEAD_BYTES = 1 << 16
_MAX_SIZE_LINE_BYTES = 1 << 12

_NEXT_CHUNK = re.compile(
    rb"\r\n(?=[0-9A-Fa-f]{1,8}(?:;[^\r\n]*)?\r\n)"
    rb"|(?=HTTP/1\.[01] [1-5])|(?=(?:GET|POST|HEAD) /[^ \r\n]{0,100} HTTP/1\.[01]\r\n)"
)
_LONGEST_NEXT_CHUNK = 128
_HEAD_END = re.compile(rb"\r?\n\r?\n")


class CapturedHead(Struct, frozen=True):
    """The head of a request or response. `start_line` is its first line."""

    offset: int
    start_line: str
    headers: list[tuple[str, str]]
    status: int | None = None

    @property
    def is_chunked(self) -> bool:
        """Whether its body has chunked framing."""
        return (header_value(self.headers, "transfer-encoding") or "").lower() == "chunked"


class CapturedBytes(Struct, frozen=True):
    """Bytes of a body, without framing. `offset` is that of the first one in the file."""

    offset: int
    data: bytes


class CapturedEnd(Struct, frozen=True):
    """The end of a body; `is_complete` if it has all that was announced."""

    is_complete: bool


class FramingError(Struct, frozen=True):
    """Broken framing at `offset`. After `skipped` bytes from there, reading goes on."""

    offset: int
    reason: FramingReason
    text: str
    skipped: int = 0


type CapturePiece = CapturedHead | CapturedBytes | CapturedEnd | FramingError

type _Reading[T] = Generator[CapturePiece | None, None, T]
"""Yields pieces, and None if it needs more bytes."""


class CaptureReader:
    """Reads a capture: `feed` and `close` return the pieces that are known then.

    `missing_bytes` is what is to come of a body, or of a chunk of it, without framing. Who takes
    the head of a response to HEAD sets `is_bodiless` before the next piece.
    """

    def __init__(self) -> None:
        self.missing_bytes = 0
        self.is_bodiless = False
        self._buffer = bytearray()
        self._offset = 0
        self._is_closed = False
        self._pieces = self._read()

    def feed(self, data: bytes) -> Iterator[CapturePiece]:
        """Process the next bytes."""
        self._buffer += data
        for piece in self._pieces:
            if piece is None:
                return
            yield piece

    def close(self) -> Iterator[CapturePiece]:
        """Process the end of the file."""
        self._is_closed = True
        yield from self.feed(b"")

    def _read(self) -> _Reading[None]:
        while (yield from self._has(1)):
            yield from self._read_message()

    def _read_message(self) -> _Reading[None]:
        while self._buffer.startswith((b"\r", b"\n")):  # Empty lines before a message are ignored.
            self._take(1)
            if not (yield from self._has(1)):
                return
        while not START_LINE.match(self._buffer):
            if SIZE_LINE.match(self._buffer):
                yield from self._read_chunks()
                return
            size = len(self._buffer)
            is_line = b"\n" in self._buffer or size > _MAX_HEAD_BYTES
            if is_line or not (yield from self._has(size + 1)):
                found = bytes(self._buffer[:20])
                text = f"found {found!r}, expected the head of a message or the size of a chunk"
                yield from self._skip("http-head", text)
                return
        head = yield from self._read_head()
        if head is None:
            return
        yield head
        length = header_value(head.headers, "content-length") or ""
        is_bodiless, self.is_bodiless = self.is_bodiless, False
        if is_bodiless or (head.status is not None and _has_no_body(head.status)):
            yield CapturedEnd(is_complete=True)
        elif head.is_chunked:
            yield from self._read_chunks()
        elif length.isdecimal():
            yield from self._read_length(int(length))
        elif head.status is None:
            yield CapturedEnd(is_complete=True)
        else:
            yield from self._read_data(None)
            yield CapturedEnd(is_complete=True)

    def _read_head(self) -> _Reading[CapturedHead | None]:
        while not (end := _HEAD_END.search(self._buffer)):
            size = len(self._buffer)
            if size > _MAX_HEAD_BYTES or not (yield from self._has(size + 1)):
                yield from self._skip("http-head", "the head of a message does not end")
                return None
        offset, data = self._offset, self._take(end.end())
        try:
            return _parse_head(offset, data)
        except httptools.HttpParserError as error:
            yield FramingError(offset, "http-head", f"the head of a message is wrong: {error}")
            return None

    def _read_length(self, length: int) -> _Reading[None]:
        offset = self._offset
        missing = yield from self._read_data(length)
        if missing:
            text = f"the capture ends after {length - missing} of {length} bytes of a body"
            yield FramingError(offset, "truncated-chunk", text)
        yield CapturedEnd(is_complete=not missing)

    def _read_chunks(self) -> _Reading[None]:
        while (yield from self._has(1)):
            while b"\n" not in self._buffer and len(self._buffer) < _MAX_SIZE_LINE_BYTES:
                if not (yield from self._has(len(self._buffer) + 1)):
                    yield self._truncated("inside the size of a chunk")
                    yield CapturedEnd(is_complete=False)
                    return
            size_line = SIZE_LINE.match(self._buffer)
            if size_line is None:
                if START_LINE.match(self._buffer):  # The connection went on without a last chunk.
                    break
                found = bytes(self._buffer.partition(b"\n")[0][:24])
                text = f"size of a chunk is {found!r}, expected hexadecimal digits and CRLF"
                yield from self._skip("chunk-size", text)
                continue
            size = int(size_line[1], 16)
            offset = self._offset
            self._take(size_line.end())
            if size == 0:
                yield CapturedEnd(is_complete=(yield from self._read_trailers()))
                return
            yield from self._read_chunk(offset, size)
        yield CapturedEnd(is_complete=False)

    def _read_chunk(self, offset: int, size: int) -> _Reading[None]:
        missing = yield from self._read_data(size)
        if missing:
            text = f"the capture ends after {size - missing} of {size} bytes of a chunk"
            yield FramingError(offset, "truncated-chunk", text)
        elif not (yield from self._has(2)):
            yield self._truncated("before the CRLF after a chunk")
        elif self._buffer.startswith(b"\r\n"):
            self._take(2)
        else:
            found = bytes(self._buffer[:2])
            text = f"a chunk of {counted(size, 'byte')} is followed by {found!r}, expected CRLF"
            yield from self._skip("chunk-end", text)

    def _read_trailers(self) -> _Reading[bool]:
        while True:
            while (end := self._buffer.find(b"\n")) < 0:
                size = len(self._buffer)
                if size > _MAX_HEAD_BYTES or not (yield from self._has(size + 1)):
                    yield self._truncated("before the empty line after the last chunk")
                    return False
            if not self._take(end + 1).strip():
                return True

    def _read_data(self, size: int | None) -> _Reading[int]:
        """Yield the next bytes as parts of a body, None: all; return how many are missing."""
        missing = size or 0
        while size is None or missing:
            self.missing_bytes = sys.maxsize if size is None else missing
            if not (yield from self._has(1)):
                break
            offset = self._offset
            data = self._take(len(self._buffer) if size is None else missing)
            missing -= len(data)
            yield CapturedBytes(offset, data)
        self.missing_bytes = 0
        return missing if size is not None else 0

    def _skip(self, reason: FramingReason, text: str) -> _Reading[None]:
        """Skip bytes up to the next chunk or head, and report them."""
        offset, skipped = self._offset, 0
        while True:
            following = _NEXT_CHUNK.search(self._buffer, 0 if skipped else 1)
            if following:
                skipped += len(self._take(following.end()))
                break
            skipped += len(self._take(max(0, len(self._buffer) - _LONGEST_NEXT_CHUNK)))
            if not (yield from self._has(len(self._buffer) + 1)):
                skipped += len(self._take(len(self._buffer)))
                break
        yield FramingError(offset, reason, text, skipped)

    def _truncated(self, place: str) -> FramingError:
        left = len(self._take(len(self._buffer)))
        text = f"the capture ends {place}"
        return FramingError(self._offset - left, "truncated-chunk", text, left)

    def _has(self, size: int) -> _Reading[bool]:
        while len(self._buffer) < size:
            if self._is_closed:
                return False
            yield None
        return True

    def _take(self, size: int) -> bytes:
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._offset += len(data)
        return data


def _has_no_body(status: int) -> bool:
    return status < 200 or status in (204, 304)


class _HeadFields:
    """Collects what httptools finds in a head."""

    def __init__(self) -> None:
        self.headers: list[tuple[str, str]] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.decode("latin-1"), value.decode("latin-1")))


def _parse_head(offset: int, data: bytes) -> CapturedHead:
    """Parse a head. Raises httptools.HttpParserError."""
    fields, is_response = _HeadFields(), data.startswith(b"HTTP/")
    parser = (httptools.HttpResponseParser if is_response else httptools.HttpRequestParser)(fields)
    with contextlib.suppress(httptools.HttpParserUpgrade):  # Its head is as good as any.
        parser.feed_data(data)
    start_line = data.partition(b"\n")[0].strip().decode("latin-1")
    status = int(start_line.split(" ")[1][:3]) if is_response else None
    return CapturedHead(offset, start_line, fields.headers, status)
