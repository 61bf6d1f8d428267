"""What a client types into a container: the records of ATTACH_CONTAINER_INPUT, by their meaning.

When a terminal sends heartbeats, and how it cuts what was typed into records, is an accident of
time. What counts is the container, the bytes, and where the window changed or the input ended.
"""

from google.protobuf.message import Message

from ...proto.messages.fields import at, type_at

_DATA = "data"
_IO = "attach_container_input.process_io"


def typed(calls: list[Message]) -> tuple[Message, ...]:
    """Leave out heartbeats, and join data that was typed in a row. The calls given may change."""
    kept: list[Message] = []
    for call in calls:
        if type_at(call, f"{_IO}.control") == "HEARTBEAT":
            continue
        if kept and _bytes(call) and _bytes(kept[-1]):
            setattr(at(kept[-1], f"{_IO}.data"), _DATA, _bytes(kept[-1]) + _bytes(call))
        else:
            kept.append(call)
    return tuple(kept)


def _bytes(call: Message) -> bytes:
    """What a call types; empty data is the end of the input."""
    data = at(call, f"{_IO}.data.data")
    return data if isinstance(data, bytes) else b""
