"""A recorded stream that is sent to one client."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

from ...cassettes.answers.answer import (
    Ending,
    Notify,
    RawBytes,
    RecordBlock,
    SentStep,
    StreamedResponse,
    encode_chunk,
)
from ...cassettes.answers.gates import Latch, WaitFor
from ...cassettes.answers.pace import Timed
from ..http.http1 import LAST_CHUNK
from .held_heartbeats import HeldHeartbeats, delay
from .ports import ResponseWriter, StreamContext, guarded
from .send_state import TRANSITIONS, SendState

_IDLE, _UNTIL_DUE, _UNTIL_OPEN, _UNTIL_READ, _UNTIL_RELEASED, _OVER = SendState


def _do_nothing() -> None:
    pass


class StreamSender:
    """Sends the steps of a stream when they are due. It fetches one step ahead, lazily.

    `raw_writes` counts the writes of bytes that are no event. It `is_exhausted` if it is open
    without a next step, or was when its client left. `on_progress` is called after each write, and
    at the end.

    send_state.py has its states, and what follows them. A wait needs no timer and no task: what
    ends it calls this object, which adds itself to the schedule again.

    An error of any kind ends this stream alone (`fail`), without a final chunk: the client must not
    take it for the end of the stream.

    What makes a step late makes all later ones late by as much (`_delay_seconds`): the time on hold
    is added to it, and a latch that opens late raises it. A client that reads slowly delays no
    deadline: overdue steps are sent at once.
    """

    def __init__(
        self,
        writer: ResponseWriter,
        context: StreamContext,
        response: StreamedResponse,
        keep_alive: bool,
    ) -> None:
        self.response = response
        self.state: SendState = _IDLE
        self.events_sent = self.raw_writes = 0
        self.is_exhausted = False
        self.on_progress: Callable[[], object] = _do_nothing
        self._writer = writer
        self._context = context
        self._steps: Iterator[Timed[SentStep]] = response.blocks or response.steps
        self._closes = response.close or not keep_alive
        self._next: Timed[SentStep] | None = None
        self._delay_seconds = 0.0
        self._hold_began_seconds: float | None = None

    @property
    def awaited_latch(self) -> Latch | None:
        """The latch that it waits for now."""
        return None if self._wait is None else self._wait.latch

    @property
    def is_over(self) -> bool:
        """True if it has ended, or its client has left."""
        return self.state is _OVER

    @property
    def is_on_hold(self) -> bool:
        """True if the user holds it."""
        return self._hold_began_seconds is not None

    @guarded
    def begin(self) -> None:
        """Fetch the first step and wait for its deadline. Without one, the stream stays open."""
        self._fetch()
        self._reschedule()
        if self.response.handle is not None:
            self.response.handle.attach(self._replace_steps)

    @guarded
    def resume(self) -> None:
        """Go on if the stream waited for its client to read."""
        if self.state is _UNTIL_READ:
            self._reschedule()

    def hold(self) -> None:
        """Send nothing until `release`."""
        if self._hold_began_seconds is None:
            self._hold_began_seconds = self._context.clock.time()

    @guarded
    def release(self) -> None:
        """Go on after `hold`; all that follows is late by the time between the two."""
        if self._hold_began_seconds is None:
            return
        self._delay_seconds += self._context.clock.time() - self._hold_began_seconds
        self._hold_began_seconds = None
        if self.state is _UNTIL_RELEASED:
            self._reschedule()

    @guarded
    def stop(self) -> None:
        """Send nothing more: the client has left."""
        if self.state is not _OVER:
            self._leave_latch()
            self._mark_over(client_left=True)
            self._context.schedule.note_over()

    def fail(self, error: Exception) -> None:
        """Report an error, and close the connection in the middle of the stream."""
        self._leave_latch()
        self._context.schedule.cancel_wake(self)
        self._next, self.state = None, _OVER
        # These may raise the same error again.
        with suppress(Exception):
            self._writer.stream_ended(close=True)
        with suppress(Exception):
            self.on_progress()
        if self.response.handle is not None:
            with suppress(Exception):
                self.response.handle.mark_over(client_left=False)
        self._report(error)

    def send_due(self, now_seconds: float, limit: int) -> tuple[int, float | None]:
        """Send the steps that are due, in as few writes as possible (see `Scheduled`)."""
        if self.state is not _UNTIL_DUE:
            return 0, None
        if self._writer.is_closed:
            self._next = None
            return self._pause(_IDLE, 0)
        if self._writer.is_full:
            return self._pause(_UNTIL_READ, 0)
        if self._hold_began_seconds is not None:
            return self._pause(_UNTIL_RELEASED, 0)
        chunks, size, sent_count = list[bytes](), 0, 0
        delay_seconds = self._delay_seconds
        while (
            (due := self._next) is not None
            and due[0] + delay_seconds <= now_seconds
            and len(chunks) < limit
            and size <= self._context.limits.max_unsent_bytes
        ):
            step = due[1]
            if isinstance(step, bytes):
                chunks.append(encode_chunk(step))
                size += len(step)
            elif isinstance(step, RecordBlock):
                sent_count = len(chunks) + step.count
                self._write_chunks(chunks)
                self._write(step.data, step.count)
                self._fetch()
                break
            elif isinstance(step, Ending):
                self._end(chunks, step)
                return len(chunks), None
            elif isinstance(step, RawBytes):
                self._write_raw(step, chunks)
                break
            elif not isinstance(step, WaitFor):
                self._write_chunks(chunks)
                if isinstance(step, Notify):
                    step.callback()
                else:
                    step.latch.open()
            elif not step.latch.is_open:
                self._wait_at_latch(step)
                break
            self._fetch()
        count = sent_count + len(chunks)
        self._write_chunks(chunks)
        if self.state is _UNTIL_OPEN:
            return count, None
        if self._next is None:
            return self._pause(_IDLE, count)
        if self._writer.is_full:
            return self._pause(_UNTIL_READ, count)
        return count, self._next[0] + self._delay_seconds

    def _enter(self, state: SendState) -> None:
        assert state in TRANSITIONS[self.state], f"{self.state} to {state}"
        self.state = state
        if state is not _OVER:
            self.is_exhausted = state is _IDLE

    def _pause(self, state: SendState, count: int) -> tuple[int, None]:
        self._enter(state)
        return count, None

    def _reschedule(self) -> None:
        self._enter(_IDLE if self._next is None else _UNTIL_DUE)
        if self._next is not None:
            self._context.schedule.wake_at(self._next[0] + self._delay_seconds, self)

    def _mark_over(self, *, client_left: bool) -> None:
        self._next = None
        self._enter(_OVER)
        self.on_progress()
        self.on_progress = _do_nothing  # It may refer to this stream: a circle.
        if self.response.handle is not None:
            self.response.handle.mark_over(client_left=client_left)

    @property
    def _wait(self) -> WaitFor | None:
        """The step, if it waits at a latch now."""
        step = self._next[1] if self._next is not None and self.state is _UNTIL_OPEN else None
        return step if isinstance(step, WaitFor) else None

    def _wait_at_latch(self, wait: WaitFor) -> None:
        """Send only heartbeats until the latch opens."""
        self._enter(_UNTIL_OPEN)
        wait.latch.add_open_callback(self._pass_latch)
        if wait.heartbeats is not None:
            heartbeats = delay(wait.heartbeats, self._delay_seconds)
            HeldHeartbeats(self, wait.latch, heartbeats, self._writer, self._context).begin()

    @guarded
    def _pass_latch(self) -> None:
        """Go on after a latch; if it opened late, all that follows is late by as much."""
        wait = self._wait
        if wait is None or self._next is None:
            return
        opened_seconds = self._context.clock.time()
        if self._hold_began_seconds is not None:
            self._hold_began_seconds = opened_seconds
        delay_seconds = opened_seconds + wait.delay_seconds - self._next[0]
        self._delay_seconds = max(self._delay_seconds, delay_seconds)
        self._fetch()
        self._reschedule()

    def _leave_latch(self) -> None:
        if (latch := self.awaited_latch) is not None:
            latch.remove_open_callback(self._pass_latch)

    def _fetch(self) -> None:
        try:
            self._next = next(self._steps, None)
        except Exception as error:
            # The steps before this one are still sent.
            self._report(error)
            self._next = (float("-inf"), Ending.CUT)

    def _report(self, error: Exception) -> None:
        self._context.report_failure(self.response.exchange, self.response.place_error(error))

    @guarded
    def _replace_steps(self, steps: Iterable[Timed[SentStep]]) -> None:
        """Send other steps from now on, but first raw bytes that are next: they may be the head."""
        if self.state is _OVER:
            return
        if self._next is not None and isinstance(self._next[1], RawBytes):
            self._write_raw(self._next[1], [])
        self._context.schedule.cancel_wake(self)
        self._leave_latch()
        self._steps, self._delay_seconds = iter(steps), 0.0
        self._fetch()
        self._reschedule()

    def _write_raw(self, raw: RawBytes, chunks: list[bytes]) -> None:
        """Send the chunks, then bytes that are no event in a write of their own."""
        self._write_chunks(chunks)
        self._writer.write(raw.data)
        self.raw_writes += 1
        self._fetch()
        self.on_progress()

    def _write_chunks(self, chunks: list[bytes]) -> None:
        """Send the chunks, if there are any, and empty the list."""
        if chunks:
            self._write(b"".join(chunks), len(chunks))
            chunks.clear()

    def _write(self, data: bytes, count: int) -> None:
        self._writer.write(data)
        self.events_sent += count
        self.on_progress()

    def _end(self, chunks: list[bytes], ending: Ending) -> None:
        self.events_sent += len(chunks)
        if ending is Ending.FINAL_CHUNK:
            chunks.append(LAST_CHUNK)
        if chunks:
            self._writer.write(b"".join(chunks))
        self._mark_over(client_left=False)
        if ending is Ending.RESET:
            self._writer.reset_connection()
        else:
            self._writer.stream_ended(close=ending is Ending.CUT or self._closes)
