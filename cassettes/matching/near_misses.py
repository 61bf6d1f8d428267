"""The recorded exchanges that are most similar to a request, and how they differ from it.

Differences of calls are field paths, `accept.offer_ids[0].value`; other requests differ in their
`query`, `Content-Type` or `body`. The work is bounded: a few candidates with a few
thousand fields each.
"""

import base64
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator
from itertools import chain, islice
from typing import NamedTuple, cast

import msgspec
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from ...proto.messages.defaults import fields_with_default
from ...proto.messages.descriptors import map_value_field
from ..format.exchange_ref import ExchangeRef
from .misses import Difference
from .request_key import CallKey, ParsedRequest, PlainKey, RequestKey
from .shortening import truncate_around_difference

_MAX_CANDIDATES = 32
"""Exchanges that are compared with a request."""

_MAX_FIELDS = 4000
"""Fields of a message that are compared."""

_NOT_A_CALL = "no call that Mesos accepts"

OPAQUE_BODY_DIFFERENCE = Difference("body", "other bytes", "these")
"""The difference of two bodies of which only the digests are known."""


class LateKeys(NamedTuple):
    """The keys of exchanges that are not added: what `add_exchange` lacks.

    `unreported` returns keys, paths and exchanges, all of them once; the key is one of the same
    type of call. `last_with` returns the last exchange with a key that was asked for.
    """

    unreported: Callable[[], Iterable[tuple[RequestKey, str, list[ExchangeRef]]]]
    last_with: Callable[[RequestKey], ExchangeRef | None]


class NearMissIndex:
    """The exchanges of a replay, grouped by call, by API and by path."""

    def __init__(self, late: LateKeys | None = None) -> None:
        self._late = late
        self._keys: list[RequestKey] = []
        self._paths: list[str] = []
        self._refs: list[ExchangeRef] = []
        self._by_group = defaultdict[tuple[str, ...], list[ExchangeRef]](list)
        self._by_key: dict[RequestKey, ExchangeRef] = {}

    def add_exchange(self, key: RequestKey, path: str, ref: ExchangeRef) -> None:
        """Add an exchange. It is indexed at the first miss, because most replays have none."""
        self._keys.append(key)
        self._paths.append(path)
        self._refs.append(ref)

    def _index_added(self) -> None:
        for key, path, ref in zip(self._keys, self._paths, self._refs, strict=True):
            self._by_key[key] = ref
            for group in _groups(key, path):
                self._by_group[group].append(ref)
        for key, path, refs in () if self._late is None else self._late.unreported():
            for group in _groups(key, path):
                self._by_group[group] = sorted(self._by_group[group] + refs)
        for column in (self._keys, self._paths, self._refs):
            column.clear()

    @property
    def by_call(self) -> dict[str, list[ExchangeRef]]:
        """The exchanges by type of call, by API, by both (`scheduler.ACCEPT`), and by path."""
        self._index_added()
        by_call = defaultdict[str, list[ExchangeRef]](list)
        for group, refs in self._by_group.items():
            match group:
                case ("call", api, call):
                    by_call[f"{api}.{call}"] += refs
                    by_call[call] += refs
                case ("api", api):
                    by_call[api] += refs
                case (_, path):
                    by_call[path] += refs
                case _:
                    pass
        return dict(by_call)

    def candidates(
        self,
        key: RequestKey,
        path: str,
        played: Container[ExchangeRef],
        cassettes: frozenset[int] | None = None,
    ) -> tuple[list[ExchangeRef], bool]:
        """Return up to 32 similar exchanges of some cassettes, or of all.

        They are of the narrowest group that has any: the same call, else the same API, else the
        same path. One with an equal key comes first, then those that were not `played`. The flag
        is true for the narrowest group: the same call, or the same method and path.
        """
        self._index_added()
        for closeness, group in enumerate(_groups(key, path)):
            refs = [
                ref
                for ref in self._by_group.get(group, ())
                if cassettes is None or ref.cassette in cassettes
            ]
            if refs:
                late = None if self._late is None else self._late.last_with(key)
                last = max(filter(None, (late, self._by_key.get(key))), default=None)
                equal = (ref for ref in [last] if ref in refs)
                return _first_distinct(chain(equal, _unplayed_first(refs, played))), closeness == 0
        return [], False


def _first_distinct(refs: Iterable[ExchangeRef | None]) -> list[ExchangeRef]:
    return list(islice(dict.fromkeys(ref for ref in refs if ref is not None), _MAX_CANDIDATES))


def _unplayed_first(
    refs: list[ExchangeRef], played: Container[ExchangeRef]
) -> Iterator[ExchangeRef]:
    yield from (ref for ref in refs if ref not in played)
    yield from reversed(refs)


