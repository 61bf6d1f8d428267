"""What a record says, and what is wrong with it.

    examine(b'{"type":"HEARTBEAT"}', "mesos.v1.master.Event", "json").type  ->  "HEARTBEAT"

A sound JSON record costs one pass of a fast decoder (see shapes.py). What does not pass is looked
at again in the way of Mesos, slowly, for words about what is wrong.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

import msgspec

from . import json_reader, mapping, picojson
from .apis import APIS
from .endpoints import call_type
from .messages import message_class
from .negotiation import Encoding
from .reasons import Remark
from .shapes import shape

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from google.protobuf.descriptor import FieldDescriptor
    from google.protobuf.message import Message

STREAMED = (*(api.event for api in APIS), "mesos.v1.agent.Call")
"""The messages that Mesos sends in streams, and the one that clients do."""

_PLACE = re.compile(r"\(byte (\d+)\)")
_LONGEST_SLOW = 1 << 20
"""Bytes of broken JSON that the slow parser is asked about too."""


class Content(msgspec.Struct, frozen=True, gc=False):
    """What a payload says. `value` is a message or a struct of its shape, if it is known.

    Offsets in the remarks count within the payload.
    """

    type: str | None = None
    value: Any = None
    remarks: tuple[Remark, ...] = ()

    @property
    def is_sound(self) -> bool:
        """Whether the payload is such a message, if perhaps one of the future."""
        return all(remark.level != "malformed" for remark in self.remarks)


def examine(payload: bytes, message: str | None, encoding: Encoding) -> Content:
    """Look at a payload; with `message` None, JSON only has to be an object."""
    if encoding == "protobuf":
        return Content() if message is None else _protobuf(payload, message)
    if message is not None:
        try:
            value = shape(message).decode(payload)
        except (ValueError, RecursionError):
            return _json(payload, message)
        if value.type is not None and (payload.isascii() or _broken_text(payload) is None):
            return Content(value.type, value)
    return _json(payload, message)


def is_object(payload: bytes) -> bool:
    """Whether a payload is a JSON object; looks at both ends first, for most are not."""
    if payload[:1] != b"{" or payload[-1:] != b"}":
        return False
    try:
        msgspec.json.decode(payload, type=dict[str, msgspec.Raw])
    except (ValueError, RecursionError):
        return False
    return True


def _json(payload: bytes, message: str | None) -> Content:
    if (broken := _broken_text(payload)) is not None:
        return Content(remarks=(broken,))
    try:
        value: object = _parsed(payload)
    except (ValueError, RecursionError) as error:
        return Content(remarks=(_not_json(payload, error),))
    if not isinstance(value, dict):
        return _bad("not-message", f"is JSON, but {_kind(value)}, expected an object")
    members = cast("dict[str, Any]", value)
    kind = members.get("type")
    if message is None:
        return Content(kind if isinstance(kind, str) else None, members)
    return _json_message(members, kind, message)


def _json_message(value: dict[str, Any], kind: object, message: str) -> Content:
    named = isinstance(kind, str)
    strange = named and kind not in type_names(message)
    other = _other_json(value, kind, message) if strange else None
    if other is not None:
        return _bad("wrong-server", f"is a {other} ({kind}), expected a {message}", str(kind))
    if kind is None:
        return _bad("no-type", "has no type")
    try:
        converted = mapping.convert(value, message)
    except (mapping.ConversionError, RecursionError) as error:
        reason = "missing-field" if str(error).startswith("Missing") else "not-message"
        return _bad(reason, f"is not a {message}: {error}", kind if named else None)
    fields = cast("Mapping[str, FieldDescriptor]", converted.DESCRIPTOR.fields_by_name)
    remarks = tuple(
        Remark("unknown-enum", f"{path} is {name!r}, which {enum} has not")
        for path, name, enum in _unknown_names(value, fields, "")
    )
    return Content(str(kind), converted, remarks)


def _other_json(value: dict[str, Any], kind: object, message: str) -> str | None:
    """Name another message that the value is."""
    for other in _kin(message):
        fields = message_class(other).DESCRIPTOR.fields_by_name
        if other == message or kind not in type_names(other) or value.keys() - fields.keys():
            continue
        try:
            mapping.convert(value, other)
        except (ValueError, RecursionError):
            continue
        return other
    return None


def _kin(message: str) -> tuple[str, ...]:
    """Name the messages that may have come instead: from another server, or to one."""
    sort = message.rpartition(".")[2]
    if sort == "Response":
        return tuple(api.response for api in APIS if api.response is not None)
    return tuple(api.call for api in APIS) if sort == "Call" else STREAMED


def type_names(message: str) -> Mapping[str, object]:
    """Give the names that the type of a message may have, as keys."""
    enum = message_class(message).DESCRIPTOR.fields_by_name["type"].enum_type
    assert enum is not None
    return enum.values_by_name


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


def _protobuf(payload: bytes, message: str) -> Content:
    from google.protobuf.message import DecodeError

    if payload[:1] == b"{" and is_object(payload):
        return _bad("not-message", "is JSON, expected protobuf")
    try:
        value = message_class(message).FromString(payload)
    except DecodeError:
        other = _other_protobuf(payload, message)
        if other is not None:
            return _bad("wrong-server", f"is a {other}, expected a {message}")
        return _bad("not-message", f"is not a {message}: the bytes do not decode")
    kind = call_type(value)
    strange = _has_unknown(value)
    if kind is None or strange or not _has_body(value, kind):
        other = _other_protobuf(payload, message)
        if other is not None:
            return _bad("wrong-server", f"is a {other}, expected a {message}")
    if not value.IsInitialized():
        missing = ", ".join(json_reader.missing(value))
        return _bad(
            "missing-field", f"is not a {message}: missing required fields: {missing}", kind
        )
    unknown = tuple(_unknown_numbers(value)) if strange else ()
    if kind is None and not unknown:
        return _bad("no-type", "has no type")
    return Content(kind, value, unknown)


def _has_body(value: Message, kind: str) -> bool:
    name = kind.lower()
    return name not in value.DESCRIPTOR.fields_by_name or value.HasField(name)


def _other_protobuf(payload: bytes, message: str) -> str | None:
    """Name the only other message that the payload is, without a field unknown to it."""
    from google.protobuf.message import DecodeError

    fitting: list[str] = []
    for other in _kin(message):
        try:
            value = message_class(other).FromString(payload)
        except DecodeError:
            continue
        kind = call_type(value)
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


def _unknown_numbers(value: Message, place: str = "") -> Iterator[Remark]:
    """Find numbers that are none of their enum's; protobuf keeps them as unknown fields."""
    from google.protobuf.unknown_fields import UnknownFieldSet

    for unknown in UnknownFieldSet(value):
        field = value.DESCRIPTOR.fields_by_number.get(unknown.field_number)
        if field is not None and field.enum_type is not None:
            text = (
                f"{place}{field.name} is {unknown.data}, which {field.enum_type.full_name} has not"
            )
            yield Remark("unknown-enum", text)
    for field, content in value.ListFields():
        yield from _unknown_inside(field, content, place)


