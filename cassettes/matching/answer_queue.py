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

from ..format.exchange_ref import ExchangeRef
from .connections import (
    BEST_RANK,
    BEST_UNCLAIMED_RANK,
    NO_HINTS,
    ClientHints,
    ConnectionMap,
    ConnectionStep,
    RecordedConnection,
)
from .repeat_rules import RepeatMode
from .request_key import AcceptedType
from .servers import ANY_SERVER, RecordedServer, ServerScope

_COMPARED = 64
"""Answers that are looked at to find out which one is meant."""

_NOBODY = ConnectionStep(RecordedConnection(0, 0))


class Selection(Struct, frozen=True, eq=False):
    """An exchange to play; `target` is what its answer is to be transcoded to, if it is.

    The same clients get the same object again, which makes it a quick key.
    """

    exchange_ref: ExchangeRef
    target_type: AcceptedType = None
    connection_step: ConnectionStep = _NOBODY


class AnswerQueue:
    """The recorded exchanges of equal requests, in order.

    `is_shared` tells whether they came on several connections; then `clients` decide.
    """

    def __init__(
        self,
        *,
        mutating: bool,
        repeat: RepeatMode | None = None,
        connections: ConnectionMap | None = None,
    ) -> None:
        self.mutating = mutating
        self.repeat: RepeatMode = repeat or ("never" if mutating else "last")
        self.clients = ConnectionMap() if connections is None else connections
        self.is_shared = False
        self.round = 0
        self.given = bytearray()
        self._played = bytearray()
        self._asked: list[tuple[ExchangeRef, AcceptedType, ConnectionStep]] = []
        self._servers: list[RecordedServer] = []
        self._lines: dict[tuple[AcceptedType, ServerScope], QueueView] = {}

    def add_exchange(
        self,
        place: ExchangeRef,
        asked: AcceptedType,
        part: ConnectionStep = _NOBODY,
        server: RecordedServer | None = None,
    ) -> None:
        """Add an exchange, with what its client asked for, whose it was, and of which server."""
        self.is_shared = self.is_shared or (
            bool(self._asked) and self._asked[0][2].connection != part.connection
        )
        self._asked.append((place, asked, part))
        self._servers.append(server or RecordedServer(place.cassette))
        self.given.append(False)
        self._played.append(False)

    @property
    def unused(self) -> list[ExchangeRef]:
        """Exchanges that were never played."""
        pairs = zip(self._asked, self._played, strict=True)
        return [place for (place, _, _), played in pairs if not played]

    def view(self, wanted: AcceptedType, scope: ServerScope = ANY_SERVER) -> "QueueView | None":
        """What a client gets that wants this of these servers; all that want the same share it.

        None if there is nothing of these servers.
        """
        if (wanted, scope) not in self._lines:
            if not (order := self._order(wanted, scope)):
                return None
            self._lines[wanted, scope] = QueueView(self, order)
        return self._lines[wanted, scope]

    def give(self, index: int) -> None:
        """An exchange is given, and not again in this round."""
        self.given[index] = self._played[index] = True

    def _order(self, wanted: AcceptedType, scope: ServerScope) -> list[tuple[int, Selection]]:
        own: list[tuple[int, Selection]] = []
        others: list[tuple[int, Selection]] = []
        for index, (place, asked, part) in enumerate(self._asked):
            if scope is not ANY_SERVER and self._servers[index] not in scope:
                continue
            if asked == wanted:
                own.append((index, Selection(place, connection_step=part)))
            else:
                others.append((index, Selection(place, wanted, part)))
        return own + others if self.mutating or not own else own


class QueueView:
    """The turns of clients that want the same."""

    def __init__(self, track: AnswerQueue, order: list[tuple[int, Selection]]) -> None:
        self._track = track
        self._order = order
        self._next = 0
        self._round = 0
        self._of: dict[RecordedConnection, list[int]] | None = None
        signs = (
            {turn.connection_step.hints for _, turn in order}
            if track.is_shared
            else set[ClientHints]()
        )
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
    def can_repeat(self) -> bool:
        """Whether there is an answer when all were given."""
        return self._track.repeat != "never"

    def select_next(self, client: int = 0, signs: ClientHints = NO_HINTS) -> Selection | None:
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

    def _meant(self, client: int, signs: ClientHints) -> int:
        """Where in the order the exchange is that a client means, by what is least strange."""
        clients, known = self._track.clients, self._known(signs)
        meant, least = self._next, None
        for place in chain(sorted(self._own(client)), islice(self._new(), _COMPARED)):
            strange = clients.mismatch_rank(client, known, self._order[place][1].connection_step)
            if least is None or strange < least:
                meant, least = place, strange
            if least in (BEST_RANK, BEST_UNCLAIMED_RANK):
                break
        return meant

    def _known(self, signs: ClientHints) -> ClientHints:
        """Leave out what none of the recorded clients said."""
        return ClientHints(
            signs.stream_id if signs.stream_id in self._stream_ids else None,
            signs.user_agent if signs.user_agent in self._user_agents else None,
        )

    def _own(self, client: int) -> Iterator[int]:
        """The first of each recorded connection that a client stands for."""
        if self._of is None:
            self._of = defaultdict(list)
            for place in reversed(range(len(self._order))):
                self._of[self._order[place][1].connection_step.connection].append(place)
        given = self._track.given
        for source in self._track.clients.claimed_by(client):
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
