"""The index of the recorded exchanges of a playback, by the keys of their requests.

    index.add_exchange(recorded)
    index.find_match(request, scope)  ->  ExchangeMatch | MesosRefusal | None

A request is parsed once: its match is cached, for equal requests that follow (match_cache.py).
"""

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from ...proto.api.apis import APIS_BY_NAME
from ...proto.api.refusals import MesosRefusal
from ...proto.http.request import HttpRequest
from ..causality.resubscription import first_subscribe_key
from ..causality.subscribing_apis import SUBSCRIBING_APIS
from ..causality.subscriptions import (
    STREAM_MISMATCHES,
    StreamMismatch,
    Subscriber,
    Subscriptions,
    identify_subscriber,
    recorded_stream_mismatch,
    stream_mismatch_key,
)
from ..exchanges.deferred_exchanges import DeferredExchanges, LateExchange
from ..exchanges.exchange_table import ExchangeTable, ExchangeTraits
from ..exchanges.recorded_exchanges import RecordedExchange, garbage_collector_off
from ..format.documents import Exchange
from ..format.exchange_ref import ExchangeRef
from ..matching.connections import ClientHints, ConnectionMap, client_hints
from ..matching.credentials import REFUSALS, RecordedCredentials
from ..matching.ignore_rules import IgnoreRules
from ..matching.queue_view import QueueView
from ..matching.repeat_rules import RepeatRules
from ..matching.request_key import (
    CallKey,
    MatchableRequest,
    ParsedRequest,
    RequestKey,
    request_accepts_gzip,
)
from ..matching.servers import RecordedServers, ServerScope
from ..rebinding.id_bindings import IdPair
from ..rebinding.id_matching import IdMatch, IdMatcher
from .answer_builder import ResponseOptions
from .match_cache import MatchCache

_REDIRECT = 307
"""An answer that names the replay as its client does."""


class ExchangeMatch(Struct, frozen=True):
    """The queues that may answer a request; None or none if there are none.

    `subscriber` is set for calls of an API with subscriptions. `mismatch_views` have the recorded
    refusals of such a call, by the reason for which it did not belong to an open stream.
    `first_view` has the subscriptions without an id that a SUBSCRIBE with one may repeat
    (resubscription.py). `id_pairs` are bound when the request is answered.
    """

    queue_view: QueueView | None
    response_options: ResponseOptions
    client_hints: ClientHints
    subscriber: Subscriber | None = None
    mismatch_views: dict[StreamMismatch, QueueView] = {}
    first_view: QueueView | None = None
    is_subscription: bool = False
    id_pairs: tuple[IdPair, ...] = ()


