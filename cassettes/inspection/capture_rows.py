"""Rows of an HTTP capture: a note for each head, and the records of the streams that follow."""

import zlib
from collections import deque
from collections.abc import Iterator

from msgspec.structs import replace

from ...proto.api.negotiation import Encoding, body_encoding
from ...proto.counted import counted
from ...proto.diagnosis.examiner import MAX_EXAMINED_RECORD_BYTES
from ...proto.diagnosis.problems import Diagnostic
from ...proto.http.headers import header_value
from .http_capture import (
    CapturedBytes,
    CapturedEnd,
    CapturedHead,
    CapturePiece,
    CaptureReader,
    FramingError,
)
from .rows import Row
from .stream_rows import StreamOrigin, StreamRows

_GZIP = 16 + zlib.MAX_WBITS
_MAX_PLAIN_BYTES = 1 << 20
"""Bytes that are decompressed at once."""


class CaptureRows:
    """Makes rows of a capture, as `StreamRows` does of a stream.

    Messages are numbered as exchanges. `offset` of a row is that in the body of its message,
    `file_offset` that in the file; in a compressed body only the first is known.
    """

    def __init__(
        self,
        message: str | None = None,
        encoding: Encoding | None = None,
        *,
        max_record_bytes: int = MAX_EXAMINED_RECORD_BYTES,
    ) -> None:
        self._message = message
        self._encoding: Encoding | None = encoding
        self._max_record_bytes = max_record_bytes
        self._reader = CaptureReader()
        self._count = 0
        self._body: _Body | None = None

    def feed(self, data: bytes) -> Iterator[Row]:
        """Process the next bytes, and return the rows that they complete."""
        for piece in self._reader.feed(data):
            yield from self._rows(piece)

    def close(self) -> Iterator[Row]:
        """End the capture, and return its last rows."""
        for piece in self._reader.close():
            yield from self._rows(piece)

    def _rows(self, piece: CapturePiece) -> Iterator[Row]:
        match piece:
            case CapturedHead():
                self._body = self._new_body(piece)
            case CapturedBytes():
                self._body = self._body or self._new_body(None)
                yield from self._body.feed(piece)
            case CapturedEnd():
                body, self._body = self._body or self._new_body(None), None
                yield from body.close(is_complete=piece.is_complete)
            case FramingError():
                self._body = self._body or self._new_body(None)
                yield self._body.error_row(piece)

    def _new_body(self, head: CapturedHead | None) -> "_Body":
        self._count += 1
        headers: list[tuple[str, str]] = [] if head is None else head.headers
        stream = StreamRows(
            StreamOrigin(self._count, side="client" if head and head.status is None else "server"),
            self._message,
            self._encoding or body_encoding(headers),
            max_record_bytes=self._max_record_bytes,
        )
        return _Body(head, stream, self._max_record_bytes)


class _Body:
    """The body of one message: a stream of records, or bytes that are kept whole."""

    # The first byte decides: a stream is chunked and begins with a length. A body without a head is
    # taken for a stream; if it is none, the diagnosis of the stream says so.

    def __init__(self, head: CapturedHead | None, stream: StreamRows, max_kept_bytes: int) -> None:
        self.received = 0
        self._head = head
        self._stream = stream
        self._is_stream: bool | None = None
        self._kept = bytearray()
        self._max_kept_bytes = max_kept_bytes
        self._shifts: deque[tuple[int, int]] = deque()
        coding = None if head is None else header_value(head.headers, "content-encoding")
        self._is_broken = False
        self._begins_at: int | None = None
        self._decompressor = zlib.decompressobj(_GZIP) if coding == "gzip" else None

    def feed(self, part: CapturedBytes) -> Iterator[Row]:
        if self._decompressor is None:
            shift = part.offset - self.received
            if not self._shifts or self._shifts[-1][1] != shift:
                self._shifts.append((self.received, shift))
            yield from self._feed_plain(part.data)
            return
        data = part.data
        begins_at = self._begins_at = part.offset if self._begins_at is None else self._begins_at
        while data and not self._is_broken:
            try:
                plain = self._decompressor.decompress(data, _MAX_PLAIN_BYTES)
            except zlib.error as error:
                self._is_broken = True
                text = f"Content-Encoding is gzip, but the body is not: {error}"
                yield self.error_row(FramingError(begins_at, "content-coding", text))
                return
            data = self._decompressor.unconsumed_tail
            yield from self._feed_plain(plain)

    def close(self, *, is_complete: bool) -> Iterator[Row]:
        if not self._is_stream:
            yield self._head_row(bytes(self._kept))
            return
        for row in self._stream.close(cause="server" if is_complete else None):
            yield self._placed(row)

    def _feed_plain(self, data: bytes) -> Iterator[Row]:
        if self._is_stream is None and data:
            head = self._head
            self._is_stream = head is None or (head.is_chunked and data[:1].isdigit())
            if self._is_stream:
                yield self._head_row(b"")
        self.received += len(data)
        if not self._is_stream:
            self._kept += data[: self._max_kept_bytes - len(self._kept)]
            return
        for row in self._stream.feed(data):
            yield self._placed(row)

    def _placed(self, row: Row) -> Row:
        """Add the offset in the file to a row of the stream."""
        if row.offset is None or not self._shifts:
            return row
        while len(self._shifts) > 1 and self._shifts[1][0] <= row.offset:
            self._shifts.popleft()
        return replace(row, file_offset=row.offset + self._shifts[0][1])

    def _head_row(self, body: bytes) -> Row:
        head, size = self._head, None if self._is_stream else self.received
        if head is None:
            text = "HTTP chunks, looked through; offsets are those of the stream"
            return Row(row_type="note", exchange=self._stream.origin.exchange, text=text)
        names = ("content-type", "content-encoding", "transfer-encoding")
        parts = [head.start_line, *filter(None, (header_value(head.headers, n) for n in names))]
        return Row(
            row_type="note",
            exchange=self._stream.origin.exchange,
            side=self._stream.origin.side,
            file_offset=head.offset,
            size=size,
            text=", ".join(parts),
            body=body,
        )

    def error_row(self, error: FramingError) -> Row:
        """Return the row of a framing error at the end of what was received."""
        text = f"byte {error.offset} of the file: {error.text}"
        if error.skipped:
            text += f"; {counted(error.skipped, 'byte')} skipped"
        return Row(
            row_type="skipped",
            exchange=self._stream.origin.exchange,
            side=self._stream.origin.side,
            offset=self.received,
            file_offset=error.offset,
            size=error.skipped,
            diagnostics=(Diagnostic(error.reason, text),),
        )
