"""Pace: when the next event of a replayed stream goes out.

Small generators over (seconds, event) pairs. Each does one step of the way from the recording's
clock to the replay's:

    recorded `at` -> since -> cap -> scale -> absolute -> a deadline on the replay's clock

Every pair has the time since the request, not the gap to its predecessor, so errors do not add up.
Nothing here may read the clock.

A pace as text (`parse_pace`):

    recorded    in the recorded rhythm, optionally faster, or with long gaps shortened
    every:0.1   an event each 0.1 seconds, whatever the recorded rhythm
    instant     all events at once
    step        one by one, on request (stepping.py)

All but `instant` may start later in the recording: events recorded before are due at once.
"""

from collections.abc import Iterable, Iterator

from msgspec import Struct

type Timed[T] = tuple[float, T]


def relative[T](events: Iterable[Timed[T]], start_seconds: float) -> Iterator[Timed[T]]:
    """Return times in seconds since `start_seconds`."""
    for at_seconds, event in events:
        yield at_seconds - start_seconds, event


def since[T](
    events: Iterable[Timed[T]], recorded_seconds: float, start_at: float
) -> Iterator[Timed[T]]:
    """Return times since the request, or since `start_at` if that is later; 0 before it."""
    if start_at <= recorded_seconds:
        return relative(events, recorded_seconds)
    return ((max(0.0, at_seconds), event) for at_seconds, event in relative(events, start_at))


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


def spaced[T](
    events: Iterable[Timed[T]], gap_seconds: float, start_seconds: float
) -> Iterator[Timed[T]]:
    """Space events by `gap_seconds` from a deadline on; events at 0 or before stay together."""
    number = -1
    for at_seconds, event in events:
        number += number < 0 or at_seconds > 0
        yield start_seconds + number * gap_seconds, event


def absolute[T](events: Iterable[Timed[T]], start_seconds: float) -> Iterator[Timed[T]]:
    """Return deadlines on a clock that shows `start_seconds` at the request."""
    for at_seconds, event in events:
        yield start_seconds + at_seconds, event


class Recorded(Struct, frozen=True, kw_only=True):
    """As recorded, `speed` times as fast, and no recorded gap longer than `max_gap` seconds.

    `start_at` is in seconds of the recording.
    """

    speed: float = 1.0
    max_gap: float | None = None
    start_at: float = 0.0

    def __post_init__(self) -> None:
        """Raise ValueError if the speed, the gap or the start is out of range."""
        if not 0 < self.speed < float("inf"):
            raise ValueError(f"speed is {self.speed}, expected a number above 0")
        if self.max_gap is not None and not self.max_gap >= 0:
            raise ValueError(f"max-gap is {self.max_gap}, expected 0 seconds or more")
        _check_start(self.start_at)

    def deadlines[T](
        self, events: Iterable[Timed[T]], recorded_seconds: float, now_seconds: float
    ) -> Iterator[Timed[T]]:
        """Return deadlines; the request was recorded at `recorded_seconds`, and is played now."""
        timed = since(events, recorded_seconds, self.start_at)
        if self.max_gap is not None:
            timed = cap(timed, self.max_gap)
        if self.speed != 1.0:
            timed = scale(timed, self.speed)
        return absolute(timed, now_seconds)

    def replay_gap_seconds(self, seconds: float) -> float:
        """Return how long a recorded gap is at replay, in seconds."""
        return min(seconds, seconds if self.max_gap is None else self.max_gap) / self.speed

    def heartbeat_interval_seconds(self, interval_seconds: float) -> float | None:
        """Return the interval of repeated heartbeats, in seconds; None if there are none."""
        return interval_seconds / self.speed


