"""Passes bytes between two connections, until one of them ends.

The parent goes on with a client of a worker on its socket. If the client speaks TLS, that is not
possible: the keys are in the worker. So the parent gets one end of a pair of sockets, and the
worker passes on what is sent.
"""

import asyncio
from collections.abc import Callable
from typing import override


class RelayEnd(asyncio.Protocol):
    """One of the two connections: what it receives goes to the other. `on_end` is called once."""

    def __init__(self, other: asyncio.Transport, on_end: Callable[[], object]) -> None:
        self._other = other
        self._on_end = on_end

    @override
    def data_received(self, data: bytes) -> None:
        self._other.write(data)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._other.close()
        self._on_end()

    @override
    def pause_writing(self) -> None:
        self._other.pause_reading()

    @override
    def resume_writing(self) -> None:
        self._other.resume_reading()
