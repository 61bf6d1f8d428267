"""Pace: when the next event of a replayed stream goes out.

Small generators over (seconds, thing) pairs, each doing one step on the way from the recording's
clock to the client's:

    recorded `at` -> relative -> cap -> scale -> absolute -> a deadline on the replay's clock

Every pair carries the time since the request, never the gap to its predecessor, so that nothing
drifts. Nothing here may read the clock.
"""

from collections.abc import Iterable, Iterator

from msgspec import Struct

type Timed[T] = tuple[float, T]


def relative[T](events: Iterable[Timed[T]], start_seconds: float) -> Iterator[Timed[T]]:
    """Seconds since `start_seconds`."""
    for at_seconds, event in events:
        yield at_seconds - start_seconds, event


def cap[T](events: Iterable[Timed[T]], max_gap_seconds: float) -> Iterator[Timed[T]]:
    """Shorten every gap, also the one before the first event, to at most `max_gap_seconds`."""
    last = left_out = 0.0
    for at_seconds, event in events:
        left_out += max(0.0, at_seconds - last - max_gap_seconds)
        last = at_seconds
        yield at_seconds - left_out, event


def scale[T](events: Iterable[Timed[T]], speed: float) -> Iterator[Timed[T]]:
    """Divide all times by `speed`: 2.0 is twice as fast."""
    for at_seconds, event in events:
        yield at_seconds / speed, event


def absolute[T](events: Iterable[Timed[T]], start_seconds: float) -> Iterator[Timed[T]]:
    """Deadlines on a clock that shows `start_seconds` at the request."""
    for at_seconds, event in events:
        yield start_seconds + at_seconds, event


class Recorded(Struct, frozen=True, kw_only=True):
    """As recorded, `speed` times as fast, and no recorded gap longer than `max_gap` seconds."""

    speed: float = 1.0
    max_gap: float | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for a speed or a gap that leads nowhere."""
        if not 0 < self.speed < float("inf"):
            raise ValueError(f"speed is {self.speed}, expected a number above 0")
        if self.max_gap is not None and not self.max_gap >= 0:
            raise ValueError(f"max-gap is {self.max_gap}, expected 0 seconds or more")

    def deadlines[T](
        self, events: Iterable[Timed[T]], recorded_seconds: float, now_seconds: float
    ) -> Iterator[Timed[T]]:
        """Deadlines of events of a request recorded at `recorded_seconds` and replayed now."""
        timed = relative(events, recorded_seconds)
        if self.max_gap is not None:
            timed = cap(timed, self.max_gap)
        if self.speed != 1.0:
            timed = scale(timed, self.speed)
        return absolute(timed, now_seconds)

    def gap(self, seconds: float) -> float:
        """How long a recorded gap is at replay, in seconds."""
        return min(seconds, seconds if self.max_gap is None else self.max_gap) / self.speed


class Instant(Struct, frozen=True):
    """All at once, in order."""

    def deadlines[T](
        self, events: Iterable[Timed[T]], recorded_seconds: float, now_seconds: float
    ) -> Iterator[Timed[T]]:
        """Every event is due now."""
        for _, event in events:
            yield now_seconds, event

    def gap(self, seconds: float) -> float:
        """No gap is left."""
        return 0.0


type Pace = Recorded | Instant
