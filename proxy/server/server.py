"""The replay server: plays cassettes to clients over TCP or TLS.

It listens only: no outgoing connection is opened, whatever a cassette or a client contains. (The
exception is a replay that records what it lacks: see upstream_relay.py.) All streams share one
schedule, and all connections one periodic check for silent clients.
"""

import asyncio
import errno
import os
import resource
import socket
import ssl
import sys
from collections.abc import Callable, Collection, Sequence
from itertools import count
from typing import Any

from ...cassettes.answers.answer import ReplayResponse, StreamedResponse
from ...cassettes.matching.connections import RecordedConnection
from ...cassettes.matching.misses import Miss
from ...cassettes.playback.journal import ReplayNote
from ...cassettes.playback.playback import Playback
from ...proto.http.address import LOOPBACK, Address
from ...proto.http.request import HttpRequest
from ..http.http1 import CompleteRequest, ConnectionLimits
from ..http.request_cache import RequestCache
from ..http.request_parser import HeldBodies
from ..streams.clock import Clock, LoopClock, Timer
from ..streams.schedule import Schedule
from ..streams.stream_registry import StreamRegistry
from .acceptor import Acceptor
from .answering import ListenScope, Responder
from .collector import Collector
from .connection import Connection
from .continued_connection import ContinuedConnection
from .ports import BodySink, Peer
from .turns import Turns
from .upstream_relay import ResolveUpstream

_ACCEPTED_PER_TURN = 16
"""Connections that asyncio accepts before other clients have their turn; it calls this backlog."""

_MAX_UNACCEPTED = 4096
"""Connections that wait in the kernel, which may allow fewer. Any more would wait for a second."""

_CHECK_INTERVAL_SECONDS = 1.0

_OTHER_DESCRIPTORS = 64
"""File descriptors that are kept for what is no connection of a client."""

_DRAIN_TURNS = 100
"""Turns of the loop. A request takes three: its connection, the first bytes, and the rest."""

_MAX_DRAIN_TURNS = 10_000
"""The most for pipelined requests, of which a turn answers some of one client."""


