"""Streamed requests, answered while they still arrive.

An input to a container (ATTACH_CONTAINER_INPUT) may last for hours, and Mesos answers it at any
time: at once if there is no such container, when the process of a terminal ends, or at its end. At
replay the answer is given when as much of the request has arrived as of the recorded one when it
was answered:

    request = inputs.begin_request(head)
    request.feed(data, now_seconds)  ->  None | ReplayOutcome      one of these returns the outcome,
    request.close(now_seconds)       ->  None | ReplayOutcome      and if none did, this one

A request is compared with all recorded inputs that begin with the same record. It is taken for the
first of them that is not played, and once something else arrives than was recorded there, for the
next. In memory are a position in each recorded input and one unfinished record, however long the
request is.
"""

from collections import defaultdict
from collections.abc import Callable
from itertools import compress
from typing import Literal, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from ...proto import recordio
from ...proto.api import negotiation
from ...proto.api.apis import AGENT
from ...proto.http.request import HttpRequest
from ..causality.container_input import (
    ComparableCalls,
    InputCursor,
    InputItem,
    RecordedInput,
    item_from_piece,
)
from ..format.documents import Exchange
from ..format.exchange_ref import ExchangeRef
from ..matching.credentials import REFUSALS, RecordedCredentials, suit_credentials
from ..matching.misses import MissReason, ReplayOutcome
from ..matching.recorded_request import INPUT_PREFIX_BYTES
from ..storage.reader import Cassette

_MAX_RECORD_BYTES = 64 * 1024 * 1024
"""Mesos has no limit (stout/recordio.hpp)."""

_MAX_CANDIDATES = 64
"""Recorded inputs that a request is compared with at a time."""

type _Beginning = tuple[str | None, bool, bytes]


class _PlayableInput(Struct, eq=False):
    """A recorded input. It is claimed while a request is taken for it, and played once."""

    ref: ExchangeRef
    recorded: RecordedInput
    credentials: RecordedCredentials
    state: Literal["free", "claimed", "played"] = "free"


class RecordedInputs:
    """The recorded inputs of a playback, by their beginnings.

    `answer` returns the answer of an exchange at a time in seconds, and `miss` the outcome of a
    request that has none. `progress` is called with the amount of an input that has arrived again,
    in the units of its items. The two `comparable_…_calls` reduce calls to what is compared.
    """

    def __init__(
        self,
        answer: Callable[[ExchangeRef, HttpRequest, float], ReplayOutcome],
        miss: Callable[[HttpRequest, MissReason], ReplayOutcome],
        progress: Callable[[ExchangeRef, int], object],
        comparable_recorded_calls: ComparableCalls,
        comparable_received_calls: ComparableCalls,
    ) -> None:
        self.answer, self.miss, self.progress = answer, miss, progress
        self.comparable_received_calls = comparable_received_calls
        self._comparable_recorded_calls = comparable_recorded_calls
        self._by_beginning = defaultdict[_Beginning, list[_PlayableInput]](list)

    @property
    def unused(self) -> list[ExchangeRef]:
        """Recorded inputs that were not played."""
        inputs = (each for begun in self._by_beginning.values() for each in begun)
        return [each.ref for each in inputs if each.state != "played"]

    def add_recorded_input(
        self, ref: ExchangeRef, head: HttpRequest, cassette: Cassette, exchange: Exchange
    ) -> RecordedInput:
        """Add a recorded input, and return it."""
        media_type = head.header("message-content-type")
        recorded = RecordedInput.from_exchange(
            cassette, exchange, media_type, self._comparable_recorded_calls
        )
        first = next(recorded.read_items(), None)
        is_refused = exchange.response.status in REFUSALS
        credentials = RecordedCredentials(head.credentials, is_refused)
        playable = _PlayableInput(ref, recorded, credentials)
        self._by_beginning[_beginning(head, first)].append(playable)
        return recorded

    def begin_request(self, head: HttpRequest) -> "StreamedRequest":
        """Begin a request, of which only the head has arrived."""
        return StreamedRequest(self, head)

    def with_beginning(self, head: HttpRequest, first: InputItem | None) -> list[_PlayableInput]:
        """Return the recorded inputs that begin like a request and are for its credentials.

        `first` is its first item.
        """
        inputs = self._by_beginning.get(_beginning(head, first), [])
        recorded = [each.credentials for each in inputs]
        return list(compress(inputs, suit_credentials(head.credentials, recorded)))


class _Candidate(NamedTuple):
    """A recorded input that a request may be taken for, and how far it matches."""

    playable: _PlayableInput
    cursor: InputCursor


