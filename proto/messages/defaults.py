"""Fields that are set to their declared default, which means the same as leaving them out.

    FrameworkInfo { user: "root", failover_timeout: 0.0 }   is   FrameworkInfo { user: "root" }

Mesos writes such fields in JSON and leaves them out in protobuf (stout/protobuf.hpp). A default is
declared in the .proto file, `[default = 0.0]`. A field without such a declaration is not dropped: a
READ_FILE with `length` 0 reads nothing, and one without `length` reads all.
"""

from functools import cache
from typing import Any, cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from msgspec import Struct

from .descriptors import map_value_field, reachable_types
from .ids import copy_messages

PRESENCE_COUNTS = frozenset(
    {
        # Must not be set by a framework with MULTI_ROLE (src/master/validation.cpp, validateRoles).
        "mesos.v1.FrameworkInfo.role",
        # If set, must be the role of the one reservation (src/common/resources.cpp, validate).
        "mesos.v1.Resource.role",
        # Unset, it is BRIDGE on Windows, which is not the default (src/docker/docker.cpp).
        "mesos.v1.ContainerInfo.DockerInfo.network",
    }
)
"""Fields with a declared default for which Mesos distinguishes the default from no value."""

_EMPTY_IS_ABSENT = frozenset({"mesos.v1.Filters"})
"""Messages for which Mesos does not distinguish an empty one from none.

It reads the filters of ACCEPT and DECLINE without asking whether they are set
(src/master/master.cpp). Of other messages it asks, so an empty one counts: `reconcile {}` is a call
with contents.
"""


class _DefaultsPlan(Struct, eq=False):
    """The defaults in a message type, and the fields to descend into, with plans of their own.

    Fields below which there are no defaults are left out: most messages are not entered.
    """

    defaults: list[tuple[str, object]]
    singular: list[tuple[str, "_DefaultsPlan"]]
    lists: list[tuple[str, "_DefaultsPlan"]]
    maps: list[tuple[str, "_DefaultsPlan"]]
    is_absent_if_empty: bool = False


def without_defaults(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Return messages without the fields that are set to their defaults, at any depth.

    The given messages are not changed. Those without such fields are returned as they are.
    """
    for message in messages:
        if _has_defaults(message, _plan_of(type(message))):
            break
    else:
        return messages
    copies = copy_messages(messages)
    for copy in copies:
        _drop_defaults(copy, _plan_of(type(copy)))
    return copies


def may_have_defaults(message_class: type[Message], field: str) -> bool:
    """Return whether `without_defaults` may change a message in which only this field is set."""
    plan = _plan_of(message_class)
    entered = [
        name
        for fields in (plan.defaults, plan.singular, plan.lists, plan.maps)
        for name, _ in fields
    ]
    return field in entered


@cache
def fields_with_default(descriptor: Descriptor) -> tuple[FieldDescriptor, ...]:
    """Return the fields of a message type that mean their default if they are left out."""
    return tuple(
        field
        for field in descriptor.fields
        if field.has_default_value and field.full_name not in PRESENCE_COUNTS
    )


def _has_defaults(message: Message, plan: _DefaultsPlan) -> bool:
    # Each request passes here. Slices of lists are copied because upb iterates slowly over lists.
    has_field = message.HasField
    for name, default in plan.defaults:
        if has_field(name) and getattr(message, name) == default:
            return True
    for name, inner in plan.singular:
        if has_field(name):
            child: Message = getattr(message, name)
            if _has_defaults(child, inner):
                return True
            if inner.is_absent_if_empty and not child.ByteSize():
                return True
    for name, inner in plan.lists:
        for element in getattr(message, name)[:]:
            if _has_defaults(element, inner):
                return True
    for name, inner in plan.maps:
        values: Any = getattr(message, name)
        if any(_has_defaults(values[key], inner) for key in values):
            return True
    return False


def _drop_defaults(message: Message, plan: _DefaultsPlan) -> None:
    for name, default in plan.defaults:
        if message.HasField(name) and getattr(message, name) == default:
            message.ClearField(name)
    for name, inner in plan.singular:
        if message.HasField(name):
            child: Message = getattr(message, name)
            _drop_defaults(child, inner)
            if inner.is_absent_if_empty and not child.ByteSize():
                message.ClearField(name)
    for name, inner in plan.lists:
        for element in getattr(message, name):
            _drop_defaults(element, inner)
    for name, inner in plan.maps:
        values: Any = getattr(message, name)
        for key in values:
            _drop_defaults(values[key], inner)


@cache
def _plan_of(message_class: type[Message]) -> _DefaultsPlan:
    return _plan(cast("Descriptor", message_class.DESCRIPTOR))


_plans: dict[Descriptor, _DefaultsPlan] = {}


def _plan(descriptor: Descriptor) -> _DefaultsPlan:
    # Message types contain each other and themselves, so a plan is registered before the plans of
    # its fields are made, which may need it.
    plan = _plans.get(descriptor)
    if plan is not None:
        return plan
    plan = _plans[descriptor] = _DefaultsPlan([], [], [], [])
    plan.is_absent_if_empty = descriptor.full_name in _EMPTY_IS_ABSENT
    plan.defaults += [(f.name, f.default_value) for f in fields_with_default(descriptor)]
    for field in descriptor.fields:
        value_field = map_value_field(field)
        inner = (value_field or field).message_type
        if inner is None or not any(map(fields_with_default, reachable_types(inner))):
            continue
        if not field.is_repeated:
            fields = plan.singular
        else:
            fields = plan.lists if value_field is None else plan.maps
        fields.append((field.name, _plan(inner)))
    return plan
