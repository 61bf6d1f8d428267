"""One client's connection: requests in, answers out, in the order of the requests.

Requests are answered as they come, so that the order of play is the order of arrival. A client that
does not read makes its stream wait and its requests stay unread: what is held is bounded.
"""

import asyncio
from collections import deque

from msgspec import Struct

from ...proto.http.request import HttpRequest
from ..http.http1 import (
    CONTINUE_RESPONSE,
    BodyEnd,
    BodyPart,
    CompleteRequest,
    ContinueExpected,
    HttpRequestError,
    RequestEvent,
    RequestStarted,
)
from ..http.request_parser import RequestParser
from .outbox import ResponseQueue
from .ports import BodySink, ConnectionHost

_LINGER_SECONDS = 2.0
"""How long a refused client may go on sending, so that it gets to read the refusal."""


class _Coming(Struct):
    """A request that is on its way."""

    reception: BodySink
    keep_alive: bool
    is_answered: bool = False


class Connection(asyncio.Protocol):
    """HTTP/1 over one transport."""

    _transport: asyncio.Transport

    def __init__(self, host: ConnectionHost) -> None:
        self._host = host
        self.number = host.next_connection_number()
        self._requests = RequestParser(host.limits, host.request_cache, self._begin)
        self._out = ResponseQueue(host, self.number, self._finish, self.close, self._work)
        self._backlog: deque[RequestEvent] = deque()
        self._begun = deque[BodySink]()
        self._coming: _Coming | None = None
        self._unread = False
        self._since: float | None = None

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        transport.set_write_buffer_limits(self._host.limits.max_unsent_bytes)
        self._transport = self._out.transport = transport
        self._host.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget everything; nothing more can be sent."""
        self._out.stop()
        self._backlog.clear()
        if self._coming is not None:
            self._coming.reception.abort()
            self._coming = None
        self._host.connections.discard(self)
        self._host.connection_closed(self.number)

    def data_received(self, data: bytes) -> None:
        """Answer what is whole."""
        if self._out.is_closed:
            return
        items = self._requests.feed(data)
        self._watch(bool(items))
        if items:
            self._backlog.extend(items)
            self._work()

    def pause_writing(self) -> None:
        """Wait: the client does not read."""
        self._out.is_full = True

    def resume_writing(self) -> None:
        """Go on with the stream, then with what else arrived."""
        self._out.resume()
        self._work()

    # What the server calls.

    @property
    def is_busy(self) -> bool:
        """Whether an answer is on its way, or a request has begun."""
        return self._out.is_busy or bool(self._backlog) or self._requests.has_unfinished

    def check_timeout(self, now_seconds: float) -> None:
        """Give up on a client that has been silent for too long within a request."""
        if self._since is None or self._unread:
            return
        silent_seconds = now_seconds - self._since
        if self._out.is_closed:
            if silent_seconds > _LINGER_SECONDS:
                self._transport.abort()
        elif (
            silent_seconds > self._host.limits.receive_timeout_seconds
            and not self._requests.is_record_stream
        ):
            self._backlog.append(HttpRequestError(408, "the request did not arrive in time"))
            self._work()
            self.close()

    def close(self) -> None:
        """Close once what was sent has gone out, or soon after if the client does not read."""
        if not self._out.is_closed:
            self._out.is_closed = True
            self._since = self._host.clock.time()
            self._transport.close()

    def abort(self) -> None:
        """Close now."""
        self._out.is_closed = True
        self._transport.abort()

    def _watch(self, whole: bool) -> None:
        """Remember since when a head, or the next piece of a body, is awaited."""
        if not self._requests.has_unfinished:
            self._since = None
        elif whole or self._since is None or self._requests.is_in_body:
            self._since = self._host.clock.time()

    def _work(self) -> None:
        """Answer what has arrived; leave the rest, and the client, waiting."""
        out = self._out
        while self._backlog and not out.is_closed and not out.is_full:
            if out.waiting_count >= self._host.limits.max_pipelined_responses:
                break
            self._answer(self._backlog.popleft())
        if out.is_closed or self._unread == bool(self._backlog):
            return
        self._unread = bool(self._backlog)
        if self._unread:
            self._transport.pause_reading()
        else:
            self._since = None
            self._watch(False)
            self._transport.resume_reading()

    def _begin(self, head: HttpRequest) -> bool:
        """Tell whether a request is taken as it comes; its parts follow in the backlog."""
        reception = self._host.begin_streamed_request(head, self.number)
        if reception is not None:
            self._begun.append(reception)
        return reception is not None

    def _answer(self, item: RequestEvent) -> None:
        match item:
            case CompleteRequest():
                self._out.enqueue(
                    self._host.answer_request(item.request, self.number), item.keep_alive
                )
            case HttpRequestError():
                self._refuse(item)
            case ContinueExpected():
                if not self._out.is_busy:
                    self._transport.write(CONTINUE_RESPONSE)
            case _:
                self._receive(item)

    def _receive(self, item: RequestStarted | BodyPart | BodyEnd) -> None:
        """Take a part of a request, and give the answer if it is time."""
        if isinstance(item, RequestStarted):
            self._coming = _Coming(self._begun.popleft(), item.keep_alive)
            return
        coming = self._coming
        assert coming is not None
        if isinstance(item, BodyPart):
            answer = coming.reception.feed(item.data)
        else:
            answer = coming.reception.close()
            self._coming = None
        if answer is not None:
            coming.is_answered = True
            self._out.enqueue(answer, coming.keep_alive)

    def _finish(self) -> None:
        """End after an answer, be the request at its end or not."""
        if self._requests.has_unfinished:
            self._hang_up()
        else:
            self.close()

    def _refuse(self, refusal: HttpRequestError) -> None:
        """Say why, then end; a request that is answered already just ends."""
        if self._out.is_busy or self._out.waiting_count:
            self.close()
            return
        if self._coming is None or not self._coming.is_answered:
            self._transport.write(refusal.render_response())
        self._hang_up()

    def _hang_up(self) -> None:
        """Send nothing more; what the client still sends is read and dropped.

        A socket closed over unread bytes sends a reset, which could overtake the answer.
        """
        if self._transport.can_write_eof():
            self._out.is_closed = True
            self._since = self._host.clock.time()
            self._transport.write_eof()
        else:
            self.close()
