"""Waiting in a loop for something that happens in it."""

import asyncio
from collections.abc import Callable


class Condition:
    """Whoever waits is woken by `notify`, and looks again."""

    def __init__(self) -> None:
        self._waiting = set[asyncio.Future[None]]()

    def notify(self) -> None:
        """Something has happened."""
        for future in self._waiting:
            if not future.done():
                future.set_result(None)

    async def wait_for_change(self, timeout_seconds: float) -> bool:
        """Wait until something happens; whether it did in time."""
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

    async def wait_for[T](self, look: Callable[[], T | None], timeout_seconds: float) -> T | None:
        """Look whenever something happens, until there is something to see, or time is up."""
        loop = asyncio.get_running_loop()
        deadline_seconds = loop.time() + timeout_seconds
        while (found := look()) is None:
            if not await self.wait_for_change(deadline_seconds - loop.time()):
                return look()
        return found
