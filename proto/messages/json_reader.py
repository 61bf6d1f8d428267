"""JSON values to messages, as Mesos converts them (stout/protobuf.hpp).

Mesos accepts more than it writes:

    null             leaves a field unset; unknown names are ignored, at every level
    [[1], 2, null]   is the list [1, 2], and a value outside a list is a list of one
    [{..}, {..}]     is one map

Members are read in the order of their sorted names. The first one that does not fit is reported;
the last one of a `oneof` remains. Required fields are checked at the end, for the whole message.

Values of fields that are not messages are read in json_values.py. A string that is not UTF-8 (lone
surrogates, see picojson.py) keeps its bytes, except in a map, where it is an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from .descriptors import child_messages, map_value_field, message_class
from .json_values import ConversionError, MissingFieldsError, unexpected_type_error, value_reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from google.protobuf.descriptor import FieldDescriptor
    from google.protobuf.message import Message

    from .json_values import ValueReader
    from .picojson import JSONValue

    type Filler = Callable[[Message, JSONValue], None]

_FILLERS: dict[type[Message], dict[str, Filler]] = {}

# For Mesos the entry `"cpus": null` of a map lacks its value. If the value is a message with
# required fields, the whole message is refused, but without naming a field: "Missing required
# fields: ". An empty object, `"cpus": {}`, is named: `limits[0].value.value`.
#
# In Python an entry cannot lack its value: looking up the key creates an empty message, which is
# equal to that of an empty object. So a null is marked in it by an unknown field: number 2**29-1,
# the largest one, which no Mesos message declares, with the varint 1. `missing_required_fields`
# recognizes the value by its bytes: nothing else was read into it. The mark cannot leave this
# module, because it is set only where a required field is missing, and then no message is returned.
_NULL_ENTRY = b"\xf8\xff\xff\xff\x0f\x01"


def message_from_json_value(value: JSONValue, full_name: str) -> Message:
    """Convert a JSON value to a message.

    Raises ConversionError, or JSONTextError for a number that is out of range.
    """
    if not isinstance(value, dict):
        raise ConversionError("Expecting a JSON object")
    message = message_class(full_name)()
    _fill(message, value)
    if not message.IsInitialized():
        raise MissingFieldsError(
            f"Missing required fields: {', '.join(missing_required_fields(message))}"
        )
    return message


def missing_required_fields(message: Message, path: str = "") -> Iterator[str]:
    """Iterate over the unset required fields, such as `reserve_resources.resources[1].type`.

    The entries of a map are numbered in the order of their keys.
    """
    for field in message.DESCRIPTOR.fields:
        if field.is_required and not message.HasField(field.name):
            yield path + field.name
    for child in child_messages(message):
        if child.key is not None and child.message.SerializePartialToString() == _NULL_ENTRY:
            continue
        index = "" if child.position is None else f"[{child.position}]"
        value = "" if child.key is None else ".value"
        yield from missing_required_fields(
            child.message, f"{path}{child.field.name}{index}{value}."
        )


def _fill(message: Message, members: dict[str, JSONValue]) -> None:
    fillers = _FILLERS.get(type(message))
    if fillers is None:
        fields = cast("Sequence[FieldDescriptor]", message.DESCRIPTOR.fields)
        fillers = _FILLERS[type(message)] = {field.name: _filler(field) for field in fields}
    for name in sorted(members):
        value = members[name]
        if value is not None and name in fillers:
            fillers[name](message, value)


def _filler(field: FieldDescriptor) -> Filler:
    map_value = map_value_field(field)
    if map_value is not None:
        return _each(field, _map_filler(field, map_value))
    if field.message_type is not None:
        return _each(field, _message_adder(field)) if field.is_repeated else _message_setter(field)
    read = value_reader(field)
    return _each(field, _adder(field, read)) if field.is_repeated else _setter(field, read)


def _setter(field: FieldDescriptor, read: ValueReader) -> Filler:
    name, number = field.name, field.number

    def set_value(message: Message, value: JSONValue) -> None:
        content = read(value)
        if content is None:
            return
        try:
            setattr(message, name, content)
        except UnicodeEncodeError:
            message.MergeFromString(_wire(number, content))

    return set_value


def _adder(field: FieldDescriptor, read: ValueReader) -> Filler:
    name, number = field.name, field.number

    def add_value(message: Message, value: JSONValue) -> None:
        content = read(value)
        if content is None:
            return
        try:
            getattr(message, name).append(content)
        except UnicodeEncodeError:
            message.MergeFromString(_wire(number, content))

    return add_value


def _wire(number: int, content: str) -> bytes:
    """Encode a string field that is not UTF-8: protobuf accepts it from the wire only."""
    raw = content.encode("utf-8", "surrogateescape")
    return _varint(number << 3 | 2) + _varint(len(raw)) + raw


def _varint(number: int) -> bytes:
    groups = bytearray()
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    groups.append(number)
    return bytes(groups)


def _message_setter(field: FieldDescriptor) -> Filler:
    name = field.name

    def set_message(message: Message, value: JSONValue) -> None:
        if not isinstance(value, dict):
            raise unexpected_type_error(value, name)
        child: Message = getattr(message, name)
        child.SetInParent()
        _fill(child, value)

    return set_message


def _message_adder(field: FieldDescriptor) -> Filler:
    name = field.name

    def add_message(message: Message, value: JSONValue) -> None:
        if not isinstance(value, dict):
            raise unexpected_type_error(value, name)
        _fill(getattr(message, name).add(), value)

    return add_message


def _each(field: FieldDescriptor, fill: Filler) -> Filler:
    """Fill with each element of a list, and of the lists in it, except nulls."""

    def fill_each(message: Message, value: JSONValue) -> None:
        if not isinstance(value, list):
            fill(message, value)
            return
        for element in value:
            if element is not None:
                fill_each(message, element)

    return fill_each


def _map_filler(field: FieldDescriptor, value_field: FieldDescriptor) -> Filler:
    """Fill a map; a null entry lacks its value, which may be an error later (_NULL_ENTRY)."""
    name = field.name
    put = _message_entry if value_field.message_type is not None else _plain_entry(value_field)

    def fill_map(message: Message, value: JSONValue) -> None:
        if not isinstance(value, dict):
            raise unexpected_type_error(value, name)
        entries = getattr(message, name)
        for key in sorted(value):
            try:
                put(entries, key, value[key])
            except UnicodeEncodeError:
                raise ConversionError(f"{name!r} has a key or a value that is no UTF-8") from None

    return fill_map


def _plain_entry(value_field: FieldDescriptor) -> Callable[[Any, str, JSONValue], None]:
    read = value_reader(value_field)

    def put(entries: dict[str, object], key: str, value: JSONValue) -> None:
        content = None if value is None else read(value)
        entries[key] = value_field.default_value if content is None else content

    return put


def _message_entry(entries: dict[str, Message], key: str, value: JSONValue) -> None:
    entry = entries[key]  # created if it is absent
    entry.Clear()
    match value:
        case None:
            if not entry.IsInitialized():
                entry.MergeFromString(_NULL_ENTRY)
        case dict():
            _fill(entry, value)
        case _:
            raise unexpected_type_error(value, "value")
