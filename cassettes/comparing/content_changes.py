"""The fields in which two calls, or two events, that stand for each other differ.

Their messages are read again from the two cassettes. The ids of the second are replaced by those of
the first that they are paired with, so that only real differences are left.
"""

import re
from collections.abc import Iterator
from itertools import islice

import msgspec
from google.protobuf.message import Message

from ...proto.counted import counted
from ...proto.messages.ids import UUID_TEXT, IdField, id_fields
from ..known_secrets.placeholders import PLACEHOLDER
from ..matching.request_key import PlainKey
from ..matching.shortening import truncate_around_difference
from .container_output import output_changes
from .differences import FieldChange
from .field_changes import MessageComparison, json_changes
from .id_pairing import IdPairing
from .id_table import NO_ID
from .message_forms import comparable_request
from .tables import RecordedCall
from .transcript import Transcript

_MOST_COMPARED = 500
"""Changes of a message that are looked for."""

_WORD = re.compile(r"[^\s/\"'=,;()\[\]{}<>]+")
_PUNCTUATION = ".:"

type _Content = tuple[Message | None, bytes]
"""The message of an answer or an event, if it is one of the schema, and its bytes."""


class ContentComparison:
    """Compares the contents of calls and events of two recordings. Raises CassetteError."""

    def __init__(self, first: Transcript, second: Transcript, ids: IdPairing) -> None:
        self._first = first
        self._second = second
        self._ids = ids
        self._messages = MessageComparison(self._are_same_texts)
        self._text_uuids: dict[str, str] = {}
        self._other_text_uuids: dict[str, str] = {}

    def request_changes(self, first: RecordedCall, second: RecordedCall) -> Iterator[FieldChange]:
        """Compare the requests of two calls."""
        ours, theirs = self._first.parsed(first), self._second.parsed(second)
        if isinstance(ours.key, PlainKey) and isinstance(theirs.key, PlainKey):
            for name in ("path", "query"):
                texts = getattr(ours.key, name), getattr(theirs.key, name)
                if not self._are_same_texts(*texts):
                    yield FieldChange(f"request.{name}", *texts)
            if ours.key.body_digest != theirs.key.body_digest:
                bodies = self._first.request_body(first), self._second.request_body(second)
                yield from self._body_changes(*bodies, "request")
            return
        calls = comparable_request(ours), comparable_request(theirs)
        if len(calls[0]) != len(calls[1]):
            yield FieldChange("request", *(counted(len(each), "record") for each in calls))
        for a, b in zip(*calls, strict=False):
            yield from self._message_changes(a, b, first, second, "request")
        refusals = [str(each.refusal) if each.refusal else None for each in (ours, theirs)]
        if refusals[0] != refusals[1]:
            yield FieldChange("request.refusal", *refusals)

    def answer_changes(self, first: RecordedCall, second: RecordedCall) -> Iterator[FieldChange]:
        """Compare the answers of two calls that are no streams."""
        ours, theirs = self._first.answer(first), self._second.answer(second)
        yield from self._content_changes(ours, theirs, first, second, "response")

    def event_changes(
        self, first: RecordedCall, index: int, second: RecordedCall, other_index: int
    ) -> Iterator[FieldChange]:
        """Compare two events, given by their indexes in the streams of two calls."""
        assert first.stream is not None
        assert second.stream is not None
        outputs = first.stream.output_at(index), second.stream.output_at(other_index)
        if outputs[0] is not None and outputs[1] is not None:
            yield from output_changes(
                self._first.output(first, outputs[0]), self._second.output(second, outputs[1])
            )
            return
        ours, theirs = self._first.event(first, index), self._second.event(second, other_index)
        yield from self._content_changes(ours, theirs, first, second, "")

    def _content_changes(
        self, ours: _Content, theirs: _Content, first: RecordedCall, second: RecordedCall, path: str
    ) -> Iterator[FieldChange]:
        if ours[0] is not None and theirs[0] is not None:
            yield from self._message_changes(ours[0], theirs[0], first, second, path)
        elif ours[1] != theirs[1]:
            yield from self._body_changes(ours[1], theirs[1], path)

    def _message_changes(
        self, ours: Message, theirs: Message, first: RecordedCall, second: RecordedCall, path: str
    ) -> Iterator[FieldChange]:
        self._make_ids_equal(ours, theirs, first.scope, second.scope)
        yield from islice(self._messages.changes(ours, theirs, path), _MOST_COMPARED)

    def _body_changes(self, ours: bytes, theirs: bytes, path: str) -> Iterator[FieldChange]:
        try:
            values = msgspec.json.decode(ours), msgspec.json.decode(theirs)
        except (msgspec.DecodeError, RecursionError):
            texts = ours.decode("utf-8", "replace"), theirs.decode("utf-8", "replace")
            if not self._are_same_texts(*texts):
                place = f"{path}.body" if path else "body"
                yield FieldChange(place, *truncate_around_difference(*texts))
            return
        changes = json_changes(*values, self._are_same_texts, path)
        yield from islice(changes, _MOST_COMPARED)

    def _make_ids_equal(
        self, first: Message, second: Message, first_scope: str, second_scope: str
    ) -> None:
        """Replace ids in the second message by those of the first that they are paired with."""
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
        """Return whether two texts differ only in ids that are paired, or in redacted secrets.

        The secrets of each recording are numbered on their own.
        """
        first, second = (PLACEHOLDER.sub("REDACTED", each) for each in (first, second))
        if first == second:
            return True
        if _WORD.sub("", first) != _WORD.sub("", second):
            return False
        words = _WORD.findall(first), _WORD.findall(second)
        return len(words[0]) == len(words[1]) and all(
            a == b or self._are_same_words(a.rstrip(_PUNCTUATION), b.rstrip(_PUNCTUATION))
            for a, b in zip(*words, strict=True)
        )

    def _are_same_words(self, first: str, second: str) -> bool:
        """Compare the ids in two words: a word, its parts between dots, or uuids in them.

        Mesos writes a container inside another one as `ID.nested-1`.
        """
        if self._ids.are_same_text(first, second):
            return True
        parts = first.split("."), second.split(".")
        return len(parts[0]) == len(parts[1]) and all(
            a == b or self._ids.are_same_text(a, b) or self._have_same_uuids(a, b)
            for a, b in zip(*parts, strict=True)
        )

    def _have_same_uuids(self, first: str, second: str) -> bool:
        return UUID_TEXT.sub("", first) == UUID_TEXT.sub("", second) and all(
            a == b or self._ids.are_same_text(a, b) or self._are_paired_uuids(a, b)
            for a, b in zip(UUID_TEXT.findall(first), UUID_TEXT.findall(second), strict=True)
        )

    def _are_paired_uuids(self, first: str, second: str) -> bool:
        """Pair uuids that only texts have, at the same place: those of containers that are gone."""
        pair = self._text_uuids.get(first, second), self._other_text_uuids.get(second, first)
        if pair != (second, first) or self._ids.has_text(first, second):
            return False
        self._text_uuids[first], self._other_text_uuids[second] = second, first
        return True