class ReplayServer:
    """Serves one `Playback`. Build it inside a running loop, then `start` and `stop` it.

    It may be started at several addresses, each for all cassettes or for some. `responder` answers
    the requests (answering.py explains the callbacks), `stream_registry` has the streams, and
    `peers` the open connections. A `collector` is for a process that does nothing but serve.
    `pass_on` gets each socket that connects, with the number of the connection, and returns
    whether another process serves it (proxy/workers).
    """

    def __init__(
        self,
        playback: Playback,
        *,
        clock: Clock | None = None,
        limits: ConnectionLimits | None = None,
        on_miss: Callable[[Miss], object] | None = None,
        on_failure: Callable[[int, Exception], object] | None = None,
        on_note: Callable[[ReplayNote], object] | None = None,
        resolve_upstream: ResolveUpstream | None = None,
        collector: Collector | None = None,
        pass_on: Callable[[socket.socket, int, ListenScope], bool] | None = None,
    ) -> None:
        self.clock = clock or LoopClock()
        self.schedule = Schedule(self.clock)
        self.limits = limits or ConnectionLimits()
        self.request_cache = RequestCache(self.limits.max_head_bytes)
        self.held_bodies = HeldBodies()
        self.turns = Turns()
        self.stream_registry = StreamRegistry()
        self.responder = Responder(
            playback,
            self.clock,
            on_miss=on_miss,
            on_failure=on_failure,
            on_note=on_note,
            resolve_upstream=resolve_upstream,
        )
        self.peers = set[Peer]()
        self._peer_left = asyncio.Event()
        self._numbers = count(1)
        self._listeners: list[asyncio.Server] = []
        self._scopes: dict[int, ListenScope] = {}
        self._check_timer: Timer | None = None
        self._max_connections = min(self.limits.max_connections, free_descriptors())
        self._has_refused = False
        self._collector = collector
        self._pass_on = pass_on
        self._acceptors: list[Acceptor] = []
        self._connecting = set[asyncio.Task[None]]()

    async def start(
        self,
        host: str = LOOPBACK.host,
        port: int = LOOPBACK.port,
        *,
        tls: ssl.SSLContext | None = None,
        cassette_indexes: Collection[int] | None = None,
    ) -> tuple[str, int]:
        """Listen, and return the real address; port 0 selects a free one. Raises OSError.

        With `cassette_indexes`, only these cassettes are played at this address.
        """
        indexes = None if cassette_indexes is None else frozenset(cassette_indexes)

        def connect() -> Connection:
            number = next(self._numbers)
            self._scopes[number] = scope
            return Connection(self, number, self.stream_registry.register)

        def pass_on(client: socket.socket) -> None:
            number = next(self._numbers)
            if self._pass_on is None or not self._pass_on(client, number, scope):
                self.go_on_with(client, number, scope, tls=tls)

        loop = asyncio.get_running_loop()
        listener = await loop.create_server(
            connect, host, port, ssl=tls, backlog=_ACCEPTED_PER_TURN, start_serving=False
        )
        host, port = listener.sockets[0].getsockname()[:2]
        scope = ListenScope(str(Address(host, port)), indexes)
        self._listeners.append(listener)
        if self._pass_on is None:
            await listener.start_serving()
            _enlarge_backlog(listener)
        else:
            for each in listener.sockets:
                acceptor = Acceptor(each.fileno(), pass_on, self._report_refusal)
                acceptor.start(_MAX_UNACCEPTED)
                self._acceptors.append(acceptor)
        if self._check_timer is None:
            self._start_check_timer()
        return host, port

    def go_on_with(
        self,
        client: socket.socket,
        number: int,
        scope: ListenScope,
        *,
        claims: Sequence[RecordedConnection] = (),
        requests: Sequence[CompleteRequest] = (),
        received: bytes = b"",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Serve a client that was accepted here, or by another process.

        That has received `requests` without answering them, and `received` after them; the client
        stands for the recorded connections `claims`.
        """
        connection = ContinuedConnection(
            self, number, self.stream_registry.register, requests, received
        )

        async def connect() -> None:
            self._scopes[number] = scope
            self.responder.playback.restore_claims(number, claims)
            try:
                loop = asyncio.get_running_loop()
                await loop.connect_accepted_socket(lambda: connection, client, ssl=tls)
            except OSError:  # It has left.
                self._scopes.pop(number, None)

        task = asyncio.create_task(connect())
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def drain(self) -> None:
        """Process what clients have sent already, also those that have left."""
        for turn in range(_MAX_DRAIN_TURNS):
            await asyncio.sleep(0)
            if turn >= _DRAIN_TURNS and not any(peer.awaits_turn for peer in self.peers):
                break

    async def stop(self) -> None:
        """Stop listening, close all streams and connections, and wait until they are closed."""
        for each in (*self._listeners, *self._acceptors):
            each.close()
        for task in self._connecting:
            task.cancel()
        self.schedule.stop()
        if self._check_timer is not None:
            self._check_timer.cancel()
            self._check_timer = None
        for peer in list(self.peers):
            peer.abort()
        for listener in self._listeners:
            await listener.wait_closed()
        # That waits for the connections in asyncio, but not in every event loop.
        while self.peers:
            self._peer_left.clear()
            await self._peer_left.wait()
        self._listeners.clear()

    def reset(self, playback: Playback | None = None) -> None:
        """Begin a new playback, or this one, and abort the requests and responses under way.

        Raises ValueError or OSError if the cassettes cannot be played any more.
        """
        self.responder.reset(playback)
        self.stream_registry.clear()
        for peer in list(self.peers):
            if peer.is_busy:
                peer.abort()

    def _start_check_timer(self) -> None:
        when = self.clock.time() + _CHECK_INTERVAL_SECONDS
        self._check_timer = self.clock.call_at(when, self._check_timeouts)

    def _check_timeouts(self) -> None:
        now_seconds = self.clock.time()
        try:
            for peer in list(self.peers):
                peer.check_timeout(now_seconds)
        finally:
            self._start_check_timer()

    def handle_loop_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Report an error that nothing else has caught; for `loop.set_exception_handler`."""
        error = context.get("exception")
        if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
            self._report_refusal()  # asyncio tries again, every second.
        elif isinstance(error, Exception) and not isinstance(error, OSError):
            self.report_failure(0, error)
        else:
            loop.default_exception_handler(context)

    # Called by a connection.

    def joined(self, peer: Peer) -> bool:
        """Add an open connection; return False if there are too many."""
        if len(self.peers) >= self._max_connections:
            self._report_refusal()
            return False
        self.peers.add(peer)
        if self._collector is not None:
            self._collector.note_opened(peer.number)
        return True

    def left(self, peer: Peer) -> None:
        """Remove a closed connection."""
        self.peers.discard(peer)
        self._peer_left.set()
        self._scopes.pop(peer.number, None)
        self.responder.playback.forget_connection(peer.number)
        if self._collector is not None:
            self._collector.note_closed(peer.number)

    def answer_request(
        self, request: HttpRequest, client: int
    ) -> ReplayResponse | StreamedResponse:
        """Return the response to a request, also for a miss or a failure."""
        return self.responder.answer_request(request, client, self._scopes[client])

    def begin_streamed_request(self, head: HttpRequest, client: int) -> BodySink | None:
        """Return a sink for the body if it is processed in parts, or None if as a whole."""
        return self.responder.begin_streamed_request(head, client, self._scopes[client])

    def report_failure(self, exchange: int, error: Exception) -> None:
        """Report that a stream or connection could not be served to its end."""
        self.responder.report_failure(exchange, error)

    def _report_refusal(self) -> None:
        """Report once that a connection was refused."""
        if not self._has_refused:
            self._has_refused = True
            text = f"further connections are refused: {len(self.peers)} are open"
            self.report_failure(0, ConnectionRefusedError(text))


def _enlarge_backlog(listener: asyncio.Server) -> None:
    """Let more connections wait than are accepted in a turn: to listen again only sets this."""
    for each in listener.sockets:
        with socket.socket(fileno=os.dup(each.fileno())) as listening:
            listening.listen(_MAX_UNACCEPTED)


def free_descriptors() -> int:
    """Return how many connections a process may have open, beside its files."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else max(1, soft - _OTHER_DESCRIPTORS)
