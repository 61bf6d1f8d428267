"""Fields of messages by path, such as `process_io.control.type`."""

from functools import cache

from google.protobuf.message import Message


def field_at(message: Message, path: str) -> object:
    """Return the value at a dotted path; None if it or a message on the way to it is not set."""
    value: object = message
    for name in path.split("."):
        if not isinstance(value, Message) or name not in value.DESCRIPTOR.fields_by_name:
            return None
        if not value.HasField(name):
            return None
        value = getattr(value, name)
    return value


def type_enum_name_at(message: Message, path: str) -> str | None:
    """Return the type name of the message at a path, itself if empty; None if it has none."""
    inner = field_at(message, path) if path else message
    return type_enum_name(inner) if isinstance(inner, Message) else None


def type_enum_name(message: Message) -> str | None:
    """Return the type name of a call or an event; None if unset, or not in the schema."""
    return enum_name(message, "type")


def enum_name(message: Message, field: str) -> str | None:
    """Return the name of the value of an enum; None if it is unset, or there is no such field."""
    names = _enum_names(type(message), field)
    if not names or not message.HasField(field):
        return None
    number: int = getattr(message, field)
    return names[number]


@cache
def _enum_names(message_class: type[Message], name: str) -> dict[int, str]:
    field = message_class.DESCRIPTOR.fields_by_name.get(name)
    if field is None or field.enum_type is None or field.is_repeated:
        return {}
    return {value.number: value.name for value in field.enum_type.values}
