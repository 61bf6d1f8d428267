"""Examine the JSON payload of a record.

A valid payload costs one pass of a fast decoder (see msgspec_types.py). Any other is read again as
Mesos reads it, which is slow, to find out what is wrong.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any, cast

import msgspec

from ..messages import mapping, picojson
from ..messages.msgspec_types import msgspec_decoder
from ..shown_text import quote_start
from .content import (
    PayloadContent,
    malformed_content,
    matching_siblings,
    type_values_by_name,
    unknown_enum_value,
)
from .message_guess import is_message_value
from .problems import Diagnostic

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from google.protobuf.descriptor import FieldDescriptor

_MSGSPEC_ERROR = re.compile(r"(?:JSON is malformed: )?(.*?)(?: \(byte (\d+)\))?")
"""The texts of msgspec's errors, which have no attributes; test_json_content.py pins them."""

_MAX_PICOJSON_BYTES = 1 << 20
"""Bytes of malformed JSON that the slow parser reads, too."""


def examine(payload: bytes, message: str | None) -> PayloadContent:
    """Examine a payload that should be a JSON message; any object if `message` is None."""
    if message is not None:
        try:
            value = msgspec_decoder(message).decode(payload)
        except (ValueError, RecursionError):
            return _examine_slowly(payload, message)
        if value.type is not None and (payload.isascii() or _utf8_problem(payload) is None):
            return PayloadContent(value.type, value)
    return _examine_slowly(payload, message)


def is_json_object(payload: bytes) -> bool:
    """Return whether a payload is a JSON object; its first and last byte exclude most others."""
    if payload[:1] != b"{" or payload[-1:] != b"}":
        return False
    try:
        msgspec.json.decode(payload, type=dict[str, msgspec.Raw])
    except (ValueError, RecursionError):
        return False
    return True


def _examine_slowly(payload: bytes, message: str | None) -> PayloadContent:
    if (problem := _utf8_problem(payload)) is not None:
        return PayloadContent(diagnostics=(problem,))
    try:
        value: object = _parse_json(payload)
    except (ValueError, RecursionError) as error:
        return PayloadContent(diagnostics=(_json_problem(payload, error),))
    if not isinstance(value, dict):
        text = f"is JSON, but {_format_json_type(value)}, expected an object"
        return malformed_content("not-message", text)
    members = cast("dict[str, Any]", value)
    if message is not None:
        return _examine_members(members, message)
    message_type = members.get("type")
    return PayloadContent(message_type if isinstance(message_type, str) else None, members)


def _examine_members(members: dict[str, Any], message: str) -> PayloadContent:
    message_type: object = members.get("type")
    if message_type is None:
        return malformed_content("no-type", "has no type")
    type_name = message_type if isinstance(message_type, str) else None
    if type_name is not None and type_name not in type_values_by_name(message):
        siblings = matching_siblings(message, lambda name: is_message_value(members, name))
        if (sibling := next(siblings, None)) is not None:
            text = f"is a {sibling} ({quote_start(type_name)}), expected a {message}"
            return malformed_content("wrong-server", text, type_name)
    try:
        value = mapping.message_from_json_value(members, message)
    except mapping.MissingFieldsError as error:
        return malformed_content("missing-field", f"is not a {message}: {error}", type_name)
    except (mapping.ConversionError, RecursionError) as error:
        return malformed_content("not-message", f"is not a {message}: {error}", type_name)
    except mapping.JSONTextError as error:  # A number that msgspec reads and Mesos does not.
        return malformed_content("not-json", f"is not JSON: {error}", type_name)
    fields = cast("Mapping[str, FieldDescriptor]", value.DESCRIPTOR.fields_by_name)
    return PayloadContent(str(message_type), value, tuple(_unknown_enum_names(members, fields, "")))


def _unknown_enum_names(
    members: dict[str, Any], fields: Mapping[str, FieldDescriptor], prefix: str
) -> Iterator[Diagnostic]:
    """Find names that are not in their enum. They are lost in the message: Mesos drops them."""
    for name, content in members.items():
        field = fields.get(name)
        if field is None or (field.enum_type is None and field.message_type is None):
            continue
        enum = field.enum_type
        is_list = isinstance(content, list)
        elements = cast("list[object]", content) if is_list else [content]
        for index, element in enumerate(elements):
            path = f"{prefix}{name}[{index}]" if is_list else f"{prefix}{name}"
            if field.message_type is not None and isinstance(element, dict):
                inner = cast("dict[str, Any]", element)
                child_fields = field.message_type.fields_by_name
                yield from _unknown_enum_names(inner, child_fields, f"{path}.")
            elif enum and isinstance(element, str) and element not in enum.values_by_name:
                yield unknown_enum_value(path, element, enum.full_name)


def _parse_json(payload: bytes) -> Any:
    """Parse JSON as Mesos does. Raises what msgspec raises, which has the place of the error."""
    try:
        return msgspec.json.decode(payload)
    except (ValueError, RecursionError):
        if len(payload) <= _MAX_PICOJSON_BYTES:
            with contextlib.suppress(ValueError, RecursionError):
                return picojson.parse_json_exactly(payload)
        raise


def _json_problem(payload: bytes, error: Exception) -> Diagnostic:
    parts = _MSGSPEC_ERROR.fullmatch(str(error))
    if parts is None or parts[2] is None:
        text = str(error) if parts is None else parts[1]
        return Diagnostic("not-json", f"is not JSON: {text}", len(payload), len(payload))
    start = int(parts[2])
    found = f", found {payload[start : start + 1]!r}" if start < len(payload) else ""
    return Diagnostic("not-json", f"is not JSON: {parts[1]}{found}", start, start + 1)


def _utf8_problem(payload: bytes) -> Diagnostic | None:
    try:
        payload.decode()
    except UnicodeDecodeError as error:
        text = f"is not UTF-8: {error.reason}, found {payload[error.start : error.end]!r}"
        return Diagnostic("not-utf8", text, error.start, error.end)
    return None


def _format_json_type(value: object) -> str:
    match value:
        case list():
            return "a list"
        case str():
            return "a string"
        case None:
            return "null"
        case _:
            return "a plain value"
