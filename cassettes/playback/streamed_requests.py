"""Streamed requests, answered while they are still coming.

An input to a container (ATTACH_CONTAINER_INPUT) may go on for hours, and Mesos answers it when it
likes: at once if the container is not there, or when a terminal's process ends, or at its end. At
replay the answer comes when the request has brought what the recorded one had brought by then:

    intake = inputs.open(head)
    intake.feed(data, now)  ->  None | Answer | Miss      one of these gives the answer,
    intake.end(now)         ->  None | Answer | Miss      and if none did, this one

What comes is compared with all recorded inputs that begin with the same record. The first of them
that is not played is meant, until something else comes than was recorded; then it is the next one.
Held are a place in each recorded input and one unfinished record, however long the request is.
"""

from collections import defaultdict
from collections.abc import Callable

from msgspec.structs import replace

from ...proto import recordio
from ...proto.api import endpoints, negotiation
from ...proto.api.apis import AGENT, ServerKind
from ...proto.http.request import Received
from ..answers.answer import Answer, StreamAnswer
from ..causality.container_input import Counts, Cursor, Item, Recorded, read_piece
from ..format.documents import Exchange
from ..format.exchange_ref import Place
from ..matching.ignore_rules import NOTHING
from ..matching.misses import Miss, Reason
from ..matching.recorded_request import BEGINNING
from ..storage.reader import Cassette

_LONGEST = 64 * 1024 * 1024
"""Bytes of one record. Mesos has no limit (stout/recordio.hpp)."""

_COMPARED = 64
"""Recorded inputs that a request is compared with at a time."""

_READ = (negotiation.JSON, negotiation.PROTOBUF)

type Outcome = Answer | StreamAnswer | Miss
type _Beginning = tuple[str | None, bool, bytes]


class Inputs:
    """The recorded inputs of a playback, by how they begin, and which of them are played.

    `answer` makes the answer of an exchange, at a time in seconds, and `miss` explains why there is
    none, or refuses as Mesos does. `progress` is told how much of an input has come again, in the
    units of its items. `counts` is what counts of recorded calls, `counts_now` of those that come.
    """

    def __init__(
        self,
        answer: Callable[[Place, Received, float], Answer | StreamAnswer],
        miss: Callable[[Received, Reason], Answer | Miss],
        progress: Callable[[Place, int], object],
        counts: Counts = NOTHING.counts,
        counts_now: Counts = NOTHING.counts,
    ) -> None:
        self.answer, self.miss, self.progress = answer, miss, progress
        self.counts, self.counts_now = counts, counts_now
        self._begun = defaultdict[_Beginning, dict[Place, Recorded]](dict)
        self._played = set[Place]()
        self._claimed = set[Place]()

    @property
    def unused(self) -> list[Place]:
        """Recorded inputs that were not played."""
        places = (place for begun in self._begun.values() for place in begun)
        return [place for place in places if place not in self._played]

    def add(self, place: Place, head: Received, cassette: Cassette, exchange: Exchange) -> Recorded:
        """File a recorded input, and give it."""
        kind = head.header("message-content-type")
        recorded = Recorded.of(cassette, exchange, kind, self.counts)
        first = next(recorded.items(), None)
        self._begun[_beginning(head, first)][place] = recorded
        return recorded

    def open(self, head: Received) -> "Intake":
        """Begin a request, of which only the head has come."""
        return Intake(self, head)

    def cursors(self, head: Received, first: Item | None) -> dict[Place, Cursor]:
        """Begin to compare with the recorded inputs that begin so and are not played."""
        begun = self._begun.get(_beginning(head, first), {})
        left = [place for place in begun if place not in self._played]
        return {place: Cursor(begun[place]) for place in left[:_COMPARED]}

    def has(self, head: Received, first: Item | None) -> bool:
        """Whether any recorded input begins so."""
        return _beginning(head, first) in self._begun

    def claim(self, places: dict[Place, Cursor]) -> Place | None:
        """Take the first that no other request has taken."""
        for place in places:
            if place not in self._claimed and place not in self._played:
                self._claimed.add(place)
                return place
        return None

    def drop(self, place: Place) -> None:
        """Give back what was claimed."""
        self._claimed.discard(place)

    def played(self, place: Place) -> None:
        """Do not play it again."""
        self._claimed.discard(place)
        self._played.add(place)


