"""The replay server: plays a cassette to clients over TCP or TLS.

It only ever listens: no outgoing connection is opened, whatever a cassette or a client says (but
for what a test that records has passed on, see relay.py).
All streams share one schedule, and all connections one periodic check for silent clients.
"""

import asyncio
import ssl
from collections.abc import Callable, Collection
from itertools import count
from typing import TYPE_CHECKING

from msgspec import Struct

from ...cassettes.answers.answer import ReplayResponse, StreamedResponse, retarget_redirect
from ...cassettes.format.exchange_ref import ExchangeRef
from ...cassettes.matching.misses import Miss
from ...cassettes.playback.journal import Journal
from ...cassettes.playback.playback import Playback
from ...proto.http import redirects
from ..http.address import Address
from ..http.http1 import ConnectionLimits
from ..http.request_cache import RequestCache
from .clock import Clock, LoopClock, Timer
from .connection import Connection
from .error_answers import build_failure_response, build_miss_response
from .ports import BodySink
from .request_journal import RequestJournal
from .schedule import Schedule
from .stream_registry import StreamRegistry
from .stream_sender import StreamSender
from .taken import StreamedRequestSink
from .upstream_relay import Forwarded, ResolveUpstream

if TYPE_CHECKING:
    from ...cassettes.matching.misses import ReplayOutcome
    from ...proto.http.request import HttpRequest

_CHECK_SECONDS = 1.0

_DRAIN_TURNS = 100
"""Turns of the loop. A request takes three: its connection, the first bytes, and the rest."""


