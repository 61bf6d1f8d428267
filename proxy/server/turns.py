"""Turns of connections that have many requests to answer: one in each round of the event loop.

Between two of them the loop does its other work. So a client with one request is answered soon,
however many others have sent thousands, and also if these have left without waiting for answers.
"""

import asyncio
from collections import deque
from collections.abc import Callable

TURN_SECONDS = 0.001
"""How long a connection answers requests in its turn."""


MAX_LEFT_REQUESTS = 10_000
"""Requests that wait for a turn after their clients have left."""


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

    def _call_next_soon(self) -> None:
        asyncio.get_running_loop().call_soon(self._call_next)

    def _call_next(self) -> None:
        take = self._waiting.popleft()
        if self._waiting:
            self._call_next_soon()
        take()