class Intake:
    """One streamed request as it comes."""

    def __init__(self, inputs: Inputs, head: Received) -> None:
        self._inputs = inputs
        self._head = head
        self._kind = head.header("message-content-type")
        self._decoder = recordio.Decoder(max_record=_LONGEST)
        self._cursors: dict[Place, Cursor] | None = None
        self._place: Place | None = None
        self._reason: Reason = "nothing recorded for this call"
        self._told = bytearray()
        self._done = False

    def feed(self, data: bytes, now_seconds: float) -> Outcome | None:
        """Take what has come of the body; give the answer if that is when it came.

        Raises ValueError, LookupError or OSError if the cassette does not give what it should.
        """
        if self._done:
            return None
        return self._take(self._decoder.feed(data), now_seconds)

    def end(self, now_seconds: float) -> Outcome | None:
        """Take the end of the request; give the answer if there was none yet. Raises as `feed`."""
        if self._done:
            return None
        return self._take(self._decoder.close(), now_seconds) or self._close(now_seconds)

    def whole(self, body: bytes, now_seconds: float) -> Outcome:
        """Take all of it. Raises as `feed`."""
        outcome = self.feed(body, now_seconds) or self.end(now_seconds)
        assert outcome is not None
        return outcome

    def leave(self, now_seconds: float) -> None:
        """Give up: the client has gone before the end."""
        if self._done or self._place is None or self._cursors is None:
            return
        if self._cursors[self._place].recorded.answered:
            self._done = True
            self._inputs.drop(self._place)
        else:
            self._answer(self._place, now_seconds)

    def _take(self, pieces: list[recordio.Piece], now_seconds: float) -> Outcome | None:
        for piece in pieces:
            self._tell(piece)
        for piece in pieces:
            item = read_piece(piece, self._kind, self._inputs.counts_now)
            if item is not None and (outcome := self._go_on(item, now_seconds)) is not None:
                return outcome
        return None

    def _go_on(self, item: Item, now_seconds: float) -> Outcome | None:
        """Compare an item with what was recorded, and give the answer if it is time."""
        cursors = self._begin(item) if self._cursors is None else self._cursors
        for place in [place for place, cursor in cursors.items() if not cursor.take(item)]:
            self._pass_over(place, cursors)
        if (place := self._claim(cursors)) is None:
            return self._missed()
        self._inputs.progress(place, cursors[place].units)
        if cursors[place].is_due(ended=False):
            return self._answer(place, now_seconds)
        return None

    def _close(self, now_seconds: float) -> Outcome:
        """Give the answer at the end; an input that went on after it is not meant."""
        cursors = self._begin(None) if self._cursors is None else self._cursors
        while (place := self._claim(cursors)) is not None:
            if cursors[place].is_due(ended=True):
                return self._answer(place, now_seconds)
            self._pass_over(place, cursors)
        return self._missed()

    def _answer(self, place: Place, now_seconds: float) -> Outcome:
        self._done = True
        self._inputs.played(place)
        return self._inputs.answer(place, self._head, now_seconds)

    def _missed(self) -> Answer | Miss:
        self._done = True
        return self._inputs.miss(replace(self._head, body=bytes(self._told)), self._reason)

    def _begin(self, first: Item | None) -> dict[Place, Cursor]:
        self._cursors = self._inputs.cursors(self._head, first)
        if self._claim(self._cursors) is None and self._inputs.has(self._head, first):
            self._reason = "already played"
        return self._cursors

    def _claim(self, cursors: dict[Place, Cursor]) -> Place | None:
        if self._place is None:
            self._place = self._inputs.claim(cursors)
        return self._place

    def _pass_over(self, place: Place, cursors: dict[Place, Cursor]) -> None:
        """Something else than this one came."""
        del cursors[place]
        if place == self._place:
            self._place = None
            self._inputs.drop(place)

    def _tell(self, piece: recordio.Piece) -> None:
        if not self._told or len(self._told) + piece.size <= BEGINNING:
            self._told += piece.data


def is_input(head: Received, server: ServerKind | None) -> bool:
    """Whether a request is a streamed one, which only the operator API of an agent takes."""
    if head.method != b"POST" or head.header("content-type") != negotiation.RECORDIO:
        return False
    if endpoints.is_actor_message(head.fields):
        return False
    return endpoints.find(head.target.decode("latin-1"), server) is AGENT


def _beginning(head: Received, first: Item | None) -> _Beginning:
    """What decides the answer from the start: whether the headers are taken, and the first record.

    Of bytes that are no record nobody knows how many come at once, so they all begin alike.
    """
    kind = head.header("message-content-type")
    accepted = negotiation.response_type(AGENT, head.fields) is not None
    return None if kind in _READ else kind or "", accepted, b"" if first is None else first.head
