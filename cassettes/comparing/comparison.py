"""Compare two recordings, and yield every difference.

    comparison = Comparison(Cassette.open(a), Cassette.open(b), rules)
    for difference in comparison.differences():
        ...

Both recordings are read once, into tables (transcript.py). The ids of one are paired with those of
the other, then calls and events are aligned by them. Only what then differs is read again.
"""

import re
from collections.abc import Callable, Iterator
from itertools import islice

import msgspec
from google.protobuf.message import Message

from ...proto.messages.ids import IdField, id_fields
from ..matching.ignore_rules import IgnoreRules
from ..matching.request_key import PlainKey
from ..matching.shortening import truncate_around_difference
from ..storage.reader import Cassette
from .alignment import align, pair_moved
from .call_alignment import CallAlignment
from .differences import FieldChange, Place, RecordingDifference, Tally
from .field_changes import MessageComparison, json_changes
from .id_pairing import IdPairing
from .id_table import NO_ID
from .transcript import RecordedCall, Transcript, comparable_request

_MAX_CHANGES = 50
"""Fields of a call or an event that are listed."""

_WORD = re.compile(r"[^\s/\"'=,;()\[\]{}<>]+")
_PUNCTUATION = ".:"

_ENDED_BY_SERVER = ("server", "server-cut", "malformed")


