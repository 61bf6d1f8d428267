"""What is compared of a message: all but its ids, its times, and what the user ignores.

    UPDATE { status { task_id "t-1" state TASK_RUNNING timestamp 1764526342.1 uuid … } }

    label     UPDATE TASK_RUNNING
    digest    of the message with empty ids and without times
    ids       (uuid, …), (task-id, t-1)

Two messages that mean the same have equal labels and digests, and ids that stand for each other.
"""

from functools import cache
from typing import Any, cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from msgspec import Struct

from ...proto.messages.descriptors import map_value_field, reachable_types
from ...proto.messages.fields import enum_name, field_at, type_enum_name
from ...proto.messages.ids import IdField, id_fields

_TIME_TYPE = "mesos.v1.TimeInfo"
_TIME_NAMES = frozenset({"timestamp", "start_time", "elected_time"})
"""Fields with seconds since 1970; all others are a TimeInfo."""

_STATUS_PATHS = {"UPDATE": "update.status", "TASK_UPDATED": "task_updated.status"}
_NAME_FIELDS = ("name", "source")
"""Texts that often repeat the id of their message: a task that is named after its id."""

type MentionedId = tuple[IdField, str | bytes]
"""An id in a message: its field, which is empty by now, and its value."""


class MessageForm(Struct, frozen=True):
    """What is compared of a message. `kind` is its type, `label` has the state of a task too."""

    kind: str
    label: str
    digest: int
    ids: list[MentionedId]


def digest_message(message: Message) -> int:
    """Return a number that differs for different messages; it is another in each process."""
    return hash(message.SerializePartialToString(deterministic=True))


def form_of(message: Message, scope: str = "") -> MessageForm:
    """Return what is compared of a message, which is changed.

    Its times have to be dropped already. `scope` is the framework that it is about, or empty.
    """
    kind = type_enum_name(message) or ""
    status_path = _STATUS_PATHS.get(kind)
    status = None if status_path is None else field_at(message, status_path)
    state = enum_name(status, "state") if isinstance(status, Message) else None
    ids = [(field, value) for field in id_fields(message, scope) if (value := field.value)]
    for field, value in ids:
        _blank_repeated(field.owner, value)
        field.blank()
    label = f"{kind} {state}" if state else kind
    return MessageForm(kind, label, digest_message(message), ids)


def drop_times(message: Message) -> None:
    """Remove the times from a message, and fields that the schema does not have."""
    _drop(message, _plan(cast("Descriptor", message.DESCRIPTOR)))
    message.DiscardUnknownFields()


def _blank_repeated(owner: Message, value: str | bytes) -> None:
    """Remove an id from the texts of its message."""
    if not value or isinstance(value, bytes):
        return
    for name in _text_fields(type(owner)):
        text: str = getattr(owner, name)
        if value in text:
            setattr(owner, name, text.replace(value, ""))


@cache
def _text_fields(message_class: type[Message]) -> list[str]:
    fields = message_class.DESCRIPTOR.fields_by_name
    found = ((name, fields.get(name)) for name in _NAME_FIELDS)
    return [name for name, each in found if each and each.type == FieldDescriptor.TYPE_STRING]


class _TimePlan(Struct, eq=False):
    """The times in a message type, and the fields to descend into: whether repeated, and a map."""

    times: list[str]
    descents: list[tuple[str, bool, bool, "_TimePlan"]]


_plans: dict[Descriptor, _TimePlan] = {}


def _plan(descriptor: Descriptor) -> _TimePlan:
    plan = _plans.get(descriptor)
    if plan is not None:
        return plan
    plan = _plans[descriptor] = _TimePlan([], [])
    for field in descriptor.fields:
        value_field = map_value_field(field)
        inner = (value_field or field).message_type
        if _is_time(field):
            plan.times.append(field.name)
        elif inner is not None and _has_times(inner):
            is_map = value_field is not None
            plan.descents.append((field.name, bool(field.is_repeated), is_map, _plan(inner)))
    return plan


def _is_time(field: FieldDescriptor) -> bool:
    """Return whether a field is a point in time."""
    if field.message_type is not None:
        return field.message_type.full_name == _TIME_TYPE
    return field.name in _TIME_NAMES and field.type == FieldDescriptor.TYPE_DOUBLE


@cache
def _has_times(descriptor: Descriptor) -> bool:
    return any(_is_time(field) for each in reachable_types(descriptor) for field in each.fields)


def _drop(message: Message, plan: _TimePlan) -> None:
    for name in plan.times:
        message.ClearField(name)
    for name, is_repeated, is_map, inner in plan.descents:
        if not is_repeated:
            if message.HasField(name):
                _drop(getattr(message, name), inner)
            continue
        values: Any = getattr(message, name)
        for each in [values[key] for key in values] if is_map else values:
            _drop(each, inner)
