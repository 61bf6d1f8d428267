"""Time as a dependency: the loop's clock, or one that a test turns by hand."""

import asyncio
import heapq
import itertools
from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """What `Clock.call_at` gives."""

    def cancel(self) -> object:
        """Do not call."""
        ...


class Clock(Protocol):
    """A monotonic clock that can ring."""

    def time(self) -> float:
        """Seconds."""
        ...

    def call_at(self, when: float, callback: Callable[[], object], /) -> Timer:
        """Call once the clock shows `when` seconds, never before `call_at` has returned."""
        ...


class LoopClock:
    """The running loop's clock."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.time = self._loop.time

    def call_at(self, when: float, callback: Callable[[], object], /) -> Timer:
        """Call once the loop's clock shows `when` seconds."""
        return self._loop.call_at(when, callback)


class ManualClock:
    """A clock that stands still until it is told to move."""

    def __init__(self, start_seconds: float = 0.0) -> None:
        self._now = start_seconds
        self._rings: list[tuple[float, int, _Ring]] = []
        self._order = itertools.count()

    def time(self) -> float:
        """Seconds."""
        return self._now

    def call_at(self, when: float, callback: Callable[[], object], /) -> Timer:
        """Call when `advance` reaches `when`."""
        ring = _Ring(callback)
        heapq.heappush(self._rings, (when, next(self._order), ring))
        return ring

    def advance(self, seconds: float) -> None:
        """Move on, stopping at every ring on the way, also at those set meanwhile."""
        end_seconds = self._now + seconds
        while self._rings and self._rings[0][0] <= end_seconds:
            when, _, ring = heapq.heappop(self._rings)
            self._now = max(self._now, when)
            ring()
        self._now = end_seconds


class _Ring:
    def __init__(self, callback: Callable[[], object]) -> None:
        self._callback: Callable[[], object] | None = callback

    def __call__(self) -> None:
        if self._callback is not None:
            self._callback()

    def cancel(self) -> None:
        self._callback = None
