"""One client's connection: requests in, answers out, in the order of the requests.

Requests are answered as they come, so that the order of play is the order of arrival; an answer
behind a stream waits until the stream ends, as in libprocess (src/http_proxy.cpp). A client that
does not read makes its stream wait and its requests stay unread: what is held is bounded.
"""

import asyncio
import socket
import struct
from collections import deque
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from ..cassettes.answers import Answer, StreamAnswer
from ..cassettes.received import Received
from .clock import Clock
from .known import Known
from .requests import Requests
from .schedule import Schedule
from .streaming import Holding, Streaming
from .wire import (
    CONTINUE,
    Arrived,
    Begun,
    Ended,
    Expected,
    Item,
    Limits,
    Part,
    RefusedError,
)

_SHARED_WRITE = 64 * 1024
"""Bytes. Head and body up to this size go out in one write."""

_LINGER_SECONDS = 2.0
"""How long a refused client may go on sending, so that it gets to read the refusal."""

_NO_LINGER = struct.pack("ii", 1, 0)
"""For SO_LINGER: closing the socket drops what is unsent, and sends a reset."""


class Host(Protocol):
    """What a connection needs of its server."""

    @property
    def clock(self) -> Clock:
        """What time it is."""
        ...

    @property
    def schedule(self) -> Schedule:
        """Where streams wait for their deadlines."""
        ...

    @property
    def limits(self) -> Limits:
        """The bounds of a connection."""
        ...

    @property
    def known(self) -> Known:
        """Requests that came before, on any connection."""
        ...

    @property
    def connections(self) -> "set[Connection]":
        """All that are open."""
        ...

    def number(self) -> int:
        """Give a new connection its number, from 1 on."""
        ...

    def answer(self, request: Received, client: int) -> Answer | StreamAnswer:
        """Answer a connection, by its number, also with the report of a miss or a failure."""
        ...

    def left(self, client: int) -> None:
        """Forget a connection that is gone."""
        ...

    def receive(self, head: Received, client: int) -> "Reception | None":
        """Begin to take a request as it comes; None if it is to be taken whole."""
        ...

    def opened(self, stream: Streaming, client: int) -> None:
        """Note that a stream begins on a connection."""
        ...

    def failed(self, exchange: int, error: Exception) -> None:
        """Report that a stream could not be played to its end."""
        ...


class Reception(Protocol):
    """A request that is taken as it comes; one call gives its answer."""

    def feed(self, data: bytes) -> Answer | StreamAnswer | None:
        """Take a piece of the body."""
        ...

    def end(self) -> Answer | StreamAnswer | None:
        """Take the end."""
        ...

    def leave(self) -> None:
        """Give up: the client has gone."""
        ...


class _Coming(Struct):
    """A request that is on its way."""

    reception: Reception
    keep_alive: bool
    is_answered: bool = False


