"""A recorded stream as a timeline: what goes out when, lazily, and how it ends.

Records are framed again and go out one by one; a piece that was no sound record goes out as it
came. A stream that the client or the recorder ended stays open, and at the recorded pace its
heartbeats go on, because clients give up on a silent server after a few missed ones.
"""

from collections.abc import Callable, Iterator
from itertools import count
from math import ceil

from msgspec.structs import replace

from ...proto import recordio
from ..format.bodies import encode_body
from ..format.documents import EndCause, Event, Exchange
from ..storage.reader import Cassette
from .answer import Ending, RecordedStep
from .gates import SyncPoint, WaitFor, insert_sync_points
from .pace import Pace, Stepped, Timed
from .records import announced_interval_seconds, is_heartbeat, record_type
from .stepping import insert_event_latches

_HEARTBEAT_BYTES = 256

_SHORTEST = 0.001
"""Seconds, at least, between heartbeats that were not recorded; faster ones leave no time."""

type TranscodeRecord = Callable[[Event, bytes], bytes]
"""Gives the bytes of a record in another encoding."""


class Timeline:
    """The steps of one stream. `record` is the message of its records, if they have one.

    With `retell`, the records go out as that gives them.
    """

    def __init__(
        self,
        cassette: Cassette,
        exchange: Exchange,
        record: str | None,
        retell: TranscodeRecord | None = None,
    ) -> None:
        self._cassette = cassette
        self._exchange = exchange
        self._record = record
        self._retell = retell
        self._beats: list[float] = []
        self._beat: bytes | None = None

    def play(
        self,
        pace: Pace,
        now_seconds: float,
        cues: Iterator[Timed[SyncPoint]] | None = None,
        *,
        offset_seconds: float = 0.0,
    ) -> Iterator[Timed[RecordedStep]]:
        """Steps with their deadlines, for a request that is answered now.

        `cues` are at times of the recording, in order; it began `offset_seconds` after the first.
        """
        steps = self._played(pace, now_seconds, cues)
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

    def _played(
        self, pace: Pace, now_seconds: float, cues: Iterator[Timed[SyncPoint]] | None
    ) -> Iterator[Timed[RecordedStep]]:
        last_seconds = beat_seconds = now_seconds
        for last_seconds, step in self._timed(pace, now_seconds, cues):
            if step is self._beat:
                beat_seconds = last_seconds
            elif cues is not None and isinstance(step, WaitFor):
                step = replace(step, heartbeats=self._on(pace, beat_seconds, last_seconds))
            yield last_seconds, step
        if self._stays_open():
            yield from self._on(pace, beat_seconds, last_seconds)

    def _timed(
        self, pace: Pace, now_seconds: float, cues: Iterator[Timed[SyncPoint]] | None
    ) -> Iterator[Timed[RecordedStep]]:
        began = self._exchange.at
        if cues is None:
            return pace.deadlines(self._steps(), began, now_seconds)
        paired = ((at_seconds, (at_seconds, step)) for at_seconds, step in self._steps())
        events = pace.deadlines(paired, began, now_seconds)
        end = self._cassette.stream_end(self._exchange.exchange)
        until_seconds = end.at if end is not None and end.cause == "client" else float("inf")
        return insert_sync_points(
            events, cues, pace, now_seconds=now_seconds, until_seconds=until_seconds
        )

    def _steps(self) -> Iterator[Timed[RecordedStep]]:
        framed = self._exchange.response.stream == "recordio"
        for event in self._cassette.events(self._exchange.exchange):
            data = encode_body(event, self._record)
            if framed and event.offset is None:
                data = data if self._retell is None else self._retell(event, data)
                step = recordio.encode(data)
                self._note_heartbeat(event, data, step)
                yield event.at, step
            elif data:
                yield event.at, data
        end = self._cassette.stream_end(self._exchange.exchange)
        if end is not None and not self._stays_open():
            yield end.at, Ending.FINAL_CHUNK if end.cause == "server" else Ending.CUT

    def _type_of(self, step: bytes) -> str | None:
        """The type of a record, in whatever encoding it goes out."""
        if self._exchange.response.stream != "recordio":
            return None
        return record_type(step.partition(b"\n")[2], self._record)

    def _stays_open(self) -> bool:
        end = self._cassette.stream_end(self._exchange.exchange)
        cause: EndCause | None = None if end is None else end.cause
        return cause in (None, "client", "stopped")

    def _note_heartbeat(self, event: Event, data: bytes, step: bytes) -> None:
        if len(data) <= _HEARTBEAT_BYTES and is_heartbeat(data, self._record):
            self._beats = [*self._beats[-1:], event.at]
            self._beat = step

    def _interval(self) -> float | None:
        """Seconds between heartbeats: as recorded, or as the first record announces it."""
        if len(self._beats) == 2:
            return self._beats[1] - self._beats[0]
        if not self._beats:
            return None
        first = next(iter(self._cassette.events(self._exchange.exchange)))
        return announced_interval_seconds(encode_body(first, self._record), self._record)

    def _on(self, pace: Pace, beat_seconds: float, from_seconds: float) -> Iterator[Timed[bytes]]:
        """The last heartbeat again and again, keeping step with the recorded ones."""
        interval_seconds, beat = self._interval(), self._beat
        if not interval_seconds or beat is None:
            return
        if (gap_seconds := pace.heartbeat_interval_seconds(interval_seconds)) is None:
            return
        gap_seconds = max(gap_seconds, _SHORTEST)
        for number in count(max(1, ceil((from_seconds - beat_seconds) / gap_seconds))):
            yield beat_seconds + number * gap_seconds, beat
