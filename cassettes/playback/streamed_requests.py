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
from ...proto.http.request import HttpRequest
from ..answers.answer import ReplayResponse
from ..causality.container_input import (
    ComparableCalls,
    InputCursor,
    InputItem,
    RecordedInput,
    item_from_piece,
)
from ..format.documents import Exchange
from ..format.exchange_ref import ExchangeRef
from ..matching.ignore_rules import IGNORE_NOTHING
from ..matching.misses import Miss, MissReason, ReplayOutcome
from ..matching.recorded_request import INPUT_PREFIX_BYTES
from ..storage.reader import Cassette

_LONGEST = 64 * 1024 * 1024
"""Bytes of one record. Mesos has no limit (stout/recordio.hpp)."""

_COMPARED = 64
"""Recorded inputs that a request is compared with at a time."""

_READ = (negotiation.JSON, negotiation.PROTOBUF)

type _Beginning = tuple[str | None, bool, bytes]


class RecordedInputs:
    """The recorded inputs of a playback, by how they begin, and which of them are played.

    `answer` makes the answer of an exchange, at a time in seconds, and `miss` explains why there is
    none, or refuses as Mesos does. `progress` is told how much of an input has come again, in the
    units of its items. `counts` is what counts of recorded calls, `counts_now` of those that come.
    """

    def __init__(
        self,
        answer: Callable[[ExchangeRef, HttpRequest, float], ReplayOutcome],
        miss: Callable[[HttpRequest, MissReason], ReplayResponse | Miss],
        progress: Callable[[ExchangeRef, int], object],
        counts: ComparableCalls = IGNORE_NOTHING.comparable_calls,
        counts_now: ComparableCalls = IGNORE_NOTHING.comparable_calls,
    ) -> None:
        self.answer, self.miss, self.progress = answer, miss, progress
        self.comparable_recorded_calls, self.comparable_received_calls = counts, counts_now
        self._begun = defaultdict[_Beginning, dict[ExchangeRef, RecordedInput]](dict)
        self._played = set[ExchangeRef]()
        self._claimed = set[ExchangeRef]()

    @property
    def unused(self) -> list[ExchangeRef]:
        """Recorded inputs that were not played."""
        places = (place for begun in self._begun.values() for place in begun)
        return [place for place in places if place not in self._played]

    def add_recorded_input(
        self, place: ExchangeRef, head: HttpRequest, cassette: Cassette, exchange: Exchange
    ) -> RecordedInput:
        """File a recorded input, and give it."""
        kind = head.header("message-content-type")
        recorded = RecordedInput.from_exchange(
            cassette, exchange, kind, self.comparable_recorded_calls
        )
        first = next(recorded.read_items(), None)
        self._begun[_beginning(head, first)][place] = recorded
        return recorded

    def begin_request(self, head: HttpRequest) -> "StreamedRequest":
        """Begin a request, of which only the head has come."""
        return StreamedRequest(self, head)

    def cursors(self, head: HttpRequest, first: InputItem | None) -> dict[ExchangeRef, InputCursor]:
        """Begin to compare with the recorded inputs that begin so and are not played."""
        begun = self._begun.get(_beginning(head, first), {})
        left = [place for place in begun if place not in self._played]
        return {place: InputCursor(begun[place]) for place in left[:_COMPARED]}

    def has(self, head: HttpRequest, first: InputItem | None) -> bool:
        """Whether any recorded input begins so."""
        return _beginning(head, first) in self._begun

    def claim(self, places: dict[ExchangeRef, InputCursor]) -> ExchangeRef | None:
        """Take the first that no other request has taken."""
        for place in places:
            if place not in self._claimed and place not in self._played:
                self._claimed.add(place)
                return place
        return None

    def drop(self, place: ExchangeRef) -> None:
        """Give back what was claimed."""
        self._claimed.discard(place)

    def played(self, place: ExchangeRef) -> None:
        """Do not play it again."""
        self._claimed.discard(place)
        self._played.add(place)


