"""Accepts connections, for a server that passes them to other processes."""

import asyncio
import os
import socket
from collections.abc import Callable

_ACCEPTED_PER_TURN = 64
_PAUSE_SECONDS = 1.0
"""How long to wait after an error, such as a lack of file descriptors. asyncio waits as long."""


class Acceptor:
    """Hands each connection to `on_client`, and an error of accepting to `on_error`.

    `descriptor` is that of a bound socket.
    """

    def __init__(
        self,
        descriptor: int,
        on_client: Callable[[socket.socket], object],
        on_error: Callable[[], object],
    ) -> None:
        self._socket = socket.socket(fileno=os.dup(descriptor))
        self._socket.setblocking(False)
        self._on_client = on_client
        self._on_error = on_error
        self._loop = asyncio.get_running_loop()

    def start(self, backlog: int) -> None:
        """Listen; `backlog` connections may wait in the kernel."""
        self._socket.listen(backlog)
        self._watch()

    def close(self) -> None:
        """Accept nothing more."""
        self._loop.remove_reader(self._socket)
        self._socket.close()

    def _watch(self) -> None:
        if self._socket.fileno() >= 0:
            self._loop.add_reader(self._socket, self._accept)

    def _accept(self) -> None:
        for _ in range(_ACCEPTED_PER_TURN):
            try:
                client, _ = self._socket.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError:
                self._on_error()
                self._loop.remove_reader(self._socket)
                self._loop.call_later(_PAUSE_SECONDS, self._watch)
                return
            self._on_client(client)
