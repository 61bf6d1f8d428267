"""JSON values into messages, as Mesos fills them (stout/protobuf.hpp).

Mesos takes more than it writes:

    null             leaves a field unset; unknown names are ignored, at every level
    [[1], 2, null]   is the list [1, 2], and so is a lone value a list of one
    [{..}, {..}]     is one map

Members are visited in the order of their sorted names. The first that does not fit is reported, and
of a `oneof` the last stays. Required fields are looked at last, for the whole message at once.

What plain fields take is in json_values.py. A string that is no UTF-8 (lone surrogates, see
picojson.py) keeps its bytes, except in a map, where it is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from .descriptors import child_messages, map_value_field, message_class
from .json_values import ConversionError, unexpected_type_error, value_reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from google.protobuf.descriptor import FieldDescriptor
    from google.protobuf.message import Message

    from .json_values import ValueReader
    from .picojson import JSONValue

    type Filler = Callable[[Message, JSONValue], None]

_FILLERS: dict[type[Message], dict[str, Filler]] = {}

_NULL_ENTRY = (
    b"\xf8\xff\xff\xff\x0f\x01"  # unknown field 2**29-1: marks a map's value that was null
)


def message_from_json_value(value: JSONValue, full_name: str) -> Message:
    """Make a message of a JSON value. Raises ConversionError."""
    if not isinstance(value, dict):
        raise ConversionError("Expecting a JSON object")
    message = message_class(full_name)()
    _fill(message, value)
    if not message.IsInitialized():
        raise ConversionError(
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
        index = "" if child.index is None else f"[{child.index}]"
        value = "" if child.key is None else ".value"
        if not (value and child.message.SerializePartialToString() == _NULL_ENTRY):
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
    """Encode a string field whose content is no UTF-8; protobuf takes it from the wire only."""
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
    """Take a list apart, and the lists in it, and leave out nulls."""

    def fill_each(message: Message, value: JSONValue) -> None:
        if not isinstance(value, list):
            fill(message, value)
            return
        for element in value:
            if element is not None:
                fill_each(message, element)

    return fill_each


def _map_filler(field: FieldDescriptor, value_field: FieldDescriptor) -> Filler:
    """Put entries into a map; one that is null lacks its value, which may be an error later."""
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
    entry = entries[key]  # made if it is not there
    entry.Clear()
    match value:
        case None:
            if not entry.IsInitialized():
                entry.MergeFromString(_NULL_ENTRY)
        case dict():
            _fill(entry, value)
        case _:
            raise unexpected_type_error(value, "value")
