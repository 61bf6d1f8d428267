"""What is compared of a message: all but its ids, its times, and what the user ignores.

    UPDATE { status { task_id "t-1" state TASK_RUNNING timestamp 1764526342.1 uuid … } }

    label     UPDATE TASK_RUNNING
    digest    of the message with empty ids and without times
    ids       (uuid, …), (task-id, t-1)

Two messages that mean the same have equal labels and digests, and ids that stand for each other.
An id has a mention, which describes it where it is: by the message that contains it.
"""

from functools import cache
from typing import Any, cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from msgspec import Struct
from msgspec.structs import replace

from ...proto.messages.descriptors import map_value_field, reachable_types
from ...proto.messages.fields import enum_name, field_at, type_enum_name
from ...proto.messages.ids import IdField, IdKind, copy_messages, id_fields
from ..matching.request_key import ParsedRequest, PlainKey

_TIME_TYPE = "mesos.v1.TimeInfo"
TIME_NAMES = frozenset(
    {"timestamp", "start_time", "elected_time"}
    | {"registered_time", "reregistered_time", "unregistered_time"}
)
"""Fields with seconds since 1970, of messages and of other endpoints; all others are a TimeInfo."""

_MASTER_ID = "mesos.v1.MasterInfo.id"
"""A uuid that a master makes up when it starts, as text."""

_STATUS_PATHS = {"UPDATE": "update.status", "TASK_UPDATED": "task_updated.status"}
_NAME_FIELDS = ("name", "source")
"""Texts that often repeat the id of their message: a task that is named after its id."""

ID_ORDER: tuple[IdKind, ...] = (
    "framework-id",
    "agent-id",
    "resource-provider-id",
    "offer-id",
    "executor-id",
    "task-id",
    "operation-id",
    "container-id",
    "uuid",
)
"""Kinds of ids; those that come first help to recognise those that follow."""

_DEFINING: dict[IdKind, tuple[str, ...]] = {
    "framework-id": ("mesos.v1.FrameworkInfo",),
    "agent-id": ("mesos.v1.AgentInfo", "mesos.v1.Offer"),
    "offer-id": ("mesos.v1.Offer", "mesos.v1.InverseOffer"),
    "executor-id": ("mesos.v1.ExecutorInfo",),
    "task-id": ("mesos.v1.TaskInfo", "mesos.v1.Task"),
    "operation-id": ("mesos.v1.Offer.Operation", "mesos.v1.Operation"),
    "uuid": ("mesos.v1.TaskStatus", "mesos.v1.OperationStatus"),
}
"""The messages that describe the thing with an id, the best first."""


class Mention(Struct, frozen=True):
    """How an id is described by the message that contains it, its owner.

    `kind` is an index in ID_ORDER, `rank` tells how well it is described: 0 is best. `owner` is the
    type of the message, and `digest` that of its contents without ids.
    """

    kind: int
    rank: int
    owner: str
    digest: int


type MentionedId = tuple[Mention, str, str | bytes]
"""An id in a message: how it is described, its scope, and its value."""


class MessageForm(Struct, frozen=True):
    """What is compared of a message. `kind` is its type, `label` has the state of a task too.

    `names` counts the texts that an id was removed from.
    """

    kind: str
    label: str
    digest: int
    ids: list[MentionedId]
    names: int = 0


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
    found = [(field, value) for field in id_fields(message, scope) if (value := field.value)]
    names = 0
    for field, value in found:
        names += _blank_repeated(field.owner, value)
        field.blank()
    digests = dict[int, int]()
    ids = [(_mention(field, digests), field.scope, value) for field, value in found]
    label = f"{kind} {state}" if state else kind
    return MessageForm(kind, label, digest_message(message), ids, names)


def _mention(field: IdField, digests: dict[int, int]) -> Mention:
    """Describe an id in a message. `digests` are those that are known of its parts."""
    owner = field.owner
    digest = digests.get(id(owner))
    if digest is None:
        digest = digests[id(owner)] = digest_message(owner)
    name = cast("Descriptor", owner.DESCRIPTOR).full_name
    defining = _DEFINING.get(field.kind, ())
    rank = defining.index(name) if name in defining else len(defining)
    return Mention(ID_ORDER.index(field.kind), rank, name, digest)


def drop_times(message: Message) -> None:
    """Remove the times from a message, and fields that the schema does not have."""
    _drop(message, _plan(cast("Descriptor", message.DESCRIPTOR)))
    message.DiscardUnknownFields()


def _blank_repeated(owner: Message, value: str | bytes) -> int:
    """Remove an id from the texts of its message. Return how many of them had it."""
    if not value or isinstance(value, bytes):
        return 0
    names = [name for name in _text_fields(type(owner)) if value in getattr(owner, name)]
    for name in names:
        setattr(owner, name, getattr(owner, name).replace(value, ""))
    return len(names)


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
    """Return whether a field is a point in time, or names a start of a master."""
    if field.full_name == _MASTER_ID:
        return True
    if field.message_type is not None:
        return field.message_type.full_name == _TIME_TYPE
    return field.name in TIME_NAMES and field.type == FieldDescriptor.TYPE_DOUBLE


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


def describe_request(parsed: ParsedRequest) -> str:
    """Return the name of a call, or the method and path of another request."""
    if isinstance(parsed.key, PlainKey):
        return f"{parsed.key.method} {parsed.key.path}"
    return parsed.description or ""


def comparable_request(parsed: ParsedRequest) -> tuple[Message, ...]:
    """Return what is compared of the calls of a request, as messages that may be changed."""
    calls = copy_messages(parsed.compared_calls)
    for call in calls:
        drop_times(call)
    return calls


def request_form(parsed: ParsedRequest) -> MessageForm:
    """Return what is compared of a request."""
    what = describe_request(parsed)
    if isinstance(parsed.key, PlainKey):
        key = parsed.key
        contents = f"{key.query}\n{key.content_type}\n".encode() + key.body_digest
        return MessageForm(what, what, hash(contents), [])
    forms = [form_of(call) for call in comparable_request(parsed)]
    digest = hash((*[form.digest for form in forms], parsed.key.refusal))
    ids = [each for form in forms for each in form.ids]
    return MessageForm(what, what, digest, ids, sum(form.names for form in forms))


def content_form(message: Message | None, data: bytes, label: str, scope: str) -> MessageForm:
    """Return what is compared of an answer or an event, whose times are dropped already."""
    if message is None:
        return MessageForm(label, label, hash(data), [])
    form = form_of(message, scope)
    return form if not label else replace(form, kind=label, label=label)


def first_framework(message: Message) -> str:
    """Return the first id of a framework in a message; empty if there is none."""
    ids = (field.value for field in id_fields(message) if field.kind == "framework-id")
    return next((value for value in ids if isinstance(value, str)), "")
