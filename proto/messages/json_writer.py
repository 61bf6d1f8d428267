r"""Messages to JSON text, as Mesos writes it (stout/protobuf.hpp, stout/jsonify.hpp).

This is not protobuf's own JSON mapping. The text is compact, and

    {"type":"A","names":["b"],"count":9007199254740993,"ratio":15.0,"uuid":"AAE="}

    order       as declared in the .proto file, not by number
    names       as declared
    fields      those that are set, repeated ones that are not empty, and unset ones that have an
                explicit default, unless deprecated; also the empty lists of a few messages, see
                LISTS_WRITTEN_WHEN_EMPTY; undeclared ones only in WRITTEN_AS_INTERNAL
    integers    bare, also 64-bit ones
    doubles     always with a point or an exponent: 15.0, 0.00001, 1e-7, 1e21; the infinities are
                strings, and not-a-number is the bare token NaN, which is not JSON
    enums       the name
    bytes       base64
    strings     only `"`, `\` and bytes below 0x20 are escaped; bytes that are not UTF-8 stay

Unknown fields are left out. Mesos differs in two things: the last digit of its doubles is not
always the nearest one, and its maps have no order; here they are sorted.

The writer of a message type is built when the first such message is encoded, so that an event takes
microseconds.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any, cast

from .descriptors import UNDECLARED_FIELDS, map_value_field

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from google.protobuf.descriptor import Descriptor, FieldDescriptor
    from google.protobuf.message import Message

    # The Python type of a field depends on its descriptor.
    type Writer = Callable[[Any], str]

LISTS_WRITTEN_WHEN_EMPTY = {
    "mesos.v1.master.Response.GetMetrics": ("metrics",),
    "mesos.v1.master.Response.GetAgents": ("agents", "recovered_agents"),
    "mesos.v1.master.Response.GetFrameworks": ("frameworks", "completed_frameworks"),
    "mesos.v1.master.Response.GetExecutors": ("executors",),
    "mesos.v1.master.Response.GetTasks": ("tasks", "unreachable_tasks", "completed_tasks"),
    "mesos.v1.agent.Response.GetMetrics": ("metrics",),
    "mesos.v1.agent.Response.GetFrameworks": ("frameworks", "completed_frameworks"),
    "mesos.v1.agent.Response.GetExecutors": ("executors", "completed_executors"),
    "mesos.v1.agent.Response.GetTasks": (
        "pending_tasks",
        "queued_tasks",
        "launched_tasks",
        "terminated_tasks",
        "completed_tasks",
    ),
}
"""Lists that are written even if they are empty.

The servers have code of their own for these messages, also inside others
(src/master/readonly_handler.cpp, src/slave/http.cpp, src/common/http.hpp).
"""

WRITTEN_AS_INTERNAL = ("mesos.v1.master.Response.GetAgents",)
"""Messages in which undeclared fields (descriptors.py) are written.

