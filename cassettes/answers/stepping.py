"""Stepping: events that go out when they are told to, in the order in which they were recorded.

Each event of a stream waits at a gate of its own. Of all streams, the one whose gate is the
earliest is told first:

    stream 1   gate 1.0, a                gate 4.0, b        a, c, b
    stream 2               gate 2.5, c

Whatever else holds an event comes behind its gate: it is not passed over, but waits there. Others
that wait for the stream to come so far do not wait for the next event. Nothing here may read the
clock.
"""

from collections.abc import Callable, Iterator
from functools import partial

from .answer import Ending, RecordedStep
from .gates import Latch, Signal, SyncPoint, WaitFor
from .pace import Timed

END_TYPE = "END"
"""What the end of a stream is called, where an event has its type."""


class EventLatch(Latch):
    """The gate of an event; `at_seconds` is when that was recorded, since the first cassette began.

    `type` is that of the event, or `END`, or None if it has none.
    """

    def __init__(self, exchange: int, at_seconds: float, kind: Callable[[], str | None]) -> None:
        super().__init__(f"exchange {exchange} waits to be told to go on")
        self.at_seconds = at_seconds
        self._kind = kind

    @property
    def type(self) -> str | None:
        """What kind of event waits, as in its message."""
        return self._kind()


def insert_event_latches(
    steps: Iterator[Timed[RecordedStep]],
    *,
    exchange: int,
    start_at: float,
    offset_seconds: float,
    now_seconds: float,
    type_of: Callable[[bytes], str | None],
) -> Iterator[Timed[RecordedStep]]:
    """Set a gate before every event recorded from `start_at` on, and before the end.

    `steps` have recorded times, and `offset_seconds` is when the cassette began, since the first.
    `type_of` tells the type of a step.
    """
    cues: list[SyncPoint] = []
    for at_seconds, step in steps:
        if isinstance(step, Signal) and not cues:
            yield now_seconds, step
        elif isinstance(step, Signal | WaitFor):
            cues.append(step)
        else:
            if at_seconds >= start_at:
                kind = partial(_type, step, type_of)
                gate = EventLatch(exchange, offset_seconds + at_seconds, kind)
                yield now_seconds, WaitFor(gate)
            for cue in cues:
                yield now_seconds, cue
            cues.clear()
            yield now_seconds, step
    for cue in cues:
        yield now_seconds, cue


def _type(step: bytes | Ending, type_of: Callable[[bytes], str | None]) -> str | None:
    return END_TYPE if isinstance(step, Ending) else type_of(step)
