"""A worker: a process that answers what it can, and returns all other clients to its parent.

It is forked before the parent listens, and ends when the parent does, or closes the channel. It
ignores the signals that a terminal or a supervisor sends to all processes of a replay, because the
parent gets them too.
"""

import asyncio
import os
import signal
import socket
import ssl
from collections import deque
from collections.abc import Coroutine
from functools import partial
from typing import Any

from ...cassettes.answers.answer import ReplayResponse
from ...cassettes.playback.shared_playback import SharedPlayback
from ...proto.http.request import HttpRequest
from ..http.http1 import CompleteRequest, ConnectionLimits
from ..http.request_cache import RequestCache
from ..server.answering import ListenScope
from ..server.collector import Collector
from ..server.request_journal import MAX_ENTRIES, AnsweredCall
from ..server.turns import Turns
from .channel import (
    Account,
    Channel,
    ClientPassed,
    ClientReturned,
    Question,
    RequestsDropped,
    WorkerMessage,
)
from .relay import RelayEnd
from .worker_connection import WorkerConnection

IGNORED_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_CHECK_INTERVAL_SECONDS = 1.0
_DRAIN_TURNS, _MAX_DRAIN_TURNS = 100, 10_000
"""Turns of the loop in which what clients have sent arrives here, and in which it is answered."""


class Worker:
    """The connections of a worker.

    `left_counts` has for each worker how many clients have left it, in shared memory. `keeps_calls`
    is set if somebody may read the journal.
    """

    def __init__(
        self,
        number: int,
        playback: SharedPlayback,
        parent: socket.socket,
        tls: ssl.SSLContext | None,
        left_counts: memoryview,
        *,
        keeps_calls: bool,
    ) -> None:
        self.limits = ConnectionLimits()
        self.request_cache = RequestCache(self.limits.max_head_bytes)
        self.turns = Turns()
        self._number = number
        self._playback = playback
        self._tls = tls
        self._left_counts = left_counts
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._channel = Channel(parent, self._process, self._ended.set)
        self._clients = set[WorkerConnection]()
        self._tasks = set[asyncio.Task[None]]()
        self._collector = Collector()
        self._call_count = 0
        self._calls = deque[AnsweredCall](maxlen=MAX_ENTRIES if keeps_calls else 0)

    async def run(self) -> None:
        """Serve until the parent ends."""
        while not self._ended.is_set():
            now_seconds = self._loop.time()
            for client in list(self._clients):
                client.check_timeout(now_seconds)
            try:
                async with asyncio.timeout(_CHECK_INTERVAL_SECONDS):
                    await self._ended.wait()
            except TimeoutError:
                pass

    # Called by a connection.

    def answer(
        self, request: HttpRequest, client: int, scope: ListenScope
    ) -> ReplayResponse | None:
        """Answer a request, or return None: then the parent has to."""
        now_seconds = self._loop.time()
        try:
            answer = self._playback.answer(request, now_seconds, client, scope.cassettes)
        except Exception:  # The parent reports it.
            return None
        if answer is not None:
            self._call_count += 1
            if self._calls.maxlen:
                self._calls.append(AnsweredCall(now_seconds, client, request, answer.exchange))
        return answer

    def give_back(
        self, client: WorkerConnection, requests: list[CompleteRequest], received: bytes
    ) -> None:
        """Let the parent go on with a client, of which these were received and not answered."""
        claims = self._playback.connections.take_claims(client.number)
        message = ClientReturned(client.number, client.scope, claims, requests, received)
        if self._tls is None and not client.is_lost:
            connected: socket.socket = client.transport.get_extra_info("socket")
            self._channel.send(message, socket.socket(fileno=os.dup(connected.fileno())))
            client.transport.abort()
            return
        ours, theirs = socket.socketpair()
        self._channel.send(message, theirs)
        if client.is_lost:
            ours.close()
            self.left(client)
        else:
            self._begin_task(self._relay(client, ours))

    def report_dropped(self, count: int) -> None:
        """Let the parent report requests that are not answered."""
        self._channel.send(RequestsDropped(count))

    def left(self, client: WorkerConnection) -> None:
        """Forget a client."""
        if client in self._clients:
            self._clients.discard(client)
            self.turns.left_requests -= client.left_requests
            self._left_counts[self._number] += 1
            self._playback.connections.forget_connection(client.number)
            self._collector.note_closed(client.number)

    # Called by the channel.

    def _process(self, message: WorkerMessage, client: socket.socket | None) -> None:
        match message:
            case ClientPassed() if client is not None:
                self._begin_task(self._connect(message, client))
            case Question():
                self._begin_task(self._give_account(message))
            case _:
                pass

    async def _connect(self, passed: ClientPassed, client: socket.socket) -> None:
        self._collector.note_opened(passed.number)
        connection = WorkerConnection(self, passed.number, passed.scope)
        self._clients.add(connection)
        try:
            await self._loop.connect_accepted_socket(lambda: connection, client, ssl=self._tls)
        except OSError:  # It has left, or failed to agree on keys.
            self.left(connection)

    async def _give_account(self, question: Question) -> None:
        """Process what clients have sent, then report what was answered."""
        for turn in range(_MAX_DRAIN_TURNS):
            await asyncio.sleep(0)
            if turn >= _DRAIN_TURNS and not any(each.has_requests for each in self._clients):
                break
        if question.is_reset:
            self._playback.connections.forget_claims()
            for client in list(self._clients):
                client.abort_if_busy()
        self._channel.send(Account(self._call_count, list(self._calls)))
        self._call_count = 0
        self._calls.clear()

    async def _relay(self, client: WorkerConnection, parent: socket.socket) -> None:
        """Pass on what a client and the parent send."""
        left = partial(self.left, client)
        transport, _ = await self._loop.connect_accepted_socket(
            lambda: RelayEnd(client.transport, left), parent
        )
        client.transport.set_protocol(RelayEnd(transport, left))
        client.transport.resume_reading()

    def _begin_task(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
