"""Messages to and from bytes, in JSON and in protobuf.

    encode(message)                            JSON text as Mesos writes it
    decode(text, full_name)                    a message from JSON text that Mesos accepts
    decode_message(data, full_name, encoding)  a message from either encoding
    message_from_json_value(value, full_name)  a message from a parsed JSON value
    message_to_text(data, full_name)           protobuf as text from which the bytes can be restored
    text_to_message_bytes(text, full_name)     and back

That text is Mesos JSON, with one difference: Mesos also writes unset fields that have a default,
and then the bytes could not be restored. So only the fields that are set are written; a reader uses
the defaults for the others anyway.

The JSON mapping is that of Mesos, not protobuf's own. What Mesos refuses raises an error with the
text of Mesos: JSONTextError if the text is not JSON, ConversionError if the JSON is not the
message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import json_writer
from .descriptors import message_class
from .fast_conversion import json_to_message, json_to_protobuf, protobuf_to_json, protobuf_to_text
from .json_reader import message_from_json_value, missing_required_fields
from .json_values import ConversionError, MissingFieldsError
from .picojson import JSONTextError, parse_json

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from .descriptors import Encoding

__all__ = [
    "ConversionError",
    "JSONTextError",
    "MissingFieldsError",
    "WireFormatError",
    "decode",
    "decode_message",
    "decode_protobuf",
    "encode",
    "message_from_json_value",
    "message_to_text",
    "parse_json",
    "text_to_message_bytes",
]


class WireFormatError(ValueError):
    """Bytes that are not the message in protobuf. The text does not name the message."""


def encode(message: Message, *, include_defaults: bool = True) -> bytes:
    """Encode a message as Mesos does, or without the defaults of unset fields.

    See `json_writer.encode`.
    """
    data = message.SerializePartialToString(deterministic=True)
    text = protobuf_to_json(data, message.DESCRIPTOR.full_name, include_defaults=include_defaults)
    if text is not None:
        return text
    return json_writer.encode(message, include_defaults=include_defaults)


def decode_message(data: bytes, full_name: str, encoding: Encoding) -> Message:
    """Decode a message with all its required fields.

    Raises ValueError if Mesos would refuse it: JSONTextError or ConversionError for JSON,
    WireFormatError for protobuf. Raises LookupError if there is no such message type.
    """
    if encoding == "json":
        return decode(data, full_name)
    message = decode_protobuf(data, full_name)
    if not message.IsInitialized():
        missing = ", ".join(missing_required_fields(message))
        raise WireFormatError(f"Missing required fields: {missing}")
    return message


def decode(text: bytes, full_name: str) -> Message:
    """Decode a message from JSON text. Raises JSONTextError or ConversionError."""
    message = json_to_message(text, full_name)
    if message is not None:
        return message
    return message_from_json_value(parse_json(text), full_name)


def decode_protobuf(data: bytes, full_name: str) -> Message:
    """Decode a message from protobuf; required fields may be missing. Raises WireFormatError."""
    from google.protobuf.message import DecodeError

    try:
        return message_class(full_name).FromString(data)
    except DecodeError as error:
        raise WireFormatError(str(error)) from error


def message_to_text(data: bytes, full_name: str) -> tuple[bytes, bool]:
    """Decode a message; return its compact text, and whether the text restores the bytes.

    It does not if the message has unknown fields, or was not written in the order of the field
    numbers. Raises LookupError if there is no such message, ValueError if the data does not decode
    or has text that is not UTF-8, and protobuf's EncodeError if a required field is missing.
    """
    converted = protobuf_to_text(data, full_name)
    if converted is not None:
        return converted
    message = decode_protobuf(data, full_name)
    message.DiscardUnknownFields()
    restored = message.SerializeToString(deterministic=True)
    return json_writer.encode(message, include_defaults=False), restored == data


def text_to_message_bytes(text: bytes, full_name: str) -> bytes:
    """Restore the bytes from a text of `message_to_text`.

    Fields are in the order of their numbers, as real servers write them, and maps are sorted, so
    that the same text gives the same bytes. Raises LookupError or ValueError.
    """
    data = json_to_protobuf(text, full_name)
    if data is not None:
        return data
    message = message_from_json_value(parse_json(text), full_name)
    return message.SerializeToString(deterministic=True)
