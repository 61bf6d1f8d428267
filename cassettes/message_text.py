"""Protobuf messages as text that gives their bytes back.

The text is Mesos JSON, with one difference: Mesos also writes fields that are not set but have a
default, and from such text the bytes could not be told. So only the fields that are set are shown;
what is left out reads as its default anyway.
"""

from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message
from msgspec import json

from ..proto import mapping, messages

type Value = dict[str, Any]
"""A JSON object, of which the descriptors know what it holds."""


def shown_message(data: bytes, name: str) -> tuple[bytes, bytes]:
    """Decode a message; return its compact text, and the bytes that the text gives back.

    Raises LookupError if there is no such message; ValueError or protobuf's Error if it does not
    decode, misses a required field, or JSON cannot show it (text that is not UTF-8, not a number).
    """
    message = messages.message_class(name)()
    message.ParseFromString(data)
    value = json.decode(mapping.encode(message))
    _leave_out_unset(value, message)
    text = json.encode(value)
    return text, message_bytes(text, name)


def message_bytes(text: bytes, name: str) -> bytes:
    """Give the bytes of a shown message back. Raises as `shown_message` does.

    Maps are sorted, so that the same text gives the same bytes. In what real servers send, fields
    are in the order of their numbers, as here.
    """
    return mapping.decode(text, name).SerializeToString(deterministic=True)


def _leave_out_unset(value: Value, message: Message) -> None:
    for name in _defaults(message.DESCRIPTOR):
        if not message.HasField(name):
            value.pop(name, None)
    for field, content in message.ListFields():
        if field.message_type is not None and not field.is_repeated:
            _leave_out_unset(value[field.name], content)
        elif field.message_type is not None:
            _leave_out_within(value[field.name], field.message_type, content)


def _leave_out_within(value: Any, of: Descriptor, content: Any) -> None:
    """Go through a list, or a map, which is a list of entries to protobuf."""
    if not of.GetOptions().map_entry:
        for shown, one in zip(value, content, strict=True):
            _leave_out_unset(shown, one)
    elif of.fields_by_name["value"].message_type is not None:
        for key, one in content.items():
            _leave_out_unset(value[key], one)


@cache
def _defaults(descriptor: Descriptor) -> tuple[str, ...]:
    return tuple(field.name for field in descriptor.fields if field.has_default_value)
