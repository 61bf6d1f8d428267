"""The bytes of one stream as rows, with the times and places that the bytes came with."""

from collections import deque
from collections.abc import Iterator

from msgspec import Struct

from ...proto.api.negotiation import Encoding
from ...proto.diagnosis.examiner import MAX_EXAMINED_RECORD_BYTES, Examiner
from ...proto.diagnosis.findings import Finding, ValidRecord
from ...proto.diagnosis.heartbeats import HeartbeatMonitor
from ...proto.diagnosis.problems import Diagnostic
from ..format.documents import EndCause, Side
from .rows import Row


class StreamOrigin(Struct):
    """Whose stream it is."""

    exchange: int | None = None
    client: int | None = None
    peer: str | None = None
    call: str | None = None
    side: Side = "server"


class _Arrival(Struct):
    """Bytes up to `stop` came at a time, with a document on a line, in so many chunks."""

    stop: int
    at: float | None
    line: int | None
    chunks: int


class StreamRows:
    """Takes the bytes of a stream as they came."""

    def __init__(
        self,
        origin: StreamOrigin,
        message: str | None = None,
        encoding: Encoding | None = None,
        *,
        max_record_bytes: int = MAX_EXAMINED_RECORD_BYTES,
        patient: bool = True,
    ) -> None:
        self.origin = origin
        self._examiner = Examiner(
            message, encoding, max_record_bytes=max_record_bytes, await_next_record=patient
        )
        self._rhythm = HeartbeatMonitor()
        self._arrivals: deque[_Arrival] = deque()
        self._received = 0
        self._at: float | None = None

    def feed(
        self, data: bytes, at: float | None = None, line: int | None = None, chunks: int = 1
    ) -> Iterator[Row]:
        """Take bytes that came at a time, give the rows that they complete."""
        self._received += len(data)
        self._at = at
        if at is not None or line is not None:
            self._arrivals.append(_Arrival(self._received, at, line, chunks))
        for finding in self._examiner.feed(data):
            yield self._row(finding)

    def close(
        self, at: float | None = None, cause: EndCause | None = None, line: int | None = None
    ) -> Iterator[Row]:
        """End the stream; without a cause nothing is told about the end but what is wrong."""
        for finding in self._examiner.close():
            yield self._row(finding)
        remarks = tuple(self._rhythm.observe_end(at))
        if cause is not None or remarks:
            own = self.origin
            yield Row(
                row_type="end",
                at=at,
                exchange=own.exchange,
                side=own.side,
                client=own.client,
                peer=own.peer,
                call=own.call,
                line=line,
                cause=cause,
                diagnostics=remarks,
            )

    def _row(self, finding: Finding) -> Row:
        arrival, chunks = self._arrived(finding)
        content, message = finding.content, self._examiner.message_name
        remarks = list(finding.diagnostics)
        if isinstance(finding, ValidRecord) or content.type is not None:
            remarks += self._rhythm.observe_event(message, content.type, content.value, arrival.at)
        if chunks > 1:
            remarks.append(Diagnostic("split", f"came in {chunks} chunks"))
        own = self.origin
        return Row(
            row_type="event" if isinstance(finding, ValidRecord) else "skipped",
            at=arrival.at,
            exchange=own.exchange,
            number=finding.number,
            side=own.side,
            client=own.client,
            peer=own.peer,
            call=own.call,
            type=content.type,
            size=finding.size,
            offset=finding.offset,
            line=arrival.line,
            diagnostics=tuple(remarks),
            message_name=message,
            body=finding.payload or b"",
            finding=finding,
            content=content,
        )

    def _arrived(self, finding: Finding) -> tuple[_Arrival, int]:
        """Find with what the last byte of a finding came, and in how many chunks it all did."""
        stop, chunks = finding.offset + finding.size, 0
        while self._arrivals and self._arrivals[0].stop < stop:
            chunks += self._arrivals.popleft().chunks
        if not self._arrivals:
            return _Arrival(stop, self._at, None, 1), 1
        last = self._arrivals[0]
        if last.stop == stop:
            self._arrivals.popleft()
        return last, chunks + last.chunks
