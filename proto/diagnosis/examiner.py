r"""A RecordIO stream, taken apart to the last byte, sound or not. Without I/O.

    20\n{"type":"HEARTBEAT"}+20\n{"type":"HEARTBEAT"}20\n{"type":"HEARTBEAT"}
    1. Sound                1. Skipped: sign         3. Sound

The decoder of recordio.py gives up at the first bad length, as clients do. This one is for people
who want to know what was wrong and what came after. What it finds covers the stream without a gap
and is the same however the bytes were cut. Pieces are numbered as they come, sound or not.

A length is trusted if the record behind it says something, or if another length follows the record.
After a bad one the next record is searched: a length of digits alone behind which stands an object
(JSON), a message with a type (protobuf), or, if the schema is not known, another length or the end.

At most one record is held, of up to `max_record` bytes, or `RESYNC_RECORD` while searching, and of
what is skipped `HELD` bytes.
"""

from ..api.negotiation import Encoding
from . import length_errors
from .content import PayloadContent
from .findings import (
    MAX_HELD_BYTES,
    MAX_REPORTED_BYTES,
    Finding,
    PendingSkip,
    SkippedBytes,
    ValidRecord,
)
from .length_dialects import intended_lengths
from .length_errors import MAX_LENGTH_LINE_BYTES
from .problems import Diagnostic
from .stream_type import StreamType
from .window import MAX_RESYNC_RECORD_BYTES, NeedMoreBytesError, Window

MAX_EXAMINED_RECORD_BYTES = 1 << 27
"""Bytes. A snapshot of a large cluster has tens of megabytes; a longer length is likelier wrong."""

_NO_RECORD = ("truncated-length", "http-answer", "gzip")


