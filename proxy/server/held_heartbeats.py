"""The heartbeats of a stream that is held: without them its client would give up."""

from collections.abc import Callable, Iterator

from ...cassettes.answers.pace import Timed
from ..http.http1 import encode_chunk
from .ports import ResponseWriter


class HeldHeartbeats:
    """Sends heartbeats when they are due, as long as `is_held`. One that is overdue is left out.

    It goes on in silence while `is_quiet`.
    """

    def __init__(
        self,
        outlet: ResponseWriter,
        heartbeats: Iterator[Timed[bytes]],
        is_held: Callable[[], bool],
        is_quiet: Callable[[], bool],
    ) -> None:
        self._outlet = outlet
        self._heartbeats = heartbeats
        self._is_held = is_held
        self._is_quiet = is_quiet
        self._next: Timed[bytes] | None = None

    def next_deadline_after(self, now_seconds: float) -> float | None:
        """Tell when the next one is due after now, if there is one."""
        self._next = next((each for each in self._heartbeats if each[0] > now_seconds), None)
        return None if self._next is None else self._next[0]

    def send_due(self, now_seconds: float, limit: int) -> tuple[int, float | None]:
        """Send what is due."""
        if self._next is None or self._outlet.is_closed or not self._is_held():
            return 0, None
        if not self._outlet.is_full and not self._is_quiet():
            self._outlet.write(encode_chunk(self._next[1]))
        return 1, self.next_deadline_after(now_seconds)
