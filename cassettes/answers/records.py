"""The facts about a record that a replay needs: its type, and whether it is a heartbeat.

    {"type":"HEARTBEAT"}                                            of an event stream
    {"type":"CONTROL","control":{"type":"HEARTBEAT", …}}            of the output of a container
    {"type":"ATTACH_CONTAINER_INPUT","attach_container_input":
      {"process_io":{"control":{"type":"HEARTBEAT", …}}}}           of the input of a container

Records are the bytes between the framing, JSON or protobuf. `message_name` is the full name of
their protobuf message, None if it is unknown: then only JSON can be read.
"""

import msgspec
from google.protobuf.message import Message
from msgspec import Struct

from ...proto.messages import mapping
from ...proto.messages.fields import field_at, type_enum_name_at

_CONTROL_PATHS = ("", "control", "attach_container_input.process_io.control")


class _Typed(Struct):
    type: str | None = None


class _Record(Struct):
    type: str | None = None
    control: _Typed | None = None


class _Subscribed(Struct):
    heartbeat_interval_seconds: float | None = None


class _Greeting(Struct):
    subscribed: _Subscribed | None = None


def record_type(data: bytes, message_name: str | None) -> str | None:
    """Return the type of a record, like "TASK_ADDED"; None if it has none or cannot be read."""
    if data.startswith(b"{"):
        record = _decode_json(data, _Record)
        return None if record is None else record.type
    message = _decode_protobuf(data, message_name)
    return None if message is None else type_enum_name_at(message, "")


def record_message(data: bytes, message_name: str) -> Message | None:
    """Decode a record; None if it is malformed."""
    decode = mapping.decode if data.startswith(b"{") else mapping.decode_protobuf
    try:
        return decode(data, message_name)
    except ValueError:
        return None


def is_heartbeat(data: bytes, message_name: str | None) -> bool:
    """Return whether a record that a server sent is a heartbeat."""
    if data.startswith(b"{"):
        record = _decode_json(data, _Record) if b'"HEARTBEAT"' in data else None
        control = None if record is None else record.control
        return record is not None and "HEARTBEAT" in (record.type, control and control.type)
    message = _decode_protobuf(data, message_name)
    return message is not None and is_heartbeat_message(message)


def is_heartbeat_message(message: Message) -> bool:
    """Return whether an event, or a record of a container's output or input, is a heartbeat."""
    return any(type_enum_name_at(message, path) == "HEARTBEAT" for path in _CONTROL_PATHS)


def announced_interval_seconds(data: bytes, message_name: str | None) -> float | None:
    """Return the heartbeat interval that a SUBSCRIBED record announces; None if it does not."""
    if data.startswith(b"{"):
        greeting = _decode_json(data, _Greeting)
        subscribed = None if greeting is None else greeting.subscribed
        return None if subscribed is None else subscribed.heartbeat_interval_seconds
    message = _decode_protobuf(data, message_name)
    if message is None:
        return None
    seconds = field_at(message, "subscribed.heartbeat_interval_seconds")
    return seconds if isinstance(seconds, float) else None


def _decode_json[T](data: bytes, into: type[T]) -> T | None:
    try:
        return msgspec.json.decode(data, type=into)
    except msgspec.DecodeError:
        return None


def _decode_protobuf(data: bytes, message_name: str | None) -> Message | None:
    try:
        return None if message_name is None else mapping.decode_protobuf(data, message_name)
    except mapping.WireFormatError:
        return None
