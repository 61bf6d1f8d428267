"""Answers requests from a playback, and records what was answered.

    responder.answer_request(request, client, scope)       -> a response, also for a miss
    responder.begin_streamed_request(head, client, scope)  -> a sink for its body, or None

No sockets are used here: server.py connects this to its connections.
"""

from collections.abc import Callable
from http import HTTPStatus

from msgspec import Struct

from ...cassettes.answers.answer import ReplayResponse, StreamedResponse, retarget_redirect
from ...cassettes.format.documents import ExchangeError
from ...cassettes.format.exchange_ref import ExchangeRef
from ...cassettes.matching.misses import Miss
from ...cassettes.playback.journal import Journal, ReplayNote
from ...cassettes.playback.playback import Playback
from ...cassettes.playback.streamed_requests import ReplayOutcome, StreamedRequest
from ...proto.http.address import is_authority
from ...proto.http.request import HEALTH_PATH, HttpRequest
from ..streams.clock import Clock
from .error_answers import (
    UnansweredRequest,
    build_failure_response,
    build_health_response,
    build_miss_response,
)
from .ports import BodySink
from .request_journal import RequestJournal
from .upstream_relay import Forwarded, ResolveUpstream


class ListenScope(Struct, frozen=True):
    """An address of a server, and the indexes of the cassettes played there; None means all."""

    address: str
    cassettes: frozenset[int] | None

    def retarget(self, response: ReplayResponse, request: HttpRequest) -> ReplayResponse:
        """Redirect a client to this server, by the name it has used for it or by its address.

        A request with an absolute target used the server as a proxy, which needs no change.
        """
        if not request.target.startswith(b"/"):
            return response
        host = request.header("host")
        is_valid = host is not None and is_authority(host)
        return retarget_redirect(response, host if host is not None and is_valid else self.address)