class Connection(asyncio.Protocol):
    """HTTP/1 over one transport."""

    _transport: asyncio.Transport

    def __init__(self, host: Host) -> None:
        self._host = host
        self.number = host.number()
        self._requests = Requests(host.limits, host.known, self._begin)
        self._backlog: deque[Item] = deque()
        self._queue: deque[tuple[Answer | StreamAnswer, bool]] = deque()
        self._stream: Streaming | Holding | None = None
        self._begun = deque[Reception]()
        self._coming: _Coming | None = None
        self._full = False
        self._unread = False
        self._closing = False
        self._lost = False
        self._since: float | None = None

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        transport.set_write_buffer_limits(self._host.limits.unsent)
        self._transport = transport
        self._host.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget everything; nothing more can be sent."""
        self._lost = self._closing = True
        if self._stream is not None:
            self._stream.stop()
            self._stream = None
        for answer, _ in self._queue:
            if isinstance(answer, StreamAnswer) and answer.live is not None:
                answer.live.over(left=True)
        self._queue.clear()
        self._backlog.clear()
        if self._coming is not None:
            self._coming.reception.leave()
            self._coming = None
        self._host.connections.discard(self)
        self._host.left(self.number)

    def data_received(self, data: bytes) -> None:
        """Answer what is whole."""
        if self._closing:
            return
        items = self._requests.feed(data)
        self._watch(bool(items))
        if items:
            self._backlog.extend(items)
            self._work()

    def pause_writing(self) -> None:
        """Wait: the client does not read."""
        self._full = True

    def resume_writing(self) -> None:
        """Go on with the stream, then with what else arrived."""
        self._full = False
        if self._stream is not None:
            self._stream.resume()
        self._work()

    # What the server calls.

    @property
    def busy(self) -> bool:
        """Whether an answer is on its way, or a request has begun."""
        return self._stream is not None or bool(self._backlog) or self._requests.unfinished

    def check(self, now_seconds: float) -> None:
        """Give up on a client that has been silent for too long within a request."""
        if self._since is None or self._unread:
            return
        silent_seconds = now_seconds - self._since
        if self._closing:
            if silent_seconds > _LINGER_SECONDS:
                self._transport.abort()
        elif silent_seconds > self._host.limits.patience and not self._requests.patient:
            self._backlog.append(RefusedError(408, "the request did not arrive in time"))
            self._work()
            self.close()

    def close(self) -> None:
        """Close once what was sent has gone out, or soon after if the client does not read."""
        if not self._closing:
            self._closing = True
            self._since = self._host.clock.time()
            self._transport.close()

    def abort(self) -> None:
        """Close now."""
        self._closing = True
        self._transport.abort()

    # What a stream calls.

    @property
    def full(self) -> bool:
        """Whether the client has left so much unread that a stream waits."""
        return self._full

    @property
    def lost(self) -> bool:
        """Whether nothing more can be sent."""
        return self._closing

    def write(self, data: bytes) -> None:
        """Send bytes of the stream."""
        self._transport.write(data)

    def reset(self) -> None:
        """Break the connection: the client gets a reset (RST), and nothing that is not sent yet."""
        connected = self._transport.get_extra_info("socket")
        if connected is not None:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self._stream = None
        self.abort()

    def stream_ended(self, *, close: bool) -> None:
        """Go on with the answers that waited."""
        self._stream = None
        if close:
            self.close()
            return
        self._send_queued()

    def _send_queued(self) -> None:
        while self._queue and self._stream is None and not self._closing:
            self._send(*self._queue.popleft())
        self._work()

    def _watch(self, whole: bool) -> None:
        """Remember since when a head, or the next piece of a body, is awaited."""
        if not self._requests.unfinished:
            self._since = None
        elif whole or self._since is None or self._requests.in_body:
            self._since = self._host.clock.time()

    def _work(self) -> None:
        """Answer what has arrived; leave the rest, and the client, waiting."""
        while self._backlog and not self._closing and not self._full:
            if len(self._queue) >= self._host.limits.pipelined:
                break
            self._answer(self._backlog.popleft())
        if self._lost or self._closing or self._unread == bool(self._backlog):
            return
        self._unread = bool(self._backlog)
        if self._unread:
            self._transport.pause_reading()
        else:
            self._since = None
            self._watch(False)
            self._transport.resume_reading()

    def _begin(self, head: Received) -> bool:
        """Tell whether a request is taken as it comes; its parts follow in the backlog."""
        reception = self._host.receive(head, self.number)
        if reception is not None:
            self._begun.append(reception)
        return reception is not None

    def _answer(self, item: Item) -> None:
        match item:
            case Arrived():
                self._give(self._host.answer(item.request, self.number), item.keep_alive)
            case RefusedError():
                self._refuse(item)
            case Expected():
                if self._stream is None:
                    self._transport.write(CONTINUE)
            case _:
                self._receive(item)

    def _receive(self, item: Begun | Part | Ended) -> None:
        """Take a part of a request, and give the answer if it is time."""
        if isinstance(item, Begun):
            self._coming = _Coming(self._begun.popleft(), item.keep_alive)
            return
        coming = self._coming
        assert coming is not None
        if isinstance(item, Part):
            answer = coming.reception.feed(item.data)
        else:
            answer = coming.reception.end()
            self._coming = None
        if answer is not None:
            coming.is_answered = True
            self._give(answer, coming.keep_alive)

    def _give(self, answer: Answer | StreamAnswer, keep_alive: bool) -> None:
        if self._stream is None:
            self._send(answer, keep_alive)
        else:
            self._queue.append((answer, keep_alive))

    def _send(self, answer: Answer | StreamAnswer, keep_alive: bool) -> None:
        if isinstance(answer, StreamAnswer):
            self._transport.write(answer.head)
            stream = self._stream = Streaming(self, self._host, answer, keep_alive)
            stream.begin()
            self._host.opened(stream, self.number)
            return
        if answer.gates:
            self._hold(answer, keep_alive)
            return
        if len(answer.body) <= _SHARED_WRITE:
            self._transport.write(answer.head + answer.body)
        else:
            self._transport.write(answer.head)
            self._transport.write(answer.body)
        if answer.close or not keep_alive:
            self._finish()

    def _hold(self, answer: Answer, keep_alive: bool) -> None:
        """Send an answer when its gates are open."""

        def send() -> None:
            self._stream = None
            self._send(replace(answer, gates=()), keep_alive)
            self._send_queued()

        self._stream = Holding(answer, send)
        self._stream.begin()

    def _finish(self) -> None:
        """End after an answer, be the request at its end or not."""
        if self._requests.unfinished:
            self._hang_up()
        else:
            self.close()

    def _refuse(self, refusal: RefusedError) -> None:
        """Say why, then end; a request that is answered already just ends."""
        if self._stream is not None or self._queue:
            self.close()
            return
        if self._coming is None or not self._coming.is_answered:
            self._transport.write(refusal.answer())
        self._hang_up()

    def _hang_up(self) -> None:
        """Send nothing more; what the client still sends is read and dropped.

        A socket closed over unread bytes sends a reset, which could overtake the answer.
        """
        if self._transport.can_write_eof():
            self._closing = True
            self._since = self._host.clock.time()
            self._transport.write_eof()
        else:
            self.close()
