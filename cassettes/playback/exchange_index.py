"""The catalogue: recorded exchanges, filed under what they mean, and found again for a request.

    catalogue.add(place, cassette, exchange, request, meaning)
    catalogue.find(received, which, scope)  ->  Match | Refusal | None

A request that came before is not decoded again: its match is kept, under what tells it from others.
"""

from msgspec import Struct
from msgspec.structs import replace

from ...proto.api.refusals import Refusal
from ...proto.http.request import Received
from ..causality.subscriptions import (
    ASTRAY,
    Astray,
    Caller,
    Subscriptions,
    astray_key,
    caller,
    recorded_astray,
)
from ..format.documents import Exchange
from ..format.exchange_ref import Place
from ..matching.answer_queue import Line, Track
from ..matching.connections import Clients, Signs, Source, signs
from ..matching.ignore_rules import Ignoring
from ..matching.repeat_rules import Repeats
from ..matching.request_key import Key, Meaning, meaning, takes_gzip
from ..matching.servers import Scope, Servers
from ..rebinding.id_bindings import Pair
from ..rebinding.id_matching import Found, Rebinding
from ..storage.reader import Cassette
from .answer_builder import Client

_KEPT = 4096
_KEPT_BODY = 64 * 1024
"""Matches that are kept, and bytes of the longest body among their requests."""


class Match(Struct, frozen=True):
    """What answers a request.

    `signs` tell of the client. `who` makes it, if it goes with a stream, and `astray` has the
    answers to it that were recorded when it did not belong to an open one. `pairs` are ids that
    hold when it is answered.
    """

    line: Line | None
    client: Client
    signs: Signs
    who: Caller | None = None
    astray: dict[Astray, Line] = {}
    pairs: tuple[Pair, ...] = ()


class Catalogue:
    """The recorded exchanges of a playback, but for those whose requests are streamed.

    `kept` are matches of requests that came before.
    """

    def __init__(
        self,
        servers: Servers,
        subscriptions: Subscriptions,
        ignoring: Ignoring,
        repeats: Repeats,
        rebinding: Rebinding | None,
    ) -> None:
        self.clients = Clients()
        self.kept: dict[object, Match] = {}
        self._tracks: dict[Key, Track] = {}
        self._servers = servers
        self._subscriptions = subscriptions
        self._ignoring = ignoring
        self._repeats = repeats
        self._rebinding = rebinding

    @property
    def unused(self) -> list[Place]:
        """Exchanges that nobody has asked for."""
        return [place for track in self._tracks.values() for place in track.unused]

    @property
    def is_shared(self) -> bool:
        """Whether equal requests came on several connections."""
        return any(track.is_shared for track in self._tracks.values())

    def add(
        self,
        place: Place,
        cassette: Cassette,
        exchange: Exchange,
        request: Received,
        what: Meaning,
    ) -> None:
        """File a recorded exchange."""
        how = recorded_astray(cassette, exchange, what)
        key = what.key if how is None else astray_key(what.key, how)
        track = self._tracks.get(key)
        if track is None:
            call = what.type.name if what.type is not None else None
            repeat = self._repeats.of(call, mutating=what.mutating)
            track = Track(mutating=what.mutating, repeat=repeat, clients=self.clients)
            self._tracks[key] = track
        part = self.clients.part(Source(place.cassette, exchange.client), signs(request))
        track.add(place, what.wanted, part, self._servers.add(place.cassette, request))
        if self._rebinding is not None and how is None:
            self._rebinding.add(what)

    def find(self, request: Received, which: object, scope: Scope) -> Match | Refusal | None:
        """Find what answers a request, as each kind of server in the scope would read it.

        It is a refusal if the request does not belong to an open stream, and None if nothing that
        was recorded answers it.
        """
        for server in self._servers.kinds(scope):
            found = self._found(meaning(request, server, self._ignoring), scope)
            what, client = found.what, Client(request.method == b"HEAD", takes_gzip(request))
            who = self._caller(request, what)
            astray = {} if who is None else self._astray(what, scope)
            line = self._line(what.key, what, scope)
            if line is not None or astray:
                match = Match(line, client, signs(request), who, astray, found.pairs)
                if len(request.body) <= _KEPT_BODY and not found.has_ids:
                    self._keep(which, match)
                return match
            if who is not None and self._subscriptions.has(who):
                why = self._subscriptions.check(who)
                if why is not None:
                    return why
        return None

    def _line(self, key: Key, what: Meaning, scope: Scope) -> Line | None:
        track = self._tracks.get(key)
        return None if track is None else track.line(what.wanted, scope)

    def _found(self, what: Meaning, scope: Scope) -> Found:
        """Say a request in the ids of the recording, if there may be others."""
        if self._rebinding is None:
            return Found(what)

        def offers(key: Key) -> bool:
            line = self._line(key, what, scope)
            return line is not None and (line.repeats or line.has_new)

        return self._rebinding.find(what, offers)

    def _caller(self, request: Received, what: Meaning) -> Caller | None:
        who = caller(request, what)
        if who is None or self._rebinding is None or who.stream_id is None:
            return who
        expected = self._subscriptions.expected(who)
        return replace(who, stream_id=self._rebinding.stream_id(who.stream_id, expected))

    def _astray(self, what: Meaning, scope: Scope) -> dict[Astray, Line]:
        """What was recorded of such a call when it did not belong to an open stream."""
        lines: dict[Astray, Line] = {}
        for how in ASTRAY:
            if (line := self._line(astray_key(what.key, how), what, scope)) is not None:
                lines[how] = line
        return lines

    def _keep(self, which: object, match: Match) -> None:
        if len(self.kept) >= _KEPT:
            self.kept.clear()
        self.kept[which] = match
