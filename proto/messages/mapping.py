"""The JSON mapping of Mesos, both ways. It is not protobuf's own.

    encode(message)            JSON text as Mesos writes it
    decode(text, full_name)    a message from JSON text, as Mesos takes it
    convert(value, full_name)  a message from a JSON value that is parsed already

What Mesos refuses is refused with the text that Mesos gives: JSONTextError for what is no JSON,
ConversionError for JSON that is not the message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .json_reader import message_from_json_value
from .json_values import ConversionError
from .json_writer import encode
from .picojson import JSONTextError, parse_json

if TYPE_CHECKING:
    from google.protobuf.message import Message

__all__ = [
    "ConversionError",
    "JSONTextError",
    "decode",
    "encode",
    "message_from_json_value",
    "parse_json",
]


def decode(text: bytes, full_name: str) -> Message:
    """Read a message from JSON text. Raises JSONTextError or ConversionError."""
    return message_from_json_value(parse_json(text), full_name)
