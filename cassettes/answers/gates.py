"""Latches: conditions that a stream or an answer waits for, besides its time.

A latch opens once and stays open. Who waits registers a callback, so nothing is polled:

    latch = Latch("3 bytes of input to container cat", waiting)
    latch.add_open_callback(wake)     until `open`, the latch is in the set `waiting`
    latch.open()                      calls `wake`

Two steps of a stream have to do with latches. `WaitFor` holds the stream until a latch is open,
`Signal` opens one when the stream has come to that step.
"""

from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct

from .pace import Pace, Timed


class Latch:
    """A condition that becomes true once; `reason` describes it for people.

    `waiting` is a set, shared by many latches, of the latches with waiters.
    """

    # Three states. `waiting` contains a latch exactly while it has callbacks.
    #
    #     closed, no callbacks     at first; also after the last callback was removed, and then
    #        |      ^              `is_abandoned` is true: all its waiters have left
    #        v      |
    #     closed, with callbacks   `add_open_callback`
    #        |
    #        v
    #     open                     for good; `open` calls every callback once and forgets them
    #
    # A callback that is added to an open latch is not called: check `is_open` first. Callbacks run
    # inside `open`, and may add and remove callbacks of other latches, or open them.

    def __init__(self, reason: str, waiting: "set[Latch] | None" = None) -> None:
        self.reason = reason
        self.is_open = self.is_abandoned = False
        self._waiting = waiting
        self._wakes: list[Callable[[], object]] = []

    def add_open_callback(self, wake: Callable[[], object]) -> None:
        """Call `wake` when the latch opens; only for a latch that is not open."""
        self._wakes.append(wake)
        self.is_abandoned = False
        if self._waiting is not None:
            self._waiting.add(self)

    def remove_open_callback(self, wake: Callable[[], object]) -> None:
        """Remove a callback; nothing happens if it is not registered."""
        if wake in self._wakes:
            self._wakes.remove(wake)
            self.is_abandoned = not self._wakes
        if not self._wakes and self._waiting is not None:
            self._waiting.discard(self)

    def open(self) -> None:
        """Open the latch and call its callbacks; nothing happens if it is open."""
        if self.is_open:
            return
        self.is_open, self.is_abandoned = True, False
        if self._waiting is not None:
            self._waiting.discard(self)
        wakes, self._wakes = self._wakes, []
        for wake in wakes:
            wake()


class WaitFor(Struct, frozen=True, eq=False):
    """The stream waits until `latch` is open.

    `delay_seconds` is the replayed gap between the recorded event that `latch` stands for and the
    next event of the stream. If the latch opens late, the next event is due that long after it, and
    all later events are late by as much; otherwise they keep their deadlines. `heartbeats` are sent
    while it waits: (deadline in seconds, bytes), an iterator that is read only then.
    """

    latch: Latch
    delay_seconds: float = 0.0
    heartbeats: Iterator[tuple[float, bytes]] | None = None


class Signal(Struct, frozen=True, eq=False):
    """The stream opens `latch` when it has sent everything before this step."""

    latch: Latch


type SyncPoint = WaitFor | Signal


def insert_sync_points[T](
    events: Iterable[Timed[Timed[T]]],
    sync_points: Iterator[Timed[SyncPoint]],
    pace: Pace,
    *,
    now_seconds: float,
    until_seconds: float,
) -> Iterator[Timed[T | SyncPoint]]:
    """Insert sync points, which have recorded times, between events.

    `events` are (deadline, (recorded time, event)). A `WaitFor` is due with the event after it, a
    `Signal` with the event before it, or at `now_seconds` before the first event. After the last
    event nothing is waited for, and signals recorded after `until_seconds` are left out.
    """
    last_seconds, point = now_seconds, next(sync_points, None)
    for deadline_seconds, (at_seconds, event) in events:
        while point is not None and point[0] <= at_seconds:
            match point[1]:
                case WaitFor(latch=latch):
                    delay_seconds = pace.replay_gap_seconds(at_seconds - point[0])
                    yield deadline_seconds, WaitFor(latch, delay_seconds)
                case Signal():
                    yield last_seconds, point[1]
            point = next(sync_points, None)
        yield deadline_seconds, event
        last_seconds = deadline_seconds
    while point is not None and point[0] <= until_seconds:
        if isinstance(point[1], Signal):
            yield last_seconds, point[1]
        point = next(sync_points, None)
