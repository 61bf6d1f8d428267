"""Id matching: a call of this run that equals a recorded one but for its ids.

A client invents ids, of tasks for example, and may keep others from an earlier run. A call that
equals a recorded one except for its ids matches it, and from then on the ids of the two calls are
bound to each other:

    recorded   ACCEPT task-1           UPDATE task-1           ACKNOWLEDGE task-1
    this run   ACCEPT sleeper.3fa2     UPDATE sleeper.3fa2     ACKNOWLEDGE sleeper.3fa2

Calls of this run are translated to recorded ids before they are matched, and answers are
translated back (id_rewriting.py). If all ids of a call are bound, it is found by its key; if not,
by its shape, which is the key without the values of ids.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from itertools import islice

from google.protobuf.message import Message
from msgspec import Struct
from msgspec.structs import replace

from ...proto.api.apis import APIS_BY_NAME, Api
from ...proto.messages.ids import IdField, copy_messages, id_fields, with_blank_ids
from ..matching.ignore_rules import IgnoreRules
from ..matching.request_key import CallKey, ParsedRequest, RequestKey, digest_calls
from .id_bindings import IdBindings, IdPair, IdValue, ScopedId

_MAX_COMPARED = 64
"""Recorded calls of one shape that a call is compared with."""


class _RecordedCall(Struct, frozen=True):
    """A recorded call: its key, and its ids in the order of the schema."""

    key: RequestKey
    ids: tuple[ScopedId, ...]


class IdMatch(Struct, frozen=True):
    """A request in recorded ids, and the pairs to bind if it is answered."""

    parsed: ParsedRequest
    pairs: tuple[IdPair, ...] = ()
    has_ids: bool = False


class IdMatcher:
    """The recorded calls of a playback by their shapes, and the bindings of their ids."""

    def __init__(self, ignoring: IgnoreRules) -> None:
        self.bindings = IdBindings()
        self._ignoring = ignoring
        self._by_shape = defaultdict[RequestKey, dict[RequestKey, _RecordedCall]](dict)

    def add_call(self, recorded: ParsedRequest) -> None:
        """Add a recorded call."""
        ids = tuple(_scoped_id(field, field.scope) for field in _id_fields(recorded.compared_calls))
        if ids:
            self._by_shape[_shape(recorded)].setdefault(
                recorded.key, _RecordedCall(recorded.key, ids)
            )

    def match_request(
        self, received: ParsedRequest, is_answerable: Callable[[RequestKey], bool]
    ) -> IdMatch:
        """Translate a request to recorded ids, so that it has the key of a recorded one if it can.

        `is_answerable` tells whether there is an answer for a key.
        """
        values = [field.value for field in _id_fields(received.compared_calls)]
        if not values:
            return IdMatch(received)
        translated = self._translate(received, self._unambiguous_recorded_value)
        if is_answerable(translated.key):
            fields = _id_fields(translated.compared_calls)
            ids = [_scoped_id(field, field.scope) for field in fields]
            return IdMatch(translated, _pairs(ids, values), has_ids=True)
        pairs = self._pairs_of_similar_call(received, values, is_answerable)
        if pairs is None:
            return IdMatch(translated, has_ids=True)
        recorded_values = {each._replace(value=value): each.value for each, value in pairs}
        return IdMatch(self._translate(received, recorded_values.get), pairs, has_ids=True)

    def to_recorded_ids(self, received: ParsedRequest) -> ParsedRequest:
        """Translate a request to recorded ids, for a report; ids that are not bound stay.

        An id that is spelled like a recorded one that is bound to another id is marked.
        """
        return self._translate(received, self._marked_recorded_value)

    def comparable_calls(self, calls: tuple[Message, ...], api: Api) -> tuple[Message, ...]:
        """Return calls of this run in recorded ids and without what is ignored."""
        translated = _with_ids(calls, self.bindings.recorded_value)
        return self._ignoring.comparable_calls(translated, api)

    def to_recorded_stream_id(self, received: str, expected: str | None) -> str:
        """Translate a Mesos-Stream-Id.

        If it is not bound, it is bound to the `expected` recorded one, unless that is bound
        already.
        """
        live = ScopedId("stream-id", "", received)
        if expected is not None and self.bindings.recorded_value(live) is None:
            pair = (live._replace(value=expected), received)
            if self.bindings.can_bind([pair]):
                self.bindings.bind([pair])
        return str(self.bindings.recorded_value(live) or received)

    def _unambiguous_recorded_value(self, live: ScopedId) -> IdValue | None:
        # A live id without a binding stays as it is, for the client may have kept it from the
        # recorded run. But if the recorded id of the same spelling is bound to another live id, the
        # two are different things:
        #
        #     bound      recorded task-1  ↔  live sleeper.3fa2
        #     received   KILL task-1
        #
        # Left as it is, this KILL would match the recorded KILL task-1, which is about
        # sleeper.3fa2. So such an id is replaced by a value that no recorded call has. Then the
        # key matches nothing, and the call is searched by its shape, where can_bind() sees the
        # contradiction.
        recorded = self.bindings.recorded_value(live)
        if recorded is None and self.bindings.live_value(live) is not None:
            return b"\0" if isinstance(live.value, bytes) else "\0"
        return recorded

    def _marked_recorded_value(self, live: ScopedId) -> IdValue | None:
        recorded = self._unambiguous_recorded_value(live)
        return f"{live.value} (of this run)" if recorded == "\0" else recorded

    def _pairs_of_similar_call(
        self,
        received: ParsedRequest,
        values: list[IdValue],
        is_answerable: Callable[[RequestKey], bool],
    ) -> tuple[IdPair, ...] | None:
        """Pair ids with those of the recorded call of the same shape that has most ids in common.

        Of several, the first recorded. None if each contradicts the bindings.
        """
        recorded = self._by_shape.get(_shape(received), {}).values()
        answerable = (call for call in recorded if is_answerable(call.key))
        best: tuple[IdPair, ...] | None = None
        for call in islice(answerable, _MAX_COMPARED):
            pairs = _pairs(call.ids, values)
            if self.bindings.can_bind(pairs) and (
                best is None or _count_translations(pairs) < _count_translations(best)
            ):
                best = pairs
        return best

    def _translate(
        self, received: ParsedRequest, recorded_value: Callable[[ScopedId], IdValue | None]
    ) -> ParsedRequest:
        if not isinstance(received.key, CallKey):
            return received
        calls = _with_ids(received.calls, recorded_value)
        compared = self._ignoring.comparable_calls(calls, APIS_BY_NAME[received.key.api])
        key = replace(received.key, message_digest=digest_calls(compared))
        return replace(received, calls=calls, compared_calls=compared, key=key)


def _id_fields(calls: Iterable[Message]) -> Iterable[IdField]:
    return (field for call in calls for field in id_fields(call))


def _scoped_id(field: IdField, scope: str) -> ScopedId:
    return ScopedId(field.kind, scope, field.value)


def _pairs(ids: Iterable[ScopedId], values: Iterable[IdValue]) -> tuple[IdPair, ...]:
    """Pair recorded ids with live values. Ignored ids are empty on both sides, and left out."""
    pairs = zip(ids, values, strict=True)
    return tuple((each, value) for each, value in pairs if each.value or value)


def _count_translations(pairs: Iterable[IdPair]) -> int:
    return sum(each.value != value for each, value in pairs)


def _shape(parsed: ParsedRequest) -> RequestKey:
    """Return the key that a call would have if all its ids were empty."""
    assert isinstance(parsed.key, CallKey)
    return replace(parsed.key, message_digest=digest_calls(with_blank_ids(parsed.compared_calls)))


def _with_ids(
    calls: tuple[Message, ...], recorded_value: Callable[[ScopedId], IdValue | None]
) -> tuple[Message, ...]:
    """Return copies of calls in which ids are replaced by their recorded values, where known."""
    copies = copy_messages(calls)
    for field in _id_fields(copies):
        framework_id = None
        if field.scope:
            framework_id = recorded_value(ScopedId("framework-id", "", field.scope))
        scope = field.scope if framework_id is None else str(framework_id)
        if (value := recorded_value(_scoped_id(field, scope))) is not None:
            field.set_value(value)
    return copies
