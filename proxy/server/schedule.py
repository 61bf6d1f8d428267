"""One schedule of absolute deadlines for all streams, and one timer of the loop under it.

What is due is served in turns: each stream gets its share of a turn, a turn has its budget, and
between two turns the loop does its other work, so that no stream starves another. Nothing is
served before its deadline.
"""

import heapq
import itertools
from collections import deque
from typing import Protocol

from .clock import Clock, Timer

STREAM_RECORDS_PER_TURN = 32
"""Records of one stream per turn; they share a write."""

RECORDS_PER_TURN = 256
"""Records of all streams per turn."""


class Scheduled(Protocol):
    """A stream as the schedule sees it."""

    def send_due(self, now_seconds: float, limit: int) -> tuple[int, float | None]:
        """Send at most `limit` steps that are due.

        Returns how many went out and the next deadline, or None if there is nothing to wait for.
        """
        ...


class Schedule:
    """Streams by their next deadline."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: list[tuple[float, int, Scheduled]] = []
        self._due: deque[Scheduled] = deque()
        self._order = itertools.count()
        self._timer: Timer | None = None
        self._armed_for = 0.0

    @property
    def is_due(self) -> bool:
        """Whether a stream has something to send now."""
        waiting = self._waiting
        return bool(self._due) or bool(waiting and waiting[0][0] <= self._clock.time())

    def wake_at(self, deadline_seconds: float, stream: Scheduled) -> None:
        """Wake `stream` at its deadline. It is in the schedule at most once."""
        heapq.heappush(self._waiting, (deadline_seconds, next(self._order), stream))
        self._arm()

    def cancel_wake(self, stream: Scheduled) -> None:
        """Do not wake `stream`. It takes longer the more streams wait."""
        self._due = deque(each for each in self._due if each is not stream)
        self._waiting = [each for each in self._waiting if each[2] is not stream]
        heapq.heapify(self._waiting)

    def stop(self) -> None:
        """Forget all streams."""
        self._waiting.clear()
        self._due.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _turn(self) -> None:
        self._timer = None
        now_seconds = self._clock.time()
        while self._waiting and self._waiting[0][0] <= now_seconds:
            self._due.append(heapq.heappop(self._waiting)[2])
        budget = RECORDS_PER_TURN
        while self._due and budget > 0:
            budget -= self._serve(
                self._due.popleft(), now_seconds, min(STREAM_RECORDS_PER_TURN, budget)
            )
        self._arm()

    def _serve(self, stream: Scheduled, now_seconds: float, limit: int) -> int:
        sent, deadline = stream.send_due(now_seconds, limit)
        if deadline is None:
            pass
        elif deadline <= now_seconds:
            self._due.append(stream)
        else:
            heapq.heappush(self._waiting, (deadline, next(self._order), stream))
        return max(1, sent)

    def _arm(self) -> None:
        """Have the timer ring at the nearest deadline."""
        if not self._due and not self._waiting:
            return
        when = self._clock.time() if self._due else self._waiting[0][0]
        if self._timer is not None:
            if self._armed_for <= when:
                return
            self._timer.cancel()
        self._armed_for = when
        self._timer = self._clock.call_at(when, self._turn)
