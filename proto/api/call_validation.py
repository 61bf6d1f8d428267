"""The checks that Mesos makes on a decoded call before it processes it.

    validation_error(call, api)  ->  "Expecting 'type' to be present"  |  None

The texts are Mesos's own (src/master/validation.cpp, src/slave/validation.cpp,
src/common/validation.cpp, src/resource_provider/validation.cpp). Included are only rules that a
call breaks by itself, whatever the state of the server, and of these not the rules about resources,
commands and containers.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ..messages.fields import type_enum_name
from .apis import Api

if TYPE_CHECKING:
    from google.protobuf.message import Message

_ILLEGAL_IN_IDS = re.compile(r"[\x00-\x1f\x7f/\\]")
_ILLEGAL_IN_CONTAINER_IDS = re.compile(r"[. ]")
_UUID_BYTES = 16
_LAST_UUID_VERSION = 5
_INVALID_UUID = "Not a valid UUID"


def validation_error(call: Message, api: Api) -> str | None:
    """Return why a server refuses a call, in the words of Mesos; None if the call is valid."""
    name = type_enum_name(call)
    if name is None:
        return _expecting("type")
    if (missing := _missing_id(call, api, name)) is not None:
        return _expecting(missing)
    if name not in api.call_types:
        return None
    call_type = api.call_types[name]
    body = call_type.body_field
    if body is not None and call_type.body_presence == "required" and not call.HasField(body):
        # Only this text of Mesos ends with a full stop.
        stop = "." if name == "UPDATE_PUBLISH_RESOURCES_STATUS" else ""
        return _expecting(body) + stop
    match api.name:
        case "master":
            return _master_error(call, name)
        case "agent":
            return _agent_error(call, name)
        case "scheduler":
            return _scheduler_error(call, name)
        case "executor":
            return _executor_error(call, name)
        case _:
            return None


def is_container_id_input(call: Message) -> bool:
    """Return whether an ATTACH_CONTAINER_INPUT names the container, as the first one must."""
    return _name(_part(call, "attach_container_input"), "type") == "CONTAINER_ID"


def _missing_id(call: Message, api: Api, name: str) -> str | None:
    """Return the name of the id that the call lacks, besides its own field; None if it has it."""
    match api.name, name:
        case ("scheduler", "SUBSCRIBE") | ("resource_provider", "SUBSCRIBE" | "UNKNOWN"):
            return None
        case "scheduler", _:
            return None if call.HasField("framework_id") else "framework_id"
        case "resource_provider", _:
            return None if call.HasField("resource_provider_id") else "resource_provider_id"
        case _:
            return None


def _master_error(call: Message, name: str) -> str | None:
    if name in ("GROW_VOLUME", "SHRINK_VOLUME") and not _part(call, name).HasField("agent_id"):
        return f"{_expecting('agent_id')}; only agent default resources are supported right now"
    return None


def _scheduler_error(call: Message, name: str) -> str | None:
    match name:
        case "SUBSCRIBE" | "UPDATE_FRAMEWORK":
            info = _part(_part(call, name), "framework_info")
            if _value(info, "id") != _value(call, "framework_id"):
                return f"'framework_id' differs from '{name.lower()}.framework_info.id'"
        case "ACKNOWLEDGE" if not _has_uuid(_part(call, name)):
            return _INVALID_UUID
        case "ACKNOWLEDGE_OPERATION_STATUS":
            status = _part(call, name)
            if not _has_uuid(status):
                return _INVALID_UUID
            return None if status.HasField("agent_id") else _expecting("agent_id")
        case _:
            pass
    return None


def _executor_error(call: Message, name: str) -> str | None:
    if name != "UPDATE":
        return None
    status = _part(_part(call, name), "status")
    executor, framework = _value(call, "executor_id"), _value(call, "framework_id")
    if not status.HasField("uuid"):
        return _expecting("uuid")
    if not _has_uuid(status):
        return _INVALID_UUID
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


def _agent_error(call: Message, name: str) -> str | None:
    field = name.lower()
    match name:
        case "ATTACH_CONTAINER_INPUT":
            return _input_error(_part(call, name))
        case "ADD_RESOURCE_PROVIDER_CONFIG" | "UPDATE_RESOURCE_PROVIDER_CONFIG":
            info = _part(_part(call, name), "info")
            return f"Expecting '{field}.info.id' to be unset" if info.HasField("id") else None
        case _ if name.endswith(("_CONTAINER", "_CONTAINER_SESSION", "_CONTAINER_OUTPUT")):
            container = _part(_part(call, name), "container_id")
            if (error := _container_id_error(container)) is not None:
                return f"'{field}.container_id' is invalid: {error}"
            if "_NESTED_" in name and not container.HasField("parent"):
                return _expecting(f"{field}.container_id.parent")
        case _:
            pass
    return None


def _input_error(attach: Message) -> str | None:
    if not attach.HasField("type"):
        return _expecting("attach_container_input.type")
    match _name(attach, "type"):
        case "UNKNOWN":
            return "'attach_container_input.type' is unknown"
        case "CONTAINER_ID":
            error = _container_id_error(_part(attach, "container_id"))
            return f"'attach_container_input.container_id' is invalid: {error}" if error else None
        case _:
            return None


def _container_id_error(container: Message) -> str | None:
    value = _value(container)
    if not value:
        return "ID must be non-empty"
    if _ILLEGAL_IN_IDS.search(value):
        return f"'{value}' contains invalid characters"
    if _ILLEGAL_IN_CONTAINER_IDS.search(value):
        return f"'ContainerID.value' '{value}' contains invalid characters"
    if container.HasField("parent"):
        error = _container_id_error(_part(container, "parent"))
        return f"'ContainerID.parent' is invalid: {error}" if error else None
    return None


def _expecting(field: str) -> str:
    return f"Expecting '{field}' to be present"


def _has_uuid(message: Message) -> bool:
    """Return whether `uuid` is valid: its length, and a version of Mesos's boost (1 to 5)."""
    uuid: bytes = _field(message, "uuid")
    return len(uuid) == _UUID_BYTES and 1 <= uuid[6] >> 4 <= _LAST_UUID_VERSION


def _part(message: Message, name: str) -> Message:
    """Return a message in a field, also if unset; that of a call is named like its type."""
    return _field(message, name.lower())


def _value(message: Message, name: str | None = None) -> str:
    """Return the text of an id, empty if unset."""
    identifier = message if name is None else _part(message, name)
    value: str | bytes = _field(identifier, "value")
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value


def _name(message: Message, field: str) -> str:
    """Return the name of an enum value, which may be the default."""
    enum = message.DESCRIPTOR.fields_by_name[field].enum_type
    assert enum is not None
    return enum.values_by_number[_field(message, field)].name


def _field(message: Message, name: str) -> Any:
    return getattr(message, name)
