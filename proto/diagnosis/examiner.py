r"""Split a RecordIO stream into records and skipped bytes, whether it is valid or not. Without I/O.

    20\n{"type":"HEARTBEAT"}+20\n{"type":"HEARTBEAT"}20\n{"type":"HEARTBEAT"}
    1. ValidRecord          2. SkippedBytes: sign    3. ValidRecord

The decoder of recordio.py stops at the first bad length, as clients do. The examiner reports what
is wrong and goes on at the next record. Its findings cover the stream without a gap, are numbered
consecutively, and do not depend on how the bytes were cut into chunks.

How it reads, from top to bottom:

1.  A record is a line of digits and as many bytes. Its length is trusted if the payload is a valid
    message, or if another length follows the payload. An invalid payload inside which a record
    starts is no record: its length is too large. So may be a protobuf payload that decodes, because
    what follows a message often decodes as unknown fields.
2.  A bad length may be one that another reader accepts (`+20`, `0x14`, `20\r`). If as many bytes as
    that reader would read are a message, the finding ends there.
3.  After any other bad length all bytes are skipped up to the next record: a length of digits
    alone, followed by a JSON object, by a protobuf message with a type, or, if the message is
    unknown, by that many bytes and then another length or the end of the stream.

Each step may take bytes that have not arrived yet. The reader is a generator, therefore: it yields
the offset up to which it needs bytes, wherever it is, and `feed` resumes it when they are there.

Memory holds at most one record of up to `max_record_bytes`, or of `MAX_RESYNC_RECORD_BYTES` while
skipping, and `MAX_HELD_BYTES` of what is skipped.
"""

from msgspec.structs import replace

from ..api.negotiation import Encoding
from . import length_errors
from .content import PayloadContent
from .findings import MAX_HELD_BYTES, MAX_REPORTED_BYTES, Finding, PendingSkip, SkippedBytes
from .length_dialects import intended_lengths, parse_length_strict
from .length_errors import MAX_LENGTH_LINE_BYTES
from .problems import Diagnostic
from .stream_type import StreamType
from .valid_runs import RunDetail, join_valid_run, read_valid_run, valid_record
from .window import MAX_RESYNC_RECORD_BYTES, NeedsBytes, Window

MAX_EXAMINED_RECORD_BYTES = 1 << 27
"""Bytes. A snapshot of a large cluster has tens of megabytes; a longer length is likelier wrong."""

_REASONS_WITHOUT_RECORD = ("truncated-length", "http-answer", "gzip")


