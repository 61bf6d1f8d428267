"""Gates: what a stream or an answer waits for, besides its time.

A gate opens once, and whoever waits at it is woken then, without looking again and again:

    gate = Gate("3 bytes of input to container cat", waiting)
    gate.wait(wake)     wake() is called when the gate opens; until then the gate is in `waiting`
    gate.open()

Two steps of a stream (`answers.Step`) have to do with gates. `Wait` holds the stream until its gate
is open; if that is later than the recording has it, all that follows comes later by as much. Until
then its heartbeats go on.
`Reach` opens its gate when the stream has come so far, for others that wait for this stream.
"""

from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct

from .pace import Pace, Timed


class Latch:
    """Something that has to happen first; `reason` says what. `waiting` lists those waited at.

    `was_left` is true if all who waited have given up, and it is not open yet.
    """

    def __init__(self, reason: str, waiting: "set[Latch] | None" = None) -> None:
        self.reason = reason
        self.is_open = self.is_abandoned = False
        self._waiting = waiting
        self._wakes: list[Callable[[], object]] = []

    def add_open_callback(self, wake: Callable[[], object]) -> None:
        """Have `wake` called when the gate opens."""
        self._wakes.append(wake)
        self.is_abandoned = False
        if self._waiting is not None:
            self._waiting.add(self)

    def remove_open_callback(self, wake: Callable[[], object]) -> None:
        """Do not call `wake` any more."""
        if wake in self._wakes:
            self._wakes.remove(wake)
            self.is_abandoned = not self._wakes
        if not self._wakes and self._waiting is not None:
            self._waiting.discard(self)

    def open(self) -> None:
        """Let everybody pass, from now on."""
        if self.is_open:
            return
        self.is_open, self.is_abandoned = True, False
        if self._waiting is not None:
            self._waiting.discard(self)
        wakes, self._wakes = self._wakes, []
        for wake in wakes:
            wake()


class WaitFor(Struct, frozen=True, eq=False):
    """The stream waits at `gate`. What follows comes `lead` seconds after it, or at its time.

    `heartbeats` go out as long as it waits: (deadline in seconds, bytes), read only then.
    """

    latch: Latch
    delay_seconds: float = 0.0
    heartbeats: Iterator[tuple[float, bytes]] | None = None


class Signal(Struct, frozen=True, eq=False):
    """The stream has come to `gate`."""

    latch: Latch


type SyncPoint = WaitFor | Signal


def insert_sync_points[T](
    events: Iterable[Timed[Timed[T]]],
    cues: Iterator[Timed[SyncPoint]],
    pace: Pace,
    *,
    now_seconds: float,
    until_seconds: float,
) -> Iterator[Timed[T | SyncPoint]]:
    """Set cues between events that are (deadline, (recorded at, event)).

    Of the cues after the last event, those recorded before `until_seconds` are reached, and none
    is waited at.
    """
    last_seconds, cue = now_seconds, next(cues, None)
    for deadline_seconds, (at_seconds, event) in events:
        while cue is not None and cue[0] <= at_seconds:
            match cue[1]:
                case WaitFor(latch=gate):
                    yield (
                        deadline_seconds,
                        WaitFor(gate, pace.replay_gap_seconds(at_seconds - cue[0])),
                    )
                case Signal():
                    yield last_seconds, cue[1]
            cue = next(cues, None)
        yield deadline_seconds, event
        last_seconds = deadline_seconds
    while cue is not None and cue[0] <= until_seconds:
        if isinstance(cue[1], Signal):
            yield last_seconds, cue[1]
        cue = next(cues, None)
