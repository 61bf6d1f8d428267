"""Fields of messages by path, `process_io.control.type`."""

from google.protobuf.message import Message

from ..api.endpoints import call_type


def at(message: Message, path: str) -> object:
    """Give a field of a field …, or None if it or what it is in is not set."""
    value: object = message
    for name in path.split("."):
        if not isinstance(value, Message) or name not in value.DESCRIPTOR.fields_by_name:
            return None
        if not value.HasField(name):
            return None
        value = getattr(value, name)
    return value


def type_at(message: Message, path: str) -> str | None:
    """Name the type of the message at a path, or None if there is none."""
    held = at(message, path) if path else message
    return call_type(held) if isinstance(held, Message) else None
