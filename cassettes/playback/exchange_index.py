"""The index of the recorded exchanges of a playback, by the keys of their requests.

    index.add_exchange(ref, cassette, exchange, request, parsed)
    index.find_match(request, cache_key, scope)  ->  ExchangeMatch | MesosRefusal | None

A request is parsed once: its match is cached, for equal requests that follow.
"""

from msgspec import Struct
from msgspec.structs import replace

from ...proto.api.refusals import MesosRefusal
from ...proto.http.request import HttpRequest
from ..causality.subscriptions import (
    STREAM_MISMATCHES,
    StreamMismatch,
    Subscriber,
    Subscriptions,
    identify_subscriber,
    recorded_stream_mismatch,
    stream_mismatch_key,
)
from ..format.documents import Exchange
from ..format.exchange_ref import ExchangeRef
from ..matching.answer_queue import AnswerQueue, QueueView
from ..matching.connections import ClientHints, ConnectionMap, RecordedConnection, client_hints
from ..matching.ignore_rules import IgnoreRules
from ..matching.repeat_rules import RepeatRules
from ..matching.request_key import ParsedRequest, RequestKey, parse_request, request_accepts_gzip
from ..matching.servers import RecordedServers, ServerScope
from ..rebinding.id_bindings import IdPair
from ..rebinding.id_matching import IdMatch, IdMatcher
from ..storage.reader import Cassette
from .answer_builder import ResponseOptions

_KEPT = 4096
_KEPT_BODY = 64 * 1024
"""Matches that are kept, and bytes of the longest body among their requests."""


class ExchangeMatch(Struct, frozen=True):
    """The queues that may answer a request; None or none if there are none.

    `subscriber` is set for calls of an API with subscriptions. `mismatch_views` have the recorded
    refusals of such a call, by the reason for which it did not belong to an open stream. `id_pairs`
    are bound when the request is answered.
    """

    queue_view: QueueView | None
    response_options: ResponseOptions
    client_hints: ClientHints
    subscriber: Subscriber | None = None
    mismatch_views: dict[StreamMismatch, QueueView] = {}
    id_pairs: tuple[IdPair, ...] = ()


class ExchangeIndex:
    """The recorded exchanges of a playback, except those with streamed requests.

    `cached_matches` are matches of earlier requests, by the key that `find_match` was given.
    """

    def __init__(
        self,
        servers: RecordedServers,
        subscriptions: Subscriptions,
        ignoring: IgnoreRules,
        repeats: RepeatRules,
        rebinding: IdMatcher | None,
    ) -> None:
        self.connections = ConnectionMap()
        self.cached_matches: dict[object, ExchangeMatch] = {}
        self._queues: dict[RequestKey, AnswerQueue] = {}
        self._servers = servers
        self._subscriptions = subscriptions
        self._ignoring = ignoring
        self._repeats = repeats
        self._rebinding = rebinding

    @property
    def unused(self) -> list[ExchangeRef]:
        """Exchanges that were not served."""
        return [place for queue in self._queues.values() for place in queue.unused]

    @property
    def is_shared(self) -> bool:
        """Whether equal requests were recorded on several connections."""
        return any(queue.is_shared for queue in self._queues.values())

    def add_exchange(
        self,
        place: ExchangeRef,
        cassette: Cassette,
        exchange: Exchange,
        request: HttpRequest,
        what: ParsedRequest,
    ) -> None:
        """Add a recorded exchange."""
        how = recorded_stream_mismatch(cassette, exchange, what)
        key = what.key if how is None else stream_mismatch_key(what.key, how)
        queue = self._queues.get(key)
        if queue is None:
            call = what.call_type.name if what.call_type is not None else None
            repeat = self._repeats.mode_for(call, mutating=what.is_mutating)
            queue = AnswerQueue(
                mutating=what.is_mutating, repeat=repeat, connections=self.connections
            )
            self._queues[key] = queue
        part = self.connections.add_step(
            RecordedConnection(place.cassette, exchange.client), client_hints(request)
        )
        queue.add_exchange(
            place, what.accepted_type, part, self._servers.add_recorded(place.cassette, request)
        )
        if self._rebinding is not None and how is None:
            self._rebinding.add_call(what)

    def find_match(
        self, request: HttpRequest, which: object, scope: ServerScope
    ) -> ExchangeMatch | MesosRefusal | None:
        """Find the queues for a request, as the first kind of server in the scope that has any.

        Return a refusal if the request is a call that does not belong to an open stream, and None
        if no recorded exchange answers it. `which` is the key under which a match is cached.
        """
        for server in self._servers.server_kinds(scope):
            found = self._found(parse_request(request, server, self._ignoring), scope)
            what, client = (
                found.parsed,
                ResponseOptions(request.method == b"HEAD", request_accepts_gzip(request)),
            )
            who = self._caller(request, what)
            astray = {} if who is None else self._astray(what, scope)
            line = self._line(what.key, what, scope)
            if line is not None or astray:
                match = ExchangeMatch(line, client, client_hints(request), who, astray, found.pairs)
                if len(request.body) <= _KEPT_BODY and not found.has_ids:
                    self._keep(which, match)
                return match
            if who is not None and self._subscriptions.has_subscribed(who):
                why = self._subscriptions.refusal_for(who)
                if why is not None:
                    return why
        return None

    def _line(self, key: RequestKey, what: ParsedRequest, scope: ServerScope) -> QueueView | None:
        queue = self._queues.get(key)
        return None if queue is None else queue.view(what.accepted_type, scope)

    def _found(self, what: ParsedRequest, scope: ServerScope) -> IdMatch:
        """Translate the ids of a request into those of the recording, if ids are rebound."""
        if self._rebinding is None:
            return IdMatch(what)

        def offers(key: RequestKey) -> bool:
            line = self._line(key, what, scope)
            return line is not None and (line.can_repeat or line.has_new)

        return self._rebinding.match_request(what, offers)

    def _caller(self, request: HttpRequest, what: ParsedRequest) -> Subscriber | None:
        who = identify_subscriber(request, what)
        if who is None or self._rebinding is None or who.stream_id is None:
            return who
        expected = self._subscriptions.expected_stream_id(who)
        return replace(
            who, stream_id=self._rebinding.to_recorded_stream_id(who.stream_id, expected)
        )

    def _astray(self, what: ParsedRequest, scope: ServerScope) -> dict[StreamMismatch, QueueView]:
        """Return the recorded refusals of a call that did not belong to an open stream."""
        lines: dict[StreamMismatch, QueueView] = {}
        for how in STREAM_MISMATCHES:
            if (line := self._line(stream_mismatch_key(what.key, how), what, scope)) is not None:
                lines[how] = line
        return lines

    def _keep(self, which: object, match: ExchangeMatch) -> None:
        if len(self.cached_matches) >= _KEPT:
            self.cached_matches.clear()
        self.cached_matches[which] = match
