"""Messages to and from bytes, in JSON and in protobuf.

    encode(message)                            JSON text as Mesos writes it
    decode(text, full_name)                    a message from JSON text that Mesos accepts
    decode_message(data, full_name, encoding)  a message from either encoding
    message_from_json_value(value, full_name)  a message from a parsed JSON value

The JSON mapping is that of Mesos, not protobuf's own. What Mesos refuses raises an error with the
text of Mesos: JSONTextError if the text is not JSON, ConversionError if the JSON is not the
message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .descriptors import message_class
from .json_reader import message_from_json_value, missing_required_fields
from .json_values import ConversionError, MissingFieldsError
from .json_writer import encode
from .msgspec_types import decode_strictly
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
    "decode_strictly",
    "encode",
    "message_from_json_value",
    "parse_json",
]


class WireFormatError(ValueError):
    """Bytes that are not the message in protobuf. The text does not name the message."""


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
    message = decode_strictly(text, full_name)
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