class StreamedRequest:
    """One streamed request as it comes."""

    def __init__(self, inputs: RecordedInputs, head: HttpRequest) -> None:
        self._inputs = inputs
        self._head = head
        self._kind = head.header("message-content-type")
        self._decoder = recordio.Decoder(max_record_bytes=_LONGEST)
        self._cursors: dict[ExchangeRef, InputCursor] | None = None
        self._place: ExchangeRef | None = None
        self._reason: MissReason = "nothing recorded for this call"
        self._told = bytearray()
        self._done = False

    def feed(self, data: bytes, now_seconds: float) -> ReplayOutcome | None:
        """Take what has come of the body; give the answer if that is when it came.

        Raises ValueError, LookupError or OSError if the cassette does not give what it should.
        """
        if self._done:
            return None
        return self._take(self._decoder.feed(data), now_seconds)

    def close(self, now_seconds: float) -> ReplayOutcome | None:
        """Take the end of the request; give the answer if there was none yet. Raises as `feed`."""
        if self._done:
            return None
        return self._take(self._decoder.close(), now_seconds) or self._close(now_seconds)

    def feed_all(self, body: bytes, now_seconds: float) -> ReplayOutcome:
        """Take all of it. Raises as `feed`."""
        outcome = self.feed(body, now_seconds) or self.close(now_seconds)
        assert outcome is not None
        return outcome

    def abort(self, now_seconds: float) -> None:
        """Give up: the client has gone before the end."""
        if self._done or self._place is None or self._cursors is None:
            return
        if self._cursors[self._place].recorded.is_answered:
            self._done = True
            self._inputs.drop(self._place)
        else:
            self._answer(self._place, now_seconds)

    def _take(
        self, pieces: list[recordio.RecordIOPiece], now_seconds: float
    ) -> ReplayOutcome | None:
        for piece in pieces:
            self._tell(piece)
        for piece in pieces:
            item = item_from_piece(piece, self._kind, self._inputs.comparable_received_calls)
            if item is not None and (outcome := self._go_on(item, now_seconds)) is not None:
                return outcome
        return None

    def _go_on(self, item: InputItem, now_seconds: float) -> ReplayOutcome | None:
        """Compare an item with what was recorded, and give the answer if it is time."""
        cursors = self._begin(item) if self._cursors is None else self._cursors
        for place in [place for place, cursor in cursors.items() if not cursor.match_item(item)]:
            self._pass_over(place, cursors)
        if (place := self._claim(cursors)) is None:
            return self._missed()
        self._inputs.progress(place, cursors[place].matched_units)
        if cursors[place].is_answer_due(request_ended=False):
            return self._answer(place, now_seconds)
        return None

    def _close(self, now_seconds: float) -> ReplayOutcome:
        """Give the answer at the end; an input that went on after it is not meant."""
        cursors = self._begin(None) if self._cursors is None else self._cursors
        while (place := self._claim(cursors)) is not None:
            if cursors[place].is_answer_due(request_ended=True):
                return self._answer(place, now_seconds)
            self._pass_over(place, cursors)
        return self._missed()

    def _answer(self, place: ExchangeRef, now_seconds: float) -> ReplayOutcome:
        self._done = True
        self._inputs.played(place)
        return self._inputs.answer(place, self._head, now_seconds)

    def _missed(self) -> ReplayResponse | Miss:
        self._done = True
        return self._inputs.miss(replace(self._head, body=bytes(self._told)), self._reason)

    def _begin(self, first: InputItem | None) -> dict[ExchangeRef, InputCursor]:
        self._cursors = self._inputs.cursors(self._head, first)
        if self._claim(self._cursors) is None and self._inputs.has(self._head, first):
            self._reason = "already played"
        return self._cursors

    def _claim(self, cursors: dict[ExchangeRef, InputCursor]) -> ExchangeRef | None:
        if self._place is None:
            self._place = self._inputs.claim(cursors)
        return self._place

    def _pass_over(self, place: ExchangeRef, cursors: dict[ExchangeRef, InputCursor]) -> None:
        """Something else than this one came."""
        del cursors[place]
        if place == self._place:
            self._place = None
            self._inputs.drop(place)

    def _tell(self, piece: recordio.RecordIOPiece) -> None:
        if not self._told or len(self._told) + piece.size <= INPUT_PREFIX_BYTES:
            self._told += piece.data


def is_streamed_request(head: HttpRequest, server: ServerKind | None) -> bool:
    """Whether a request is a streamed one, which only the operator API of an agent takes."""
    if head.method != b"POST" or head.header("content-type") != negotiation.RECORDIO:
        return False
    if endpoints.is_actor_message(head.text_headers):
        return False
    return endpoints.find_api(head.target.decode("latin-1"), server) is AGENT


def _beginning(head: HttpRequest, first: InputItem | None) -> _Beginning:
    """What decides the answer from the start: whether the headers are taken, and the first record.

    Of bytes that are no record nobody knows how many come at once, so they all begin alike.
    """
    kind = head.header("message-content-type")
    accepted = negotiation.negotiate_response_type(AGENT, head.text_headers) is not None
    return None if kind in _READ else kind or "", accepted, b"" if first is None else first.envelope