The master writes them from its internal messages, also inside GET_STATE and SUBSCRIBED
(src/master/readonly_handler.cpp, src/common/http.cpp). Everything else (AGENT_ADDED, GET_AGENT, the
SUBSCRIBED of an executor) it first converts to the public messages, which lack these fields.
"""

_UNDECLARED = frozenset(f"{each.message}.{each.name}" for each in UNDECLARED_FIELDS)

_ESCAPE = re.compile(r"\\u00[0-9a-f]{2}|\\.")


def encode(message: Message, *, include_defaults: bool = True) -> bytes:
    """Encode a message as Mesos does, or without the defaults of unset fields.

    Without the defaults the text has all fields that are set, and decoding it gives an equal
    message. Raises UnicodeDecodeError if the key of a map is not UTF-8; Mesos writes its bytes.
    """
    text = (AS_PUBLIC if include_defaults else AS_SET).writer(message)(message)
    if "\\u" in text:
        text = _ESCAPE.sub(_upper_hex, text)
    return text.encode("utf-8", "surrogateescape")


def _upper_hex(escape: re.Match[str]) -> str:
    text = escape.group()
    return text[:2] + text[2:].upper()


# Each writer below prepends `start`, the name of the member or nothing, to the text that it
# returns. That saves one call for each value.


class _Members:
    """The fields of a message type: writers, positions, and the texts of unset fields."""

    def __init__(
        self, fields: Sequence[FieldDescriptor], unset: list[str], *, hides_fields: bool
    ) -> None:
        self.unset = unset
        numbers = [field.number for field in fields]
        # ListFields() gives the set fields by number: often the order of declaration, too.
        is_sorted = numbers == sorted(numbers)
        self.is_number_order = is_sorted and not hides_fields and not any(unset)
        self.positions = {field: position for position, field in enumerate(fields)}
        self.writers: dict[FieldDescriptor, Writer] = {}


class Writers:
    """The writers of all message types that were encoded, with or without unset defaults.

    `internal` has the writers of the messages that may have undeclared fields; if it is None, they
    are written in all messages.
    """

    def __init__(self, *, include_defaults: bool, internal: Writers | None = None) -> None:
        self._include_defaults = include_defaults
        self._internal = internal
        self._members: dict[Descriptor, _Members] = {}
        self._writers: dict[type[Message], Writer] = {}

    def writer(self, message: Message) -> Writer:
        """Return the writer of messages of a type."""
        writer = self._writers.get(type(message))
        if writer is None:
            writer = self._message_writer("", cast("Descriptor", message.DESCRIPTOR))
            self._writers[type(message)] = writer
        return writer

    def writers_inside(self, descriptor: Descriptor) -> Writers:
        """Return the writers of a message type and of what it contains: these or the internal."""
        if self._internal is not None and descriptor.full_name in WRITTEN_AS_INTERNAL:
            return self._internal
        return self

    def _members_of(self, descriptor: Descriptor) -> _Members:
        # Message types contain each other and themselves (ContainerID.parent), so the writers of a
        # type cannot be finished before those of its fields, nor the other way round. The members
        # are therefore registered first, with `writers` empty, and filled then. When the recursion
        # comes back to the same type, it finds them here, and the writer that it builds keeps a
        # reference to that very dict: `writers` is full when a message is written, and must be
        # filled in place, never replaced.
        #
        # Texts of unset fields come before, because _Members needs them. They may be built early:
        # defaults are plain values, so their writers never need the members of a message.
        if descriptor not in self._members:
            unset = [self.unset_text(field) for field in descriptor.fields]
            hides_fields = any(map(self.is_hidden, descriptor.fields))
            members = _Members(descriptor.fields, unset, hides_fields=hides_fields)
            self._members[descriptor] = members
            members.writers |= {field: self._field_writer(field) for field in descriptor.fields}
        return self._members[descriptor]

    def is_hidden(self, field: FieldDescriptor) -> bool:
        """Return whether a field is never written, even if it is set."""
        return self._internal is not None and field.full_name in _UNDECLARED

    def unset_text(self, field: FieldDescriptor) -> str:
        """Return the text of a field that is not set; empty if it is left out."""
        owner = "" if field.containing_type is None else field.containing_type.full_name
        if self._include_defaults and field.name in LISTS_WRITTEN_WHEN_EMPTY.get(owner, ()):
            return f'"{field.name}":[]'
        has_default = field.has_default_value and not field.GetOptions().deprecated
        if self._include_defaults and has_default:
            return self._field_writer(field)(field.default_value)
        return ""

    def _message_writer(self, start: str, descriptor: Descriptor) -> Writer:
        if self._internal is not None and descriptor.full_name in WRITTEN_AS_INTERNAL:
            return self._internal._message_writer(start, descriptor)
        members = self._members_of(descriptor)
        writers, positions, unset = members.writers, members.positions, members.unset
        start += "{"

        def write_by_number(message: Message) -> str:
            return start + ",".join([writers[field](v) for field, v in message.ListFields()]) + "}"

        def write_as_declared(message: Message) -> str:
            texts = unset.copy()
            for field, value in message.ListFields():
                texts[positions[field]] = writers[field](value)
            return start + ",".join(filter(None, texts)) + "}"

        return write_by_number if members.is_number_order else write_as_declared

    def _field_writer(self, field: FieldDescriptor) -> Writer:
        if self.is_hidden(field):
            return lambda _: ""
        start = f'"{field.name}":'
        map_value = map_value_field(field)
        if map_value is not None:
            return _map_writer(start, self._value_writer("", map_value))
        if field.is_repeated:
            return _list_writer(start, self._value_writer("", field))
        return self._value_writer(start, field)

    def _value_writer(self, start: str, field: FieldDescriptor) -> Writer:
        if field.message_type is not None:
            return self._message_writer(start, field.message_type)
        return _plain_writer(start, field)


AS_INTERNAL = Writers(include_defaults=True)
AS_PUBLIC = Writers(include_defaults=True, internal=AS_INTERNAL)
AS_SET = Writers(include_defaults=False)


def _list_writer(start: str, write: Writer) -> Writer:
    def write_list(values: Sequence[object]) -> str:
        return start + "[" + ",".join([write(value) for value in values]) + "]"

    return write_list


def _map_writer(start: str, write: Writer) -> Writer:
    def write_map(values: Mapping[str | bytes, object]) -> str:
        # protobuf cannot look up a key that is not UTF-8, so str() raises.
        keys = sorted([str(key, "utf-8") if isinstance(key, bytes) else key for key in values])
        texts = [encode_basestring(key) + ":" + write(values[key]) for key in keys]
        return start + "{" + ",".join(texts) + "}"

    return write_map


def _plain_writer(start: str, field: FieldDescriptor) -> Writer:
    if field.enum_type is not None:
        return {v.number: f'{start}"{v.name}"' for v in field.enum_type.values}.__getitem__
    match field.type:
        case field.TYPE_STRING:
            return _string_writer(start)
        case field.TYPE_BYTES:
            return lambda value: f'{start}"{b2a_base64(value, newline=False).decode()}"'
        case field.TYPE_DOUBLE:
            return lambda value: start + format_double(value)
        case field.TYPE_BOOL:
            return {True: f"{start}true", False: f"{start}false"}.__getitem__
        case _:
            return f"{start}%d".__mod__


def _string_writer(start: str) -> Writer:
    def write_string(value: str | bytes) -> str:
        if isinstance(value, bytes):  # a string that is not UTF-8 is bytes in protobuf
            value = value.decode("utf-8", "surrogateescape")
        return start + encode_basestring(value)

    return write_string


def format_double(value: float) -> str:
    """Format a double as rapidjson does, with the digits of Python's repr."""
    text = repr(value)
    if "e" not in text and "n" not in text:
        return text  # from 0.0001 to 1e16 both formats are the same
    if text == "nan":
        return "NaN"
    if text.endswith("inf"):
        return '"-Infinity"' if value < 0 else '"Infinity"'
    mantissa, _, exponent = text.partition("e")
    sign, digits = ("-", mantissa[1:]) if value < 0 else ("", mantissa)
    whole, _, fraction = digits.partition(".")
    return sign + _scientific(whole + fraction, 1 + int(exponent))


def _scientific(digits: str, point: int) -> str:
    """Format 0.DIGITS times ten to the power of `point`."""
    if len(digits) <= point <= 21:
        return digits.ljust(point, "0") + ".0"
    if -6 < point <= 0:
        return "0." + "0" * -point + digits
    fraction = "." + digits[1:] if len(digits) > 1 else ""
    return f"{digits[0]}{fraction}e{point - 1}"
