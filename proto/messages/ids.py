"""Ids in messages: where they are and of what kind, by the schema alone.

    FrameworkID, TaskID, …    a message with a `value`; of a ContainerID also those of its parents
    uuid                      of a status or an operation: 16 bytes, bare or in a message UUID

A task, an executor and an operation are known within their framework, so their ids have a scope:
the `framework_id` of the message that they are in, or of one around it. Ids inside of other text
(paths, labels, names) are not found.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, Literal, cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from msgspec import Struct

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
"""Messages that are an id."""

_BARE = {
    ("mesos.v1.Task", "status_update_uuid"),
    ("mesos.v1.TaskStatus", "uuid"),
    ("mesos.v1.executor.Event.Acknowledged", "uuid"),
    ("mesos.v1.scheduler.Call.Acknowledge", "uuid"),
    ("mesos.v1.scheduler.Call.AcknowledgeOperationStatus", "uuid"),
}
"""Fields that are the bytes of a uuid."""

_SCOPED = ("task-id", "executor-id", "operation-id")
_OWNER = "framework_id"


class IdField(Struct, frozen=True, eq=False):
    """An id in a message. `scope` is the framework that it is known in, as the message says it."""

    kind: IdKind
    scope: str
    message: Message
    field: str

    @property
    def value(self) -> str | bytes:
        """The id itself."""
        return getattr(self.message, self.field)

    def set_value(self, value: str | bytes) -> None:
        """Set it."""
        setattr(self.message, self.field, value)

    def blank(self) -> None:
        """Empty it; that there is an id stays to be seen."""
        self.set_value(b"" if self.kind == "uuid" else "")


class _Plan(Struct, frozen=True):
    """What to look at in a message type: itself, fields that are ids, and fields with ids in them.

    Types without ids in them, however deep, have an empty plan and are never entered.
    """

    kind: IdKind | None
    bare: tuple[str, ...]
    into: tuple[tuple[str, "_Many"], ...]
    has_owner: bool


type _Many = Literal["one", "list", "map"]


def id_fields(message: Message, scope: str = "") -> Iterator[IdField]:
    """The ids in a message, in the order of the schema. `scope` is the framework around it."""
    plan = _plan(cast("Descriptor", message.DESCRIPTOR))
    if plan.has_owner and message.HasField(_OWNER):
        scope = cast("Any", message).framework_id.value
    if plan.kind is not None and message.HasField("value"):
        yield IdField(plan.kind, scope if plan.kind in _SCOPED else "", message, "value")
    for name in plan.bare:
        if message.HasField(name):
            yield IdField("uuid", "", message, name)
    for name, many in plan.into:
        if many == "one":
            if message.HasField(name):
                yield from id_fields(getattr(message, name), scope)
            continue
        held = getattr(message, name)
        for child in held if many == "list" else [held[key] for key in sorted(held)]:
            yield from id_fields(child, scope)


def copy_messages(calls: Iterable[Message]) -> tuple[Message, ...]:
    """Copy messages."""
    copied = tuple((type(call)(), call) for call in calls)
    for copy, call in copied:
        copy.CopyFrom(call)
    return tuple(copy for copy, _ in copied)


def with_blank_ids(calls: Iterable[Message]) -> tuple[Message, ...]:
    """Give messages as they would be if all their ids were empty; those given stay as they are."""
    blank = copy_messages(calls)
    for call in blank:
        for slot in id_fields(call):
            slot.blank()
    return blank


@cache
def _plan(of: Descriptor) -> _Plan:
    kind = ID_KINDS.get(of.full_name)
    bare = tuple(field.name for field in of.fields if (of.full_name, field.name) in _BARE)
    into: list[tuple[str, _Many]] = [
        (field.name, _many(field)) for field in of.fields if _reaches(field)
    ]
    has_owner = any(name == _OWNER and many == "one" for name, many in into)
    return _Plan(kind, bare, tuple(into), has_owner)


def _many(field: FieldDescriptor) -> _Many:
    if not field.is_repeated:
        return "one"
    held = field.message_type
    return "map" if held is not None and held.GetOptions().map_entry else "list"


def _reaches(field: FieldDescriptor) -> bool:
    """Whether there can be ids in a field, at any depth."""
    left, seen = [field.message_type], set[str]()
    while left:
        held = left.pop()
        if held is None or held.full_name in seen:
            continue
        seen.add(held.full_name)
        bare = any((held.full_name, each.name) in _BARE for each in held.fields)
        if bare or held.full_name in ID_KINDS:
            return True
        left += [each.message_type for each in held.fields]
    return False
