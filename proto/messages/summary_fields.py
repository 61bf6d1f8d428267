"""The few values of a message that tell people what it is about.

    TASK_UPDATED   task=t-1 state=TASK_RUNNING agent=…-S1 framework=…
    OFFERS         offers=3
    DATA           type=STDOUT

Which they are follows from the schema: ids, states, and the lengths of lists in the body that the
type names, those nearest to the top first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from google.protobuf.message import Message

from .descriptors import message_class

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.descriptor import FieldDescriptor

_DEEPEST = 3
_MOST = 5
_ENUMS = ("state", "type", "reason")
_DULL = ("capabilities", "resources", "total_resources", "attributes", "labels")
_LAST = ("agent", "executor", "framework")
"""The long ones, which the others are in."""

_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")

type LabelledPath = tuple[str, tuple[str, ...]]


def collect_summary_fields(value: Any, message: str | None, kind: str | None) -> dict[str, str]:
    """Collect what matters of a message, or a struct of its shape, whose type is `kind`."""
    if message is None or kind is None or value is None or isinstance(value, Mapping):
        return {}
    found: dict[str, str] = {}
    for label, path in _paths(message, kind):
        if label not in found and (text := _text(value, path)) is not None:
            found[label] = text
            if len(found) == _MOST:
                break
    for label in _LAST:
        if label in found:
            found[label] = found.pop(label)
    return found


@cache
def _paths(message: str, kind: str) -> tuple[LabelledPath, ...]:
    """Where in a message what matters may be, nearest first."""
    fields = cast("Mapping[str, FieldDescriptor]", message_class(message).DESCRIPTOR.fields_by_name)
    found: list[tuple[int, LabelledPath]] = []
    for name, field in fields.items():
        if name.endswith("_id"):
            found.extend(_inside(field, (name,), 1))
    if (body := fields.get(kind.lower())) is not None:
        found.extend(_inside(body, (body.name,), 0))
    return tuple(path for _, path in sorted(found, key=lambda one: one[0]))


def _inside(
    field: FieldDescriptor, path: tuple[str, ...], depth: int
) -> Iterator[tuple[int, LabelledPath]]:
    told = field.message_type
    if field.enum_type is not None:
        if field.name in _ENUMS and not field.is_repeated:
            yield depth, (field.name, path)
    elif told is None or told.GetOptions().map_entry:
        return
    elif field.is_repeated:
        if field.name not in _DULL:
            yield depth + 1, (field.name, path)
    elif told.name.endswith("ID") and told.name != "UUID" and "value" in told.fields_by_name:
        label = _CAPITAL.sub("_", told.name.removesuffix("ID")).lower()
        yield depth, (label, (*path, "value"))
    elif depth < _DEEPEST:
        for inner in told.fields:
            yield from _inside(inner, (*path, inner.name), depth + 1)


def _text(value: Any, path: tuple[str, ...]) -> str | None:
    """Read one place as text: an id, the name of an enum, or how many there are."""
    for name in path:
        value = _of(value, name) if isinstance(value, Message) else getattr(value, name, None)
        if value is None:
            return None
    if isinstance(value, str):
        return value or None
    return str(len(value)) if len(value) else None


def _of(message: Message, name: str) -> Any:
    field = message.DESCRIPTOR.fields_by_name[name]
    if field.is_repeated:
        return getattr(message, name)
    if not message.HasField(name):
        return None
    value = getattr(message, name)
    if field.enum_type is not None:
        return field.enum_type.values_by_number[value].name
    return value