def _groups(key: RequestKey, path: str) -> list[tuple[str, ...]]:
    """Return the groups that an exchange belongs to, the narrowest first."""
    match key:
        case CallKey():
            return [("call", key.api, key.call_name), ("api", key.api), ("POST", path)]
        case PlainKey():
            return list(dict.fromkeys([(key.method, key.path), ("POST", path)]))


def diff_requests(recorded: ParsedRequest, received: ParsedRequest) -> Iterator[Difference]:
    """Compare two requests, and yield each difference as recorded and received."""
    match recorded.key, received.key:
        case CallKey() as old, CallKey() as new if (old.api, old.call_name) == (
            new.api,
            new.call_name,
        ):
            yield from _diff_fields(recorded.compared_calls, received.compared_calls)
            if old.refusal != new.refusal:
                yield Difference("refusal", old.refusal or None, new.refusal or None)
        case CallKey() as old, CallKey() as new:
            yield Difference("type", old.call_name, new.call_name)
        case PlainKey() as old, PlainKey() as new:
            yield from _diff_plain(old, new)
        case _ if recorded.content_type != received.content_type:
            yield Difference("Content-Type", recorded.content_type, received.content_type)
        case _:
            yield Difference(
                "body", recorded.description or _NOT_A_CALL, received.description or _NOT_A_CALL
            )


def _diff_plain(old: PlainKey, new: PlainKey) -> Iterator[Difference]:
    if old.path != new.path:
        yield _difference("path", old.path, new.path)
    if old.query != new.query:
        yield _difference("query", old.query or None, new.query or None)
    if old.content_type != new.content_type:
        yield _difference("Content-Type", old.content_type, new.content_type)
    if old.body_digest and new.body_digest and old.body_digest != new.body_digest:
        yield OPAQUE_BODY_DIFFERENCE
    elif old.body_digest != new.body_digest:
        yield Difference(
            "body", "bytes" if old.body_digest else None, "bytes" if new.body_digest else None
        )


class _Leaf(NamedTuple):
    """A value, or a message without fields. An implied one is not written in the message.

    The fields that a message leaves out and that have a default are implied, and that a message
    with fields is there: `filters {}` differs from `filters {refuse_seconds: 9}` in one value.
    """

    text: str
    is_implied: bool = False


def _diff_fields(old: tuple[Message, ...], new: tuple[Message, ...]) -> Iterator[Difference]:
    is_numbered = max(len(old), len(new)) > 1
    recorded, received = (_leaves_by_path(calls, is_numbered=is_numbered) for calls in (old, new))
    for path in recorded | received:
        leaves = recorded.get(path), received.get(path)
        before, after = (None if leaf is None else leaf.text for leaf in leaves)
        is_written = any(leaf is not None and not leaf.is_implied for leaf in leaves)
        if is_written and before != after:
            yield _difference(path, before, after)


def _difference(path: str, old: str | None, new: str | None) -> Difference:
    return Difference(path, *truncate_around_difference(old, new))


def _leaves_by_path(messages: tuple[Message, ...], *, is_numbered: bool) -> dict[str, _Leaf]:
    """Return the leaves of messages by path, which begins with `[n]` if they are numbered."""
    leaves = (
        leaf
        for n, message in enumerate(messages)
        for leaf in _leaves(message, f"[{n}]." if is_numbered else "")
    )
    return dict(islice(leaves, _MAX_FIELDS))


def _leaves(message: Message, prefix: str) -> Iterator[tuple[str, _Leaf]]:
    for field, value in message.ListFields():
        path = prefix + field.name
        if not field.is_repeated:
            yield from _value_leaves(field, value, path)
        elif (map_value := map_value_field(field)) is not None:
            for key in sorted(value):
                yield from _value_leaves(map_value, value[key], f"{path}[{key}]")
        else:
            for number, item in enumerate(value):
                yield from _value_leaves(field, item, f"{path}[{number}]")
    for field in fields_with_default(cast("Descriptor", message.DESCRIPTOR)):
        if not message.HasField(field.name):
            text = format_scalar(field, field.default_value)
            yield prefix + field.name, _Leaf(text, is_implied=True)


def _value_leaves(field: FieldDescriptor, value: object, path: str) -> Iterator[tuple[str, _Leaf]]:
    if not isinstance(value, Message):
        yield path, _Leaf(format_scalar(field, value))
        return
    yield path, _Leaf("{}", is_implied=bool(value.ListFields()))
    yield from _leaves(value, path + ".")


def format_scalar(field: FieldDescriptor, value: object) -> str:
    """Format a value as in JSON, the value of an enum by its name."""
    if field.enum_type is not None and isinstance(value, int):
        return field.enum_type.values_by_number[value].name
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return msgspec.json.encode(value).decode()
