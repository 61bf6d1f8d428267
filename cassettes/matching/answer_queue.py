"""Tracks: the recorded answers to equal requests, and whose turn it is.

A request is equal to a recorded one if it means the same, whatever encoding it comes in and asks
for. Of the answers of a track, each is given once; after the last, one that only reads gets the
last again, or what else is asked for (repeats.py). A client gets the answers that were recorded in
its own encoding, if there are any:

    recorded   1 json   2 protobuf   3 json
    json       1  3  3  3 …                   reading: never an answer that lost or gained something
    json       1  3  2  (already played)      mutating: each is still given once, its own first
    protobuf   2  2  2 …
    neither    1  2  3  3 …                   all others, in order, transcoded

Of answers to several clients, each gets those of the one that it stands for (clients.py).
"""

from collections import defaultdict
from collections.abc import Iterator
from itertools import chain, islice

from msgspec import Struct

from ..format.exchange_ref import Place
from .connections import LEAST_STRANGE, NOT_STRANGE, UNKNOWN, Clients, Part, Signs, Source
from .repeat_rules import Repeat
from .request_key import Wanted
from .servers import ANY, Scope, Server

_COMPARED = 64
"""Answers that are looked at to find out which one is meant."""

_NOBODY = Part(Source(0, 0))


class Turn(Struct, frozen=True, eq=False):
    """An exchange to play; `target` is what its answer is to be transcoded to, if it is.

    The same clients get the same object again, which makes it a quick key.
    """

    place: Place
    target: Wanted = None
    part: Part = _NOBODY


class Track:
    """The recorded exchanges of equal requests, in order.

    `is_shared` tells whether they came on several connections; then `clients` decide.
    """

    def __init__(
        self, *, mutating: bool, repeat: Repeat | None = None, clients: Clients | None = None
    ) -> None:
        self.mutating = mutating
        self.repeat: Repeat = repeat or ("never" if mutating else "last")
        self.clients = Clients() if clients is None else clients
        self.is_shared = False
        self.round = 0
        self.given = bytearray()
        self._played = bytearray()
        self._asked: list[tuple[Place, Wanted, Part]] = []
        self._servers: list[Server] = []
        self._lines: dict[tuple[Wanted, Scope], Line] = {}

    def add(
        self, place: Place, asked: Wanted, part: Part = _NOBODY, server: Server | None = None
    ) -> None:
        """Add an exchange, with what its client asked for, whose it was, and of which server."""
        self.is_shared = self.is_shared or (
            bool(self._asked) and self._asked[0][2].source != part.source
        )
        self._asked.append((place, asked, part))
        self._servers.append(server or Server(place.cassette))
        self.given.append(False)
        self._played.append(False)

    @property
    def unused(self) -> list[Place]:
        """Exchanges that were never played."""
        pairs = zip(self._asked, self._played, strict=True)
        return [place for (place, _, _), played in pairs if not played]

    def line(self, wanted: Wanted, scope: Scope = ANY) -> "Line | None":
        """What a client gets that wants this of these servers; all that want the same share it.

        None if there is nothing of these servers.
        """
        if (wanted, scope) not in self._lines:
            if not (order := self._order(wanted, scope)):
                return None
            self._lines[wanted, scope] = Line(self, order)
        return self._lines[wanted, scope]

    def give(self, index: int) -> None:
        """An exchange is given, and not again in this round."""
        self.given[index] = self._played[index] = True

    def _order(self, wanted: Wanted, scope: Scope) -> list[tuple[int, Turn]]:
        own: list[tuple[int, Turn]] = []
        others: list[tuple[int, Turn]] = []
        for index, (place, asked, part) in enumerate(self._asked):
            if scope is not ANY and self._servers[index] not in scope:
                continue
            if asked == wanted:
                own.append((index, Turn(place, part=part)))
            else:
                others.append((index, Turn(place, wanted, part)))
        return own + others if self.mutating or not own else own


class Line:
    """The turns of clients that want the same."""

    def __init__(self, track: Track, order: list[tuple[int, Turn]]) -> None:
        self._track = track
        self._order = order
        self._next = 0
        self._round = 0
        self._of: dict[Source, list[int]] | None = None
        signs = {turn.part.signs for _, turn in order} if track.is_shared else set[Signs]()
        self._stream_ids = {each.stream_id for each in signs}
        self._user_agents = {each.user_agent for each in signs}

    @property
    def has_new(self) -> bool:
        """Whether there is an answer that was not given."""
        given = self._track.given
        if self._round != self._track.round:
            self._restart()
        while self._next < len(self._order) and given[self._order[self._next][0]]:
            self._next += 1
        return self._next < len(self._order)

    @property
    def repeats(self) -> bool:
        """Whether there is an answer when all were given."""
        return self._track.repeat != "never"

    def take(self, client: int = 0, signs: Signs = UNKNOWN) -> Turn | None:
        """The next exchange to play, or None: all are played, and none may be again."""
        track = self._track
        if not self.has_new:
            if track.repeat == "last":
                return self._order[-1][1]
            if track.repeat == "never":
                return None
            for index, _ in self._order:
                track.given[index] = False
            track.round += 1
            self._restart()
        place = self._meant(client, signs) if track.is_shared else self._next
        index, turn = self._order[place]
        track.give(index)
        return turn

    def _restart(self) -> None:
        self._round, self._next, self._of = self._track.round, 0, None

    def _meant(self, client: int, signs: Signs) -> int:
        """Where in the order the exchange is that a client means, by what is least strange."""
        clients, known = self._track.clients, self._known(signs)
        meant, least = self._next, None
        for place in chain(sorted(self._own(client)), islice(self._new(), _COMPARED)):
            strange = clients.strangeness(client, known, self._order[place][1].part)
            if least is None or strange < least:
                meant, least = place, strange
            if least in (NOT_STRANGE, LEAST_STRANGE):
                break
        return meant

    def _known(self, signs: Signs) -> Signs:
        """Leave out what none of the recorded clients said."""
        return Signs(
            signs.stream_id if signs.stream_id in self._stream_ids else None,
            signs.user_agent if signs.user_agent in self._user_agents else None,
        )

    def _own(self, client: int) -> Iterator[int]:
        """The first of each recorded connection that a client stands for."""
        if self._of is None:
            self._of = defaultdict(list)
            for place in reversed(range(len(self._order))):
                self._of[self._order[place][1].part.source].append(place)
        given = self._track.given
        for source in self._track.clients.own(client):
            places = self._of.get(source, [])
            while places and given[self._order[places[-1]][0]]:
                places.pop()
            yield from places[-1:]

    def _new(self) -> Iterator[int]:
        """Those that were not given, in order."""
        given = self._track.given
        for place in range(self._next, len(self._order)):
            if not given[self._order[place][0]]:
                yield place
