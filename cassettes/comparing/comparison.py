"""Compare two recordings, and yield every difference.

    comparison = Comparison(Cassette.open(a), Cassette.open(b), rules)
    for difference in comparison.differences():
        ...

Both recordings are read once, into tables (transcript.py). The ids of one are paired with those of
the other, then calls and events are aligned by them. Only what then differs is read again.
"""

import heapq
from collections.abc import Callable, Container, Iterator

from ..matching.ignore_rules import IgnoreRules
from ..storage.reader import Cassette
from .call_alignment import CallAlignment
from .content_changes import ContentComparison
from .differences import FieldChange, Place, RecordingDifference, Tally
from .id_pairing import IdPairing
from .known_forms import KnownForms
from .tables import CallFrame, RecordedCall, RecordedStream
from .transcript import Transcript

_MAX_ROUNDS = 6
"""Times that ids are paired by the messages that are aligned, and these aligned again."""

_MAX_CHANGES = 50
"""Fields of a call or an event that are listed."""

_ENDED_BY_SERVER = ("server", "server-cut", "malformed")


class Comparison:
    """The comparison of two cassettes. `tally` counts what was found so far.

    `names` stand for the two files in places; None: their paths. With `numbers`, only these
    exchanges of the first are compared. `on_progress` gets the number of bytes that were read of
    both. Raises CassetteError.
    """

    def __init__(
        self,
        first: Cassette,
        second: Cassette,
        ignoring: IgnoreRules,
        on_progress: Callable[[int], None] = lambda done: None,
        *,
        names: tuple[str | None, str | None] = (None, None),
        numbers: Container[int] | None = None,
    ) -> None:
        self.tally = Tally()
        known = KnownForms[CallFrame | None]()
        self._first = Transcript(first, ignoring, known, names[0], numbers)
        self._second = Transcript(second, ignoring, known, names[1])
        # Side by side: the two are likely to have the same at about the same place.
        for offset in heapq.merge(self._first.read(), self._second.read()):
            on_progress(2 * offset)
        ids = IdPairing(self._first.ids, self._second.ids)
        self._contents = ContentComparison(self._first, self._second, ids)
        self._aligned = _align_calls(self._first, self._second, ids)

    def differences(self) -> Iterator[RecordingDifference]:
        """Yield the differences in the order of the first recording, then what is new.

        Raises CassetteError.
        """
        for difference in self._differences():
            self.tally.count(difference)
            yield difference

    def _differences(self) -> Iterator[RecordingDifference]:
        pairs = self._aligned.pairs
        self.tally.calls = len(pairs)
        partners, taken = dict(pairs), {j for _, j in pairs}
        nearest: str | None = None
        for i, call in enumerate(self._first.calls):
            if (j := partners.get(i)) is None:
                place = self._first.place(call)
                yield RecordingDifference("missing", call.what, first=place, after=nearest)
                continue
            other = self._second.calls[j]
            if (i, j) in self._aligned.moved:
                places = self._first.place(call), self._second.place(other)
                yield RecordingDifference("moved", call.what, None, *places, after=nearest)
            yield from self._compare_calls(call, other)
            nearest = f"exchange {call.number}, {call.what}"
        nearest = None
        for j, call in enumerate(self._second.calls):
            if j in taken:
                nearest = f"exchange {call.number}, {call.what}"
                continue
            place = self._second.place(call)
            yield RecordingDifference("new", call.what, second=place, after=nearest)

    def _compare_calls(
        self, first: RecordedCall, second: RecordedCall
    ) -> Iterator[RecordingDifference]:
        if changes := list(self._call_changes(first, second)):
            places = self._first.place(first), self._second.place(second)
            yield _changed(changes, first.what, None, *places)
        if first.stream is not None and second.stream is not None:
            yield from self._compare_streams(first, first.stream, second, second.stream)

    def _call_changes(self, first: RecordedCall, second: RecordedCall) -> Iterator[FieldChange]:
        tokens = self._aligned.tokens
        if tokens.exact(0, first.request) != tokens.exact(1, second.request):
            yield from self._contents.request_changes(first, second)
        if first.facts.status != second.facts.status:
            yield FieldChange("response.status", _status(first), _status(second))
        if first.stream is not None and second.stream is not None:
            ends = _end(first.stream), _end(second.stream)
            if ends[0] != ends[1]:
                yield FieldChange("end", *ends)
        elif (first.stream is None) != (second.stream is None):
            texts = ("no stream" if each.stream is None else "a stream" for each in (first, second))
            yield FieldChange("response", *texts)
        elif tokens.exact(0, first.answer) != tokens.exact(1, second.answer):
            yield from self._contents.answer_changes(first, second)

    def _compare_streams(
        self,
        first: RecordedCall,
        ours: RecordedStream,
        second: RecordedCall,
        theirs: RecordedStream,
    ) -> Iterator[RecordingDifference]:
        partners, moved = self._aligned.stream_pairs(ours, theirs)
        taken = set(partners.values())
        self.tally.events += len(partners)
        exact = self._aligned.tokens.exact
        nearest: str | None = None
        for i in range(len(ours)):
            what, place = self._first.event_label(ours, i), self._first.place(first, i)
            if (j := partners.get(i)) is None:
                yield RecordingDifference("missing", what, first.what, place, after=nearest)
                continue
            places = place, self._second.place(second, j)
            if (i, j) in moved and ours.output_at(i) is None:
                yield RecordingDifference("moved", what, first.what, *places, after=nearest)
            if exact(0, ours.messages[i]) != exact(1, theirs.messages[j]) and (
                changes := list(self._contents.event_changes(first, i, second, j))
            ):
                yield _changed(changes, what, first.what, *places)
            nearest = f"event {ours.numbers[i]}, {what}"
        nearest = None
        for j in range(len(theirs)):
            what = self._second.event_label(theirs, j)
            if j in taken:
                nearest = f"event {theirs.numbers[j]}, {what}"
                continue
            place = self._second.place(second, j)
            yield RecordingDifference("new", what, second.what, second=place, after=nearest)


def _align_calls(first: Transcript, second: Transcript, ids: IdPairing) -> CallAlignment:
    """Align the calls, and pair further ids in those that are aligned, until there are no more."""

    def align_again() -> CallAlignment:
        aligned = CallAlignment(first, second, ids)
        for _ in range(_MAX_ROUNDS):
            if not aligned.bind_ids():
                break
            aligned = CallAlignment(first, second, ids)
        return aligned

    if ids.has_unpaired():
        align_again()
    ids.pair_other_kinds()
    aligned = align_again()
    if ids.has_unpaired():
        ids.pair_loosely()
        aligned = align_again()
    if aligned.mend_ids():
        aligned = align_again()
    return aligned


def _changed(
    changes: list[FieldChange], what: str, call: str | None, first: Place, second: Place
) -> RecordingDifference:
    shown = tuple(changes[:_MAX_CHANGES])
    more = len(changes) - len(shown)
    return RecordingDifference("changed", what, call, first, second, changes=shown, more=more)


def _status(call: RecordedCall) -> str:
    return "no answer" if call.facts.status is None else str(call.facts.status)


def _end(stream: RecordedStream) -> str:
    """Return how a stream ended; when its client or the recorder left differs in every run."""
    return stream.end if stream.end in _ENDED_BY_SERVER else "open"