class Responder:
    """Answers requests from one `Playback` at a time; `reset` begins a new one.

    `playback` is what is played now, and `request_journal` has its requests. `journal`, `unused`
    and `left_out` are totals since the start, through all resets.

    `on_miss` gets every miss, and `on_failure` every response or stream that could not be played,
    with its exchange number (0 if none was found). Whole requests without a recorded response are
    forwarded to the result of `resolve_upstream`, if that is given (upstream_relay.py).
    """

    def __init__(
        self,
        playback: Playback,
        clock: Clock,
        *,
        on_miss: Callable[[Miss], object] | None = None,
        on_failure: Callable[[int, Exception], object] | None = None,
        on_note: Callable[[ReplayNote], object] | None = None,
        resolve_upstream: ResolveUpstream | None = None,
    ) -> None:
        self.playback = playback
        if on_note is not None:
            playback.journal.on_note = on_note
        self.clock = clock
        self.request_journal = RequestJournal(
            lambda: self.playback.servers.server_kinds(), clock.time()
        )
        self._on_miss = on_miss
        self._on_failure = on_failure
        self._resolve_upstream = resolve_upstream
        self._earlier_journal = Journal()
        self._earlier_left_out = set[ExchangeRef]()

    @property
    def has_upstream(self) -> bool:
        """Whether requests without a recorded response are forwarded."""
        return self._resolve_upstream is not None

    @property
    def journal(self) -> Journal:
        """The exchanges played and the misses since the start."""
        self.take_served()
        journal = Journal()
        journal.absorb(self._earlier_journal)
        journal.absorb(self.playback.journal)
        return journal

    @property
    def unused(self) -> list[ExchangeRef]:
        """Exchanges that were not requested since the start."""
        asked_before = self._earlier_journal.requested
        return [ref for ref in self.playback.unused if ref not in asked_before]

    @property
    def left_out(self) -> list[ExchangeRef]:
        """Mutating calls that a party left out since the start, before a reset or after."""
        refs = self._earlier_left_out | set(self.playback.left_out)
        return sorted(refs)

    def take_served(self) -> None:
        """Take over what other processes have served of the playback."""
        if self.playback.shared is not None:
            self.playback.shared.take_served()

    def reset(self, playback: Playback | None = None) -> None:
        """Begin a new playback of the same cassettes, or `playback`, with which all totals begin.

        Raises ValueError or OSError if the cassettes cannot be played any more.
        """
        old = self.playback
        if playback is None:
            playback = Playback(old.cassettes, old.options, audience=old.audience)
            if old.shared is not None:
                self.take_served()
                playback.share(old.shared.state)
            self._earlier_journal.absorb(old.journal)
            self._earlier_left_out.update(old.left_out)
        else:
            self._earlier_journal, self._earlier_left_out = Journal(), set[ExchangeRef]()
        playback.journal.on_note = old.journal.on_note
        self.playback = playback
        self.request_journal.clear()

    def answer_request(
        self, request: HttpRequest, client: int, scope: ListenScope
    ) -> ReplayResponse | StreamedResponse:
        """Return the recorded response, or a report of the miss or failure.

        `client` is the number of the connection.
        """
        if request.target == HEALTH_PATH and request.method in (b"GET", b"HEAD"):
            return build_health_response(bodiless=request.method == b"HEAD")
        now_seconds = self.clock.time()
        try:
            return self._answer(request, client, scope, now_seconds)
        except Exception as error:
            return self.answer_failure(request, client, now_seconds, error)

    def _answer(
        self, request: HttpRequest, client: int, scope: ListenScope, now_seconds: float
    ) -> ReplayResponse | StreamedResponse:
        outcome = self.playback.answer(request, now_seconds, client, scope.cassettes)
        self.record_outcome(request, client, now_seconds, outcome)
        is_miss = isinstance(outcome, Miss)
        if self._resolve_upstream is not None and (is_miss or not outcome.exchange):
            return Forwarded(
                exchange=0,
                status=None,
                head=b"",
                request=request,
                resolve_upstream=self._resolve_upstream,
            )
        if is_miss:
            return self.answer_miss(outcome, bodiless=request.method == b"HEAD")
        if isinstance(outcome, ReplayResponse) and outcome.awaits_hang_up:
            return self.await_hang_up(outcome, request, scope)
        is_redirect = outcome.status == HTTPStatus.TEMPORARY_REDIRECT
        if is_redirect and isinstance(outcome, ReplayResponse):
            return scope.retarget(outcome, request)
        return outcome

    def begin_streamed_request(
        self, head: HttpRequest, client: int, scope: ListenScope
    ) -> BodySink | None:
        """Return a sink for the body if the playback compares it in parts, else None."""
        request = self.playback.begin_streamed_request(head, scope.cassettes)
        return None if request is None else StreamedRequestSink(self, request, head, client, scope)

    def record_outcome(
        self, request: HttpRequest, client: int, now_seconds: float, outcome: ReplayOutcome
    ) -> None:
        """Record a request that is answered now in the journal of requests."""
        record = self.request_journal.record_request
        if isinstance(outcome, Miss):
            record(request, client, now_seconds, "missed")
        elif outcome.exchange:
            record(request, client, now_seconds, "served", outcome.exchange)
        else:
            record(request, client, now_seconds, "refused")

    def await_hang_up(
        self, response: ReplayResponse, request: HttpRequest, scope: ListenScope
    ) -> UnansweredRequest:
        """Return what is played for a call that the recorded client left before its answer."""

        def give_up() -> ReplayResponse:
            miss = self.playback.report_stayed(request, scope.cassettes)
            return self.answer_miss(miss, bodiless=request.method == b"HEAD")

        return UnansweredRequest(
            exchange=response.exchange,
            status=None,
            head=b"",
            latches=response.latches,
            give_up=give_up,
        )

    def answer_miss(self, miss: Miss, *, bodiless: bool = False) -> ReplayResponse:
        """Report a miss, and return its response."""
        if self._on_miss is not None:
            self._on_miss(miss)
        return build_miss_response(miss, bodiless=bodiless)

    def answer_failure(
        self, request: HttpRequest, client: int, now_seconds: float, error: Exception
    ) -> ReplayResponse:
        """Record and report that a request could not be answered, and return its response."""
        exchange = error.exchange if isinstance(error, ExchangeError) else 0
        self.request_journal.record_request(request, client, now_seconds, "failed", exchange)
        self.report_failure(exchange, error)
        return build_failure_response(error)

    def report_failure(self, exchange: int, error: Exception) -> None:
        """Report that an exchange could not be played; 0 if none was found."""
        if self._on_failure is not None:
            self._on_failure(exchange, error)


class StreamedRequestSink:
    """The `BodySink` of a streamed request: hands its body to the playback, and its outcome back.

    After a failure, the rest of the body is ignored.
    """

    def __init__(
        self,
        responder: Responder,
        request: StreamedRequest,
        head: HttpRequest,
        client: int,
        scope: ListenScope,
    ) -> None:
        self._responder = responder
        self._scope = scope
        self._request: StreamedRequest | None = request
        self._head = head
        self._client = client

    def feed(self, data: bytes) -> ReplayResponse | StreamedResponse | None:
        """Process a part of the body."""
        return self._process(lambda request, now_seconds: request.feed(data, now_seconds))

    def close(self) -> ReplayResponse | StreamedResponse | None:
        """Process the end of the body."""
        return self._process(lambda request, now_seconds: request.close(now_seconds))

    def abort(self) -> None:
        """Abandon the request: the client has left."""
        self._process(lambda request, now_seconds: request.abort(now_seconds))

    def _process(
        self, step: Callable[[StreamedRequest, float], ReplayOutcome | None]
    ) -> ReplayResponse | StreamedResponse | None:
        if self._request is None:
            return None
        responder, now_seconds = self._responder, self._responder.clock.time()
        try:
            outcome = step(self._request, now_seconds)
            if outcome is not None:
                responder.record_outcome(self._head, self._client, now_seconds, outcome)
            if isinstance(outcome, ReplayResponse) and outcome.awaits_hang_up:
                return responder.await_hang_up(outcome, self._head, self._scope)
            return responder.answer_miss(outcome) if isinstance(outcome, Miss) else outcome
        except Exception as error:
            self._request = None
            return responder.answer_failure(self._head, self._client, now_seconds, error)
