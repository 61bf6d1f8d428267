"""The few values of a message that summarize it for people.

    TASK_UPDATED   task=t-1 state=TASK_RUNNING agent=…-S1 framework=…
    OFFERS         offers=3
    DATA           type=STDOUT

They are chosen by the schema: the ids of the message, and the ids, states and lengths of lists in
the body that its type names, the least nested ones first.
"""

from __future__ import annotations

import re
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from .descriptors import map_value_field, message_class

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from google.protobuf.descriptor import Descriptor, FieldDescriptor
    from google.protobuf.message import Message

_MAX_DEPTH = 3
_MAX_FIELDS = 5
_ENUM_FIELDS = ("state", "type", "reason")
_SKIPPED_LISTS = ("capabilities", "resources", "total_resources", "attributes", "labels")
LAST_LABELS = ("agent", "executor", "framework")
"""Long ids, and those that the others belong to."""

_WORD_BOUNDARY = re.compile(r"(?<=[a-z])(?=[A-Z])")

type LabelledPath = tuple[str, tuple[str, ...]]


class _TakenFields(NamedTuple):
    """The fields that are taken from an object in a message; the object is at an index of a list.

    Their values are appended to that list: those of `get_all` from a struct, and those of `fields`
    from a message, each by name, whether it is repeated, and the names of its enum.
    """

    parent: int
    fields: list[tuple[str, bool, dict[int, str] | None]]
    get_all: Callable[[Any], tuple[Any, ...]]
    absent: tuple[None, ...]


class _SummaryPlan(NamedTuple):
    """How to take the values out of messages of one type, each object on the way once.

    The list begins with the message. `labels` have the indices of the values, the least nested ones
    first.
    """

    nodes: tuple[_TakenFields, ...]
    labels: tuple[tuple[str, int], ...]


def collect_summary_fields(
    value: Any, message_name: str | None, type_name: str | None
) -> dict[str, str]:
    """Return up to five summary values by label.

    `value` is a message, or a struct of the decoder in msgspec_types.py; `type_name` is the name of
    its type.
    """
    if message_name is None or type_name is None or value is None or isinstance(value, dict):
        return {}
    plan, is_message = _plan(message_name, type_name), hasattr(value, "DESCRIPTOR")
    taken: list[Any] = [value]
    for index, fields, get_all, absent in plan.nodes:
        parent = taken[index]
        if parent is None:
            taken += absent
        elif is_message:
            taken += [_message_field(parent, *field) for field in fields]
        else:
            taken += get_all(parent)
    values: dict[str, str] = {}
    for label, index in plan.labels:
        found = taken[index]
        if found and label not in values:
            values[label] = found if isinstance(found, str) else str(len(found))
            if len(values) == _MAX_FIELDS:
                break
    for label in LAST_LABELS:
        if label in values:
            values[label] = values.pop(label)
    return values


def summary_text(value: Any, message_name: str | None, type_name: str | None) -> str:
    """Return the summary values as a text, like `task=t-1 state=TASK_RUNNING`."""
    fields = collect_summary_fields(value, message_name, type_name)
    return " ".join([f"{label}={text}" for label, text in fields.items()])


@cache
def _plan(message_name: str, type_name: str) -> _SummaryPlan:
    paths = summary_paths(message_name, type_name)
    descriptor = cast("Descriptor", message_class(message_name).DESCRIPTOR)
    descriptors: dict[tuple[str, ...], Descriptor] = {(): descriptor}
    names: dict[tuple[str, ...], list[str]] = {(): []}
    for _, path in paths:
        for end, name in enumerate(path):
            parent, inner = path[:end], path[: end + 1]
            if name not in names[parent]:
                names[parent].append(name)
            message_type = descriptors[parent].fields_by_name[name].message_type
            if end + 1 < len(path) and inner not in names and message_type is not None:
                names[inner], descriptors[inner] = [], message_type
    indices: dict[tuple[str, ...], int] = {(): 0}
    nodes: list[_TakenFields] = []
    for path, taken in names.items():
        for name in taken:
            indices[*path, name] = len(indices)
        if taken:
            fields = [_field(descriptors[path].fields_by_name[name]) for name in taken]
            nodes.append(_TakenFields(indices[path], fields, _getter(taken), (None,) * len(taken)))
    return _SummaryPlan(tuple(nodes), tuple((label, indices[path]) for label, path in paths))


def _field(field: FieldDescriptor) -> tuple[str, bool, dict[int, str] | None]:
    enum = field.enum_type
    names = None if enum is None else {value.number: value.name for value in enum.values}
    return field.name, field.is_repeated, names


def _getter(names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    get = attrgetter(*names)
    return get if len(names) > 1 else lambda struct: (get(struct),)


def _message_field(
    message: Message, name: str, is_repeated: bool, enum_names: dict[int, str] | None
) -> Any:
    """Return a field as that of a struct: None if it is absent, and the name of an enum value."""
    if not is_repeated and not message.HasField(name):
        return None
    value = getattr(message, name)
    return value if enum_names is None else enum_names[value]


def summary_paths(message_name: str, type_name: str) -> tuple[LabelledPath, ...]:
    """Return the labelled paths in a message, the least nested ones first."""
    descriptor = message_class(message_name).DESCRIPTOR
    fields = cast("Mapping[str, FieldDescriptor]", descriptor.fields_by_name)
    paths: list[tuple[int, LabelledPath]] = []
    for name, field in fields.items():
        if name.endswith("_id"):
            paths.extend(_paths_in(field, (name,), 1))
    if (body := fields.get(type_name.lower())) is not None:
        paths.extend(_paths_in(body, (body.name,), 0))
    return tuple(path for _, path in sorted(paths, key=lambda ranked: ranked[0]))


def _paths_in(
    field: FieldDescriptor, path: tuple[str, ...], depth: int
) -> Iterator[tuple[int, LabelledPath]]:
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
