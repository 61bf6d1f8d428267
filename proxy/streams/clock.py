"""Time as a dependency: the clock of the loop, or one that a test moves."""

import asyncio
import heapq
import itertools
from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """A pending call of `Clock.call_at`."""

    def cancel(self) -> object:
        """Cancel the call."""
        ...


class Clock(Protocol):
    """A monotonic clock with timers."""

    def time(self) -> float:
        """Return the time in seconds; only differences have a meaning."""
        ...

    def call_at(self, when: float, callback: Callable[[], object], /) -> Timer:
        """Call once the clock reaches `when` seconds, never before `call_at` has returned."""
        ...


class LoopClock:
    """The clock of the running loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.time = self._loop.time

    def call_at(self, when: float, callback: Callable[[], object], /) -> Timer:
        """Call once the loop's clock reaches `when` seconds."""
        return self._loop.call_at(when, callback)


class ManualClock:
    """A clock that stands still until `advance` moves it."""

    def __init__(self, start_seconds: float = 0.0) -> None:
        self._now = start_seconds
        self._calls: list[tuple[float, int, _PendingCall]] = []
        self._order = itertools.count()

    def time(self) -> float:
        """Return the time in seconds."""
        return self._now

    def call_at(self, when: float, callback: Callable[[], object], /) -> Timer:
        """Call when `advance` reaches `when`."""
        call = _PendingCall(callback)
        heapq.heappush(self._calls, (when, next(self._order), call))
        return call

    def advance(self, seconds: float) -> None:
        """Move on by `seconds`, and make the calls that are due on the way at their times."""
        end_seconds = self._now + seconds
        while self._calls and self._calls[0][0] <= end_seconds:
            when, _, call = heapq.heappop(self._calls)
            self._now = max(self._now, when)
            call()
        self._now = end_seconds


class _PendingCall:
    def __init__(self, callback: Callable[[], object]) -> None:
        self._callback: Callable[[], object] | None = callback

    def __call__(self) -> None:
        if self._callback is not None:
            self._callback()

    def cancel(self) -> None:
        self._callback = None