class Comparison:
    """The comparison of two cassettes. `tally` counts what was found so far."""

    def __init__(
        self,
        first: Cassette,
        second: Cassette,
        ignoring: IgnoreRules,
        on_progress: Callable[[int], None] = lambda done: None,
    ) -> None:
        self.tally = Tally()
        self._first = Transcript(first, ignoring)
        self._second = Transcript(second, ignoring)
        self._first.read(on_progress)
        size = first.length_bytes
        self._second.read(lambda offset: on_progress(size + offset))
        self._ids = IdPairing(self._first.ids, self._second.ids)
        self._messages = MessageComparison(self._are_same_texts)

    def differences(self) -> Iterator[RecordingDifference]:
        """Yield the differences, in the order of the first recording. Raises CassetteError."""
        for difference in self._differences():
            self.tally.count(difference)
            yield difference

    def _differences(self) -> Iterator[RecordingDifference]:
        aligned = CallAlignment(self._first, self._second, self._ids)
        ours, theirs = self._first.calls, self._second.calls
        self.tally.calls = len(aligned.pairs)
        partners = dict(aligned.pairs)
        places = {j: i for i, j in aligned.pairs}
        last: str | None = None
        for i, call in enumerate(ours):
            if (j := partners.get(i)) is None:
                yield RecordingDifference(
                    "missing", call.what, None, _call_place(self._first, call), after=last
                )
                continue
            yield from self._compare_calls(call, theirs[j], aligned, (i, j) in aligned.moved, last)
            last = f"exchange {call.number}, {call.what}"
        before: str | None = None
        for j, call in enumerate(theirs):
            if j in places:
                before = f"exchange {call.number}, {call.what}"
            else:
                place = _call_place(self._second, call)
                yield RecordingDifference("new", call.what, second=place, after=before)

    def _compare_calls(
        self,
        first: RecordedCall,
        second: RecordedCall,
        aligned: CallAlignment,
        has_moved: bool,
        after: str | None,
    ) -> Iterator[RecordingDifference]:
        places = _call_place(self._first, first), _call_place(self._second, second)
        if has_moved:
            yield RecordingDifference("moved", first.what, None, *places, after=after)
        tokens = aligned.tokens
        changes: list[FieldChange] = []
        if tokens.exact(0, first.request) != tokens.exact(1, second.request):
            changes += self._request_changes(first, second)
        if first.status != second.status:
            status = str(first.status or "none"), str(second.status or "none")
            changes.append(FieldChange("response.status", *status))
        if first.is_stream != second.is_stream:
            streams = ("a stream" if each.is_stream else "no stream" for each in (first, second))
            changes.append(FieldChange("response", *streams))
        elif tokens.exact(0, first.answer) != tokens.exact(1, second.answer):
            changes += self._answer_changes(first, second)
        ends = [each.end if each.end in _ENDED_BY_SERVER else None for each in (first, second)]
        if first.is_stream and second.is_stream and ends[0] != ends[1]:
            changes.append(FieldChange("end", ends[0] or "open", ends[1] or "open"))
        if changes:
            shown = tuple(changes[:_MAX_CHANGES])
            more = len(changes) - len(shown)
            yield RecordingDifference(
                "changed", first.what, None, *places, changes=shown, more=more
            )
        if first.is_stream and second.is_stream:
            yield from self._compare_streams(first, second, aligned)

    def _request_changes(self, first: RecordedCall, second: RecordedCall) -> Iterator[FieldChange]:
        ours, theirs = self._first.parsed(first), self._second.parsed(second)
        if isinstance(ours.key, PlainKey) and isinstance(theirs.key, PlainKey):
            if ours.key.path != theirs.key.path:
                yield FieldChange("request.path", ours.key.path, theirs.key.path)
            if not self._are_same_texts(ours.key.query, theirs.key.query):
                yield FieldChange("request.query", ours.key.query, theirs.key.query)
            if ours.key.body_digest != theirs.key.body_digest:
                bodies = self._first.request_body(first), self._second.request_body(second)
                yield from self._body_changes(*bodies, "request")
            return
        calls = comparable_request(ours), comparable_request(theirs)
        if len(calls[0]) != len(calls[1]):
            counts = (f"{len(each)} records" for each in calls)
            yield FieldChange("request", *counts)
        for a, b in zip(*calls, strict=False):
            yield from self._message_changes(a, b, first, second, "request")
        refusals = [str(each.refusal) if each.refusal else None for each in (ours, theirs)]
        if refusals[0] != refusals[1]:
            yield FieldChange("request.refusal", *refusals)

    def _answer_changes(self, first: RecordedCall, second: RecordedCall) -> Iterator[FieldChange]:
        ours, theirs = self._first.answer(first), self._second.answer(second)
        yield from self._content_changes(ours, theirs, first, second, "response")

    def _content_changes(
        self,
        ours: tuple[Message | None, bytes],
        theirs: tuple[Message | None, bytes],
        first: RecordedCall,
        second: RecordedCall,
        path: str,
    ) -> Iterator[FieldChange]:
        a, b = ours[0], theirs[0]
        if a is not None and b is not None:
            changes = self._message_changes(a, b, first, second, path)
            yield from islice(changes, 10 * _MAX_CHANGES)
        elif ours[1] != theirs[1]:
            yield from self._body_changes(ours[1], theirs[1], path)

    def _message_changes(
        self, a: Message, b: Message, first: RecordedCall, second: RecordedCall, path: str
    ) -> Iterator[FieldChange]:
        self._make_ids_equal(a, b, first.scope, second.scope)
        yield from self._messages.changes(a, b, path)

    def _body_changes(self, ours: bytes, theirs: bytes, path: str) -> Iterator[FieldChange]:
        try:
            values = msgspec.json.decode(ours), msgspec.json.decode(theirs)
        except (msgspec.DecodeError, RecursionError):
            texts = ours.decode("utf-8", "replace"), theirs.decode("utf-8", "replace")
            if not self._are_same_texts(*texts):
                yield FieldChange(f"{path}.body", *truncate_around_difference(*texts))
            return
        yield from json_changes(*values, self._are_same_texts, path)

    def _compare_streams(
        self, first: RecordedCall, second: RecordedCall, aligned: CallAlignment
    ) -> Iterator[RecordingDifference]:
        tokens = aligned.tokens
        levels = tokens.levels(first.events, second.events, with_kind_alone=False)
        counts = len(first.events), len(second.events)
        pairs = align(*counts, levels)
        left = [
            [index for index in range(count) if index not in taken]
            for count, taken in zip(
                counts, ({i for i, _ in pairs}, {j for _, j in pairs}), strict=True
            )
        ]
        moved = set(pair_moved(left[0], left[1], levels[1]))
        partners = dict([*pairs, *moved])
        taken = set(partners.values())
        self.tally.events += len(partners)
        last: str | None = None
        for i in range(counts[0]):
            what = _event_what(self._first, first, i)
            place = _event_place(self._first, first, i)
            if (j := partners.get(i)) is None:
                yield RecordingDifference("missing", what, first.what, place, after=last)
                continue
            places = place, _event_place(self._second, second, j)
            if (i, j) in moved:
                yield RecordingDifference("moved", what, first.what, *places, after=last)
            if levels[0][0](i) != levels[0][1](j):
                changes = list(self._event_changes(first, i, second, j))
                if changes:
                    shown = tuple(changes[:_MAX_CHANGES])
                    more = len(changes) - len(shown)
                    yield RecordingDifference(
                        "changed", what, first.what, *places, changes=shown, more=more
                    )
            last = f"event {first.event_numbers[i]}, {what}"
        before: str | None = None
        for j in range(counts[1]):
            what = _event_what(self._second, second, j)
            if j in taken:
                before = f"event {second.event_numbers[j]}, {what}"
            else:
                place = _event_place(self._second, second, j)
                yield RecordingDifference("new", what, second.what, second=place, after=before)

    def _event_changes(
        self, first: RecordedCall, i: int, second: RecordedCall, j: int
    ) -> Iterator[FieldChange]:
        ours, theirs = self._first.event(first, i), self._second.event(second, j)
        yield from self._content_changes(ours, theirs, first, second, "")

    def _make_ids_equal(
        self, first: Message, second: Message, first_scope: str, second_scope: str
    ) -> None:
        """Give the ids of the second message the values of those of the first they stand for."""
        values: dict[int, str | bytes] = {}
        for field in id_fields(first, first_scope):
            number = self._ids.first.number_of(field.kind, field.scope, field.value)
            if number != NO_ID:
                values[number] = field.value
        replaced: list[tuple[IdField, str | bytes]] = []
        for field in id_fields(second, second_scope):
            number = self._ids.second.number_of(field.kind, field.scope, field.value)
            if number != NO_ID and (value := values.get(self._ids.name_in_second(number))):
                replaced.append((field, value))
        for field, value in replaced:
            field.set_value(value)

    def _are_same_texts(self, first: str, second: str) -> bool:
        """Return whether two texts differ only in ids that are paired."""
        if first == second:
            return True
        if _WORD.sub("", first) != _WORD.sub("", second):
            return False
        words = _WORD.findall(first), _WORD.findall(second)
        return len(words[0]) == len(words[1]) and all(
            a == b or self._ids.are_same_text(a.rstrip(_PUNCTUATION), b.rstrip(_PUNCTUATION))
            for a, b in zip(*words, strict=True)
        )


def _call_place(transcript: Transcript, call: RecordedCall) -> Place:
    return Place(str(transcript.cassette.path), call.line, call.number)


def _event_place(transcript: Transcript, call: RecordedCall, index: int) -> Place:
    path, line = str(transcript.cassette.path), call.lines[index]
    return Place(path, line, call.number, call.event_numbers[index])


def _event_what(transcript: Transcript, call: RecordedCall, index: int) -> str:
    return transcript.messages.labels[call.events[index]] or "(not a message)"
