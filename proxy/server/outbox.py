"""Answers on their way to one client, in the order of the requests.

An answer behind a stream waits until the stream ends, as in libprocess (src/http_proxy.cpp).
"""

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from functools import partial

from msgspec.structs import replace

from ...cassettes.answers.answer import ReplayResponse, StreamedResponse
from .ports import ConnectionHost
from .stream_sender import StreamSender
from .upstream_relay import Forwarded, UpstreamRelay

_SHARED_WRITE = 64 * 1024
"""Bytes. Head and body up to this size go out in one write."""

_NO_LINGER = struct.pack("ii", 1, 0)
"""For SO_LINGER: closing the socket drops what is unsent, and sends a reset."""


class ResponseQueue:
    """What one client is to get; the outlet of its streams.

    `client` is the number of the connection. `full` tells that it has left so much unread that a
    stream waits, and `lost` that nothing more can be sent. `on_end` is called after an answer that
    ends the connection, `on_close` after such a stream, and `on_free` when there is place for more
    answers.
    """

    transport: asyncio.Transport

    def __init__(
        self,
        host: ConnectionHost,
        client: int,
        on_end: Callable[[], object],
        on_close: Callable[[], object],
        on_free: Callable[[], object],
    ) -> None:
        self.is_full = self.is_closed = False
        self._host, self._client = host, client
        self._on_end, self._on_close, self._on_free = on_end, on_close, on_free
        self._queue: deque[tuple[ReplayResponse | StreamedResponse, bool]] = deque()
        self._stream: StreamSender | HeldResponse | UpstreamRelay | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a stream or an answer is under way."""
        return self._stream is not None

    @property
    def waiting_count(self) -> int:
        """How many answers wait behind it."""
        return len(self._queue)

    def enqueue(self, answer: ReplayResponse | StreamedResponse, keep_alive: bool) -> None:
        """Send an answer, now or when those before it are over."""
        if self._stream is None:
            self._send(answer, keep_alive)
        else:
            self._queue.append((answer, keep_alive))

    def resume(self) -> None:
        """Go on: the client reads again."""
        self.is_full = False
        if self._stream is not None:
            self._stream.resume()

    def stop(self) -> None:
        """Send nothing more: the client has left."""
        self.is_closed = True
        if self._stream is not None:
            self._stream.stop()
            self._stream = None
        for answer, _ in self._queue:
            if isinstance(answer, StreamedResponse) and answer.handle is not None:
                answer.handle.mark_over(client_left=True)
        self._queue.clear()

    # What a stream calls.

    def write(self, data: bytes) -> None:
        """Send bytes of the stream."""
        self.transport.write(data)

    def reset_connection(self) -> None:
        """Break the connection: the client gets a reset (RST), and nothing that is not sent yet."""
        connected = self.transport.get_extra_info("socket")
        if connected is not None:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self._stream = None
        self.is_closed = True
        self.transport.abort()

    def stream_ended(self, *, close: bool) -> None:
        """Go on with the answers that waited, or end the connection."""
        self._stream = None
        if close:
            self._on_close()
        else:
            self._send_queued()

    def _send_queued(self) -> None:
        while self._queue and self._stream is None and not self.is_closed:
            self._send(*self._queue.popleft())
        self._on_free()

    def _send(self, answer: ReplayResponse | StreamedResponse, keep_alive: bool) -> None:
        if isinstance(answer, StreamedResponse):
            self.transport.write(answer.head)
            stream = self._stream = StreamSender(self, self._host, answer, keep_alive)
            stream.begin()
            self._host.stream_opened(stream, self._client)
            return
        if isinstance(answer, Forwarded):
            relay = self._stream = UpstreamRelay(
                self, answer, keep_alive, partial(self._host.report_failure, 0)
            )
            relay.begin()
            return
        if answer.latches:
            self._hold(answer, keep_alive)
            return
        if len(answer.body) <= _SHARED_WRITE:
            self.transport.write(answer.head + answer.body)
        else:
            self.transport.write(answer.head)
            self.transport.write(answer.body)
        if answer.close or not keep_alive:
            self._on_end()

    def _hold(self, answer: ReplayResponse, keep_alive: bool) -> None:
        """Send an answer when its gates are open."""

        def send() -> None:
            self._stream = None
            self._send(replace(answer, latches=()), keep_alive)
            self._send_queued()

        self._stream = HeldResponse(answer, send)
        self._stream.begin()


class HeldResponse:
    """A response that waits until all its latches are open."""

    def __init__(self, response: ReplayResponse, send: Callable[[], object]) -> None:
        self._latches = [latch for latch in response.latches if not latch.is_open]
        self._send = send

    def begin(self) -> None:
        """Wait for the first latch that is not open; without one, send the response."""
        self._latches = [latch for latch in self._latches if not latch.is_open]
        if self._latches:
            self._latches[0].add_open_callback(self.begin)
        else:
            self._send()

    def resume(self) -> None:
        """Do nothing: no wait depends on whether the client reads."""

    def stop(self) -> None:
        """Drop the response: the client has left."""
        for latch in self._latches:
            latch.remove_open_callback(self.begin)
