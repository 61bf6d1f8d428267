"""Compare two messages field by field.

    offers.offers[0].resources[cpus].scalar.value: 2.0 → 4.0
    get_tasks.tasks[7]: {"name":"sleep", …} → (nothing)

Elements of lists are aligned: those with equal contents, with equal ids, or with an equal name
stand for each other. The order of elements with ids does not count: servers keep them in hash maps.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import msgspec
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from ...proto.messages import mapping
from ...proto.messages.defaults import PRESENCE_COUNTS
from ...proto.messages.descriptors import map_value_field
from ...proto.messages.ids import id_fields
from ..matching.near_misses import format_scalar
from ..matching.shortening import truncate, truncate_around_difference
from .alignment import align, pair_moved, unpaired
from .differences import FieldChange
from .message_forms import TIME_NAMES, digest_message

type TextComparison = Callable[[str, str], bool]
"""Whether two texts that differ mean the same."""

_NAMES = ("name", "key", "role", "id")
_MAX_SHOWN_CHARACTERS = 200


class MessageComparison:
    """Compares messages of one type whose ids are made equal already, where they are paired."""

    def __init__(self, are_same_texts: TextComparison) -> None:
        self._are_same_texts = are_same_texts

    def changes(self, first: Message, second: Message, path: str = "") -> Iterator[FieldChange]:
        """Compare two messages."""
        for field in cast("Descriptor", first.DESCRIPTOR).fields:
            inner = f"{path}.{field.name}" if path else field.name
            if not field.is_repeated:
                yield from self._singular(first, second, field, inner)
                continue
            ours, theirs = getattr(first, field.name), getattr(second, field.name)
            if not ours and not theirs:
                continue
            if (value_field := map_value_field(field)) is not None:
                for key in sorted({*ours, *theirs}):
                    yield from self._values(
                        ours.get(key),
                        theirs.get(key),
                        value_field,
                        f"{inner}[{key}]",
                    )
            else:
                yield from self._list(list(ours), list(theirs), field, inner)

    def _singular(
        self, first: Message, second: Message, field: FieldDescriptor, path: str
    ) -> Iterator[FieldChange]:
        ours, theirs = (_value(each, field) for each in (first, second))
        yield from self._values(ours, theirs, field, path)

    def _values(
        self, first: Any, second: Any, field: FieldDescriptor, path: str
    ) -> Iterator[FieldChange]:
        if first is not None and second is not None:
            if field.message_type is not None:
                yield from self.changes(first, second, path)
            elif not self._are_equal(first, second):
                texts = truncate_around_difference(
                    format_scalar(field, first), format_scalar(field, second)
                )
                yield FieldChange(path, *texts)
        elif first is not None or second is not None:
            yield FieldChange(path, _show(field, first), _show(field, second))

    def _are_equal(self, first: Any, second: Any) -> bool:
        if first == second or (first != first and second != second):
            return True
        if isinstance(first, bytes):
            first, second = first.decode("latin-1"), second.decode("latin-1")
        return isinstance(first, str) and self._are_same_texts(first, second)

    def _list(
        self, first: list[Any], second: list[Any], field: FieldDescriptor, path: str
    ) -> Iterator[FieldChange]:
        exact = _tokens(_digest, first, second)
        levels = [exact]
        has_ids = False
        if field.message_type is not None:
            named, has_ids = _name_tokens(first, second)
            levels.append(named)
        levels.append(_tokens(lambda each: 0, first, second) if not has_ids else exact)
        pairs = align(len(first), len(second), levels)
        if has_ids:
            moved = pair_moved(*unpaired(len(first), len(second), pairs), levels[1])
            pairs = sorted([*pairs, *moved])
        labels, other_labels = _labels(first), _labels(second)
        for i, j in pairs:
            yield from self._values(first[i], second[j], field, f"{path}[{labels[i]}]")
        ours, theirs = unpaired(len(first), len(second), pairs)
        for i in ours:
            yield FieldChange(f"{path}[{labels[i]}]", _show(field, first[i]), None)
        for j in theirs:
            yield FieldChange(f"{path}[{other_labels[j]}]", None, _show(field, second[j]))


def _value(message: Message, field: FieldDescriptor) -> Any:
    """Return what a field means, its declared default if it is left out; None: nothing."""
    has_default = field.has_default_value and field.full_name not in PRESENCE_COUNTS
    if has_default or not field.has_presence or message.HasField(field.name):
        return getattr(message, field.name)
    return None


def _labels(values: list[Any]) -> list[str]:
    """Return what stands in the paths of elements: their names if these differ, or numbers."""
    names = [_name(each) if isinstance(each, Message) else None for each in values]
    if None in names or "" in names or len(set(names)) < len(names):
        return [str(number) for number in range(len(values))]
    return [str(name) for name in names]


def _digest(value: Any) -> int:
    if isinstance(value, Message):
        return digest_message(value)
    return hash(value)


def _tokens(
    token: Callable[[Any], int], first: Sequence[Any], second: Sequence[Any]
) -> tuple[Callable[[int], int | None], Callable[[int], int | None]]:
    ours, theirs = [token(each) for each in first], [token(each) for each in second]
    return ours.__getitem__, theirs.__getitem__


def _name_tokens(
    first: list[Message], second: list[Message]
) -> tuple[tuple[Callable[[int], int | None], Callable[[int], int | None]], bool]:
    """Return tokens of elements by their ids or their names; the flag is true if any has an id."""
    ids = [[tuple(_own_ids(each)) for each in values] for values in (first, second)]
    has_ids = any(each for values in ids for each in values)
    names = [
        [
            hash(own or _name(each)) if own or _name(each) else None
            for own, each in zip(owned, values, strict=True)
        ]
        for owned, values in zip(ids, (first, second), strict=True)
    ]
    return (names[0].__getitem__, names[1].__getitem__), has_ids


def _own_ids(message: Message) -> Iterator[object]:
    """Return the ids that are fields of a message itself, not those of messages inside."""
    for field in id_fields(message):
        if field.owner is message:
            yield field.kind, field.value


def _name(message: Message) -> str | None:
    for name in _NAMES:
        field = message.DESCRIPTOR.fields_by_name.get(name)
        if field is not None and field.type == FieldDescriptor.TYPE_STRING:
            return str(getattr(message, name))
    return None


def _show(field: FieldDescriptor, value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, Message):
        return truncate(mapping.encode(value).decode(), _MAX_SHOWN_CHARACTERS)
    return truncate(format_scalar(field, value), _MAX_SHOWN_CHARACTERS)


def json_changes(
    first: object, second: object, are_same_texts: TextComparison, path: str = ""
) -> Iterator[FieldChange]:
    """Compare two values of JSON."""
    if isinstance(first, dict) and isinstance(second, dict):
        ours, theirs = cast("dict[str, object]", first), cast("dict[str, object]", second)
        for key in ours | theirs:
            inner = f"{path}.{key}" if path else key
            if key in ours and key in theirs:
                if key not in TIME_NAMES or not (_is_time(ours[key]) and _is_time(theirs[key])):
                    yield from json_changes(ours[key], theirs[key], are_same_texts, inner)
            else:
                yield FieldChange(inner, _show_json(ours, key), _show_json(theirs, key))
    elif isinstance(first, list) and isinstance(second, list):
        old, new = cast("list[object]", first), cast("list[object]", second)
        for index in range(max(len(old), len(new))):
            inner = f"{path}[{index}]"
            if index < len(old) and index < len(new):
                yield from json_changes(old[index], new[index], are_same_texts, inner)
            else:
                yield FieldChange(inner, _show_json(old, index), _show_json(new, index))
    elif first != second and not (
        isinstance(first, str) and isinstance(second, str) and are_same_texts(first, second)
    ):
        texts = truncate_around_difference(
            msgspec.json.encode(cast("object", first)).decode(),
            msgspec.json.encode(cast("object", second)).decode(),
        )
        yield FieldChange(path or "body", *texts)


def _is_time(value: object) -> bool:
    return isinstance(value, float | int)


def _show_json(values: Any, key: Any) -> str | None:
    try:
        return truncate(msgspec.json.encode(values[key]).decode(), _MAX_SHOWN_CHARACTERS)
    except (KeyError, IndexError):
        return None
