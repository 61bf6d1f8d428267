"""Answer queues: the recorded answers to equal requests, and which of them is next.

Equal requests share a queue, whatever encoding they are written in and ask for. Each answer is
given once. After the last, a request that only reads gets the last answer again, unless `--repeat`
asks for something else (repeat_rules.py); a call that the recorded client or the recorder left
before its answer is not given again. A client prefers answers that were recorded in the
encoding that it accepts:

    recorded    1 json   2 protobuf   3 json
    json        1  3  3  3 …                   read: only answers in its own encoding
    json        1  3  2  (already played)      mutating call: all answers, its own encoding first
    protobuf    2  2  2 …
    other       1  2  3  3 …                   none in its own encoding: all in order, transcoded

A client with credentials and one without may get different answers (credentials.py). If several
clients made the requests, each gets the answers of the recorded client that it stands for
(connections.py).
"""

from collections import defaultdict
from collections.abc import Iterator
from itertools import chain, compress, islice

from msgspec import Struct

from ...proto.http.credentials import CredentialScheme
from ..format.exchange_ref import ExchangeRef
from .connections import (
    BEST_RANK,
    BEST_UNCLAIMED_RANK,
    NO_HINTS,
    NOT_RECORDED,
    ClientHints,
    ConnectionMap,
    ConnectionStep,
    RecordedConnection,
)
from .credentials import NO_CREDENTIALS, RecordedCredentials, suit_credentials
from .repeat_rules import RepeatMode
from .request_key import AcceptedType
from .servers import ANY_SERVER, RecordedServer, ServerScope

_MAX_RANKED = 64
"""Answers not given yet that are ranked for a request, besides those of claimed connections."""

_NO_STEP = ConnectionStep(RecordedConnection(0, 0))


class Selection(Struct, frozen=True, eq=False):
    """An exchange to play. `target_type` is what its answer is transcoded to; None if it is not.

    A queue returns the same object for the same exchange and type, so it is a fast key of a cache.
    """

    exchange_ref: ExchangeRef
    target_type: AcceptedType = None
    connection_step: ConnectionStep = _NO_STEP


class _Progress:
    """Which answers of a queue were given in this round, and which in any.

    A round ends when all are given and they repeat from the first (`--repeat cycle`).
    """

    def __init__(self) -> None:
        self.round = 0
        self.given = bytearray()
        self.played = bytearray()

    def add(self) -> None:
        self.given.append(False)
        self.played.append(False)

    def give(self, index: int) -> None:
        self.given[index] = self.played[index] = True


