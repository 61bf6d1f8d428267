"""Messages with their declared defaults spelled out, or with none of them."""

from collections.abc import Iterator
from typing import Any

from google.protobuf.message import Message

from mesotape.proto.messages.defaults import PRESENCE_COUNTS
from mesotape.proto.messages.descriptors import child_messages


def spelled_out(message: Message) -> Message:
    """Return a copy in which every unset field that means its default is set to it."""
    copy = _copied(message)
    for each in _within(copy):
        for field in each.DESCRIPTOR.fields:
            if field.has_default_value and field.full_name not in PRESENCE_COUNTS:
                setattr(each, field.name, getattr(each, field.name))
    return copy


def stripped(message: Message) -> Message:
    """Return a copy in which no field that means its default is set to it."""
    copy = _copied(message)
    for each in _within(copy):
        for field, value in each.ListFields():
            is_default = field.has_default_value and value == field.default_value
            if is_default and field.full_name not in PRESENCE_COUNTS:
                each.ClearField(field.name)
    return copy


def _copied(message: Any) -> Any:
    copy = type(message)()
    copy.CopyFrom(message)
    return copy


def _within(message: Any) -> Iterator[Any]:
    yield message
    for child in list(child_messages(message)):
        yield from _within(child.message)
