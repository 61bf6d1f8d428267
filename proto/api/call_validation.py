"""What Mesos finds wrong in a call that it could decode, before it does anything with it.

    invalid(call, api)  ->  "Expecting 'type' to be present"  |  None

The texts are Mesos's own (src/master/validation.cpp, src/slave/validation.cpp,
src/common/validation.cpp, src/resource_provider/validation.cpp). Only rules that a call breaks by
itself are here, and of these not the ones about resources, commands and containers.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ..messages.fields import type_enum_name
from .apis import Api

if TYPE_CHECKING:
    from google.protobuf.message import Message

_NOT_IN_IDS = re.compile(r"[\x00-\x1f\x7f/\\]")
_NOT_IN_CONTAINER_IDS = re.compile(r"[. ]")
_UUID_BYTES = 16
_LAST_VERSION = 5
_NO_UUID = "Not a valid UUID"


def validation_error(call: Message, api: Api) -> str | None:
    """Say why a server refuses a call; None if it may take it."""
    name = type_enum_name(call)
    if name is None:
        return _expecting("type")
    if (missing := _missing_id(call, api, name)) is not None:
        return _expecting(missing)
    if name not in api.call_types:
        return None
    kind = api.call_types[name]
    if kind.body_presence == "required" and kind.body_field and not call.HasField(kind.body_field):
        # Here only, Mesos ends the sentence.
        stop = "." if name == "UPDATE_PUBLISH_RESOURCES_STATUS" else ""
        return _expecting(kind.body_field) + stop
    match api.name:
        case "master":
            return _of_master(call, name)
        case "agent":
            return _of_agent(call, name)
        case "scheduler":
            return _of_scheduler(call, name)
        case "executor":
            return _of_executor(call, name)
        case _:
            return None


def is_container_id_input(call: Message) -> bool:
    """Whether an ATTACH_CONTAINER_INPUT names the container, as the first of them has to."""
    return _name(_part(call, "attach_container_input"), "type") == "CONTAINER_ID"


def _missing_id(call: Message, api: Api, name: str) -> str | None:
    """Name the id beside the contents that has to be there and is not."""
    match api.name, name:
        case ("scheduler", "SUBSCRIBE") | ("resource_provider", "SUBSCRIBE" | "UNKNOWN"):
            return None
        case "scheduler", _:
            return None if call.HasField("framework_id") else "framework_id"
        case "resource_provider", _:
            return None if call.HasField("resource_provider_id") else "resource_provider_id"
        case _:
            return None


def _of_master(call: Message, name: str) -> str | None:
    if name in ("GROW_VOLUME", "SHRINK_VOLUME") and not _part(call, name).HasField("agent_id"):
        return f"{_expecting('agent_id')}; only agent default resources are supported right now"
    return None


def _of_scheduler(call: Message, name: str) -> str | None:
    match name:
        case "SUBSCRIBE" | "UPDATE_FRAMEWORK":
            info = _part(_part(call, name), "framework_info")
            if _value(info, "id") != _value(call, "framework_id"):
                return f"'framework_id' differs from '{name.lower()}.framework_info.id'"
        case "ACKNOWLEDGE" if not _has_uuid(_part(call, name)):
            return _NO_UUID
        case "ACKNOWLEDGE_OPERATION_STATUS":
            status = _part(call, name)
            if not _has_uuid(status):
                return _NO_UUID
            return None if status.HasField("agent_id") else _expecting("agent_id")
        case _:
            pass
    return None


def _of_executor(call: Message, name: str) -> str | None:
    if name != "UPDATE":
        return None
    status = _part(_part(call, name), "status")
    executor, framework = _value(call, "executor_id"), _value(call, "framework_id")
    if not status.HasField("uuid"):
        return _expecting("uuid")
    if not _has_uuid(status):
        return _NO_UUID
    if status.HasField("executor_id") and _value(status, "executor_id") != executor:
        other = _value(status, "executor_id")
        return f"ExecutorID in Call: {executor} does not match ExecutorID in TaskStatus: {other}"
    if _name(status, "source") != "SOURCE_EXECUTOR":
        return (
            f"Received Call from executor {executor} of framework {framework} "
            "with invalid source, expecting 'SOURCE_EXECUTOR'"
        )
    if _name(status, "state") == "TASK_STAGING":
        return (
            f"Received TASK_STAGING from executor {executor} of framework {framework} "
            "which is not allowed"
        )
    return None


def _of_agent(call: Message, name: str) -> str | None:
    field = name.lower()
    match name:
        case "ATTACH_CONTAINER_INPUT":
            return _of_input(_part(call, name))
        case "ADD_RESOURCE_PROVIDER_CONFIG" | "UPDATE_RESOURCE_PROVIDER_CONFIG":
            info = _part(_part(call, name), "info")
            return f"Expecting '{field}.info.id' to be unset" if info.HasField("id") else None
        case _ if name.endswith(("_CONTAINER", "_CONTAINER_SESSION", "_CONTAINER_OUTPUT")):
            container = _part(_part(call, name), "container_id")
            if (why := _invalid_container(container)) is not None:
                return f"'{field}.container_id' is invalid: {why}"
            if "_NESTED_" in name and not container.HasField("parent"):
                return _expecting(f"{field}.container_id.parent")
        case _:
            pass
    return None


def _of_input(attach: Message) -> str | None:
    if not attach.HasField("type"):
        return _expecting("attach_container_input.type")
    match _name(attach, "type"):
        case "UNKNOWN":
            return "'attach_container_input.type' is unknown"
        case "CONTAINER_ID":
            why = _invalid_container(_part(attach, "container_id"))
            return f"'attach_container_input.container_id' is invalid: {why}" if why else None
        case _:
            return None


def _invalid_container(container: Message) -> str | None:
    value = _value(container)
    if not value:
        return "ID must be non-empty"
    if _NOT_IN_IDS.search(value):
        return f"'{value}' contains invalid characters"
    if _NOT_IN_CONTAINER_IDS.search(value):
        return f"'ContainerID.value' '{value}' contains invalid characters"
    if container.HasField("parent"):
        why = _invalid_container(_part(container, "parent"))
        return f"'ContainerID.parent' is invalid: {why}" if why else None
    return None


def _expecting(field: str) -> str:
    return f"Expecting '{field}' to be present"


def _has_uuid(message: Message) -> bool:
    """Whether `uuid` is one: its length, and a version that Mesos's boost knows (1 to 5)."""
    uuid: bytes = _field(message, "uuid")
    return len(uuid) == _UUID_BYTES and 1 <= uuid[6] >> 4 <= _LAST_VERSION


def _part(message: Message, name: str) -> Message:
    """Give a field that is a message, also if it is not set; a call's is named like its type."""
    return _field(message, name.lower())


def _value(message: Message, name: str | None = None) -> str:
    """Give the text of an id; an unset one has none."""
    held = message if name is None else _part(message, name)
    value: str | bytes = _field(held, "value")
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value


def _name(message: Message, field: str) -> str:
    """Name the value of an enum, which may be its default."""
    kind = message.DESCRIPTOR.fields_by_name[field].enum_type
    assert kind is not None
    return kind.values_by_number[_field(message, field)].name


def _field(message: Message, name: str) -> Any:
    return getattr(message, name)
