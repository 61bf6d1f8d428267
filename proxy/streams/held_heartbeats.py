"""The heartbeats of a stream that waits at a latch: without them its client would give up."""

from collections.abc import Iterator
from typing import Protocol

from ...cassettes.answers.answer import encode_chunk
from ...cassettes.answers.gates import Latch
from ...cassettes.answers.pace import Timed
from .ports import CanFail, ResponseWriter, StreamContext


class HeldStream(CanFail, Protocol):
    """A stream, as its heartbeats see it."""

    @property
    def awaited_latch(self) -> Latch | None:
        """The latch that it waits for now."""
        ...

    @property
    def is_on_hold(self) -> bool:
        """True if the user holds it."""
        ...


def delay[T](timed: Iterator[Timed[T]], delay_seconds: float) -> Iterator[Timed[T]]:
    """Return the same, later by some seconds."""
    return ((at_seconds + delay_seconds, each) for at_seconds, each in timed)


class HeldHeartbeats:
    """Sends heartbeats when they are due, while a stream waits at a latch.

    Overdue ones are skipped, and those that are due while the user holds the stream or the client
    does not read. An error ends the stream.
    """

    def __init__(
        self,
        stream: HeldStream,
        latch: Latch,
        heartbeats: Iterator[Timed[bytes]],
        writer: ResponseWriter,
        context: StreamContext,
    ) -> None:
        self.fail = stream.fail
        self._stream = stream
        self._latch = latch
        self._heartbeats = heartbeats
        self._writer = writer
        self._context = context
        self._next: Timed[bytes] | None = None

    @property
    def is_over(self) -> bool:
        """True if nothing will be sent any more."""
        is_held = self._stream.awaited_latch is self._latch
        return self._next is None or self._writer.is_closed or not is_held

    def begin(self) -> None:
        """Schedule the first heartbeat that is not overdue."""
        deadline_seconds = self._fetch_after(self._context.clock.time())
        if deadline_seconds is not None:
            self._context.schedule.wake_at(deadline_seconds, self)

    def send_due(self, now_seconds: float, limit: int) -> tuple[int, float | None]:
        """Send the next heartbeat (see `Scheduled`)."""
        if self.is_over or self._next is None:
            return 0, None
        if not self._writer.is_full and not self._stream.is_on_hold:
            self._writer.write(encode_chunk(self._next[1]))
        return 1, self._fetch_after(now_seconds)

    def _fetch_after(self, now_seconds: float) -> float | None:
        """Fetch the first heartbeat after `now_seconds`; its deadline, or None without one."""
        self._next = next((each for each in self._heartbeats if each[0] > now_seconds), None)
        return None if self._next is None else self._next[0]
