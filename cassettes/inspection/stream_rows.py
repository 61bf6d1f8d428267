"""Rows of one stream: its records and malformed bytes, with the times and lines of its chunks."""

from collections import deque
from collections.abc import Iterator

from msgspec import Struct

from ...proto.api.negotiation import Encoding
from ...proto.diagnosis.examiner import MAX_EXAMINED_RECORD_BYTES, Examiner
from ...proto.diagnosis.findings import Finding, ValidRecord
from ...proto.diagnosis.heartbeats import HeartbeatMonitor
from ...proto.diagnosis.problems import Diagnostic
from ...proto.diagnosis.valid_runs import RunDetail
from ..format.documents import EndCause, Side
from .rows import Row


class StreamOrigin(Struct):
    """The exchange and side that a stream belongs to."""

    exchange: int | None = None
    client: int | None = None
    peer: str | None = None
    call: str | None = None
    side: Side = "server"


class _Arrival(Struct):
    """One call of `feed`: bytes up to the offset `stop`, their time, line and number of chunks."""

    stop: int
    at: float | None
    line: int | None
    chunks: int


class StreamRows:
    """Makes rows of the bytes of one stream.

    `message` is the full name of the records' message, `encoding` theirs; what is None is guessed.
    With `patient`, a damaged place is reported only when the record after it is known. With
    `runs`, for bytes whose times are unknown, a row may be of many records, which are in its
    finding (RecordRun).
    """

    def __init__(
        self,
        origin: StreamOrigin,
        message: str | None = None,
        encoding: Encoding | None = None,
        *,
        max_record_bytes: int = MAX_EXAMINED_RECORD_BYTES,
        patient: bool = True,
        runs: RunDetail | None = None,
    ) -> None:
        self.origin = origin
        self._examiner = Examiner(
            message,
            encoding,
            max_record_bytes=max_record_bytes,
            await_next_record=patient,
            runs=runs,
        )
        self._heartbeats = HeartbeatMonitor()
        self._arrivals: deque[_Arrival] = deque()
        self._received = 0
        self._at: float | None = None

    def feed(
        self, data: bytes, at: float | None = None, line: int | None = None, chunks: int = 1
    ) -> Iterator[Row]:
        """Process the next bytes, and return the rows that they complete.

        They arrived at the time `at` in `chunks` HTTP chunks, and are from the document on `line`
        of the cassette; None if the time or the line is unknown.
        """
        self._received += len(data)
        self._at = at
        if at is not None or line is not None:
            self._arrivals.append(_Arrival(self._received, at, line, chunks))
        for finding in self._examiner.feed(data):
            yield self._row(finding)

    def close(
        self, at: float | None = None, cause: EndCause | None = None, line: int | None = None
    ) -> Iterator[Row]:
        """End the stream, and return its last rows.

        Without a cause there is a row of the end only if there is a diagnostic.
        """
        for finding in self._examiner.close():
            yield self._row(finding)
        diagnostics = tuple(self._heartbeats.observe_end(at))
        if cause is not None or diagnostics:
            origin = self.origin
            yield Row(
                row_type="end",
                at=at,
                exchange=origin.exchange,
                side=origin.side,
                client=origin.client,
                peer=origin.peer,
                call=origin.call,
                line=line,
                cause=cause,
                diagnostics=diagnostics,
            )

    def _row(self, finding: Finding) -> Row:
        arrival, chunks = self._find_arrival(finding)
        content, message = finding.content, self._examiner.message_name
        is_record = isinstance(finding, ValidRecord)
        diagnostics = finding.diagnostics
        if is_record or content.type is not None:
            found = self._heartbeats.observe_event(message, content.type, content.value, arrival.at)
            diagnostics += tuple(found)
        if chunks > 1:
            diagnostics += (Diagnostic("split", f"came in {chunks} chunks"),)
        origin = self.origin
        return Row(
            row_type="event" if is_record else "skipped",
            at=arrival.at,
            exchange=origin.exchange,
            number=finding.number,
            side=origin.side,
            client=origin.client,
            peer=origin.peer,
            call=origin.call,
            type=content.type,
            size=finding.size,
            offset=finding.offset,
            line=arrival.line,
            diagnostics=diagnostics,
            message_name=message,
            body=finding.payload or b"",
            finding=finding,
            content=content,
        )

    def _find_arrival(self, finding: Finding) -> tuple[_Arrival, int]:
        """Return the arrival of a finding's last byte, and the number of chunks it came in."""
        # `_arrivals` has, in order of `stop`, the arrivals whose bytes are not all in findings yet.
        # Findings come in order and leave no gap, so those that stop before this one does belong to
        # it alone and are dropped. The next arrival has the last byte. It is dropped only if it
        # stops exactly there; otherwise its rest is in the next finding, and is looked up again for
        # that: an arrival counts for every finding that it has bytes of.
        #
        # `feed` adds no arrival that has neither a time nor a line (raw bytes). Then the list is
        # empty, and the number of chunks is not known: 1.
        stop, chunks = finding.offset + finding.size, 0
        while self._arrivals and self._arrivals[0].stop < stop:
            chunks += self._arrivals.popleft().chunks
        if not self._arrivals:
            return _Arrival(stop, self._at, None, 1), 1
        last = self._arrivals[0]
        if last.stop == stop:
            self._arrivals.popleft()
        return last, chunks + last.chunks
