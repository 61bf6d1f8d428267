"""Rebinding: ids of this run in the place of recorded ones.

A client invents ids, of tasks say, and keeps some from an earlier run. A call that equals a
recorded one but for its ids is that one, and from then on what stands for what is known:

    recorded   ACCEPT task-1           UPDATE task-1           ACKNOWLEDGE task-1
    this run   ACCEPT sleeper.3fa2     UPDATE sleeper.3fa2     ACKNOWLEDGE sleeper.3fa2

What a client sends is read in recorded ids, and what it gets is told in its own (renaming.py). A
call is found by its key if its ids are known, and else by its shape, which is the key without ids.
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

_COMPARED = 64
"""Recorded calls of one shape that a call is compared with."""


class _Recorded(Struct, frozen=True):
    """A recorded call: the key that it has, and its ids in order."""

    key: RequestKey
    ids: tuple[ScopedId, ...]


class IdMatch(Struct, frozen=True):
    """A request in recorded ids, and the pairs that hold if it is answered."""

    parsed: ParsedRequest
    pairs: tuple[IdPair, ...] = ()
    has_ids: bool = False


class IdMatcher:
    """The recorded calls of a playback by their shapes, and what stands for their ids."""

    def __init__(self, ignoring: IgnoreRules) -> None:
        self.bindings = IdBindings()
        self._ignoring = ignoring
        self._shapes = defaultdict[RequestKey, dict[RequestKey, _Recorded]](dict)

    def add_call(self, what: ParsedRequest) -> None:
        """File a recorded call."""
        ids = tuple(_id(slot, slot.scope) for slot in _slots(what.compared_calls))
        if ids:
            self._shapes[_shape(what)].setdefault(what.key, _Recorded(what.key, ids))

    def match_request(self, what: ParsedRequest, offers: Callable[[RequestKey], bool]) -> IdMatch:
        """Say a request in recorded ids. `offers` tells whether there is an answer for a key."""
        values = [slot.value for slot in _slots(what.compared_calls)]
        if not values:
            return IdMatch(what)
        told = self._renamed(what, self._strictly)
        if offers(told.key):
            ids = [_id(slot, slot.scope) for slot in _slots(told.compared_calls)]
            return IdMatch(told, _pairs(ids, values), has_ids=True)
        pairs = self._alike(what, values, offers)
        if pairs is None:
            return IdMatch(told, has_ids=True)
        live = {each._replace(value=value): each.value for each, value in pairs}
        return IdMatch(self._renamed(what, live.get), pairs, has_ids=True)

    def to_recorded_ids(self, what: ParsedRequest) -> ParsedRequest:
        """Say a request in recorded ids, as far as they are known."""
        return self._renamed(what, self.bindings.recorded_value)

    def comparable_calls(self, calls: tuple[Message, ...], api: Api) -> tuple[Message, ...]:
        """Give what counts of calls of this run, in recorded ids, as far as they are known."""
        return self._ignoring.comparable_calls(_named(calls, self.bindings.recorded_value), api)

    def to_recorded_stream_id(self, said: str, expected: str | None) -> str:
        """Say a Mesos-Stream-Id as recorded; one that is not known stands for what is expected."""
        live = ScopedId("stream-id", "", said)
        if expected is not None and self.bindings.recorded_value(live) is None:
            pair = (live._replace(value=expected), said)
            if self.bindings.can_bind([pair]):
                self.bindings.bind([pair])
        return str(self.bindings.recorded_value(live) or said)

    def _strictly(self, live: ScopedId) -> IdValue | None:
        """What an id stands for; not for a recorded one of its spelling that another stands for."""
        recorded = self.bindings.recorded_value(live)
        if recorded is None and self.bindings.live_value(live) is not None:
            return b"\0" if isinstance(live.value, bytes) else "\0"
        return recorded

    def _alike(
        self, what: ParsedRequest, values: list[IdValue], offers: Callable[[RequestKey], bool]
    ) -> tuple[IdPair, ...] | None:
        """Pair the ids of the call that is alike: the first of those with the most equal ids."""
        recorded = self._shapes.get(_shape(what), {}).values()
        best: tuple[IdPair, ...] | None = None
        for each in islice((each for each in recorded if offers(each.key)), _COMPARED):
            pairs = _pairs(each.ids, values)
            if self.bindings.can_bind(pairs) and (best is None or _renames(pairs) < _renames(best)):
                best = pairs
        return best

    def _renamed(
        self, what: ParsedRequest, known: Callable[[ScopedId], IdValue | None]
    ) -> ParsedRequest:
        if not isinstance(what.key, CallKey):
            return what
        calls = _named(what.calls, known)
        compared = self._ignoring.comparable_calls(calls, APIS_BY_NAME[what.key.api])
        key = replace(what.key, message_digest=digest_calls(compared))
        return replace(what, calls=calls, compared_calls=compared, key=key)


def _slots(calls: Iterable[Message]) -> Iterable[IdField]:
    return (slot for call in calls for slot in id_fields(call))


def _id(slot: IdField, scope: str) -> ScopedId:
    return ScopedId(slot.kind, scope, slot.value)


def _pairs(ids: Iterable[ScopedId], values: Iterable[IdValue]) -> tuple[IdPair, ...]:
    """Pair recorded ids with those of this run; what is ignored is empty on both sides."""
    pairs = zip(ids, values, strict=True)
    return tuple((each, value) for each, value in pairs if each.value or value)


def _renames(pairs: Iterable[IdPair]) -> int:
    return sum(each.value != value for each, value in pairs)


def _shape(what: ParsedRequest) -> RequestKey:
    """The key that a call would have if all its ids were the same."""
    assert isinstance(what.key, CallKey)
    return replace(what.key, message_digest=digest_calls(with_blank_ids(what.compared_calls)))


def _named(
    calls: tuple[Message, ...], known: Callable[[ScopedId], IdValue | None]
) -> tuple[Message, ...]:
    """Give calls with the ids that are known for theirs; those given stay as they are."""
    named = copy_messages(calls)
    for slot in _slots(named):
        framework = known(ScopedId("framework-id", "", slot.scope)) if slot.scope else None
        scope = slot.scope if framework is None else str(framework)
        if (value := known(_id(slot, scope))) is not None:
            slot.set_value(value)
    return named