class Examiner:
    """Finds out what a stream consists of; `message` is the full name of what its records are.

    Without `message` that of JSON is recognised by what the first records say. Without `encoding`
    the first sound record tells. Pieces are counted from `first`, bytes from `offset`.

    Where a length is wrong, a protobuf record may go on into the next and still decode. So a
    patient examiner gives one only when the next is there; that is not for a stream one watches.
    """

    def __init__(
        self,
        message: str | None = None,
        encoding: Encoding | None = None,
        *,
        max_record_bytes: int = MAX_EXAMINED_RECORD_BYTES,
        await_next_record: bool = True,
        first_number: int = 1,
        offset: int = 0,
    ) -> None:
        self._dialect = StreamType(message, encoding)
        self._window = Window(self._dialect)
        self._max_record, self._patient = max_record_bytes, await_next_record
        self._number, self._offset, self._begin = first_number, offset, offset
        self._buffer = bytearray()
        self._need = 1
        self._at = 0
        self._lost: PendingSkip | None = None

    @property
    def message_name(self) -> str | None:
        """What the records are, if it is known by now."""
        return self._dialect.message_name

    @property
    def encoding(self) -> Encoding | None:
        """What the records are encoded in, if it is known by now."""
        return self._dialect.encoding

    def feed(self, data: bytes) -> list[Finding]:
        """Take the next bytes; give what they complete."""
        if self._buffer or len(data) < self._need:
            self._buffer += data
            if len(self._buffer) < self._need:
                return []
            data = bytes(self._buffer)
            self._buffer.clear()
        return self._run(data)

    def close(self) -> list[Finding]:
        """End the stream."""
        self._window.closed = True
        data = bytes(self._buffer)
        self._buffer.clear()
        found = self._run(data)
        if self._lost is not None:
            found.append(self._end_lost(self._lost, ended=True))
        return found

    def _run(self, data: bytes) -> list[Finding]:
        self._window.data, self._at, self._need = data, 0, 1
        found: list[Finding] = []
        try:
            while self._at < len(data):
                finding = self._record() if self._lost is None else self._search(self._lost)
                if finding is not None:
                    found.append(finding)
        except NeedMoreBytesError as more:
            self._need = more.stop - self._at
        self._buffer += data[self._at :]
        self._window.data = b""
        return found

    def _record(self) -> Finding | None:
        """Take a record, or find that there is none."""
        window, begin = self._window, self._at
        data = window.data
        newline = data.find(b"\n", begin, begin + MAX_LENGTH_LINE_BYTES)
        line = data[begin : newline if newline >= 0 else begin + MAX_LENGTH_LINE_BYTES]
        ended = (
            newline < 0
            and len(line) < MAX_LENGTH_LINE_BYTES
            and not window.has_bytes_up_to(len(data) + 1)
        )
        if ended and line.isdigit():
            return self._lose(line, length_errors.truncated_length(line, self._offset), len(data))
        length = length_errors.parse_length_64bit(line) if newline >= 0 else None
        if length is None:
            return self._bad_line(line, newline)
        if length > self._max_record:
            remark = length_errors.length_over_limit(line, self._offset, length, self._max_record)
            return self._lose(line, remark, newline + 1, length)
        stop = newline + 1 + length
        if not window.has_bytes_up_to(stop):
            return self._lose(
                line, length_errors.wrong_length(line, self._offset), newline + 1, length
            )
        return self._whole(line, data[newline + 1 : stop], stop)

    def _whole(self, line: bytes, payload: bytes, stop: int) -> Finding | None:
        """Take a record that is there, if its length can be trusted."""
        content = self._dialect.examine(payload)
        begin = stop - len(payload)
        told = content.is_valid and (content.value is not None or self._window.has_length_at(stop))
        if not told and not self._window.has_length_at(stop):
            return self._lose(
                line, length_errors.wrong_length(line, self._offset), begin, len(payload)
            )
        doubtful = not told or (self._dialect.encoding == "protobuf" and self._patient)
        if doubtful and self._window.is_length_too_large(begin, stop):
            return self._lose(
                line, length_errors.wrong_length(line, self._offset), begin, len(payload)
            )
        if told:
            self._dialect.learn_from_record(payload, content)
        shift = self._offset + len(line) + 1
        remarks = tuple(remark.shifted(shift) for remark in content.diagnostics)
        if len(line) > 1 and line[:1] == b"0":
            remarks = (length_errors.leading_zeros(line, self._offset), *remarks)
        size = len(line) + 1 + len(payload)
        found = ValidRecord(self._number, self._offset, size, payload, content, remarks)
        self._advance(stop, size)
        return found

    def _bad_line(self, line: bytes, newline: int) -> Finding | None:
        """Start to skip, or take the record that a tolerant reader would take here."""
        remark = length_errors.diagnose_length_line(line, self._offset)
        if newline >= 0:
            for length in intended_lengths(line):
                stop = newline + 1 + length
                if length > MAX_RESYNC_RECORD_BYTES or not self._window.has_bytes_up_to(stop):
                    continue
                payload = self._window.data[newline + 1 : stop]
                if self._window.is_plausible_record(payload, stop):
                    lost = PendingSkip(
                        self._offset, line, remark, None, newline + 1 - self._at, bytearray()
                    )
                    lost.append_data(self._window.data[self._at : stop])
                    return self._skipped(lost, stop, payload)
        overflow = remark.reason == "overflow" and newline >= 0
        body = newline + 1 if newline >= 0 and remark.reason != "missing-length" else self._at
        return self._lose(line, remark, body if overflow else self._at + 1, body=body)

    def _lose(
        self,
        line: bytes,
        remark: Diagnostic,
        search: int,
        announced: int | None = None,
        body: int | None = None,
    ) -> None:
        """Start to skip; the next record is searched from `search`, behind what says `line`."""
        start = (search if body is None else body) - self._at
        self._lost = PendingSkip(self._offset, line, remark, announced, start, bytearray())
        self._skip(self._lost, search)

    def _skip(self, lost: PendingSkip, stop: int) -> None:
        lost.append_data(self._window.data[self._at : stop])
        self._at = stop

    def _search(self, lost: PendingSkip) -> Finding | None:
        """Go to the next length behind which stands a record, and give what was skipped."""
        window = self._window
        while (place := window.find_next_length(self._at)) is not None:
            self._skip(lost, place)
            if window.has_record_at(place):
                return self._end_lost(lost)
            self._skip(lost, place + 1)
        self._skip(lost, window.trailing_digits_start(self._at))
        if not window.closed:
            raise NeedMoreBytesError(len(window.data) + 1)
        return None

    def _end_lost(self, lost: PendingSkip, *, ended: bool = False) -> SkippedBytes:
        """Say what was skipped up to here."""
        self._lost = None
        payload: bytes | None = None
        if (
            lost.payload_start < lost.size <= MAX_HELD_BYTES
            and lost.diagnostic.reason not in _NO_RECORD
        ):
            payload = bytes(lost.held_data[lost.payload_start :])
            if not self._dialect.is_record_with_wrong_length(payload, at_stream_end=ended):
                payload = None
        lost.refine_diagnostic(
            is_record=payload is not None,
            at_stream_end=ended,
            at_stream_start=lost.offset == self._begin,
        )
        return self._skipped(lost, self._at, payload)

    def _skipped(self, lost: PendingSkip, stop: int, payload: bytes | None) -> SkippedBytes:
        content = PayloadContent() if payload is None else self._dialect.examine(payload)
        data = bytes(lost.held_data[:MAX_REPORTED_BYTES])
        found = SkippedBytes(
            self._number,
            lost.offset,
            lost.size,
            data,
            lost.length_line,
            (lost.diagnostic,),
            payload,
            content,
        )
        self._advance(stop, lost.size)
        return found

    def _advance(self, stop: int, size: int) -> None:
        self._number += 1
        self._offset += size
        self._at = stop