class ReplayServer:
    """Serves one `Playback`. Build it inside a running loop, then `start` and `stop` it.

    It may be started at several addresses, of which each may be for some cassettes only.

    `calls` are the requests so far, and `streams` what is streamed.

    `on_miss` gets every miss as it happens, `on_failure` every answer or stream that the cassette
    should have given and could not, by exchange number (0: before one was found). Whole requests
    that nothing recorded answers go `beyond`, if that is given (relay.py).
    """

    def __init__(
        self,
        playback: Playback,
        *,
        clock: Clock | None = None,
        limits: ConnectionLimits | None = None,
        on_miss: Callable[[Miss], object] | None = None,
        on_failure: Callable[[int, Exception], object] | None = None,
        on_note: Callable[[str], object] | None = None,
        resolve_upstream: ResolveUpstream | None = None,
    ) -> None:
        self.playback = playback
        if on_note is not None:
            playback.journal.on_note = on_note
        self.clock = clock or LoopClock()
        self.schedule = Schedule(self.clock)
        self.limits = limits or ConnectionLimits()
        self.request_cache = RequestCache()
        self.connections = set[Connection]()
        self._before = Journal()
        self._left_out_before = set[ExchangeRef]()
        self.request_journal = RequestJournal(lambda: self.playback.server_kinds, self.clock.time())
        self.stream_registry = StreamRegistry()
        self._numbers = count(1)
        self._on_miss = on_miss
        self._on_failure = on_failure
        self._beyond = resolve_upstream
        self._listeners: list[asyncio.Server] = []
        self._doors: dict[int, ListenScope] = {}
        self._checks: Timer | None = None

    async def start(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        tls: ssl.SSLContext | None = None,
        cassette_indexes: Collection[int] | None = None,
    ) -> tuple[str, int]:
        """Listen; port 0 takes a free one. Returns the real address. Raises OSError.

        With `cassettes` (by their places in the list), only those are played to who comes here.
        """
        only = None if cassette_indexes is None else frozenset(cassette_indexes)

        def connected() -> Connection:
            connection = Connection(self)
            self._doors[connection.number] = door
            return connection

        loop = asyncio.get_running_loop()
        listener = await loop.create_server(connected, host, port, ssl=tls, start_serving=False)
        host, port = listener.sockets[0].getsockname()[:2]
        door = ListenScope(str(Address(host, port)), only)
        self._listeners.append(listener)
        await listener.start_serving()
        if self._checks is None:
            self._checks = self.clock.call_at(self.clock.time() + _CHECK_SECONDS, self._check)
        return host, port

    async def drain(self) -> None:
        """Take in what clients have sent already, also those that are gone."""
        for _ in range(_DRAIN_TURNS):
            await asyncio.sleep(0)

    async def stop(self) -> None:
        """Stop listening, end the open streams and connections, and wait until they are gone."""
        for listener in self._listeners:
            listener.close()
        self.schedule.stop()
        if self._checks is not None:
            self._checks.cancel()
            self._checks = None
        for connection in list(self.connections):
            connection.abort()
        for listener in self._listeners:
            await listener.wait_closed()
        self._listeners.clear()

    @property
    def journal(self) -> Journal:
        """What was played since the start, through all resets."""
        journal = Journal()
        journal.absorb(self._before)
        journal.absorb(self.playback.journal)
        return journal

    @property
    def unused(self) -> list[ExchangeRef]:
        """Exchanges that nobody has asked for since the start."""
        return [place for place in self.playback.unused if place not in self._before.served]

    @property
    def left_out(self) -> list[ExchangeRef]:
        """Mutating calls that a party left out since the start, before a reset or after."""
        found = self._left_out_before | set(self.playback.left_out)
        return sorted(found)

    def reset(self) -> None:
        """Play anew, as if nobody had asked for anything yet; what is under way is cut.

        Raises ValueError or OSError if the cassettes do not give what they should.
        """
        self._before.absorb(self.playback.journal)
        self._left_out_before.update(self.playback.left_out)
        tell = self.playback.journal.on_note
        self.playback = Playback(self.playback.cassettes, self.playback.options)
        self.playback.journal.on_note = tell
        self.request_journal.clear()
        self.stream_registry.clear()
        for connection in list(self.connections):
            if connection.is_busy:
                connection.abort()

    # What a connection calls.

    def next_connection_number(self) -> int:
        """Number a new connection."""
        return next(self._numbers)

    def connection_closed(self, client: int) -> None:
        """Tell the playback that a connection is gone."""
        self._doors.pop(client, None)
        self.playback.forget_connection(client)

    def answer_request(
        self, request: "HttpRequest", client: int
    ) -> ReplayResponse | StreamedResponse:
        """Answer a connection from the cassette, or say why not."""
        now_seconds = self.clock.time()
        try:
            answer = self._play(request, now_seconds, client)
        except (ValueError, LookupError, OSError) as error:
            self.request_journal.record_request(request, client, now_seconds, "failed")
            return self.answer_failure(error)
        self.record_outcome(request, client, now_seconds, answer)
        if self._beyond is not None and (isinstance(answer, Miss) or not answer.exchange):
            return Forwarded(
                exchange=0, status=None, head=b"", request=request, resolve_upstream=self._beyond
            )
        if not isinstance(answer, Miss):
            if answer.status == redirects.TEMPORARY_REDIRECT and isinstance(answer, ReplayResponse):
                return self._doors[client].pointed(answer, request)
            return answer
        return self.answer_miss(answer, bodiless=request.method == b"HEAD")

    def _play(
        self, request: "HttpRequest", now_seconds: float, client: int
    ) -> ReplayResponse | StreamedResponse | Miss:
        at = self._doors[client].cassettes
        if at is None:
            return self.playback.answer(request, now_seconds, client)
        return self.playback.answer(request, now_seconds, client, at)

    def begin_streamed_request(self, head: "HttpRequest", client: int) -> BodySink | None:
        """Begin to take a request as it comes, if the playback takes such a one so."""
        at = self._doors[client].cassettes
        intake = (
            self.playback.begin_streamed_request(head)
            if at is None
            else self.playback.begin_streamed_request(head, at)
        )
        return None if intake is None else StreamedRequestSink(self, intake, head, client)

    def stream_opened(self, stream: StreamSender, client: int) -> None:
        """Note that a stream begins."""
        self.stream_registry.register(stream, client)

    def record_outcome(
        self, request: "HttpRequest", client: int, now_seconds: float, outcome: "ReplayOutcome"
    ) -> None:
        """Take down a request that is answered now."""
        if isinstance(outcome, Miss):
            self.request_journal.record_request(request, client, now_seconds, "missed")
        else:
            answered = "served" if outcome.exchange else "refused"
            self.request_journal.record_request(
                request, client, now_seconds, answered, outcome.exchange
            )

    def answer_miss(self, miss: Miss, *, bodiless: bool = False) -> ReplayResponse:
        """Report a miss, also to the client."""
        if self._on_miss is not None:
            self._on_miss(miss)
        return build_miss_response(miss, bodiless=bodiless)

    def answer_failure(self, error: Exception) -> ReplayResponse:
        """Report that the cassette could not be played, also to the client."""
        self.report_failure(0, error)
        return build_failure_response(error)

    def report_failure(self, exchange: int, error: Exception) -> None:
        """Report that the cassette could not be played."""
        if self._on_failure is not None:
            self._on_failure(exchange, error)

    def _check(self) -> None:
        now_seconds = self.clock.time()
        for connection in list(self.connections):
            connection.check_timeout(now_seconds)
        self._checks = self.clock.call_at(now_seconds + _CHECK_SECONDS, self._check)


class ListenScope(Struct, frozen=True):
    """Where a server listens, for which cassettes; None for all."""

    address: str
    cassettes: frozenset[int] | None

    def pointed(self, answer: ReplayResponse, request: "HttpRequest") -> ReplayResponse:
        """Redirect a client to what it calls this server, or to its address.

        One for which this server is a proxy comes back by itself.
        """
        if not request.target.startswith(b"/"):
            return answer
        called = request.header("host")
        known = called is not None and redirects.parse_authority(called) is not None
        return retarget_redirect(answer, called if called is not None and known else self.address)