class AnswerQueue:
    """The recorded exchanges of equal requests, in order.

    `is_shared` is true if they were recorded on several connections, which `connections` then tells
    apart.
    """

    def __init__(
        self,
        *,
        mutating: bool,
        repeat: RepeatMode | None = None,
        connections: ConnectionMap | None = None,
    ) -> None:
        self.is_shared = False
        self._mutating = mutating
        self._repeat: RepeatMode = repeat or ("never" if mutating else "last")
        self._connections = ConnectionMap() if connections is None else connections
        self._progress = _Progress()
        self._exchanges: list[tuple[ExchangeRef, AcceptedType, ConnectionStep]] = []
        self._servers: list[RecordedServer] = []
        self._abandoned = set[ExchangeRef]()
        self._credentials: list[RecordedCredentials] = []
        self._views: dict[tuple[AcceptedType, ServerScope, CredentialScheme], QueueView] = {}

    def add_exchange(
        self,
        exchange_ref: ExchangeRef,
        accepted_type: AcceptedType,
        step: ConnectionStep = _NO_STEP,
        server: RecordedServer | None = None,
        credentials: RecordedCredentials = NO_CREDENTIALS,
        *,
        is_abandoned: bool = False,
    ) -> None:
        """Add an exchange: the type that its client accepted, its connection, server, credentials.

        `is_abandoned` is set if the recorded client or the recorder left before the answer. All
        exchanges are added before the first view is made.
        """
        self.is_shared = self.is_shared or (
            bool(self._exchanges) and self._exchanges[0][2].connection != step.connection
        )
        self._exchanges.append((exchange_ref, accepted_type, step))
        self._servers.append(server or RecordedServer(exchange_ref.cassette))
        self._credentials.append(credentials)
        self._progress.add()
        if is_abandoned:
            self._abandoned.add(exchange_ref)

    @property
    def unused(self) -> list[ExchangeRef]:
        """Exchanges that were never played."""
        pairs = zip(self._exchanges, self._progress.played, strict=True)
        return [exchange_ref for (exchange_ref, _, _), played in pairs if not played]

    def view(
        self,
        accepted_type: AcceptedType,
        scope: ServerScope = ANY_SERVER,
        credentials: CredentialScheme = None,
    ) -> "QueueView | None":
        """Return the queue for a response type, server scope and scheme, shared by all clients.

        None if no exchange of a server in the scope is for such credentials.
        """
        key = accepted_type, scope, credentials
        if key not in self._views:
            order = self._order(accepted_type, scope, credentials)
            if not order:
                return None
            connections = self._connections if self.is_shared else None
            answers = [each for _, each in order if each.exchange_ref not in self._abandoned]
            last = answers[-1] if answers else order[-1][1]
            self._views[key] = QueueView(order, last, self._progress, self._repeat, connections)
        return self._views[key]

    def _candidates(self, scope: ServerScope, credentials: CredentialScheme) -> list[int]:
        """Return the indices of the exchanges of some servers that suit the credentials."""
        indices = [
            index
            for index, server in enumerate(self._servers)
            if scope is ANY_SERVER or server in scope
        ]
        suits = suit_credentials(credentials, [self._credentials[index] for index in indices])
        return list(compress(indices, suits))

    def _order(
        self, accepted_type: AcceptedType, scope: ServerScope, credentials: CredentialScheme
    ) -> list[tuple[int, Selection]]:
        # All views of a queue share its progress, so each entry has its index in the queue.
        #
        # A read gets only answers in its own encoding if there are any. The two encodings of a
        # master do not have the same contents (its protobuf GET_STATE lacks completed frameworks),
        # so with a mixture, tasks would vanish and come back from one answer to the next. Without
        # any, it gets all others transcoded, in the order of the recording.
        #
        # Each answer to a mutating call stands for one change of the cluster, so none is left out:
        # those in its own encoding first, because they need no transcoding, then the others.
        own: list[tuple[int, Selection]] = []
        others: list[tuple[int, Selection]] = []
        for index in self._candidates(scope, credentials):
            exchange_ref, recorded_type, step = self._exchanges[index]
            if recorded_type == accepted_type:
                own.append((index, Selection(exchange_ref, connection_step=step)))
            else:
                others.append((index, Selection(exchange_ref, accepted_type, step)))
        return own + others if self._mutating or not own else own


