"""Which message type some bytes in protobuf have, if nothing else says it.

    guess_type(data)      the full name of the type that fits best, or None

Nearly all bytes decode as nearly all types, so each type is measured: by the bytes in fields that
it does not have, or has in another form, and by the required fields that are missing.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, cast

from google.protobuf.message import Error as ProtobufError
from msgspec import Raw, json

from .descriptors import message_class
from .wire_format import FIXED32, FIXED64, LENGTH_DELIMITED, VARINT, read_varint, wire_fields

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.descriptor import Descriptor, FieldDescriptor

_ROOT_TYPES = (
    *("mesos.v1.scheduler.Call", "mesos.v1.scheduler.Event", "mesos.v1.scheduler.Response"),
    *("mesos.v1.executor.Call", "mesos.v1.executor.Event"),
    *("mesos.v1.master.Call", "mesos.v1.master.Event", "mesos.v1.master.Response"),
    *("mesos.v1.agent.Call", "mesos.v1.agent.ProcessIO", "mesos.v1.agent.Response"),
    *("mesos.v1.resource_provider.Call", "mesos.v1.resource_provider.Event"),
)
_PART_TYPES = ("mesos.v1.TaskInfo", "mesos.v1.ExecutorInfo", "mesos.v1.Task")
"""Messages with secrets that others carry, as those between actors of libprocess."""

_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]")
"""Control characters, but for tab, line ends and ESC."""

_MAX_MEASURED_BYTES = 16 * 1024
_MAX_MEASURED_FIELDS = 1000
_MIN_GUESSED_BYTES = 16
_MAX_DEPTH = 32
_MISSING_FIELD_BYTES = 8
"""How many bytes that do not fit count as much as one missing field."""


class FieldType(NamedTuple):
    """The name of a field, its wire type, and what its values are.

    `message` is the full name of their type, if they are messages, and `numbers` are those of an
    enum.
    """

    name: str
    wire_type: int
    is_string: bool
    message: str | None
    numbers: frozenset[int] | None


class MessageType(NamedTuple):
    """A message type: its fields by their numbers.

    `bodies` has the field with the contents of a call or event by the number of its type, which is
    in the field `type_number`.
    """

    fields: dict[int, FieldType]
    required: frozenset[int]
    type_number: int
    bodies: dict[int, int]


@cache
def message_type(name: str) -> MessageType:
    """Return a message type by its full name. Raises LookupError."""
    descriptor = cast("Descriptor", message_class(name).DESCRIPTOR)
    bodies: dict[int, int] = {}
    of_type = descriptor.fields_by_name.get("type")
    if of_type is not None and of_type.enum_type is not None:
        for value in of_type.enum_type.values:
            if (body := descriptor.fields_by_name.get(value.name.lower())) is not None:
                bodies[value.number] = body.number
    return MessageType(
        {field.number: _field_type(field) for field in descriptor.fields},
        frozenset(field.number for field in descriptor.fields if field.is_required),
        0 if of_type is None else of_type.number,
        bodies,
    )


def _field_type(field: FieldDescriptor) -> FieldType:
    match field.type:
        case field.TYPE_STRING | field.TYPE_BYTES | field.TYPE_MESSAGE:
            wire_type = LENGTH_DELIMITED
        case field.TYPE_DOUBLE | field.TYPE_FIXED64 | field.TYPE_SFIXED64:
            wire_type = FIXED64
        case field.TYPE_FLOAT | field.TYPE_FIXED32 | field.TYPE_SFIXED32:
            wire_type = FIXED32
        case _:
            wire_type = VARINT
    enum, message = field.enum_type, field.message_type
    return FieldType(
        field.name,
        wire_type,
        field.type == field.TYPE_STRING,
        None if message is None else message.full_name,
        None if enum is None else frozenset(enum.values_by_number),
    )


def guess_type(data: bytes) -> str | None:
    """Return the full name of the type of a call, event or response that fits some bytes best.

    The bytes may be damaged or cut off. Returns None if a quarter of them does not fit.
    """
    if len(data) < _MIN_GUESSED_BYTES:
        return None
    start = _measured_start(data)
    least, best = len(start) // 4, None
    for name in _ROOT_TYPES:
        misfit = _misfit_bytes(start, message_type(name), 0, least)
        if misfit < least:
            least, best = misfit, name
    return best


def _measured_start(data: bytes) -> bytes:
    start = data[:_MAX_MEASURED_BYTES]
    fields = [*islice(wire_fields(start), _MAX_MEASURED_FIELDS)]
    return start[: fields[-1].end] if len(fields) == _MAX_MEASURED_FIELDS else start


def encoded_size(text: bytes) -> int | None:
    """Return the size of the call, event or response that a text shows; None if it is none.

    The text is that of `message_to_text`. Of types that fit, the first decides: two that have the
    same fields give them the same numbers.
    """
    from .mapping import text_to_message_bytes

    for name in _types_named(text):
        try:
            return len(text_to_message_bytes(text, name))
        except (ValueError, LookupError, ProtobufError):
            continue
    return None


def _types_named(text: bytes) -> Iterator[str]:
    """Iterate over the message types that have the type of a text, with its contents."""
    try:
        members = json.decode(text, type=dict[str, Raw])
        named = json.decode(members["type"], type=str)
    except (ValueError, KeyError):
        return
    for name in _ROOT_TYPES:
        fields = message_class(name).DESCRIPTOR.fields_by_name
        types = fields["type"].enum_type
        if types is not None and named in types.values_by_name and members.keys() <= {*fields}:
            yield name


def guess_part_type(data: bytes) -> str | None:
    """Return the full name of the type that a whole part of an unknown message has exactly."""
    if not _MIN_GUESSED_BYTES <= len(data) <= _MAX_MEASURED_BYTES:
        return None
    fitting = (name for name in _PART_TYPES if not _misfit_bytes(data, message_type(name), 0, 1))
    return next(fitting, None)


def _misfit_bytes(data: bytes, message: MessageType, depth: int, limit: int) -> int:
    """Return how many bytes do not fit a type; counting stops at the limit."""
    misfit = end = 0
    type_number = -1
    sizes: dict[int, int] = {}
    for field in wire_fields(data):
        end = field.end
        size = end - field.start
        known = message.fields.get(field.number)
        if known is None or known.wire_type != field.wire_type:
            misfit += size
        else:
            sizes[field.number] = size
            if known.message is not None and depth < _MAX_DEPTH:
                inner = message_type(known.message)
                value = data[field.begin : end]
                misfit += _misfit_bytes(value, inner, depth + 1, limit - misfit)
            elif known.is_string and not is_plain_text(data[field.begin : end]):
                misfit += size
            elif known.numbers is not None:
                value = read_varint(data, field.begin)[0]
                misfit += 0 if value in known.numbers else _MISSING_FIELD_BYTES
                type_number = value if field.number == message.type_number else type_number
        if misfit >= limit:
            return limit
    misfit += max(0, len(data) - end)
    misfit += _MISSING_FIELD_BYTES * len(message.required - sizes.keys())
    body = message.bodies.get(type_number, 0)
    misfit += sum(sizes.get(number, 0) for number in message.bodies.values() if number != body)
    return min(misfit, limit)


def is_plain_text(data: bytes) -> bool:
    """Return whether some bytes are UTF-8 without control characters, but those of texts."""
    if _CONTROL.search(data) is not None:
        return False
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
