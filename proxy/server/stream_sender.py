"""A recorded stream on its way to one client."""

from collections.abc import Callable, Iterable

from ...cassettes.answers.answer import (
    Ending,
    Notify,
    RawBytes,
    ReplayResponse,
    StreamedResponse,
    StreamStep,
)
from ...cassettes.answers.gates import Latch, SyncPoint, WaitFor
from ...cassettes.answers.pace import Timed
from ..http.http1 import LAST_CHUNK, encode_chunk
from .held_heartbeats import HeldHeartbeats
from .ports import ResponseWriter, StreamContext


class StreamSender:
    """Sends the steps of a stream when they are due. It holds one step, the next.

    `sent` counts the events that went out, and `raw` what went out and is none. `on_progress` is
    called after some did, and at the end.
    """

    def __init__(
        self,
        outlet: ResponseWriter,
        stage: StreamContext,
        answer: StreamedResponse,
        keep_alive: bool,
    ) -> None:
        self._outlet = outlet
        self._stage = stage
        self._answer = answer
        self._steps = answer.steps
        self._close = answer.close or not keep_alive
        self._next: Timed[StreamStep] | None = None
        self._late = 0.0
        self._held: WaitFor | None = None
        self._parked = False
        self._halted_seconds: float | None = None
        self._stopped = False
        self.events_sent = self.raw_writes = 0
        self.is_over = False
        self.on_progress: Callable[[], object] | None = None

    @property
    def response(self) -> StreamedResponse:
        """What is streamed."""
        return self._answer

    @property
    def awaited_latch(self) -> Latch | None:
        """What it waits at now."""
        return None if self._held is None else self._held.latch

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing that it will send, as far as is known."""
        return self._next is None

    @property
    def is_waiting_for_reader(self) -> bool:
        """Whether it waits for its client to read."""
        return self._parked

    @property
    def is_on_hold(self) -> bool:
        """Whether it was told to halt."""
        return self._halted_seconds is not None

    def begin(self) -> None:
        """Fetch the first step and wait for its time. A stream without one only stays open."""
        self._fetch()
        self._go_on()
        if self._answer.handle is not None:
            self._answer.handle.attach(self._turn)

    def resume(self) -> None:
        """Go on, if the stream waited for its client to read."""
        if self._parked:
            self._parked = False
            self._go_on()

    def hold(self) -> None:
        """Send nothing until told to go on."""
        if self._halted_seconds is None:
            self._halted_seconds = self._stage.clock.time()

    def release(self) -> None:
        """Go on where it halted: all that follows is late by as much."""
        if self._halted_seconds is None:
            return
        self._late += self._stage.clock.time() - self._halted_seconds
        self._halted_seconds = None
        if self._stopped:
            self._stopped = False
            self._go_on()

    def stop(self) -> None:
        """Send nothing more: the client has left."""
        self._leave_gate()
        self._next = None
        self._over()
        if self._answer.handle is not None:
            self._answer.handle.mark_over(client_left=True)

    def send_due(self, now_seconds: float, limit: int) -> tuple[int, float | None]:
        """Send what is due, each record in its own chunk, as few writes as can be."""
        if self._outlet.is_closed:
            self._next = None
            return 0, None
        if self._outlet.is_full:
            self._parked = True
            return 0, None
        if self._halted_seconds is not None:
            self._stopped = True
            return 0, None
        chunks, size, late = list[bytes](), 0, self._late
        while (
            (due := self._next) is not None
            and due[0] + late <= now_seconds
            and len(chunks) < limit
            and size <= self._stage.limits.max_unsent_bytes
        ):
            step = due[1]
            if isinstance(step, bytes):
                chunks.append(encode_chunk(step))
                size += len(step)
            elif isinstance(step, Ending):
                self._end(chunks, step)
                return len(chunks), None
            elif isinstance(step, RawBytes):
                self._put(step, chunks)
                break
            elif not self._passes(step, chunks):
                break
            self._fetch()
        count = len(chunks)
        if chunks:
            self._write(chunks)
        if self._next is None or self._held is not None:
            return count, None
        self._parked = self._outlet.is_full
        return count, None if self._parked else self._next[0] + self._late

    def _passes(self, cue: SyncPoint | Notify, chunks: list[bytes]) -> bool:
        """Open a gate, or find it open; else what came before goes out, and the stream waits."""
        if isinstance(cue, WaitFor):
            if not cue.latch.is_open:
                self._hold(cue)
            return cue.latch.is_open
        if chunks:
            self._write(chunks)
        if isinstance(cue, Notify):
            cue.callback()
        else:
            cue.latch.open()
        return True

    def _put(self, raw: RawBytes, chunks: list[bytes]) -> None:
        """Send bytes that are no event, in a write of their own."""
        if chunks:
            self._write(chunks)
        self._outlet.write(raw.data)
        self.raw_writes += 1
        self._fetch()
        if self.on_progress is not None:
            self.on_progress()

    def _write(self, chunks: list[bytes]) -> None:
        """Send events, and forget them."""
        self._outlet.write(b"".join(chunks))
        self.events_sent += len(chunks)
        chunks.clear()
        if self.on_progress is not None:
            self.on_progress()

    def _hold(self, wait: WaitFor) -> None:
        """Send nothing but heartbeats until the gate opens."""
        self._held = wait
        wait.latch.add_open_callback(self._wake)
        if wait.heartbeats is None:
            return
        late = self._late
        beats = ((at_seconds + late, beat) for at_seconds, beat in wait.heartbeats)
        pulse = HeldHeartbeats(
            self._outlet, beats, lambda: self._held is wait, lambda: self.is_on_hold
        )
        try:
            deadline_seconds = pulse.next_deadline_after(self._stage.clock.time())
        except (ValueError, LookupError, OSError) as error:
            self._stage.report_failure(self._answer.exchange, error)
            return
        if deadline_seconds is not None:
            self._stage.schedule.wake_at(deadline_seconds, pulse)

    def _wake(self) -> None:
        """Go on behind a gate: if it opened late, all that follows is late by as much."""
        wait, self._held = self._held, None
        if wait is None or self._next is None:
            return
        planned_seconds = self._next[0]
        opened_seconds = self._stage.clock.time()
        if self._halted_seconds is not None:
            self._halted_seconds = opened_seconds
        self._late = max(self._late, opened_seconds + wait.delay_seconds - planned_seconds)
        self._fetch()
        self._go_on()

    def _turn(self, steps: Iterable[Timed[StreamStep]]) -> None:
        """Play other steps from now on, after what is raw: it may be the head."""
        if self._next is not None and isinstance(self._next[1], RawBytes):
            self._put(self._next[1], [])
        self._stage.schedule.cancel_wake(self)
        self._leave_gate()
        self._parked = self._stopped = False
        self._steps, self._late = iter(steps), 0.0
        self._fetch()
        self._go_on()

    def _leave_gate(self) -> None:
        if self._held is not None:
            self._held.latch.remove_open_callback(self._wake)
            self._held = None

    def _go_on(self) -> None:
        if self._next is not None:
            self._stage.schedule.wake_at(self._next[0] + self._late, self)

    def _end(self, chunks: list[bytes], ending: Ending) -> None:
        self._next = None
        self.events_sent += len(chunks)
        if ending is Ending.FINAL_CHUNK:
            chunks.append(LAST_CHUNK)
        if chunks:
            self._outlet.write(b"".join(chunks))
        self._over()
        if self._answer.handle is not None:
            self._answer.handle.mark_over(client_left=False)
        if ending is Ending.RESET:
            self._outlet.reset_connection()
        else:
            self._outlet.stream_ended(close=ending is Ending.CUT or self._close)

    def _over(self) -> None:
        self.is_over = True
        if self.on_progress is not None:
            self.on_progress()

    def _fetch(self) -> None:
        try:
            self._next = next(self._steps, None)
        except (ValueError, LookupError, OSError) as error:
            self._stage.report_failure(self._answer.exchange, error)
            self._next = (float("-inf"), Ending.CUT)


class HeldResponse:
    """An answer that waits at its gates."""

    def __init__(self, answer: ReplayResponse, send: Callable[[], object]) -> None:
        self._gates = [gate for gate in answer.latches if not gate.is_open]
        self._send = send

    def begin(self) -> None:
        """Wait at the first gate that is not open, and send the answer if there is none."""
        self._gates = [gate for gate in self._gates if not gate.is_open]
        if self._gates:
            self._gates[0].add_open_callback(self.begin)
        else:
            self._send()

    def resume(self) -> None:
        """The client reads again: there is nothing to do."""

    def stop(self) -> None:
        """Do not send it: the client has left."""
        for gate in self._gates:
            gate.remove_open_callback(self.begin)
