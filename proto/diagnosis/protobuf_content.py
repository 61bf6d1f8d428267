"""What a protobuf record says, and what is wrong with it.

Bytes that decode prove little: another message may decode as well, so it is looked for what the
record has of its type, and for what only another message has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..messages import json_reader
from ..messages.descriptors import message_class
from ..messages.fields import type_enum_name
from .content import PayloadContent, malformed_content, sibling_message_names
from .json_content import is_json_object
from .problems import Diagnostic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.descriptor import FieldDescriptor
    from google.protobuf.message import Message


def examine(payload: bytes, message: str) -> PayloadContent:
    """Look at a payload that should be a message."""
    from google.protobuf.message import DecodeError

    if payload[:1] == b"{" and is_json_object(payload):
        return malformed_content("not-message", "is JSON, expected protobuf")
    try:
        value = message_class(message).FromString(payload)
    except DecodeError:
        other = _other_protobuf(payload, message)
        if other is not None:
            return malformed_content("wrong-server", f"is a {other}, expected a {message}")
        return malformed_content("not-message", f"is not a {message}: the bytes do not decode")
    kind = type_enum_name(value)
    strange = _has_unknown(value)
    if kind is None or strange or not _has_body(value, kind):
        other = _other_protobuf(payload, message)
        if other is not None:
            return malformed_content("wrong-server", f"is a {other}, expected a {message}")
    if not value.IsInitialized():
        missing = ", ".join(json_reader.missing_required_fields(value))
        return malformed_content(
            "missing-field", f"is not a {message}: missing required fields: {missing}", kind
        )
    unknown = tuple(_unknown_numbers(value)) if strange else ()
    if kind is None and not unknown:
        return malformed_content("no-type", "has no type")
    return PayloadContent(kind, value, unknown)


def _has_body(value: Message, kind: str) -> bool:
    name = kind.lower()
    return name not in value.DESCRIPTOR.fields_by_name or value.HasField(name)


def _other_protobuf(payload: bytes, message: str) -> str | None:
    """Name the only other message that the payload is, without a field unknown to it."""
    from google.protobuf.message import DecodeError

    fitting: list[str] = []
    for other in sibling_message_names(message):
        try:
            value = message_class(other).FromString(payload)
        except DecodeError:
            continue
        kind = type_enum_name(value)
        fits = kind is not None and _has_body(value, kind) and kind.lower() in _set_fields(value)
        complete = fits and value.IsInitialized() and not _has_unknown(value)
        if other != message and complete:
            fitting.append(other)
    return fitting[0] if len(fitting) == 1 else None


def _set_fields(value: Message) -> set[str]:
    """Name the fields that are set."""
    return {field.name for field, _ in value.ListFields()}


def _has_unknown(value: Message) -> bool:
    """Whether there are unknown fields anywhere; dropping these makes a message shorter."""
    known = type(value)()
    known.CopyFrom(value)
    known.DiscardUnknownFields()
    return len(known.SerializePartialToString()) < len(value.SerializePartialToString())


def _unknown_numbers(value: Message, place: str = "") -> Iterator[Diagnostic]:
    """Find numbers that are none of their enum's; protobuf keeps them as unknown fields."""
    from google.protobuf.unknown_fields import UnknownFieldSet

    for unknown in UnknownFieldSet(value):
        field = value.DESCRIPTOR.fields_by_number.get(unknown.field_number)
        if field is not None and field.enum_type is not None:
            text = (
                f"{place}{field.name} is {unknown.data}, which {field.enum_type.full_name} has not"
            )
            yield Diagnostic("unknown-enum", text)
    for field, content in value.ListFields():
        yield from _unknown_inside(field, content, place)


def _unknown_inside(field: FieldDescriptor, content: Any, place: str) -> Iterator[Diagnostic]:
    if field.message_type is None or field.message_type.GetOptions().map_entry:
        return
    if not field.is_repeated:
        yield from _unknown_numbers(content, f"{place}{field.name}.")
        return
    for number, element in enumerate(content):
        yield from _unknown_numbers(element, f"{place}{field.name}[{number}].")
