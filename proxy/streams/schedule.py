"""One schedule of absolute deadlines for all streams, with one timer of the loop.

Streams that are due are served in turns of the loop. A turn sends a limited number of records, and
so does each stream within it; between two turns the loop does its other work. So no stream starves
another. No stream is served before its deadline. A stream that raises an error leaves the schedule
and is told to fail; the others go on.
"""

import heapq
import itertools
from collections import deque
from typing import Protocol

from .clock import Clock, Timer

STREAM_RECORDS_PER_TURN = 32
"""Records of one stream in one turn; they share a write."""

RECORDS_PER_TURN = 256
"""Records of all streams in one turn."""


class Scheduled(Protocol):
    """A stream, as the schedule sees it."""

    @property
    def is_over(self) -> bool:
        """True if nothing will be sent any more."""
        ...

    def send_due(self, now_seconds: float, limit: int) -> tuple[int, float | None]:
        """Send at most `limit` steps that are due.

        Returns the number of steps and the next deadline, or None to leave the schedule.
        """
        ...

    def fail(self, error: Exception, /) -> object:
        """End because `send_due` raised an error."""
        ...


class Schedule:
    """Wakes streams at their deadlines."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: list[tuple[float, int, Scheduled]] = []
        self._due: deque[Scheduled] = deque()
        self._order = itertools.count()
        self._timer: Timer | None = None
        self._timer_seconds = 0.0
        self._over_count = 0

    @property
    def is_due(self) -> bool:
        """True if a stream is due now."""
        waiting = self._waiting
        return bool(self._due) or bool(waiting and waiting[0][0] <= self._clock.time())

    def wake_at(self, deadline_seconds: float, stream: Scheduled) -> None:
        """Add a stream, which is not in the schedule yet, with its deadline."""
        heapq.heappush(self._waiting, (deadline_seconds, next(self._order), stream))
        self._set_timer()

    def cancel_wake(self, stream: Scheduled) -> None:
        """Remove a stream. Takes time in proportion to the number of streams that wait."""
        self._due = deque(each for each in self._due if each is not stream)
        self._waiting = [each for each in self._waiting if each[2] is not stream]
        heapq.heapify(self._waiting)

    def note_over(self) -> None:
        """Remove the streams that are over, unless most are not.

        Their next deadline may be hours away, and all that they need would stay until then.
        """
        self._over_count += 1
        if self._over_count * 2 > len(self._waiting):
            self._over_count = 0
            self._waiting = [each for each in self._waiting if not each[2].is_over]
            heapq.heapify(self._waiting)

    def stop(self) -> None:
        """Remove all streams."""
        self._waiting.clear()
        self._due.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _take_turn(self) -> None:
        self._timer = None
        now_seconds = self._clock.time()
        while self._waiting and self._waiting[0][0] <= now_seconds:
            self._due.append(heapq.heappop(self._waiting)[2])
        budget = RECORDS_PER_TURN
        try:
            while self._due and budget > 0:
                budget -= self._serve(
                    self._due.popleft(), now_seconds, min(STREAM_RECORDS_PER_TURN, budget)
                )
        finally:
            self._set_timer()

    def _serve(self, stream: Scheduled, now_seconds: float, limit: int) -> int:
        try:
            sent_count, deadline_seconds = stream.send_due(now_seconds, limit)
        except Exception as error:
            stream.fail(error)
            return 1
        if deadline_seconds is None:
            pass
        elif deadline_seconds <= now_seconds:
            self._due.append(stream)
        else:
            heapq.heappush(self._waiting, (deadline_seconds, next(self._order), stream))
        return max(1, sent_count)

    def _set_timer(self) -> None:
        """Set the timer to the nearest deadline."""
        if not self._due and not self._waiting:
            return
        deadline_seconds = self._clock.time() if self._due else self._waiting[0][0]
        if self._timer is not None:
            if self._timer_seconds <= deadline_seconds:
                return
            self._timer.cancel()
        self._timer_seconds = deadline_seconds
        self._timer = self._clock.call_at(deadline_seconds, self._take_turn)