class QueueView:
    """The answers for all clients that accept the same type, in order.

    A position is an index into that order; `_next` is the position before which all are given.
    `last` is the answer that is repeated with `--repeat last`.
    """

    def __init__(
        self,
        order: list[tuple[int, Selection]],
        last: Selection,
        progress: _Progress,
        repeat: RepeatMode,
        connections: ConnectionMap | None,
    ) -> None:
        self._order = order
        self._last = last
        self._progress = progress
        self._repeat: RepeatMode = repeat
        self._connections = connections
        self._next = 0
        self._round = 0
        self._positions: dict[RecordedConnection, list[int]] | None = None
        hints = set[ClientHints]()
        if connections is not None:
            hints = {selection.connection_step.hints for _, selection in order}
        self._stream_ids = {each.stream_id for each in hints}
        self._user_agents = {each.user_agent for each in hints}

    @property
    def has_new(self) -> bool:
        """True if there is an answer that was not given in this round."""
        given = self._progress.given
        if self._round != self._progress.round:
            self._restart()
        while self._next < len(self._order) and given[self._order[self._next][0]]:
            self._next += 1
        return self._next < len(self._order)

    @property
    def can_repeat(self) -> bool:
        """True if there is an answer even if all were given."""
        return self._repeat != "never"

    def select_next(self, client: int = 0, hints: ClientHints = NO_HINTS) -> Selection | None:
        """Return the next exchange to play for a connection, and mark it as given.

        None if all were given and none may be repeated.
        """
        progress = self._progress
        if not self.has_new:
            if self._repeat == "last":
                return self._last
            if self._repeat == "never":
                return None
            for index, _ in self._order:
                progress.given[index] = False
            progress.round += 1
            self._restart()
        index, selection = self._order[self._position(client, hints)]
        progress.give(index)
        return selection

    def selections(self) -> Iterator[Selection]:
        """Iterate over all answers, in order."""
        return (selection for _, selection in self._order)

    def peek_new(self, client: int = 0, hints: ClientHints = NO_HINTS) -> Selection | None:
        """Return the next exchange that was not given in this round, without giving it."""
        return self._order[self._position(client, hints)][1] if self.has_new else None

    def _position(self, client: int, hints: ClientHints) -> int:
        connections = self._connections
        if connections is None:
            return self._next
        return self._best_position(connections, client, hints)

    def _restart(self) -> None:
        self._round, self._next, self._positions = self._progress.round, 0, None

    def _best_position(self, connections: ConnectionMap, client: int, hints: ClientHints) -> int:
        # Rank the answers that were not given, and take the first with the smallest mismatch rank.
        # To rank all of them would make a long replay slow, since many clients may poll for the
        # same thing. So two kinds of candidates are ranked:
        #
        # - of each recorded connection that the client claims, the first answer not given, however
        #   far away it is: without these, a client that is far ahead of the others would lose its
        #   place;
        # - the first 64 answers not given, of any connection.
        #
        # The claimed ones come first, sorted by position, so that of equal ranks the order of the
        # recording decides. The search ends at BEST_RANK, which nothing beats, and at
        # BEST_UNCLAIMED_RANK, which only a claimed connection beats: the next answer of each was
        # ranked before.
        known_hints = self._recorded_hints(hints)
        best, best_rank = self._next, None
        candidates = chain(
            sorted(self._claimed_positions(connections, client)),
            islice(self._new_positions(), _MAX_RANKED),
        )
        for position in candidates:
            step = self._order[position][1].connection_step
            rank = connections.mismatch_rank(client, known_hints, step)
            if best_rank is None or rank < best_rank:
                best, best_rank = position, rank
            if best_rank in (BEST_RANK, BEST_UNCLAIMED_RANK):
                break
        return best

    def _recorded_hints(self, hints: ClientHints) -> ClientHints:
        """Leave out values that no recorded client of these requests sent, or lacked."""
        return ClientHints(
            hints.stream_id if hints.stream_id in self._stream_ids else NOT_RECORDED,
            hints.user_agent if hints.user_agent in self._user_agents else NOT_RECORDED,
        )

    def _claimed_positions(self, connections: ConnectionMap, client: int) -> Iterator[int]:
        # The first answer not given of each recorded connection that the client claims. The
        # positions of a connection are listed in reverse, so that given ones are popped off the
        # end: over a round each is looked at once, however many there are. Another view of the
        # queue, or the ranking of unclaimed answers, may have given some of them already; such
        # positions are popped when they are met. A new round builds the lists again.
        if self._positions is None:
            self._positions = defaultdict(list)
            for position in reversed(range(len(self._order))):
                step = self._order[position][1].connection_step
                self._positions[step.connection].append(position)
        given = self._progress.given
        for recorded in connections.claimed_by(client):
            positions = self._positions.get(recorded, [])
            while positions and given[self._order[positions[-1]][0]]:
                positions.pop()
            yield from positions[-1:]

    def _new_positions(self) -> Iterator[int]:
        given = self._progress.given
        for position in range(self._next, len(self._order)):
            if not given[self._order[position][0]]:
                yield position
