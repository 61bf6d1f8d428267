"""The few values of a message that summarize it for people.

    TASK_UPDATED   task=t-1 state=TASK_RUNNING agent=…-S1 framework=…
    OFFERS         offers=3
    DATA           type=STDOUT

They are chosen by the schema: the ids of the message, and the ids, states and lengths of lists in
the body that its type names, the least nested ones first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from google.protobuf.message import Message

from .descriptors import map_value_field, message_class

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.descriptor import FieldDescriptor

_MAX_DEPTH = 3
_MAX_FIELDS = 5
_ENUM_FIELDS = ("state", "type", "reason")
_SKIPPED_LISTS = ("capabilities", "resources", "total_resources", "attributes", "labels")
_LAST_LABELS = ("agent", "executor", "framework")
"""Long ids, and those that the others belong to."""

_WORD_BOUNDARY = re.compile(r"(?<=[a-z])(?=[A-Z])")

type _LabelledPath = tuple[str, tuple[str, ...]]


def collect_summary_fields(
    value: Any, message_name: str | None, type_name: str | None
) -> dict[str, str]:
    """Return up to five summary values by label.

    `value` is a message, or a struct of the decoder in msgspec_types.py; `type_name` is the name of
    its type.
    """
    if message_name is None or type_name is None or value is None or isinstance(value, Mapping):
        return {}
    values: dict[str, str] = {}
    for label, path in _paths(message_name, type_name):
        if label not in values and (text := _text_at(value, path)) is not None:
            values[label] = text
            if len(values) == _MAX_FIELDS:
                break
    for label in _LAST_LABELS:
        if label in values:
            values[label] = values.pop(label)
    return values


@cache
def _paths(message_name: str, type_name: str) -> tuple[_LabelledPath, ...]:
    """Return the labelled paths in a message, the least nested ones first."""
    descriptor = message_class(message_name).DESCRIPTOR
    fields = cast("Mapping[str, FieldDescriptor]", descriptor.fields_by_name)
    paths: list[tuple[int, _LabelledPath]] = []
    for name, field in fields.items():
        if name.endswith("_id"):
            paths.extend(_paths_in(field, (name,), 1))
    if (body := fields.get(type_name.lower())) is not None:
        paths.extend(_paths_in(body, (body.name,), 0))
    return tuple(path for _, path in sorted(paths, key=lambda ranked: ranked[0]))


def _paths_in(
    field: FieldDescriptor, path: tuple[str, ...], depth: int
) -> Iterator[tuple[int, _LabelledPath]]:
    """Iterate over the labelled paths from a field down, each with its rank."""
    descriptor = field.message_type
    if field.enum_type is not None:
        if field.name in _ENUM_FIELDS and not field.is_repeated:
            yield depth, (field.name, path)
    elif descriptor is None or map_value_field(field) is not None:
        return
    elif field.is_repeated:
        if field.name not in _SKIPPED_LISTS:
            yield depth + 1, (field.name, path)
    elif (
        (name := descriptor.name).endswith("ID")
        and name != "UUID"
        and ("value" in descriptor.fields_by_name)
    ):
        label = _WORD_BOUNDARY.sub("_", name.removesuffix("ID")).lower()
        yield depth, (label, (*path, "value"))
    elif depth < _MAX_DEPTH:
        for inner in descriptor.fields:
            yield from _paths_in(inner, (*path, inner.name), depth + 1)


def _text_at(value: Any, path: tuple[str, ...]) -> str | None:
    """Format the value at a path: an id, the name of an enum value, or the length of a list."""
    for name in path:
        value = _field(value, name) if isinstance(value, Message) else getattr(value, name, None)
        if value is None:
            return None
    if isinstance(value, str):
        return value or None
    return str(len(value)) if len(value) else None


def _field(message: Message, name: str) -> Any:
    field = message.DESCRIPTOR.fields_by_name[name]
    if field.is_repeated:
        return getattr(message, name)
    if not message.HasField(name):
        return None
    value = getattr(message, name)
    if field.enum_type is not None:
        return field.enum_type.values_by_number[value].name
    return value
