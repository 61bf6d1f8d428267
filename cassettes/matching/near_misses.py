"""The recorded exchanges that come nearest to a request, and where they differ from it.

Differences of calls are field paths, `accept.offer_ids[0].value`; other requests differ in their
`query`, `Content-Type` or `body`. The work is bounded: a few candidates, a few thousand fields.
"""

import base64
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator
from itertools import chain, islice

import msgspec
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from ..format.exchange_ref import ExchangeRef
from .misses import Difference
from .request_key import CallKey, ParsedRequest, PlainKey, RequestKey
from .shortening import truncate_around_difference

CANDIDATES = 32
"""Exchanges that are compared with a missed request."""

_FIELDS = 4000
_NO_CALL = "no call that Mesos takes"

OPAQUE_BODY_DIFFERENCE = Difference("body", "other bytes", "these")
"""Of bodies that are no calls it is not known here what is in them."""


class NearMissIndex:
    """Places of a cassette by what a miss compares: the call, the API, the path."""

    def __init__(self) -> None:
        self._added: list[tuple[RequestKey, str, ExchangeRef]] = []
        self._by_kind = defaultdict[tuple[str, ...], list[ExchangeRef]](list)
        self._equal: dict[RequestKey, ExchangeRef] = {}

    def add_exchange(self, key: RequestKey, path: str, place: ExchangeRef) -> None:
        """Add an exchange. It is filed when something is looked for: most replays miss nothing."""
        self._added.append((key, path, place))

    def _file(self) -> None:
        for key, path, place in self._added:
            self._equal[key] = place
            for kind in _kinds(key, path):
                self._by_kind[kind].append(place)
        self._added.clear()

    def candidates(
        self,
        key: RequestKey,
        path: str,
        played: Container[ExchangeRef],
        cassettes: frozenset[int] | None = None,
    ) -> tuple[list[ExchangeRef], bool]:
        """Up to `CANDIDATES` exchanges of the most special kind that has any in these cassettes.

        An equal one comes first, then those that were not `played`. The flag says whether they are
        the same call, or the same method and path.
        """
        self._file()
        for closeness, kind in enumerate(_kinds(key, path)):
            places = [
                place
                for place in self._by_kind.get(kind, ())
                if cassettes is None or place.cassette in cassettes
            ]
            if places:
                equal = (place for place in [self._equal.get(key)] if place in places)
                return _first(chain(equal, _fresh_first(places, played))), closeness == 0
        return [], False


def _first(places: Iterable[ExchangeRef | None]) -> list[ExchangeRef]:
    """The first of them, each once."""
    return list(islice(dict.fromkeys(place for place in places if place is not None), CANDIDATES))


def _fresh_first(
    places: list[ExchangeRef], played: Container[ExchangeRef]
) -> Iterator[ExchangeRef]:
    yield from (place for place in places if place not in played)
    yield from reversed(places)


def _kinds(key: RequestKey, path: str) -> list[tuple[str, ...]]:
    """What an exchange is, the most special first."""
    match key:
        case CallKey():
            return [("call", key.api, key.call_name), ("api", key.api), ("POST", path)]
        case PlainKey():
            return list(dict.fromkeys([(key.method, key.path), ("POST", path)]))


def diff_requests(recorded: ParsedRequest, received: ParsedRequest) -> Iterator[Difference]:
    """Where two requests differ, as recorded and received."""
    match recorded.key, received.key:
        case CallKey() as old, CallKey() as new if (old.api, old.call_name) == (
            new.api,
            new.call_name,
        ):
            yield from _fields(recorded.compared_calls, received.compared_calls)
            if old.refusal != new.refusal:
                yield Difference("refusal", old.refusal or None, new.refusal or None)
        case CallKey() as old, CallKey() as new:
            yield Difference("type", old.call_name, new.call_name)
        case PlainKey() as old, PlainKey() as new:
            yield from _parts(old, new)
        case _ if recorded.content_type != received.content_type:
            yield Difference("Content-Type", recorded.content_type, received.content_type)
        case _:
            yield Difference(
                "body", recorded.description or _NO_CALL, received.description or _NO_CALL
            )


def _parts(old: PlainKey, new: PlainKey) -> Iterator[Difference]:
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


def _fields(old: tuple[Message, ...], new: tuple[Message, ...]) -> Iterator[Difference]:
    recorded, received = _flat(old), _flat(new)
    for path in recorded | received:
        before, after = recorded.get(path), received.get(path)
        if before != after:
            yield _difference(path, before, after)


def _difference(path: str, old: str | None, new: str | None) -> Difference:
    return Difference(path, *truncate_around_difference(old, new))


def _flat(messages: tuple[Message, ...]) -> dict[str, str]:
    """The leaves of messages by path; those of a streamed request's records are numbered."""
    if len(messages) == 1:
        return dict(islice(_leaves(messages[0], ""), _FIELDS))
    leaves = (leaf for n, message in enumerate(messages) for leaf in _leaves(message, f"[{n}]."))
    return dict(islice(leaves, _FIELDS))


def _leaves(message: Message, prefix: str) -> Iterator[tuple[str, str]]:
    for field, value in message.ListFields():
        path = prefix + field.name
        entry = field.message_type
        if not field.is_repeated:
            yield from _leaf(field, value, path)
        elif entry is not None and entry.GetOptions().map_entry:
            for key in sorted(value):
                yield from _leaf(entry.fields_by_name["value"], value[key], f"{path}[{key}]")
        else:
            for number, item in enumerate(value):
                yield from _leaf(field, item, f"{path}[{number}]")


def _leaf(field: FieldDescriptor, value: object, path: str) -> Iterator[tuple[str, str]]:
    if not isinstance(value, Message):
        yield path, _text(field, value)
    elif value.ListFields():
        yield from _leaves(value, path + ".")
    else:
        yield path, "{}"


def _text(field: FieldDescriptor, value: object) -> str:
    if field.enum_type is not None and isinstance(value, int):
        return field.enum_type.values_by_number[value].name
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return msgspec.json.encode(value).decode()