class StreamedRequest:
    """One streamed request while it arrives."""

    # The candidates are the recorded inputs that have matched all that has arrived. The first that
    # is free is claimed: no other request can match it until then. A claim changes in three ways:
    #
    # - Something arrives that was not recorded there. It is given back, for another request that
    #   may match it better, and the next free candidate is claimed. Without one, it is a miss.
    # - The answer is due. The input is played, and what else arrives is ignored.
    # - The client leaves. An input whose recorded client left too is played; of any other the
    #   answer was not given, so it is given back, for a client that tries again.
    #
    # Candidates without a claim are compared all the same, because cassette and request are read
    # only once: an input that is claimed late is then at the right position.

    def __init__(self, inputs: RecordedInputs, head: HttpRequest) -> None:
        self._inputs = inputs
        self._head = head
        self._media_type = head.header("message-content-type")
        self._decoder = recordio.Decoder(max_record_bytes=_MAX_RECORD_BYTES)
        self._candidates: list[_Candidate] | None = None
        self._claimed: _Candidate | None = None
        self._miss_reason: MissReason = "nothing recorded for this call"
        self._prefix = bytearray()
        self._is_done = False

    def feed(self, data: bytes, now_seconds: float) -> ReplayOutcome | None:
        """Feed a piece of the body; return the outcome if it is due.

        Raises ValueError, LookupError or OSError if the cassette cannot be read or played.
        """
        if self._is_done:
            return None
        return self._feed_pieces(self._decoder.feed(data), now_seconds)

    def close(self, now_seconds: float) -> ReplayOutcome | None:
        """End the request; return the outcome unless it was returned before. Raises as `feed`."""
        if self._is_done:
            return None
        return self._feed_pieces(self._decoder.close(), now_seconds) or self._end(now_seconds)

    def feed_all(self, body: bytes, now_seconds: float) -> ReplayOutcome:
        """Feed a whole body and return the outcome. Raises as `feed`."""
        outcome = self.feed(body, now_seconds) or self.close(now_seconds)
        assert outcome is not None
        return outcome

    def abort(self, now_seconds: float) -> None:
        """End the request because its client has left. Raises as `feed`."""
        if self._is_done or self._claimed is None:
            return
        if self._claimed.playable.recorded.is_answered:
            self._is_done = True
            self._give_back()
        else:
            self._answer(self._claimed, now_seconds)

    def _feed_pieces(
        self, pieces: list[recordio.RecordIOPiece], now_seconds: float
    ) -> ReplayOutcome | None:
        for piece in pieces:
            if not self._prefix or len(self._prefix) + piece.size <= INPUT_PREFIX_BYTES:
                self._prefix += piece.data
        for piece in pieces:
            item = item_from_piece(piece, self._media_type, self._inputs.comparable_received_calls)
            if item is not None and (outcome := self._match_item(item, now_seconds)) is not None:
                return outcome
        return None

    def _match_item(self, item: InputItem, now_seconds: float) -> ReplayOutcome | None:
        candidates = self._begin(item) if self._candidates is None else self._candidates
        self._candidates = [each for each in candidates if each.cursor.match_item(item)]
        if self._claimed is not None and self._claimed not in self._candidates:
            self._give_back()
        if (claimed := self._claim(self._candidates)) is None:
            return self._miss()
        self._inputs.progress(claimed.playable.ref, claimed.cursor.matched_units)
        if claimed.cursor.is_answer_due(request_ended=False):
            return self._answer(claimed, now_seconds)
        return None

    def _end(self, now_seconds: float) -> ReplayOutcome:
        """Answer at the end; a recorded input that went on is not the one that was made."""
        candidates = self._begin(None) if self._candidates is None else self._candidates
        while (claimed := self._claim(candidates)) is not None:
            if claimed.cursor.is_answer_due(request_ended=True):
                return self._answer(claimed, now_seconds)
            candidates = [each for each in candidates if each is not claimed]
            self._give_back()
        return self._miss()

    def _begin(self, first: InputItem | None) -> list[_Candidate]:
        inputs = self._inputs.with_beginning(self._head, first)
        unplayed = [each for each in inputs if each.state != "played"][:_MAX_CANDIDATES]
        candidates = [_Candidate(each, InputCursor(each.recorded)) for each in unplayed]
        if self._claim(candidates) is None and inputs:
            self._miss_reason = "already played"
        return candidates

    def _claim(self, candidates: list[_Candidate]) -> _Candidate | None:
        if self._claimed is None:
            free = (each for each in candidates if each.playable.state == "free")
            self._claimed = next(free, None)
            if self._claimed is not None:
                self._claimed.playable.state = "claimed"
        return self._claimed

    def _give_back(self) -> None:
        if self._claimed is not None:
            self._claimed.playable.state = "free"
            self._claimed = None

    def _answer(self, claimed: _Candidate, now_seconds: float) -> ReplayOutcome:
        self._is_done = True
        claimed.playable.state = "played"
        return self._inputs.answer(claimed.playable.ref, self._head, now_seconds)

    def _miss(self) -> ReplayOutcome:
        self._is_done = True
        request = replace(self._head, body=bytes(self._prefix))
        return self._inputs.miss(request, self._miss_reason)


def _beginning(head: HttpRequest, first: InputItem | None) -> _Beginning:
    """Return what the first answer depends on: whether headers are accepted, and the first record.

    Bytes that are no record have an empty envelope, so all of them begin alike: how many of them
    arrive at once is not defined.
    """
    media_type = head.header("message-content-type")
    response_type = negotiation.negotiate_response_type(AGENT, head.text_headers_by_name)
    unknown_type = None if media_type in negotiation.ENCODINGS else media_type or ""
    envelope = b"" if first is None else first.envelope
    return unknown_type, response_type is not None, envelope
