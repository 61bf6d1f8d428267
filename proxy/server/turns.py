"""Turns of connections that have many requests to answer: one in each round of the event loop.

Between two of them the loop does its other work. So a client with one request is answered soon,
however many others have sent thousands, and also if these have left without waiting for answers.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from ...proto.counted import counted

TURN_SECONDS = 0.001
"""How long a connection answers requests in its turn."""


MAX_LEFT_REQUESTS = 10_000
"""Requests that wait for a turn after their clients have left."""


def too_many_left(count: int) -> ConnectionError:
    """Return the error that reports dropped requests."""
    return ConnectionError(
        f"{counted(count, 'request')} of a client that left were dropped: too many wait"
    )


class Turns:
    """Calls functions in the order in which they were added.

    `left_requests` is the number of requests that wait although their clients have left.
    """

    def __init__(self) -> None:
        self.left_requests = 0
        self._waiting = deque[Callable[[], object]]()

    def add(self, take: Callable[[], object]) -> None:
        """Call a function after those that wait."""
        self._waiting.append(take)
        if len(self._waiting) == 1:
            self._call_next_soon()

    def hold_left(self, count: int) -> bool:
        """Count requests of a client that has left; False if too many wait: they are dropped."""
        if self.left_requests + count > MAX_LEFT_REQUESTS:
            return False
        self.left_requests += count
        return True

    def _call_next_soon(self) -> None:
        asyncio.get_running_loop().call_soon(self._call_next)

    def _call_next(self) -> None:
        take = self._waiting.popleft()
        if self._waiting:
            self._call_next_soon()
        take()
