"""The workers of a replay, as its parent sees them.

    forked = fork_workers(playback, 2, tls, keeps_calls=False)     before there is an event loop
    pool = WorkerPool(forked, on_failure)
    server = ReplayServer(playback, pass_on=pool.pass_on, …)
    pool.begin(server)

The parent accepts every connection and passes it to one worker after the other, so that all have
the same number. A client that wants more than its worker can answer comes back, and stays.
"""

import asyncio
import gc
import os
import signal
import socket
import ssl
import time
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple, Never

from ...cassettes.playback.playback import Playback
from ...cassettes.playback.shared_playback import shared_column
from ..http.http1 import ConnectionLimits
from ..server.answering import ListenScope
from ..server.server import ReplayServer, free_descriptors
from ..server.turns import too_many_left
from .channel import (
    Account,
    Channel,
    ClientPassed,
    ClientReturned,
    Question,
    RequestsDropped,
    WorkerMessage,
)
from .worker import IGNORED_SIGNALS, Worker

_ACCOUNT_SECONDS = 10.0
"""How long a worker may take to say what it has answered before it is killed."""

_END_SECONDS, _POLL_SECONDS = 5.0, 0.005
"""How long a worker may take to end before it is killed, and how often that is looked at."""


class ForkedWorkers(NamedTuple):
    """Workers, the parent's ends of the sockets between them, and how many clients left each."""

    pids: list[int]
    sockets: list[socket.socket]
    left_counts: memoryview
    max_clients: int


def fork_workers(
    playback: Playback, count: int, tls: ssl.SSLContext | None, *, keeps_calls: bool
) -> ForkedWorkers:
    """Fork workers of a playback, which share its memory.

    Raises OSError, and ValueError if there is nothing that they could answer.
    """
    shared = playback.share(count)
    if not shared.independent_count:
        raise ValueError("all recorded exchanges depend on streams or subscriptions")
    gc.collect()
    gc.freeze()  # So that the collectors of the workers do not write to the pages that are shared.
    max_clients = min(ConnectionLimits().max_connections, free_descriptors())
    # A client that speaks TLS takes two files when the parent goes on with it.
    forked = ForkedWorkers(
        [], [], shared_column(count, "Q"), max_clients if tls is None else max_clients // 2
    )
    for number in range(count):
        ours, theirs = socket.socketpair()

        async def serve(number: int = number, parent: socket.socket = theirs) -> None:
            shared.served_counts = shared.state.served_counts[number]
            left = forked.left_counts
            await Worker(number, shared, parent, tls, left, keeps_calls=keeps_calls).run()

        # The parent's handlers must not run in the worker before it ignores these signals.
        signal.pthread_sigmask(signal.SIG_BLOCK, IGNORED_SIGNALS)
        try:
            pid = os.fork()
            if pid == 0:
                for each in (ours, *forked.sockets):
                    each.close()
                _be_worker(serve)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, IGNORED_SIGNALS)
        theirs.close()
        forked.pids.append(pid)
        forked.sockets.append(ours)
    return forked


def _be_worker(serve: Callable[[], Coroutine[Any, Any, None]]) -> Never:
    """Serve, and end the process; nothing of the parent's must run in it."""
    code = 1
    try:
        for number in IGNORED_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, IGNORED_SIGNALS)
        asyncio.run(serve())
        code = 0
    except BaseException as error:
        os.write(2, f"mesotape: worker: {type(error).__name__}: {error}\n".encode())
    finally:
        os._exit(code)


class WorkerPool:
    """The workers of a running replay. `on_failure` gets the end of a worker, as an error."""

    def __init__(
        self, forked: ForkedWorkers, on_failure: Callable[[int, Exception], object]
    ) -> None:
        self._pids = dict(enumerate(forked.pids))
        self._left_counts = forked.left_counts
        self._passed_counts = [0] * len(forked.pids)
        self._max_clients = forked.max_clients
        self._on_failure = on_failure
        self._channels = [
            Channel(
                connected,
                lambda message, client, number=number: self._process(number, message, client),
                lambda number=number: self._lost(number),
            )
            for number, connected in enumerate(forked.sockets)
        ]
        self._accounts: dict[int, asyncio.Future[Account]] = {}
        self._question_lock = asyncio.Lock()

    def begin(self, server: ReplayServer) -> None:
        """Set the server that goes on with what workers return, before any client connects."""
        self._server = server

    def pass_on(self, client: socket.socket, number: int, scope: ListenScope) -> bool:
        """Pass a client that has connected to a worker; False if none can take it."""
        alive = [each for each, channel in enumerate(self._channels) if channel.is_open]
        if not alive:
            return False
        worker = alive[number % len(alive)]
        if self._passed_counts[worker] - self._left_counts[worker] >= self._max_clients:
            return False
        self._passed_counts[worker] += 1
        self._channels[worker].send(ClientPassed(number, scope), client)
        return True

    async def synchronize(self, *, is_reset: bool = False) -> None:
        """Take over all that workers have answered until now.

        With `is_reset`, requests and responses under way are aborted, because the playback begins
        anew.
        """
        async with self._question_lock:
            loop = asyncio.get_running_loop()
            self._accounts = {
                number: loop.create_future()
                for number, channel in enumerate(self._channels)
                if channel.is_open
            }
            for number in self._accounts:
                self._channels[number].send(Question(is_reset))
            if self._accounts:
                await asyncio.wait(self._accounts.values(), timeout=_ACCOUNT_SECONDS)
            for number, account in self._accounts.items():
                if not account.done():  # Its end is reported, and then it is done.
                    os.kill(self._pids[number], signal.SIGKILL)
            accounts = await asyncio.gather(*self._accounts.values())
        calls = [call for account in accounts for call in account.calls]
        responder = self._server.responder
        responder.request_journal.merge(calls, sum(account.count for account in accounts))
        responder.take_served()

    async def stop(self) -> None:
        """End all workers, and wait for their end."""
        for channel in self._channels:
            channel.close()
        deadline_seconds = time.monotonic() + _END_SECONDS
        for pid in self._pids.values():
            while not os.waitpid(pid, os.WNOHANG)[0]:
                if time.monotonic() > deadline_seconds:
                    os.kill(pid, signal.SIGKILL)
                await asyncio.sleep(_POLL_SECONDS)
        self._pids.clear()

    # Called by the channels.

    def _process(self, number: int, message: WorkerMessage, client: socket.socket | None) -> None:
        match message:
            case ClientReturned() if client is not None:
                self._server.go_on_with(
                    client,
                    message.number,
                    message.scope,
                    claims=message.claims,
                    requests=message.requests,
                    received=message.received,
                )
            case Account():
                self._settle(number, message)
            case RequestsDropped():
                self._on_failure(0, too_many_left(message.count))
            case _:
                pass

    def _lost(self, number: int) -> None:
        """Report that a worker has ended. Others go on, and the parent if there is none."""
        self._settle(number, Account(0, []))
        pid = self._pids.pop(number)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        how = f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"
        text = f"worker {number + 1} (process {pid}) has ended: {how}; its clients were cut off"
        self._on_failure(0, ChildProcessError(text))

    def _settle(self, number: int, account: Account) -> None:
        future = self._accounts.get(number)
        if future is not None and not future.done():
            future.set_result(account)