class Examiner:
    """Split the bytes of one stream into findings.

    `message` is the full name of the message that records hold. If it is None, that of a JSON
    stream is inferred from the first records. If `encoding` is None, it is that of the first valid
    record. Findings are numbered from `first_number`, and `offset` is that of the first byte.

    A protobuf record whose length is too large may still decode. With `await_next_record` such a
    record is therefore reported only when the start of the next one is there; pass False for a
    stream that is shown live. With `runs`, valid records without diagnostics are joined: a finding
    is of many (RecordRun).
    """

    def __init__(
        self,
        message: str | None = None,
        encoding: Encoding | None = None,
        *,
        max_record_bytes: int = MAX_EXAMINED_RECORD_BYTES,
        await_next_record: bool = True,
        runs: RunDetail | None = None,
        first_number: int = 1,
        offset: int = 0,
    ) -> None:
        self._stream_type = StreamType(message, encoding)
        self._window = Window(self._stream_type, offset)
        self._max_record_bytes = max_record_bytes
        self._await_next_record = await_next_record
        self._runs: RunDetail | None = runs
        self._number = first_number
        self._first_offset = self._position = offset
        self._findings: list[Finding] = []
        self._reader = self._read_stream()
        self._needed = offset + 1

    @property
    def message_name(self) -> str | None:
        """The full name of the message that records hold; None if it is not known yet."""
        return self._stream_type.message_name

    @property
    def encoding(self) -> Encoding | None:
        """The encoding of the records; None if it is not known yet."""
        return self._stream_type.encoding

    def feed(self, data: bytes) -> list[Finding]:
        """Examine the next bytes; return the findings that they complete."""
        if self._window.receive(data) < self._needed:
            return []
        return self._resume()

    def close(self) -> list[Finding]:
        """End the stream; return what was left."""
        self._window.is_closed = True
        return self._resume()

    def _resume(self) -> list[Finding]:
        findings: list[Finding] = []
        self._findings = findings
        self._window.join()
        self._needed = next(self._reader, self._needed)
        self._window.drop_before(self._position)
        return findings

    def _read_stream(self) -> NeedsBytes[None]:
        """Read records, and skip to the next one where there is none, until the stream ends.

        `_position` is the first byte that is neither in a finding nor in a pending skip. No bytes
        after it are dropped, so that the steps may look ahead as far as they need.
        """
        while True:
            self._read_valid_run()
            if not (yield from self._window.has_bytes_up_to(self._position + 1)):
                return
            skip = yield from self._read_record()
            if skip is not None:
                is_record_next = yield from self._skip_to_next_record(skip)
                self._report_skip(skip, at_stream_end=not is_record_next)

    def _read_valid_run(self) -> None:
        """Report the valid records at the position, as `_read_record` would one by one."""
        window, stream_type = self._window, self._stream_type
        if stream_type.message_name is None or stream_type.encoding is None:
            return
        is_followed = stream_type.encoding == "protobuf" and self._await_next_record
        place, limit = (self._position, self._number), self._max_record_bytes
        if self._runs is not None:
            known = (*place, stream_type, limit, self._runs)
            if (run := join_valid_run(window, *known, is_followed=is_followed)) is not None:
                self._report(run)
                self._number += run.count - 1
            return
        records = read_valid_run(window, *place, stream_type, limit, is_followed=is_followed)
        if records:
            last = records[-1]
            self._findings += records
            self._number += len(records)
            self._position = last.offset + last.size

    def _read_record(self) -> NeedsBytes[PendingSkip | None]:
        """Report the record at the position; return a skip if there is none."""
        window, start = self._window, self._position
        limit = start + MAX_LENGTH_LINE_BYTES
        while (newline := window.find_newline(start, limit)) is None and window.stop < limit:
            if not (yield from window.has_bytes_up_to(window.stop + 1)):
                break
        line = window.get_bytes(start, limit if newline is None else newline)
        if newline is None:
            if window.stop < limit and line.isdigit():
                problem = length_errors.truncated_length(line, start)
                return self._begin_skip(line, problem, window.stop)
            return (yield from self._read_bad_length(line, None))
        length = parse_length_strict(line)
        if length is None:
            return (yield from self._read_bad_length(line, newline + 1))
        payload_start, stop = newline + 1, newline + 1 + length
        if length > self._max_record_bytes:
            problem = length_errors.length_over_limit(line, start, length, self._max_record_bytes)
            return self._begin_skip(line, problem, payload_start, announced_length=length)
        if stop <= window.stop or (yield from window.has_bytes_up_to(stop)):
            payload = window.get_bytes(payload_start, stop)
            content = self._stream_type.examine(payload)
            if (yield from self._is_length_trusted(content, payload_start, stop)):
                self._report_record(line, payload, content)
                return None
        problem = length_errors.wrong_length(line, start)
        return self._begin_skip(line, problem, payload_start, announced_length=length)

    def _is_length_trusted(
        self, content: PayloadContent, start: int, stop: int
    ) -> NeedsBytes[bool]:
        is_message = content.is_valid and content.value is not None
        if not is_message and not (yield from self._window.has_length_at(stop)):
            return False
        is_protobuf = self._stream_type.encoding == "protobuf"
        if content.is_valid and not (is_protobuf and self._await_next_record):
            return True
        return not (yield from self._window.is_length_too_large(start, stop))

    def _report_record(self, line: bytes, payload: bytes, content: PayloadContent) -> None:
        if content.is_valid:
            self._stream_type.learn_from_record(payload, content)
        start = self._position
        record = valid_record(self._number, start, len(line) + 1, payload, content)
        if len(line) > 1 and line[:1] == b"0":
            zeros = length_errors.leading_zeros(line, start)
            record = replace(record, diagnostics=(zeros, *record.diagnostics))
        self._report(record)

    def _read_bad_length(
        self, line: bytes, payload_start: int | None
    ) -> NeedsBytes[PendingSkip | None]:
        """Report the record that another reader would read here; return a skip if it is none.

        `payload_start` is None if no newline follows the line.
        """
        start = self._position
        problem = length_errors.diagnose_length_line(line, start)
        if payload_start is None:
            return self._begin_skip(line, problem, start + 1, start)
        for length in intended_lengths(line):
            stop = payload_start + length
            if length > MAX_RESYNC_RECORD_BYTES:
                continue
            if not (yield from self._window.has_bytes_up_to(stop)):
                continue
            payload = self._window.get_bytes(payload_start, stop)
            if (yield from self._window.is_plausible_record(payload, stop)):
                skip = self._begin_skip(line, problem, stop, payload_start)
                self._report_skipped(skip, payload)
                return None
        if problem.reason == "overflow":
            return self._begin_skip(line, problem, payload_start)
        if problem.reason == "missing-length":
            payload_start = start
        return self._begin_skip(line, problem, start + 1, payload_start)

    def _begin_skip(
        self,
        line: bytes,
        problem: Diagnostic,
        stop: int,
        payload_start: int | None = None,
        *,
        announced_length: int | None = None,
    ) -> PendingSkip:
        """Skip the bytes up to `stop`, where the payload starts unless `payload_start` is given."""
        start = self._position
        framing = (stop if payload_start is None else payload_start) - start
        skip = PendingSkip(start, line, problem, announced_length, framing, bytearray())
        self._extend_skip(skip, stop)
        return skip

    def _extend_skip(self, skip: PendingSkip, stop: int) -> None:
        skip.append_data(self._window.get_bytes(self._position, stop))
        self._position = stop

    def _skip_to_next_record(self, skip: PendingSkip) -> NeedsBytes[bool]:
        """Skip to the next length that a record follows; return whether there is one."""
        window = self._window
        while True:
            while (start := window.find_next_length(self._position)) is not None:
                self._extend_skip(skip, start)
                if (yield from window.has_record_at(start)):
                    return True
                self._extend_skip(skip, start + 1)
            self._extend_skip(skip, window.trailing_digits_start(self._position))
            if not (yield from window.has_bytes_up_to(window.stop + 1)):
                self._extend_skip(skip, window.stop)
                return False

    def _report_skip(self, skip: PendingSkip, *, at_stream_end: bool) -> None:
        """Report skipped bytes that end at the position, and the record that they hold, if any."""
        payload: bytes | None = None
        if (
            skip.payload_start < skip.size <= MAX_HELD_BYTES
            and skip.diagnostic.reason not in _REASONS_WITHOUT_RECORD
        ):
            payload = bytes(skip.held_data[skip.payload_start :])
            if not self._stream_type.is_record_with_wrong_length(
                payload, at_stream_end=at_stream_end
            ):
                payload = None
        skip.refine_diagnostic(
            is_record=payload is not None,
            at_stream_end=at_stream_end,
            at_stream_start=skip.offset == self._first_offset,
        )
        self._report_skipped(skip, payload)

    def _report_skipped(self, skip: PendingSkip, payload: bytes | None) -> None:
        content = PayloadContent() if payload is None else self._stream_type.examine(payload)
        data = bytes(skip.held_data[:MAX_REPORTED_BYTES])
        self._report(
            SkippedBytes(
                self._number,
                skip.offset,
                skip.size,
                data,
                skip.length_line,
                (skip.diagnostic,),
                payload,
                content,
                is_cut_off=skip.is_cut_off,
            )
        )

    def _report(self, finding: Finding) -> None:
        self._findings.append(finding)
        self._number += 1
        self._position = finding.offset + finding.size
