"""Queue views: the next answer of a queue, for all clients that ask for the same.

The views of a queue (answer_queue.py) share its progress: an answer that one of them gives is given
in all. If equal requests were recorded on several connections, the answer is that of the recorded
connection that the client stands for (connections.py).
"""

from array import array
from collections import defaultdict
from collections.abc import Iterator
from itertools import chain, islice

from msgspec import Struct

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
from .repeat_rules import RepeatMode
from .request_key import AcceptedType

_MAX_RANKED = 64
"""Answers not given yet that are ranked for a request, besides those of claimed connections."""

NO_STEP = ConnectionStep(RecordedConnection(0, 0))


class Selection(Struct, frozen=True, eq=False):
    """An exchange to play. `target_type` is what its answer is transcoded to; None if it is not.

    A queue returns the same object for the same exchange and type, so it is a fast key of a cache.
    `row` is its place in the `QueueProgress`.
    """

    exchange_ref: ExchangeRef
    target_type: AcceptedType = None
    connection_step: ConnectionStep = NO_STEP
    row: int = 0


class QueueProgress:
    """Which answers were given in this round of their queue, and which in any, by row.

    A round of a queue ends when all are given and they repeat from the first (`--repeat cycle`);
    `rounds` has its number, at the first row of the queue. The columns may be in memory that
    several processes share.
    """

    def __init__(self, rows: int = 0) -> None:
        self.given: bytearray | memoryview = bytearray(rows)
        self.played: bytearray | memoryview = bytearray(rows)
        self.rounds: array[int] | memoryview = array("I", bytes(4 * rows))

    def add(self) -> int:
        """Add a row, unless the memory is shared, and return its number."""
        assert isinstance(self.given, bytearray)
        assert isinstance(self.played, bytearray)
        assert isinstance(self.rounds, array)
        self.given.append(False)
        self.played.append(False)
        self.rounds.append(0)
        return len(self.given) - 1

    def give(self, row: int) -> None:
        """Mark an answer as given."""
        self.given[row] = self.played[row] = True


class QueueView:
    """The answers for all clients that accept the same type, in order.

    A position is an index into that order; `_next` is the position before which all are given.
    `last` is the answer that is repeated with `--repeat last`. `queue_row` is the first row of the
    queue.
    """

    def __init__(
        self,
        order: list[Selection],
        last: Selection,
        progress: QueueProgress,
        queue_row: int,
        repeat: RepeatMode,
        connections: ConnectionMap | None,
    ) -> None:
        self._order = order
        self._last = last
        self._progress = progress
        self._queue_row = queue_row
        self._repeat: RepeatMode = repeat
        self._connections = connections
        self._next = 0
        self._round = progress.rounds[queue_row]
        self._positions: dict[RecordedConnection, list[int]] | None = None
        hints = set[ClientHints]()
        if connections is not None:
            hints = {selection.connection_step.hints for selection in order}
        self._stream_ids = {each.stream_id for each in hints}
        self._user_agents = {each.user_agent for each in hints}

    @property
    def has_new(self) -> bool:
        """True if there is an answer that was not given in this round."""
        given = self._progress.given
        if self._round != self._progress.rounds[self._queue_row]:
            self._restart()
        while self._next < len(self._order) and given[self._order[self._next].row]:
            self._next += 1
        return self._next < len(self._order)

    @property
    def can_repeat(self) -> bool:
        """True if there is an answer even if all were given."""
        return self._repeat != "never"

    @property
    def repeated(self) -> Selection | None:
        """The answer of all further requests, whoever makes them; None if that is not certain."""
        return None if self._repeat != "last" or self.has_new else self._last

    def select_next(self, client: int = 0, hints: ClientHints = NO_HINTS) -> Selection | None:
        """Return the next exchange to play for a connection, and mark it as given.

        None if all were given and none may be repeated.
        """
        if self._repeat == "last" and not self.has_new:
            return self._last
        selection = self.peek(client, hints)
        if selection is not None:
            self._progress.give(selection.row)
        return selection

    def peek(self, client: int = 0, hints: ClientHints = NO_HINTS) -> Selection | None:
        """Return what `select_next` would, without giving it. The next round may begin."""
        if not self.has_new:
            if self._repeat == "last":
                return self._last
            if self._repeat == "never":
                return None
            for each in self._order:
                self._progress.given[each.row] = False
            self._progress.rounds[self._queue_row] += 1
            self._restart()
        return self._order[self._position(client, hints)]

    def selections(self) -> Iterator[Selection]:
        """Iterate over all answers, in order."""
        return iter(self._order)

    def peek_new(self, client: int = 0, hints: ClientHints = NO_HINTS) -> Selection | None:
        """Return the next exchange that was not given in this round, without giving it."""
        return self._order[self._position(client, hints)] if self.has_new else None

    def _position(self, client: int, hints: ClientHints) -> int:
        connections = self._connections
        if connections is None:
            return self._next
        return self._best_position(connections, client, hints)

    def _restart(self) -> None:
        self._round = self._progress.rounds[self._queue_row]
        self._next, self._positions = 0, None

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
            step = self._order[position].connection_step
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
                step = self._order[position].connection_step
                self._positions[step.connection].append(position)
        given = self._progress.given
        for recorded in connections.claimed_by(client):
            positions = self._positions.get(recorded, [])
            while positions and given[self._order[positions[-1]].row]:
                positions.pop()
            yield from positions[-1:]

    def _new_positions(self) -> Iterator[int]:
        given = self._progress.given
        for position in range(self._next, len(self._order)):
            if not given[self._order[position].row]:
                yield position