def _unknown_inside(field: FieldDescriptor, content: Any, place: str) -> Iterator[Remark]:
    if field.message_type is None or field.message_type.GetOptions().map_entry:
        return
    if not field.is_repeated:
        yield from _unknown_numbers(content, f"{place}{field.name}.")
        return
    for number, element in enumerate(content):
        yield from _unknown_numbers(element, f"{place}{field.name}[{number}].")


def _parsed(payload: bytes) -> Any:
    """Parse as Mesos does, unless that is sure to fail and would take long."""
    try:
        return msgspec.json.decode(payload)
    except (ValueError, RecursionError):
        if len(payload) > _LONGEST_SLOW:
            raise
        return picojson.parse(payload)


def _not_json(payload: bytes, error: Exception) -> Remark:
    try:
        msgspec.json.decode(payload)
    except (ValueError, RecursionError) as told:
        error = told
    text = str(error).removeprefix("JSON is malformed: ").partition(" (byte")[0]
    place = _PLACE.search(str(error))
    if place is not None:
        start = int(place[1])
        found = f", found {payload[start : start + 1]!r}" if start < len(payload) else ""
        return Remark("not-json", f"is not JSON: {text}{found}", start, start + 1)
    return Remark("not-json", f"is not JSON: {text}", len(payload), len(payload))


def _broken_text(payload: bytes) -> Remark | None:
    try:
        payload.decode()
    except UnicodeDecodeError as error:
        text = f"is not UTF-8: {error.reason}, found {payload[error.start : error.end]!r}"
        return Remark("not-utf8", text, error.start, error.end)
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


def _bad(reason: str, text: str, kind: str | None = None) -> Content:
    return Content(kind, None, (Remark(reason, text),))
