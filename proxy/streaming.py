"""A recorded stream on its way to one client."""

from collections.abc import Callable, Iterable
from typing import Protocol

from ..cassettes.answers import Answer, Ending, Step, StreamAnswer
from ..cassettes.gates import Cue, Wait
from ..cassettes.pace import Timed
from .clock import Clock
from .pulse import Pulse
from .schedule import Schedule
from .wire import LAST_CHUNK, Limits, chunk


class Outlet(Protocol):
    """The connection, as a stream sees it."""

    @property
    def full(self) -> bool:
        """Whether the client has left too much unread."""
        ...

    @property
    def lost(self) -> bool:
        """Whether nothing more can be sent."""
        ...

    def write(self, data: bytes) -> None:
        """Send bytes."""
        ...

    def stream_ended(self, *, close: bool) -> None:
        """Go on without the stream, or close."""
        ...


class Stage(Protocol):
    """The server, as a stream sees it."""

    @property
    def clock(self) -> Clock:
        """What time it is."""
        ...

    @property
    def schedule(self) -> Schedule:
        """Where streams wait for their deadlines."""
        ...

    @property
    def limits(self) -> Limits:
        """The bounds of a connection."""
        ...

    def failed(self, exchange: int, error: Exception) -> None:
        """Report that a stream could not be played to its end."""
        ...


class Streaming:
    """Sends the steps of a stream when they are due. It holds one step, the next."""

    def __init__(
        self, outlet: Outlet, stage: Stage, answer: StreamAnswer, keep_alive: bool
    ) -> None:
        self._outlet = outlet
        self._stage = stage
        self._answer = answer
        self._steps = answer.steps
        self._close = answer.close or not keep_alive
        self._next: Timed[Step] | None = None
        self._late = 0.0
        self._held: Wait | None = None
        self._parked = False

    def begin(self) -> None:
        """Fetch the first step and wait for its time. A stream without one only stays open."""
        self._fetch()
        self._go_on()
        if self._answer.live is not None:
            self._answer.live.begin(self._turn)

    def resume(self) -> None:
        """Go on, if the stream waited for its client to read."""
        if self._parked:
            self._parked = False
            self._go_on()

    def stop(self) -> None:
        """Send nothing more: the client has left."""
        self._leave_gate()
        self._next = None
        if self._answer.live is not None:
            self._answer.live.over(left=True)

    def advance(self, now_seconds: float, limit: int) -> tuple[int, float | None]:
        """Send what is due, each record in its own chunk, as few writes as can be."""
        if self._outlet.lost:
            self._next = None
            return 0, None
        if self._outlet.full:
            self._parked = True
            return 0, None
        chunks, size, late = list[bytes](), 0, self._late
        while (
            (due := self._next) is not None
            and due[0] + late <= now_seconds
            and len(chunks) < limit
            and size <= self._stage.limits.unsent
        ):
            step = due[1]
            if isinstance(step, bytes):
                chunks.append(chunk(step))
                size += len(step)
            elif isinstance(step, Ending):
                self._end(chunks, step)
                return len(chunks), None
            elif not self._passes(step, chunks):
                break
            self._fetch()
        if chunks:
            self._outlet.write(b"".join(chunks))
        if self._next is None or self._held is not None:
            return len(chunks), None
        self._parked = self._outlet.full
        return len(chunks), None if self._parked else self._next[0] + self._late

    def _passes(self, cue: Cue, chunks: list[bytes]) -> bool:
        """Open a gate, or find it open; else what came before goes out, and the stream waits."""
        if isinstance(cue, Wait):
            if not cue.gate.is_open:
                self._hold(cue)
            return cue.gate.is_open
        if chunks:
            self._outlet.write(b"".join(chunks))
            chunks.clear()
        cue.gate.open()
        return True

    def _hold(self, wait: Wait) -> None:
        """Send nothing but heartbeats until the gate opens."""
        self._held = wait
        wait.gate.wait(self._wake)
        if wait.heartbeats is None:
            return
        late = self._late
        beats = ((at_seconds + late, beat) for at_seconds, beat in wait.heartbeats)
        pulse = Pulse(self._outlet, beats, lambda: self._held is wait)
        try:
            deadline_seconds = pulse.after(self._stage.clock.time())
        except (ValueError, LookupError, OSError) as error:
            self._stage.failed(self._answer.exchange, error)
            return
        if deadline_seconds is not None:
            self._stage.schedule.add(deadline_seconds, pulse)

    def _wake(self) -> None:
        """Go on behind a gate: if it opened late, all that follows is late by as much."""
        wait, self._held = self._held, None
        if wait is None or self._next is None:
            return
        planned_seconds = self._next[0]
        opened_seconds = self._stage.clock.time()
        self._late = max(self._late, opened_seconds + wait.lead - planned_seconds)
        self._fetch()
        self._go_on()

    def _turn(self, steps: Iterable[Timed[Step]]) -> None:
        """Play other steps from now on."""
        self._stage.schedule.remove(self)
        self._leave_gate()
        self._parked = False
        self._steps, self._late = iter(steps), 0.0
        self._fetch()
        self._go_on()

    def _leave_gate(self) -> None:
        if self._held is not None:
            self._held.gate.forget(self._wake)
            self._held = None

    def _go_on(self) -> None:
        if self._next is not None:
            self._stage.schedule.add(self._next[0] + self._late, self)

    def _end(self, chunks: list[bytes], ending: Ending) -> None:
        self._next = None
        cut = ending is Ending.CUT
        if not cut:
            chunks.append(LAST_CHUNK)
        if chunks:
            self._outlet.write(b"".join(chunks))
        if self._answer.live is not None:
            self._answer.live.over(left=False)
        self._outlet.stream_ended(close=cut or self._close)

    def _fetch(self) -> None:
        try:
            self._next = next(self._steps, None)
        except (ValueError, LookupError, OSError) as error:
            self._stage.failed(self._answer.exchange, error)
            self._next = (float("-inf"), Ending.CUT)


class Holding:
    """An answer that waits at its gates."""

    def __init__(self, answer: Answer, send: Callable[[], object]) -> None:
        self._gates = [gate for gate in answer.gates if not gate.is_open]
        self._send = send

    def begin(self) -> None:
        """Wait at the first gate that is not open, and send the answer if there is none."""
        self._gates = [gate for gate in self._gates if not gate.is_open]
        if self._gates:
            self._gates[0].wait(self.begin)
        else:
            self._send()

    def resume(self) -> None:
        """The client reads again: there is nothing to do."""

    def stop(self) -> None:
        """Do not send it: the client has left."""
        for gate in self._gates:
            gate.forget(self.begin)
