"""What a JSON record says, and what is wrong with it.

A sound record costs one pass of a fast decoder (see shapes.py). What does not pass is looked at
again in the way of Mesos, slowly, for words about what is wrong.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

import msgspec

from ..messages import mapping, picojson
from ..messages.descriptors import message_class
from ..messages.msgspec_types import msgspec_decoder
from .content import PayloadContent, malformed_content, sibling_message_names, type_values_by_name
from .problems import Diagnostic

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from google.protobuf.descriptor import FieldDescriptor

_PLACE = re.compile(r"\(byte (\d+)\)")
_LONGEST_SLOW = 1 << 20
"""Bytes of broken JSON that the slow parser is asked about too."""


def examine(payload: bytes, message: str | None) -> PayloadContent:
    """Look at a payload; with `message` None, it only has to be an object."""
    if message is not None:
        try:
            value = msgspec_decoder(message).decode(payload)
        except (ValueError, RecursionError):
            return _json(payload, message)
        if value.type is not None and (payload.isascii() or _broken_text(payload) is None):
            return PayloadContent(value.type, value)
    return _json(payload, message)


def is_json_object(payload: bytes) -> bool:
    """Whether a payload is a JSON object; looks at both ends first, for most are not."""
    if payload[:1] != b"{" or payload[-1:] != b"}":
        return False
    try:
        msgspec.json.decode(payload, type=dict[str, msgspec.Raw])
    except (ValueError, RecursionError):
        return False
    return True


def _json(payload: bytes, message: str | None) -> PayloadContent:
    if (broken := _broken_text(payload)) is not None:
        return PayloadContent(diagnostics=(broken,))
    try:
        value: object = _parsed(payload)
    except (ValueError, RecursionError) as error:
        return PayloadContent(diagnostics=(_not_json(payload, error),))
    if not isinstance(value, dict):
        return malformed_content("not-message", f"is JSON, but {_kind(value)}, expected an object")
    members = cast("dict[str, Any]", value)
    kind = members.get("type")
    if message is None:
        return PayloadContent(kind if isinstance(kind, str) else None, members)
    return _json_message(members, kind, message)


def _json_message(value: dict[str, Any], kind: object, message: str) -> PayloadContent:
    named = isinstance(kind, str)
    strange = named and kind not in type_values_by_name(message)
    other = _other_json(value, kind, message) if strange else None
    if other is not None:
        return malformed_content(
            "wrong-server", f"is a {other} ({kind}), expected a {message}", str(kind)
        )
    if kind is None:
        return malformed_content("no-type", "has no type")
    try:
        converted = mapping.message_from_json_value(value, message)
    except (mapping.ConversionError, RecursionError) as error:
        reason = "missing-field" if str(error).startswith("Missing") else "not-message"
        return malformed_content(reason, f"is not a {message}: {error}", kind if named else None)
    fields = cast("Mapping[str, FieldDescriptor]", converted.DESCRIPTOR.fields_by_name)
    remarks = tuple(
        Diagnostic("unknown-enum", f"{path} is {name!r}, which {enum} has not")
        for path, name, enum in _unknown_names(value, fields, "")
    )
    return PayloadContent(str(kind), converted, remarks)


def _other_json(value: dict[str, Any], kind: object, message: str) -> str | None:
    """Name another message that the value is."""
    for other in sibling_message_names(message):
        fields = message_class(other).DESCRIPTOR.fields_by_name
        if (
            other == message
            or kind not in type_values_by_name(other)
            or value.keys() - fields.keys()
        ):
            continue
        try:
            mapping.message_from_json_value(value, other)
        except (ValueError, RecursionError):
            continue
        return other
    return None


def _unknown_names(
    members: dict[str, Any], fields: Mapping[str, FieldDescriptor], place: str
) -> Iterator[tuple[str, str, str]]:
    """Find names that are none of their enum's: path, name, enum. Mesos drops these silently."""
    for name, content in members.items():
        field = fields.get(name)
        if field is None or (field.enum_type is None and field.message_type is None):
            continue
        many = isinstance(content, list)
        for number, element in enumerate(cast("list[object]", content) if many else [content]):
            at = f"{place}{name}[{number}]" if many else f"{place}{name}"
            if field.message_type is not None and isinstance(element, dict):
                inner = cast("dict[str, Any]", element)
                yield from _unknown_names(inner, field.message_type.fields_by_name, f"{at}.")
            if field.enum_type is None or not isinstance(element, str):
                continue
            if element not in field.enum_type.values_by_name:
                yield at, element, field.enum_type.full_name


def _parsed(payload: bytes) -> Any:
    """Parse as Mesos does, unless that is sure to fail and would take long."""
    try:
        return msgspec.json.decode(payload)
    except (ValueError, RecursionError):
        if len(payload) > _LONGEST_SLOW:
            raise
        return picojson.parse_json(payload)


def _not_json(payload: bytes, error: Exception) -> Diagnostic:
    try:
        msgspec.json.decode(payload)
    except (ValueError, RecursionError) as told:
        error = told
    text = str(error).removeprefix("JSON is malformed: ").partition(" (byte")[0]
    place = _PLACE.search(str(error))
    if place is not None:
        start = int(place[1])
        found = f", found {payload[start : start + 1]!r}" if start < len(payload) else ""
        return Diagnostic("not-json", f"is not JSON: {text}{found}", start, start + 1)
    return Diagnostic("not-json", f"is not JSON: {text}", len(payload), len(payload))


def _broken_text(payload: bytes) -> Diagnostic | None:
    try:
        payload.decode()
    except UnicodeDecodeError as error:
        text = f"is not UTF-8: {error.reason}, found {payload[error.start : error.end]!r}"
        return Diagnostic("not-utf8", text, error.start, error.end)
    return None


def _kind(value: object) -> str:
    match value:
        case list():
            return "a list"
        case str():
            return "a string"
        case None:
            return "null"
        case _:
            return "a plain value"