class Every(Struct, frozen=True):
    """One event each `seconds`, the first at once. `start_at` is in seconds of the recording."""

    seconds: float
    start_at: float = 0.0

    def __post_init__(self) -> None:
        """Raise ValueError if the gap or the start is out of range."""
        if not 0 <= self.seconds < float("inf"):
            raise ValueError(f"pace is every {self.seconds} seconds, expected 0 or more")
        _check_start(self.start_at)

    def deadlines[T](
        self, events: Iterable[Timed[T]], recorded_seconds: float, now_seconds: float
    ) -> Iterator[Timed[T]]:
        """Return deadlines; the request was recorded at `recorded_seconds`, and is played now."""
        timed = since(events, recorded_seconds, self.start_at)
        return spaced(timed, self.seconds, now_seconds)

    def replay_gap_seconds(self, seconds: float) -> float:
        """Return 0: an event that waited is due as soon as its latch opens."""
        return 0.0

    def heartbeat_interval_seconds(self, interval_seconds: float) -> float | None:
        """Return the interval unchanged: clients rely on what the server announced."""
        return interval_seconds


class Instant(Struct, frozen=True):
    """All at once, in order."""

    def deadlines[T](
        self, events: Iterable[Timed[T]], recorded_seconds: float, now_seconds: float
    ) -> Iterator[Timed[T]]:
        """Return `now_seconds` for every event."""
        for _, event in events:
            yield now_seconds, event

    def replay_gap_seconds(self, seconds: float) -> float:
        """Return 0: there are no gaps."""
        return 0.0

    def heartbeat_interval_seconds(self, interval_seconds: float) -> float | None:
        """Return None: time does not pass."""
        return None


class Stepped(Instant, frozen=True):
    """One by one, on request (stepping.py); events recorded before `start_at` are due at once."""

    start_at: float = 0.0

    def __post_init__(self) -> None:
        """Raise ValueError if the start is out of range."""
        _check_start(self.start_at)

    def deadlines[T](
        self, events: Iterable[Timed[T]], recorded_seconds: float, now_seconds: float
    ) -> Iterator[Timed[T]]:
        """Return the recorded times: `insert_event_latches` needs them, and makes steps due."""
        yield from events


type Pace = Recorded | Every | Instant | Stepped


def pace_start_seconds(pace: Pace) -> float:
    """Return where a pace starts, in seconds of the recording."""
    return pace.start_at if isinstance(pace, Recorded | Every | Stepped) else 0.0


_EXPECTED = "recorded, every:SECONDS (like every:0.1), instant or step"


def parse_pace(
    text: str, *, speed: float | None = None, max_gap: float | None = None, start_at: float = 0.0
) -> Pace:
    """Parse a pace, with options of the command line that are None or 0 if not given.

    Times are in seconds. Raises ValueError for an unknown pace, or an option that does not fit it.
    """
    name, _, seconds = text.partition(":")
    if name != "recorded":
        _refuse(text, "speed", given=speed is not None)
        _refuse(text, "max-gap", given=max_gap is not None)
    if name == "instant":
        _refuse(text, "start-at", given=start_at != 0)
    match name, seconds:
        case "recorded", "":
            speed = 1.0 if speed is None else speed
            return Recorded(speed=speed, max_gap=max_gap, start_at=start_at)
        case "every", _:
            return Every(_seconds(text, seconds), start_at)
        case "instant", "":
            return Instant()
        case "step", "":
            return Stepped(start_at)
        case _:
            raise ValueError(f"pace is {text!r}, expected {_EXPECTED}")


def _seconds(text: str, seconds: str) -> float:
    try:
        return float(seconds)
    except ValueError:
        raise ValueError(
            f"pace is {text!r}, expected a number of seconds, like every:0.1"
        ) from None


def _refuse(pace: str, option: str, *, given: bool) -> None:
    if given:
        raise ValueError(f"{option} makes no sense at pace {pace}")


def _check_start(start_at: float) -> None:
    if not 0 <= start_at < float("inf"):
        raise ValueError(f"start-at is {start_at}, expected 0 seconds or more")
