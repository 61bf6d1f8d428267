"""A connection of which another process has received the beginning."""

import asyncio
from collections.abc import Callable, Sequence
from typing import override

from ..http.http1 import CompleteRequest
from ..streams.ports import guarded
from ..streams.stream_sender import StreamSender
from .connection import Connection
from .ports import ConnectionHost


class ContinuedConnection(Connection):
    """A connection that begins with `requests` without an answer, and the bytes after them."""

    def __init__(
        self,
        host: ConnectionHost,
        number: int,
        register_stream: Callable[[StreamSender, int], object],
        requests: Sequence[CompleteRequest],
        received: bytes,
    ) -> None:
        super().__init__(host, number, register_stream)
        self._backlog += reversed(requests)
        self._received = received

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._process_received()

    @guarded
    def _process_received(self) -> None:
        received, self._received = self._received, b""
        self.process_backlog()
        if received:
            self.data_received(received)
