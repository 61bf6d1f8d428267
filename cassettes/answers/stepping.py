"""Stepping: events that are sent one by one, on request, in recorded order over all streams.

Each event of a stream waits at a latch of its own. Of all streams, the one with the earliest latch
is stepped first:

    stream 1   latch 1.0, a               latch 4.0, b        order: a, c, b
    stream 2               latch 2.5, c

Another condition that holds an event comes after its latch, so a step to a held event waits for
that condition. Signals for others come before the latch of the next event. Nothing here may read
the clock.
"""

from collections.abc import Callable, Iterator
from functools import partial

from .answer import Ending, RecordedStep
from .gates import Latch, Signal, SyncPoint, WaitFor
from .pace import Timed

END_TYPE = "END"
"""The type of the end of a stream, where an event has the type of its message."""


class EventLatch(Latch):
    """The latch of an event; `at_seconds` is its recorded time since the first cassette began."""

    def __init__(
        self, exchange: int, at_seconds: float, read_type: Callable[[], str | None]
    ) -> None:
        super().__init__(f"exchange {exchange} waits to be advanced")
        self.at_seconds = at_seconds
        self._read_type = read_type

    @property
    def type(self) -> str | None:
        """The type of the event, END_TYPE for the end of the stream, None if it has none."""
        return self._read_type()


def insert_event_latches(
    steps: Iterator[Timed[RecordedStep]],
    *,
    exchange: int,
    start_at: float,
    offset_seconds: float,
    now_seconds: float,
    type_of: Callable[[bytes], str | None],
) -> Iterator[Timed[RecordedStep]]:
    """Insert a latch before every event recorded at `start_at` or later, and before the end.

    `steps` have recorded times; all are due at `now_seconds`. The cassette began `offset_seconds`
    after the first one. `type_of` returns the type of a record.
    """
    # Steps from the first `WaitFor` on are collected until the event that follows, because the
    # latch of that event has to come before them. A `Signal` alone is passed on at once: it reports
    # that the events before it were sent, and must not wait for the next step.
    sync_points: list[SyncPoint] = []
    for at_seconds, step in steps:
        if isinstance(step, Signal) and not sync_points:
            yield now_seconds, step
        elif isinstance(step, Signal | WaitFor):
            sync_points.append(step)
        else:
            if at_seconds >= start_at:
                read_type = partial(_type, step, type_of)
                latch = EventLatch(exchange, offset_seconds + at_seconds, read_type)
                yield now_seconds, WaitFor(latch)
            for point in sync_points:
                yield now_seconds, point
            sync_points.clear()
            yield now_seconds, step
    for point in sync_points:
        yield now_seconds, point


def _type(step: bytes | Ending, type_of: Callable[[bytes], str | None]) -> str | None:
    return END_TYPE if isinstance(step, Ending) else type_of(step)
