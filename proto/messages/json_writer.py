r"""Messages as JSON text, as Mesos writes them (stout/protobuf.hpp, stout/jsonify.hpp).

This is not protobuf's own JSON mapping. The text is compact, and

    {"type":"A","names":["b"],"count":9007199254740993,"ratio":15.0,"uuid":"AAE="}

    order       as declared in the .proto file, not by number
    names       as declared
    fields      those that are set, repeated ones that are not empty, and unset ones that have an
                explicit default, unless deprecated; in a few messages empty lists too, see LISTED
    integers    bare, 64 bits too
    doubles     always with a point or an exponent: 15.0, 0.00001, 1e-7, 1e21; the infinities are
                strings, and not a number is the bare token NaN, which is no JSON
    enums       the name
    bytes       base64
    strings     only `"`, `\` and bytes below 0x20 are escaped; bytes that are no UTF-8 stay

Unknown fields are left out. Two things are looser in Mesos: the last digit of its doubles is not
always the nearest one, and its maps have no order; here they are sorted.

A writer is built for each message type when it is first met, so that an event costs microseconds.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from google.protobuf.descriptor import Descriptor, FieldDescriptor
    from google.protobuf.message import Message

    # A value of a field: its Python type depends on the descriptor.
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
"""Lists that are written when they are empty too.

The servers write these messages by hand, wherever they stand (src/master/readonly_handler.cpp,
src/slave/http.cpp, src/common/http.hpp).
"""

_ESCAPE = re.compile(r"\\u00[0-9a-f]{2}|\\.")


def encode(message: Message, *, include_defaults: bool = True) -> bytes:
    """Write a message as Mesos does, or without the `defaults` of fields that are not set.

    Without them the text tells what was set, so that reading it gives the same message.
    Raises UnicodeDecodeError if a key of a map is no UTF-8, which Mesos would write raw.
    """
    text = (_AS_MESOS if include_defaults else _AS_SET).writer(message)(message)
    if "\\u" in text:
        text = _ESCAPE.sub(_upper_hex, text)
    return text.encode("utf-8", "surrogateescape")


def _upper_hex(escape: re.Match[str]) -> str:
    text = escape.group()
    return text[:2] + text[2:].upper()


# Each writer below returns its text with `start` before it: the name of a member, or nothing. That
# saves a call for each value.


class _Members:
    """What is known about the fields of a message type: unset texts, places, and writers."""

    def __init__(self, fields: Sequence[FieldDescriptor], unset: list[str]) -> None:
        self.unset = unset
        numbers = [field.number for field in fields]
        self.as_listed = numbers == sorted(numbers) and not any(unset)
        self.places = {field: place for place, field in enumerate(fields)}
        self.writers: dict[FieldDescriptor, Writer] = {}


class _Writers:
    """The writers of all message types that were met, with or without unset defaults."""

    def __init__(self, *, defaults: bool) -> None:
        self._defaults = defaults
        self._members: dict[Descriptor, _Members] = {}
        self._writers: dict[type[Message], Writer] = {}

    def writer(self, message: Message) -> Writer:
        found = self._writers.get(type(message))
        if found is None:
            found = self._of_message("", cast("Descriptor", message.DESCRIPTOR))
            self._writers[type(message)] = found
        return found

    def _members_of(self, descriptor: Descriptor) -> _Members:
        """Look at a message type, once; the writers come last, because types contain each other."""
        if descriptor not in self._members:
            unset = [self._unset(field) for field in descriptor.fields]
            members = self._members[descriptor] = _Members(descriptor.fields, unset)
            members.writers |= {field: self._of_field(field) for field in descriptor.fields}
        return self._members[descriptor]

    def _unset(self, field: FieldDescriptor) -> str:
        owner = "" if field.containing_type is None else field.containing_type.full_name
        if self._defaults and field.name in LISTS_WRITTEN_WHEN_EMPTY.get(owner, ()):
            return f'"{field.name}":[]'
        if self._defaults and field.has_default_value and not field.GetOptions().deprecated:
            return self._of_field(field)(field.default_value)
        return ""

    def _of_message(self, start: str, descriptor: Descriptor) -> Writer:
        members = self._members_of(descriptor)
        writers, places, unset = members.writers, members.places, members.unset
        start += "{"

        def write_as_listed(message: Message) -> str:
            return start + ",".join([writers[field](v) for field, v in message.ListFields()]) + "}"

        def write_as_declared(message: Message) -> str:
            texts = unset.copy()
            for field, value in message.ListFields():
                texts[places[field]] = writers[field](value)
            return start + ",".join(filter(None, texts)) + "}"

        return write_as_listed if members.as_listed else write_as_declared

    def _of_field(self, field: FieldDescriptor) -> Writer:
        start = f'"{field.name}":'
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            value = field.message_type.fields_by_name["value"]
            return _map_writer(start, self._of_value("", value))
        if field.is_repeated:
            return _list_writer(start, self._of_value("", field))
        return self._of_value(start, field)

    def _of_value(self, start: str, field: FieldDescriptor) -> Writer:
        if field.message_type is not None:
            return self._of_message(start, field.message_type)
        return _plain_writer(start, field)


_AS_MESOS = _Writers(defaults=True)
_AS_SET = _Writers(defaults=False)


def _list_writer(start: str, write: Writer) -> Writer:
    def write_list(values: Sequence[object]) -> str:
        return start + "[" + ",".join([write(value) for value in values]) + "]"

    return write_list


def _map_writer(start: str, write: Writer) -> Writer:
    def write_map(values: Mapping[str | bytes, object]) -> str:
        # protobuf cannot look up a key that is no UTF-8, so it is refused.
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
        if isinstance(value, bytes):  # protobuf's value of a string that is no UTF-8
            value = value.decode("utf-8", "surrogateescape")
        return start + encode_basestring(value)

    return write_string


def format_double(value: float) -> str:
    """Lay out a double as rapidjson does, with the digits of Python's repr."""
    text = repr(value)
    if "e" not in text and "n" not in text:
        return text  # from 0.0001 to 1e16 the layouts agree
    if text == "nan":
        return "NaN"
    if text.endswith("inf"):
        return '"-Infinity"' if value < 0 else '"Infinity"'
    mantissa, _, exponent = text.partition("e")
    sign, digits = ("-", mantissa[1:]) if value < 0 else ("", mantissa)
    whole, _, fraction = digits.partition(".")
    return sign + _scientific(whole + fraction, 1 + int(exponent))


def _scientific(digits: str, point: int) -> str:
    """Lay out 0.DIGITS times ten to the power of `point`."""
    if len(digits) <= point <= 21:
        return digits.ljust(point, "0") + ".0"
    if -6 < point <= 0:
        return "0." + "0" * -point + digits
    fraction = "." + digits[1:] if len(digits) > 1 else ""
    return f"{digits[0]}{fraction}e{point - 1}"
