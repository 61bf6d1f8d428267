"""One client of a worker.

Whole requests are answered as they arrive, as long as the worker has answers. At the first for
which it has none, the client goes to the parent for good, with what was received of it. So does one
that is not usual in any way: its request is not HTTP, streamed, long, or slow to arrive.
"""

import asyncio
from collections import deque
from typing import Protocol, cast, override

from ...cassettes.answers.answer import ReplayResponse
from ...proto.http.request import HttpRequest
from ..http.http1 import CompleteRequest, ConnectionLimits
from ..http.request_cache import RequestCache
from ..http.request_parser import RequestParser
from ..server.answering import ListenScope
from ..server.turns import TURN_SECONDS, Turns

_MAX_RECEIVED_BYTES = 256 * 1024
"""Of an unfinished request, that are held until it is whole or the parent goes on with it."""

_MAX_JOINED_BYTES = 64 * 1024
"""Head and body up to this size are sent in one write."""

_SLOW_SECONDS = 1.0
"""How long a request may take to arrive."""


class WorkerHost(Protocol):
    """The worker, as a connection sees it."""

    @property
    def limits(self) -> ConnectionLimits:
        """The limits of a connection."""
        ...

    @property
    def request_cache(self) -> RequestCache:
        """The parsed requests that all connections share."""
        ...

    @property
    def turns(self) -> Turns:
        """The turns of the connections that have many requests to answer."""
        ...

    def answer(
        self, request: HttpRequest, client: int, scope: ListenScope
    ) -> ReplayResponse | None:
        """Answer a request, or return None: then the parent has to."""
        ...

    def give_back(
        self, client: "WorkerConnection", requests: list[CompleteRequest], received: bytes
    ) -> None:
        """Let the parent go on with a client, of which these were received and not answered."""
        ...

    def report_dropped(self, count: int) -> None:
        """Report requests that are not answered."""
        ...

    def left(self, client: "WorkerConnection") -> None:
        """Forget a client."""
        ...


class WorkerConnection(asyncio.Protocol):
    """HTTP/1 over one transport. `number` is that of the connection, in all processes.

    `is_lost` is true after the client has left; then `left_requests` is how many it left behind.
    """

    # `_received` are the bytes of an unfinished request, with those of the requests before it that
    # arrived together with it (`_whole`): if it does not become whole, the parent gets the bytes.
    # Then all of them move to `_requests`, from which they are answered one by one. Reading pauses
    # while some stay there, because the client does not read, or it is the turn of others.

    transport: asyncio.Transport

    def __init__(self, host: WorkerHost, number: int, scope: ListenScope) -> None:
        self.number = number
        self.scope = scope
        self._host = host
        self._loop = asyncio.get_running_loop()
        self._parser = RequestParser(host.limits, host.request_cache, lambda _: True)
        self._received = b""
        self._whole: list[CompleteRequest] = []
        self._requests = deque[CompleteRequest]()
        self.left_requests = 0
        self.is_lost = self._has_begun = False
        self._is_full = self._is_paused = self._is_leaving = self._is_over = False
        self._unfinished_since_seconds = 0.0

    # Called by the transport.

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._has_begun = True
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(self._host.limits.max_unsent_bytes)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        if self._is_leaving and not self._is_over:
            self._leave()
        elif self.has_requests:  # What the client has sent is processed, although it did not wait.
            count = len(self._requests)
            if self._host.turns.hold_left(count):
                self.left_requests = count
            else:
                self._requests.clear()
                self._host.report_dropped(count)
            self._answer()
        else:
            self._host.left(self)

    @override
    def data_received(self, data: bytes) -> None:
        if self._is_leaving:
            self._received += data
            return
        if not self._received:
            self._unfinished_since_seconds = self._loop.time()
        self._received += data
        events = self._parser.feed(data)
        whole = [event for event in events if isinstance(event, CompleteRequest)]
        self._whole += whole
        if len(whole) != len(events) or len(self._received) > _MAX_RECEIVED_BYTES:
            self._leave()
        elif not self._parser.has_unfinished:
            self._requests += self._whole
            self._received, self._whole = b"", []
            self._answer()

    @override
    def pause_writing(self) -> None:
        self._is_full = True

    @override
    def resume_writing(self) -> None:
        self._is_full = False
        if self._is_leaving:
            self._leave()
        else:
            self._answer()

    # Called by the worker.

    @property
    def has_requests(self) -> bool:
        """True if it goes on with requests that have arrived, when it can."""
        return bool(self._requests) and not (self._is_leaving or self._is_over)

    def abort_if_busy(self) -> None:
        """Close now if a response is being sent, or a request has begun to arrive."""
        if not self._has_begun:
            return
        if self._received or self._requests or self.transport.get_write_buffer_size():
            self._is_over = True
            self.transport.abort()

    def check_timeout(self, now_seconds: float) -> None:
        """Give the client to the parent if its request is slow to arrive."""
        is_slow = now_seconds - self._unfinished_since_seconds > _SLOW_SECONDS
        if self._received and is_slow and not (self._is_leaving or self._is_over):
            self._leave()

    # Requests.

    def _answer(self) -> None:
        began_seconds = self._loop.time()
        while self.has_requests and (self.is_lost or not self._is_full):
            request = self._requests[0]
            answer = self._host.answer(request.request, self.number, self.scope)
            if answer is None:
                self._leave()
                return
            self._requests.popleft()
            self._send(answer, request.keep_alive)
            if self._requests and self._loop.time() - began_seconds > TURN_SECONDS:
                self._host.turns.add(self._answer)
                break
        if self.is_lost and not self.has_requests:
            self._host.left(self)
        elif self._is_paused != self.has_requests and not (self.is_lost or self._is_over):
            self._is_paused = not self._is_paused
            if self._is_paused:
                self.transport.pause_reading()
            else:
                self.transport.resume_reading()

    def _send(self, answer: ReplayResponse, keep_alive: bool) -> None:
        assert isinstance(answer.content, bytes)
        if self.is_lost:
            return
        if len(answer.content) <= _MAX_JOINED_BYTES:
            self.transport.write(answer.head + answer.content)
        else:
            self.transport.write(answer.head)
            self.transport.write(answer.content)
        if answer.close or not keep_alive:
            self._is_over = True
            self.transport.close()

    def _leave(self) -> None:
        """Let the parent go on as soon as all answers have been sent."""
        self._is_leaving = True
        if not self.is_lost:
            self.transport.pause_reading()
        if not self.is_lost and self.transport.get_write_buffer_size():
            self.transport.set_write_buffer_limits(0)  # Calls `resume_writing` when it is empty.
        elif not self._is_over:
            self._is_over = True
            self._host.give_back(self, list(self._requests), self._received)
