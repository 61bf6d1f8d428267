"""A recorded stream as steps with deadlines, read lazily, and how it ends.

Records are framed again and sent one by one; malformed pieces are sent as recorded. A stream that
the client or the recorder ended stays open, and its heartbeats continue, because clients give up on
a silent server after a few missed ones. At the paces `instant` and `step` they do not continue.
"""

from collections.abc import Iterator
from itertools import chain, count
from math import ceil

from msgspec.structs import replace

from ..format.documents import EndCause, Exchange
from ..storage.reader import Cassette
from ..storage.recorded_bodies import encode_event
from .answer import Ending, RecordedStep, SentStep
from .gates import SyncPoint, WaitFor, insert_sync_points
from .pace import Pace, Stepped, Timed
from .records import announced_interval_seconds, record_type
from .stepping import insert_event_latches
from .stream_records import StreamRecords

_MIN_INTERVAL_SECONDS = 0.001
"""Between repeated heartbeats: a tiny interval would take all the time of the server."""


class Timeline:
    """The steps of the recorded stream of one exchange, with its `records`. May be played once."""

    # Heartbeats are found while the records are read: `_heartbeat` is the last one as a step, and
    # `_heartbeat_times` are the recorded times of the last two. The step is repeated in two places,
    # after the last event of a stream that stays open and while the stream is held at a `WaitFor`,
    # always in the rhythm of the last one that was sent. That one is recognised by identity:
    # each record is an object of its own. Reading runs at most one event ahead of sending,
    # so at a `WaitFor` `_heartbeat` may already be the event that is held. It has the same bytes,
    # and its deadline does not count before it is sent: the rhythm is counted from the deadline of
    # the heartbeat before it (`beat_seconds`).

    def __init__(self, cassette: Cassette, exchange: Exchange, records: StreamRecords) -> None:
        self._cassette = cassette
        self._exchange = exchange
        self._records = records
        self._heartbeat_times: list[float] = []
        self._heartbeat: bytes | None = None

    def play(
        self,
        pace: Pace,
        now_seconds: float,
        sync_points: Iterator[Timed[SyncPoint]] | None = None,
        *,
        offset_seconds: float = 0.0,
    ) -> Iterator[Timed[RecordedStep]]:
        """Return the steps with their deadlines, for a request at `now_seconds`.

        `sync_points` have recorded times, in order. The cassette began `offset_seconds` after the
        first cassette of the replay.
        """
        steps = self._with_heartbeats(pace, now_seconds, sync_points)
        if not isinstance(pace, Stepped):
            return steps
        return insert_event_latches(
            steps,
            exchange=self._exchange.exchange,
            start_at=pace.start_at,
            offset_seconds=offset_seconds,
            now_seconds=now_seconds,
            type_of=self._type_of,
        )

    def play_in_blocks(self, now_seconds: float) -> Iterator[Timed[SentStep]] | None:
        """Return the steps of `play` at pace `instant`, many records in one; None for chunks.

        Nothing may wait for anything else.
        """
        if self._exchange.response.stream != "recordio":
            return None
        records_and_end = chain(self._records.read_joined(), (end for _, end in self._ending()))
        return ((now_seconds, step) for step in records_and_end)

    def _with_heartbeats(
        self, pace: Pace, now_seconds: float, sync_points: Iterator[Timed[SyncPoint]] | None
    ) -> Iterator[Timed[RecordedStep]]:
        last_seconds = beat_seconds = now_seconds
        for last_seconds, step in self._with_sync_points(pace, now_seconds, sync_points):
            if step is self._heartbeat:
                beat_seconds = last_seconds
            elif sync_points is not None and isinstance(step, WaitFor):
                heartbeats = self._repeat_heartbeat(pace, beat_seconds, last_seconds)
                step = replace(step, heartbeats=heartbeats)
            yield last_seconds, step
        if self._stays_open():
            yield from self._repeat_heartbeat(pace, beat_seconds, last_seconds)

    def _with_sync_points(
        self, pace: Pace, now_seconds: float, sync_points: Iterator[Timed[SyncPoint]] | None
    ) -> Iterator[Timed[RecordedStep]]:
        began = self._exchange.at
        if sync_points is None:
            return pace.deadlines(self._steps(), began, now_seconds)
        paired = ((at_seconds, (at_seconds, step)) for at_seconds, step in self._steps())
        events = pace.deadlines(paired, began, now_seconds)
        end = self._cassette.stream_end(self._exchange.exchange)
        until_seconds = end.at if end is not None and end.cause == "client" else float("inf")
        return insert_sync_points(
            events, sync_points, pace, now_seconds=now_seconds, until_seconds=until_seconds
        )

    def _steps(self) -> Iterator[Timed[RecordedStep]]:
        if self._exchange.response.stream == "recordio":
            for record in self._records.read_single():
                if record.is_heartbeat:
                    self._heartbeat_times = [*self._heartbeat_times[-1:], record.at_seconds]
                    self._heartbeat = record.data
                if record.data:
                    yield record.at_seconds, record.data
        else:
            for event in self._cassette.events(self._exchange.exchange):
                if data := encode_event(self._cassette, event, self._records.message):
                    self._cassette.check_unchanged()  # As in `read_single`.
                    yield event.at, data
        yield from self._ending()

    def _ending(self) -> Iterator[Timed[Ending]]:
        end = self._cassette.stream_end(self._exchange.exchange)
        if end is not None and not self._stays_open():
            yield end.at, Ending.FINAL_CHUNK if end.cause == "server" else Ending.CUT

    def _type_of(self, step: bytes) -> str | None:
        """Return the type of a record in either encoding."""
        if self._exchange.response.stream != "recordio":
            return None
        return record_type(step.partition(b"\n")[2], self._records.message)

    def _stays_open(self) -> bool:
        end = self._cassette.stream_end(self._exchange.exchange)
        cause: EndCause | None = None if end is None else end.cause
        return cause in (None, "client", "stopped")

    def _interval(self) -> float | None:
        """Return seconds between heartbeats: of the last two, or as the first record announces."""
        if len(self._heartbeat_times) == 2:
            return self._heartbeat_times[1] - self._heartbeat_times[0]
        if not self._heartbeat_times:
            return None
        first = next(iter(self._cassette.events(self._exchange.exchange)))
        return announced_interval_seconds(
            encode_event(self._cassette, first, self._records.message), self._records.message
        )

    def _repeat_heartbeat(
        self, pace: Pace, beat_seconds: float, from_seconds: float
    ) -> Iterator[Timed[bytes]]:
        """Repeat the last heartbeat without end, in the rhythm of the one sent at `beat_seconds`.

        The first is due at `from_seconds` or later. Without a heartbeat in the recording, or an
        interval, there is none.
        """
        # The interval is looked up when the first is asked for: most streams are never held.
        interval_seconds, heartbeat = self._interval(), self._heartbeat
        if not interval_seconds or heartbeat is None:
            return
        if (gap_seconds := pace.heartbeat_interval_seconds(interval_seconds)) is None:
            return
        gap_seconds = max(gap_seconds, _MIN_INTERVAL_SECONDS)
        for number in count(max(1, ceil((from_seconds - beat_seconds) / gap_seconds))):
            yield beat_seconds + number * gap_seconds, heartbeat
