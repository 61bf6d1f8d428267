"""Ids in messages, found by the schema.

    FrameworkID, TaskID, …    a message with a `value`; a ContainerID also has those of its parents
    uuid                      of a status or an operation: 16 bytes, alone or in a message UUID

Ids of tasks, executors and operations are unique within their framework only, so they have a scope:
the `framework_id` of the message that contains them, or of the nearest one around it. Ids inside
other text (paths, labels, names) are not found.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, Literal, cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from msgspec import Struct

from .descriptors import map_value_field, reachable_types

UUID_TEXT = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![0-9a-f])")
"""A UUID in a text, as Mesos writes it."""

type IdKind = Literal[
    "agent-id",
    "container-id",
    "executor-id",
    "framework-id",
    "offer-id",
    "operation-id",
    "resource-provider-id",
    "task-id",
    "uuid",
]

ID_KINDS: dict[str, IdKind] = {
    "mesos.v1.AgentID": "agent-id",
    "mesos.v1.ContainerID": "container-id",
    "mesos.v1.ExecutorID": "executor-id",
    "mesos.v1.FrameworkID": "framework-id",
    "mesos.v1.OfferID": "offer-id",
    "mesos.v1.OperationID": "operation-id",
    "mesos.v1.ResourceProviderID": "resource-provider-id",
    "mesos.v1.TaskID": "task-id",
    "mesos.v1.UUID": "uuid",
}
"""Kinds of ids, by the full name of their message."""

ASSIGNED_BY_MESOS: tuple[IdKind, ...] = ("offer-id", "uuid")
"""Kinds of ids that a server makes up for each offer or update; clients name them in answers."""

_UUID_FIELDS = {
    ("mesos.v1.Task", "status_update_uuid"),
    ("mesos.v1.TaskStatus", "uuid"),
    ("mesos.v1.executor.Event.Acknowledged", "uuid"),
    ("mesos.v1.scheduler.Call.Acknowledge", "uuid"),
    ("mesos.v1.scheduler.Call.AcknowledgeOperationStatus", "uuid"),
}
"""Bytes fields that are a uuid, by message and name."""

_SCOPED_KINDS = ("task-id", "executor-id", "operation-id")
_SCOPE_FIELD = "framework_id"


class IdField(Struct, frozen=True, eq=False):
    """An id in a message: the field `field` of `message`.

    `scope` is the framework of an id of a task, an executor or an operation, as the messages around
    it name it; empty if none does, and for other ids. `owner` is the message that has the id: the
    TaskInfo of a task id, or a call that names a task.
    """

    kind: IdKind
    scope: str
    message: Message
    field: str
    owner: Message

    @property
    def value(self) -> str | bytes:
        """The id: bytes if it is a uuid."""
        return getattr(self.message, self.field)

    def set_value(self, value: str | bytes) -> None:
        """Replace the id."""
        setattr(self.message, self.field, value)

    def blank(self) -> None:
        """Empty the id; the field stays set."""
        self.set_value(b"" if self.kind == "uuid" else "")


type _Repetition = Literal["one", "list", "map"]


class _Plan(Struct, frozen=True):
    """The ids of a message type: its own kind, its uuid fields, and the fields to descend into."""

    kind: IdKind | None
    uuid_fields: tuple[str, ...]
    descents: tuple[tuple[str, _Repetition], ...]
    has_scope: bool


def id_fields(message: Message, scope: str = "", owner: Message | None = None) -> Iterator[IdField]:
    """Iterate over the ids in a message: uuids first, the others in the order of the schema.

    `scope` is the framework id of the surrounding messages, if any. It is inherited from the top
    down: a message whose own `framework_id` is set replaces it for all ids inside itself, whatever
    the order of the fields, and everything else passes it on unchanged. So in

        Event.update.status { task_id }                    no framework_id around it: scope ""
        Task { framework_id: F, task_id, statuses[] … }    every task and executor id below: scope F
        Call { framework_id: F, acknowledge { task_id } }  from the call, one level up: scope F

    only ids of _SCOPED_KINDS keep the scope. `owner` is the message that contains this one, if any.
    """
    plan = _plan(cast("Descriptor", message.DESCRIPTOR))
    if plan.has_scope and message.HasField(_SCOPE_FIELD):
        scope = cast("Any", message).framework_id.value
    if plan.kind is not None and message.HasField("value"):
        own_scope = scope if plan.kind in _SCOPED_KINDS else ""
        yield IdField(plan.kind, own_scope, message, "value", owner or message)
    for name in plan.uuid_fields:
        if message.HasField(name):
            yield IdField("uuid", "", message, name, message)
    for name, repetition in plan.descents:
        if repetition == "one":
            if message.HasField(name):
                yield from id_fields(getattr(message, name), scope, message)
            continue
        values = getattr(message, name)
        children = values if repetition == "list" else [values[key] for key in sorted(values)]
        for child in children:
            yield from id_fields(child, scope, message)


def copy_messages(messages: Iterable[Message]) -> tuple[Message, ...]:
    """Return copies that can be changed."""
    copies: list[Message] = []
    for message in messages:
        copies.append(type(message)())
        copies[-1].CopyFrom(message)
    return tuple(copies)


def with_blank_ids(messages: Iterable[Message]) -> tuple[Message, ...]:
    """Return copies of messages, with all their ids empty."""
    copies = copy_messages(messages)
    for copy in copies:
        for each in id_fields(copy):
            each.blank()
    return copies


@cache
def _plan(descriptor: Descriptor) -> _Plan:
    """Plan the search for ids in a message type, once for each type.

    A message is searched field by field for each call and event, so fields without ids below them
    are left out: a type that cannot contain an id, at any depth, has an empty plan, and no message
    of it is entered. Types contain themselves (ContainerID.parent), so the plan names fields, and
    the plans of their types are looked up when a message is there: messages are finite.
    """
    descents: list[tuple[str, _Repetition]] = [
        (field.name, _repetition(field)) for field in descriptor.fields if _has_ids(field)
    ]
    return _Plan(
        kind=ID_KINDS.get(descriptor.full_name),
        uuid_fields=tuple(
            name for of, name in _fields_of(descriptor) if (of, name) in _UUID_FIELDS
        ),
        descents=tuple(descents),
        has_scope=(_SCOPE_FIELD, "one") in descents,
    )


def _repetition(field: FieldDescriptor) -> _Repetition:
    if not field.is_repeated:
        return "one"
    return "list" if map_value_field(field) is None else "map"


def _has_ids(field: FieldDescriptor) -> bool:
    """Return whether a field can contain ids, at any depth."""
    return field.message_type is not None and any(
        descriptor.full_name in ID_KINDS or not _UUID_FIELDS.isdisjoint(_fields_of(descriptor))
        for descriptor in reachable_types(field.message_type)
    )


def _fields_of(descriptor: Descriptor) -> list[tuple[str, str]]:
    return [(descriptor.full_name, field.name) for field in descriptor.fields]
