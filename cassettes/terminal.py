"""What a client types into a container: the records of ATTACH_CONTAINER_INPUT, by their meaning.

When a terminal sends heartbeats, and how it cuts what was typed into records, is an accident of
time. What counts is the container, the bytes, and where the window changed or the input ended.
"""

from google.protobuf.message import Message


def typed(calls: list[Message]) -> tuple[Message, ...]:
    """Calls without heartbeats, and with data that was typed in a row joined into one."""
    kept: list[Message] = []
    for call in calls:
        if _name(call, "attach_container_input.process_io.control.type") == "HEARTBEAT":
            continue
        if kept and _bytes(call) and _bytes(kept[-1]):
            _join(kept[-1], call)
        else:
            kept.append(call)
    return tuple(kept)


def _at(message: Message, path: str) -> object:
    """A field of a field …, or None if it or what it is in is not set."""
    value: object = message
    for name in path.split("."):
        if not isinstance(value, Message) or name not in value.DESCRIPTOR.fields_by_name:
            return None
        if not value.HasField(name):
            return None
        value = getattr(value, name)
    return value


def _name(message: Message, path: str) -> str | None:
    """The name of an enum field's value."""
    parent, _, field = path.rpartition(".")
    holder, number = _at(message, parent), _at(message, path)
    if not isinstance(holder, Message) or not isinstance(number, int):
        return None
    enum = holder.DESCRIPTOR.fields_by_name[field].enum_type
    return None if enum is None else enum.values_by_number[number].name


def _bytes(call: Message) -> bytes:
    data = _at(call, "attach_container_input.process_io.data.data")
    return data if isinstance(data, bytes) else b""


def _join(first: Message, second: Message) -> None:
    data = _at(first, "attach_container_input.process_io.data")
    data.data = _bytes(first) + _bytes(second)
