"""Fields of messages by path, `process_io.control.type`."""

from functools import cache

from google.protobuf.message import Message


def field_at(message: Message, path: str) -> object:
    """Give a field of a field …, or None if it or what it is in is not set."""
    value: object = message
    for name in path.split("."):
        if not isinstance(value, Message) or name not in value.DESCRIPTOR.fields_by_name:
            return None
        if not value.HasField(name):
            return None
        value = getattr(value, name)
    return value


def type_enum_name_at(message: Message, path: str) -> str | None:
    """Name the type of the message at a path, or None if there is none."""
    held = field_at(message, path) if path else message
    return type_enum_name(held) if isinstance(held, Message) else None


def type_enum_name(message: Message) -> str | None:
    """Name the type of a call or an event; None if it is unset, as with a type of the future."""
    names = _type_names(type(message))
    if not names or not message.HasField("type"):
        return None
    number: int = getattr(message, "type")  # noqa: B009 (a message has no static fields)
    return names[number]


@cache
def _type_names(kind: type[Message]) -> dict[int, str]:
    """Name the values of the enum `type` of a message, if it has one."""
    field = kind.DESCRIPTOR.fields_by_name.get("type")
    if field is None or field.enum_type is None or field.is_repeated:
        return {}
    return {value.number: value.name for value in field.enum_type.values}
