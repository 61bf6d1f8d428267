"""Waiting for a change of state in the loop of a replay."""

import asyncio
from collections.abc import Callable

DEFAULT_TIMEOUT_SECONDS = 10.0
"""How long the controls of a replay wait by default."""


class Condition:
    """Wakes tasks that wait for a state of the replay.

    It has no state of its own. Whatever may have changed the state calls `notify`, which costs
    nothing if no task waits; each waiting task then evaluates what it waits for. Notifications are
    not counted: several before the task runs again are one, and one while no task waits is lost.
    That is safe because `wait_for` evaluates before it waits, and nothing else runs in the loop
    between the two. asyncio.Condition would need a lock and a coroutine to notify, but the callers
    are callbacks of the server.

    Use it only in the thread of the loop.
    """

    def __init__(self) -> None:
        self._waiting = set[asyncio.Future[None]]()

    def notify(self) -> None:
        """Wake all waiting tasks."""
        for future in self._waiting:
            if not future.done():
                future.set_result(None)

    async def wait_for_change(self, timeout_seconds: float) -> bool:
        """Wait for the next `notify`; False if it did not come in time."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            async with asyncio.timeout(timeout_seconds):
                await future
        except TimeoutError:
            return False
        finally:
            self._waiting.discard(future)
        return True

    async def wait_for[T](
        self, evaluate: Callable[[], T | None], timeout_seconds: float
    ) -> T | None:
        """Wait until `evaluate` returns something else than None, and return that.

        When the time is up, the result of a last evaluation is returned. A timeout of 0 evaluates
        without waiting for a change.
        """
        loop = asyncio.get_running_loop()
        deadline_seconds = loop.time() + timeout_seconds
        while (result := evaluate()) is None:
            if not await self.wait_for_change(deadline_seconds - loop.time()):
                return evaluate()
        return result
