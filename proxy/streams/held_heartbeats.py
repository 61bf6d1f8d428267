"""The heartbeats of a stream that waits at a latch: without them its client would give up."""

from collections.abc import Callable, Iterator

from ...cassettes.answers.answer import encode_chunk
from ...cassettes.answers.pace import Timed
from .ports import ResponseWriter, StreamContext


class HeldHeartbeats:
    """Sends heartbeats when they are due, while `is_held()`. Overdue ones are skipped.

    All are late by `delay_seconds`. Those that are due while `is_quiet()` or while the client does
    not read are skipped, too. An error goes to `on_failure`.
    """

    def __init__(
        self,
        writer: ResponseWriter,
        context: StreamContext,
        heartbeats: Iterator[Timed[bytes]],
        delay_seconds: float,
        *,
        is_held: Callable[[], bool],
        is_quiet: Callable[[], bool],
        on_failure: Callable[[Exception], object],
    ) -> None:
        self.fail = on_failure
        self._writer = writer
        self._context = context
        self._heartbeats = ((at_seconds + delay_seconds, data) for at_seconds, data in heartbeats)
        self._is_held = is_held
        self._is_quiet = is_quiet
        self._next: Timed[bytes] | None = None

    def begin(self) -> None:
        """Schedule the first heartbeat that is not overdue."""
        deadline_seconds = self._fetch_after(self._context.clock.time())
        if deadline_seconds is not None:
            self._context.schedule.wake_at(deadline_seconds, self)

    def send_due(self, now_seconds: float, limit: int) -> tuple[int, float | None]:
        """Send the next heartbeat (see `Scheduled`)."""
        if self._next is None or self._writer.is_closed or not self._is_held():
            return 0, None
        if not self._writer.is_full and not self._is_quiet():
            self._writer.write(encode_chunk(self._next[1]))
        return 1, self._fetch_after(now_seconds)

    def _fetch_after(self, now_seconds: float) -> float | None:
        """Fetch the first heartbeat after `now_seconds`; its deadline, or None without one."""
        self._next = next((each for each in self._heartbeats if each[0] > now_seconds), None)
        return None if self._next is None else self._next[0]