class ExchangeIndex:
    """The recorded exchanges of a playback, except those with streamed requests.

    `table` has the exchanges, `cached_matches` the matches of earlier requests, and `deferred` the
    exchanges that are added when they are asked for.
    """

    def __init__(
        self,
        servers: RecordedServers,
        subscriptions: Subscriptions,
        repeats: RepeatRules,
        rebinding: IdMatcher | None,
        ignoring: IgnoreRules,
    ) -> None:
        self.connections = ConnectionMap()
        self.cached_matches = MatchCache[ExchangeMatch]()
        self.table = ExchangeTable(repeats, self.connections)
        self._servers = servers
        self._subscriptions = subscriptions
        self._id_matcher = rebinding
        self.deferred = DeferredExchanges(ignoring, self.traits_of)
        self.connections.add_late_steps(self.deferred.steps)

    @property
    def unused(self) -> list[ExchangeRef]:
        """Exchanges that were not served."""
        return self.table.unused + self.deferred.waiting

    @property
    def is_shared(self) -> bool:
        """True if equal requests were, or may have been, recorded on several connections."""
        return self.table.is_shared or self.deferred.is_shared

    def add_exchange(self, recorded: RecordedExchange) -> None:
        """Add a recorded exchange."""
        ref, cassette, exchange, _, parsed = recorded
        mismatch = recorded_stream_mismatch(cassette, exchange, parsed)
        key = parsed.key if mismatch is None else stream_mismatch_key(parsed.key, mismatch)
        self.table.add(key, ref, exchange.client, self.traits_of(recorded, mismatch))
        if self._id_matcher is not None and mismatch is None:
            self._id_matcher.add_call(parsed)

    def traits_of(
        self, recorded: RecordedExchange, mismatch: StreamMismatch | None = None
    ) -> ExchangeTraits:
        """Return the traits of an exchange; `mismatch` is why it belonged to no open stream."""
        ref, _, exchange, request, parsed = recorded
        response = exchange.response
        is_refused = mismatch is None and response.status in REFUSALS
        return ExchangeTraits(
            parsed.accepted_type,
            client_hints(request),
            self._servers.add_recorded(ref.cassette, request),
            RecordedCredentials(parsed.credentials, is_refused),
            is_abandoned=response.status is None and response.cause in ("client", "stopped"),
            is_mutating=parsed.is_mutating,
            call_name=None if parsed.call_type is None else parsed.call_type.name,
            is_independent=_is_independent(exchange, parsed),
        )

    def add_deferred(self) -> None:
        """Add all exchanges that wait."""
        self._add_late(self.deferred.take_all())

    def _add_late(self, exchanges: Iterable[LateExchange]) -> None:
        with garbage_collector_off():
            for late in exchanges:
                self.table.add(late.key, late.ref, late.client, late.traits, is_late=True)

    def find_match(
        self, request: MatchableRequest, scope: ServerScope
    ) -> ExchangeMatch | MesosRefusal | None:
        """Find the queues for a request, as the first kind of server in the scope that has any.

        Return a refusal if the request is a call that does not belong to an open stream, and None
        if no recorded exchange answers it.
        """
        kinds = self._servers.server_kinds(scope)
        for server in kinds:
            id_match = self._match_ids(request.parsed_by(server), scope)
            parsed, http = id_match.parsed, request.http
            response_options = ResponseOptions(http.method == b"HEAD", request_accepts_gzip(http))
            subscriber = self._identify_caller(http, parsed)
            mismatch_views = {} if subscriber is None else self._mismatch_views(parsed, scope)
            view = self._view(parsed.key, parsed, scope)
            first_view = self._first_view(subscriber, parsed, scope)
            if view is not None or mismatch_views or first_view is not None:
                match = ExchangeMatch(
                    view,
                    response_options,
                    client_hints(http),
                    subscriber,
                    mismatch_views,
                    first_view,
                    isinstance(parsed.key, CallKey) and parsed.key.call_name == "SUBSCRIBE",
                    id_match.pairs,
                )
                if not id_match.has_ids:
                    # What it means to the first kind of server, it may not mean to another.
                    message = _call_message(parsed) if server == kinds[0] else None
                    self.cached_matches.put(http, scope, match, message)
                return match
            if subscriber is not None and self._subscriptions.has_subscribed(subscriber):
                refusal = self._subscriptions.refusal_for(subscriber)
                if refusal is not None:
                    return refusal
        return None

    def _view(self, key: RequestKey, parsed: ParsedRequest, scope: ServerScope) -> QueueView | None:
        if not self.deferred.is_empty:
            self._add_late(self.deferred.take(key))
        queue = self.table.queue(key)
        if queue is None:
            return None
        return queue.view(parsed.accepted_type, scope, parsed.credentials)

    def _first_view(
        self, subscriber: Subscriber | None, parsed: ParsedRequest, scope: ServerScope
    ) -> QueueView | None:
        """Return the subscriptions that a client repeats with the id that it got from one."""
        if subscriber is None or self._subscriptions.exchange_of(subscriber) is None:
            return None
        key = first_subscribe_key(parsed)
        return None if key is None else self._view(key, parsed, scope)

    def _match_ids(self, parsed: ParsedRequest, scope: ServerScope) -> IdMatch:
        """Translate the ids of a request into those of the recording, if ids are rebound."""
        if self._id_matcher is None:
            return IdMatch(parsed)

        def has_answer(key: RequestKey) -> bool:
            view = self._view(key, parsed, scope)
            return view is not None and (view.can_repeat or view.has_new)

        return self._id_matcher.match_request(parsed, has_answer)

    def _identify_caller(self, request: HttpRequest, parsed: ParsedRequest) -> Subscriber | None:
        subscriber = identify_subscriber(request, parsed)
        if subscriber is None or self._id_matcher is None or subscriber.stream_id is None:
            return subscriber
        expected = self._subscriptions.expected_stream_id(subscriber)
        return replace(
            subscriber,
            stream_id=self._id_matcher.to_recorded_stream_id(subscriber.stream_id, expected),
        )

    def _mismatch_views(
        self, parsed: ParsedRequest, scope: ServerScope
    ) -> dict[StreamMismatch, QueueView]:
        """Return the recorded refusals of a call that did not belong to an open stream."""
        views: dict[StreamMismatch, QueueView] = {}
        for mismatch in STREAM_MISMATCHES:
            if (
                view := self._view(stream_mismatch_key(parsed.key, mismatch), parsed, scope)
            ) is not None:
                views[mismatch] = view
        return views


def _call_message(parsed: ParsedRequest) -> str | None:
    return APIS_BY_NAME[parsed.key.api].call_message if isinstance(parsed.key, CallKey) else None


def _is_independent(exchange: Exchange, parsed: ParsedRequest) -> bool:
    response = exchange.response
    if isinstance(parsed.key, CallKey) and parsed.key.api in SUBSCRIBING_APIS:
        return False
    return response.stream is None and response.status not in (None, _REDIRECT)
