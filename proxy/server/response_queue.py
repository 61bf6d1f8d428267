"""The responses to one client, in the order of the requests.

A response after a stream waits until the stream ends, as in libprocess (src/http_proxy.cpp).
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from functools import partial

from msgspec.structs import replace

from ...cassettes.answers.answer import ReplayResponse, StreamedResponse
from ...cassettes.storage.stored_body import StoredBody
from ..streams.clock import Clock, Timer
from ..streams.ports import StreamContext, guarded
from ..streams.stream_sender import StreamSender
from .body_sender import BodySender
from .error_answers import UnansweredRequest
from .ports import ResponseOwner
from .upstream_relay import Forwarded, UpstreamRelay

_MAX_JOINED_BYTES = 64 * 1024
"""Head and body up to this size are sent in one write."""

_NO_LINGER = struct.pack("ii", 1, 0)
"""For SO_LINGER: closing the socket drops unsent bytes and sends a reset."""


class ResponseQueue:
    """The responses of one connection; the `ResponseWriter` of its streams.

    `is_full` means that the client has left so much unread that streams wait, `is_closed` that
    nothing more can be sent; the connection sets both. The connection is the `owner`.
    """

    transport: asyncio.Transport

    def __init__(self, context: StreamContext, owner: ResponseOwner) -> None:
        self.is_full = self.is_closed = False
        self._context = context
        self._owner = owner
        self._queue: list[tuple[ReplayResponse | StreamedResponse, bool]] = []
        self._current: StreamSender | HeldResponse | UpstreamRelay | BodySender | None = None

    @property
    def is_busy(self) -> bool:
        """True if a response is being sent."""
        return self._current is not None

    @property
    def waiting_count(self) -> int:
        """The number of responses that wait for it to end."""
        return len(self._queue)

    def enqueue(self, response: ReplayResponse | StreamedResponse, keep_alive: bool) -> None:
        """Send a response, now or after those before it; drop it if the client has left."""
        if self.is_closed:
            _drop(response)
        elif self._current is None:
            self._send(response, keep_alive)
        else:
            self._queue.append((response, keep_alive))

    def resume(self) -> None:
        """Go on after the client has read."""
        self.is_full = False
        if self._current is not None:
            self._current.resume()

    def stop(self) -> None:
        """Drop all responses: the client has left. Nothing is called any more."""
        self.is_closed = True
        self._owner = _NO_OWNER  # The connection refers to this: a circle.
        if self._current is not None:
            self._current.stop()
            self._current = None
        for response, _ in self._queue:
            _drop(response)
        self._queue.clear()

    # Called by a stream.

    def write(self, data: bytes) -> None:
        """Send bytes of the stream."""
        self.transport.write(data)

    def reset_connection(self) -> None:
        """Close the connection with a reset (RST), and drop what has not been sent."""
        connected = self.transport.get_extra_info("socket")
        if connected is not None:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self._current = None
        self.is_closed = True
        self.transport.abort()

    def stream_ended(self, *, close: bool) -> None:
        """Send the responses that waited, or end the connection."""
        self._current = None
        if close:
            self._owner.close()
        else:
            self._send_queued()

    def _send_queued(self) -> None:
        while self._queue and self._current is None and not self.is_closed:
            self._send(*self._queue.pop(0))
        self._owner.process_backlog()

    def _send(self, response: ReplayResponse | StreamedResponse, keep_alive: bool) -> None:
        if isinstance(response, StreamedResponse):
            self.transport.write(response.head)
            sender = self._current = StreamSender(self, self._context, response, keep_alive)
            sender.begin()
            self._owner.stream_began(sender)
            return
        if isinstance(response, Forwarded):
            on_failure = partial(self._context.report_failure, 0)
            relay = self._current = UpstreamRelay(self, response, keep_alive, on_failure)
            relay.begin()
            return
        if isinstance(response, UnansweredRequest):
            self._hold(response, lambda: self._send(response.give_up(), keep_alive=False))
            return
        if response.latches:
            opened = replace(response, latches=())
            self._hold(response, lambda: self._send(opened, keep_alive))
            return
        content = response.content
        if isinstance(content, StoredBody):
            self._send_stored(response, content, keep_alive)
            return
        if len(content) <= _MAX_JOINED_BYTES:
            self.transport.write(response.head + content)
        else:
            self.transport.write(response.head)
            self.transport.write(content)
        if response.close or not keep_alive:
            self._owner.end_after_response()

    def _send_stored(self, response: ReplayResponse, body: StoredBody, keep_alive: bool) -> None:
        """Send a body from the cassette, and go on after it; if it cannot be read, cut it."""

        def go_on() -> None:
            self._current = None
            if response.close or not keep_alive:
                self._owner.end_after_response()
            self._send_queued()

        def cut(error: Exception) -> None:
            self._context.report_failure(response.exchange, error)
            self.stream_ended(close=True)

        self.transport.write(response.head)
        sender = self._current = BodySender(self, body, go_on, cut)
        sender.send_block()

    def _hold(self, response: ReplayResponse, send: Callable[[], object]) -> None:
        """Send a response when its latches are open, or when its client has not hung up in time."""

        def send_and_go_on() -> None:
            self._current = None
            send()
            self._send_queued()

        self._current = HeldResponse(response, send_and_go_on, self._owner.fail)
        self._current.begin()
        if isinstance(response, UnansweredRequest):
            clock, limits = self._context.clock, self._context.limits
            when = clock.time() + limits.hang_up_timeout_seconds
            self._current.give_up_at(when, clock)


class _NoOwner:
    """Stands for the connection after its client has left."""

    def stream_began(self, sender: StreamSender) -> None: ...
    def end_after_response(self) -> None: ...
    def process_backlog(self) -> None: ...
    def close(self) -> None: ...
    def fail(self, error: Exception, /) -> None: ...


_NO_OWNER = _NoOwner()


def _drop(response: ReplayResponse | StreamedResponse) -> None:
    if isinstance(response, StreamedResponse) and response.handle is not None:
        response.handle.mark_over(client_left=True)


class HeldResponse:
    """A response that waits until all its latches are open."""

    def __init__(
        self,
        response: ReplayResponse,
        send: Callable[[], object],
        on_failure: Callable[[Exception], object],
    ) -> None:
        self.fail = on_failure
        self._latches = [latch for latch in response.latches if not latch.is_open]
        self._send = send
        self._timer: Timer | None = None

    def give_up_at(self, when_seconds: float, clock: Clock) -> None:
        """Send the response then, although its latches are not open."""
        self._timer = clock.call_at(when_seconds, self._give_up)

    @guarded
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
        if self._timer is not None:
            self._timer.cancel()

    @guarded
    def _give_up(self) -> None:
        self.stop()
        self._send()
