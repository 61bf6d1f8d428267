"""The catalogue: recorded exchanges, filed under what they mean, and found again for a request.

    catalogue.add(place, cassette, exchange, request, meaning)
    catalogue.find(received, which, scope)  ->  Match | Refusal | None

A request that came before is not decoded again: its match is kept, under what tells it from others.
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
from ..matching.repeat_rules import RepeatRules
from ..matching.request_key import (
    MatchableRequest,
    ParsedRequest,
    RequestKey,
    request_accepts_gzip,
)
from ..matching.servers import RecordedServers, ServerScope
from ..rebinding.id_bindings import IdPair
from ..rebinding.id_matching import IdMatch, IdMatcher
from ..storage.reader import Cassette
from .answer_builder import ResponseOptions

_KEPT_BODY = 64 * 1024
"""Bytes of the longest body among requests whose matches are cached."""


class ExchangeMatch(Struct, frozen=True):
    """What answers a request.

    `signs` tell of the client. `who` makes it, if it goes with a stream, and `astray` has the
    answers to it that were recorded when it did not belong to an open one. `pairs` are ids that
    hold when it is answered.
    """

    queue_view: QueueView | None
    response_options: ResponseOptions
    client_hints: ClientHints
    subscriber: Subscriber | None = None
    mismatch_views: dict[StreamMismatch, QueueView] = {}
    id_pairs: tuple[IdPair, ...] = ()


class ExchangeIndex:
    """The recorded exchanges of a playback, but for those whose requests are streamed.

    `kept` are matches of requests that came before.
    """

    def __init__(
        self,
        servers: RecordedServers,
        subscriptions: Subscriptions,
        repeats: RepeatRules,
        rebinding: IdMatcher | None,
        max_cached_matches: int = 4096,
    ) -> None:
        self.connections = ConnectionMap()
        self.cached_matches: dict[object, ExchangeMatch] = {}
        self._tracks: dict[RequestKey, AnswerQueue] = {}
        self._servers = servers
        self._subscriptions = subscriptions
        self._repeats = repeats
        self._rebinding = rebinding
        self._max_cached_matches = max_cached_matches

    @property
    def unused(self) -> list[ExchangeRef]:
        """Exchanges that nobody has asked for."""
        return [place for track in self._tracks.values() for place in track.unused]

    @property
    def is_shared(self) -> bool:
        """Whether equal requests came on several connections."""
        return any(track.is_shared for track in self._tracks.values())

    def add_exchange(
        self,
        place: ExchangeRef,
        cassette: Cassette,
        exchange: Exchange,
        request: HttpRequest,
        what: ParsedRequest,
    ) -> None:
        """File a recorded exchange."""
        how = recorded_stream_mismatch(cassette, exchange, what)
        key = what.key if how is None else stream_mismatch_key(what.key, how)
        track = self._tracks.get(key)
        if track is None:
            call = what.call_type.name if what.call_type is not None else None
            repeat = self._repeats.mode_for(call, mutating=what.is_mutating)
            track = AnswerQueue(
                mutating=what.is_mutating, repeat=repeat, connections=self.connections
            )
            self._tracks[key] = track
        part = self.connections.add_step(
            RecordedConnection(place.cassette, exchange.client), client_hints(request)
        )
        track.add_exchange(
            place, what.accepted_type, part, self._servers.add_recorded(place.cassette, request)
        )
        if self._rebinding is not None and how is None:
            self._rebinding.add_call(what)

    def find_match(
        self, request: MatchableRequest, which: object, scope: ServerScope
    ) -> ExchangeMatch | MesosRefusal | None:
        """Find what answers a request, as each kind of server in the scope would read it.

        It is a refusal if the request does not belong to an open stream, and None if nothing that
        was recorded answers it.
        """
        for server in self._servers.server_kinds(scope):
            found = self._found(request.parsed_by(server), scope)
            what, http = found.parsed, request.http
            client = ResponseOptions(http.method == b"HEAD", request_accepts_gzip(http))
            who = self._caller(http, what)
            astray = {} if who is None else self._astray(what, scope)
            line = self._line(what.key, what, scope)
            if line is not None or astray:
                match = ExchangeMatch(line, client, client_hints(http), who, astray, found.pairs)
                if len(http.body) <= _KEPT_BODY and not found.has_ids:
                    self._keep(which, match)
                return match
            if who is not None and self._subscriptions.has_subscribed(who):
                why = self._subscriptions.refusal_for(who)
                if why is not None:
                    return why
        return None

    def _line(self, key: RequestKey, what: ParsedRequest, scope: ServerScope) -> QueueView | None:
        track = self._tracks.get(key)
        return None if track is None else track.view(what.accepted_type, scope)

    def _found(self, what: ParsedRequest, scope: ServerScope) -> IdMatch:
        """Say a request in the ids of the recording, if there may be others."""
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
        """What was recorded of such a call when it did not belong to an open stream."""
        lines: dict[StreamMismatch, QueueView] = {}
        for how in STREAM_MISMATCHES:
            if (line := self._line(stream_mismatch_key(what.key, how), what, scope)) is not None:
                lines[how] = line
        return lines

    def _keep(self, which: object, match: ExchangeMatch) -> None:
        if len(self.cached_matches) >= self._max_cached_matches:
            self.cached_matches.clear()
        self.cached_matches[which] = match
