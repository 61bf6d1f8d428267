"""Waiting for a condition, with a deadline and a reason."""

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import cast


class Stuck(TimeoutError):  # noqa: N818 - it says how things stand, like Miss
    """A side waited in vain; the text says for what."""


class Signal:
    """Tells one waiter that something has changed."""

    def __init__(self, deadline_seconds: float) -> None:
        self.deadline_seconds = deadline_seconds
        self.reason: Callable[[], str] = str
        self._changed = asyncio.Event()
        self._clock = asyncio.get_running_loop().time
        self._began_seconds = self._clock()

    def seconds(self) -> float:
        """Return the time since the beginning."""
        return self._clock() - self._began_seconds

    def changed(self) -> None:
        self._changed.set()

    async def until(self, condition: Callable[[], bool], reason: Callable[[], str]) -> None:
        """Return as soon as the condition holds. Raises Stuck at the deadline."""
        if condition():
            return
        self.reason = reason
        try:
            async with asyncio.timeout(self.deadline_seconds):
                while not condition():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            text = f"{reason()} did not come in {self.deadline_seconds} s"
            raise Stuck(text) from None
        self.reason = str


def reset(transport: asyncio.Transport) -> None:
    """Close a connection with RST."""
    own = cast("socket.socket", transport.get_extra_info("socket"))
    own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
