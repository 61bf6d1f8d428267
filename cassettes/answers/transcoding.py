"""Transcoding of answers that were recorded in one encoding and are requested in the other.

    {"type":"GET_HEALTH","get_health":{"healthy":true}}   <->   08 01 12 02 08 01

Messages are converted field by field, and written as Mesos writes them. Fields that only the
recorded encoding has are lost, and reported: field and enum numbers of protobuf that are not in the
schema, and names and enum names of JSON that are not.
"""

from collections.abc import Callable, Iterator
from json import loads as lenient_loads
from typing import cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet
from msgspec import Struct

from ...proto.api.negotiation import Encoding, ResponseType
from ...proto.messages import mapping
from ...proto.messages.descriptors import child_messages, map_value_field
from ...proto.messages.fast_conversion import (
    json_to_message,
    json_to_protobuf,
    protobuf_to_json,
)
from ...proto.messages.picojson import JSONValue
from ..format.documents import Headers
from ..format.exchange_ref import ExchangeRef
from .byte_cache import ByteCache

_CACHED_BYTES = 32 * 1024 * 1024
_MAX_CACHED_BODY_BYTES = 16 * 1024 * 1024

_MAX_LOST_PATHS = 8
"""Lost fields that are reported for one message; there may be many."""


class TranscodingError(ValueError):
    """A body that cannot be written in the other encoding; the text gives the reason."""


class Transcoded(Struct, frozen=True):
    """A message in the other encoding, and the paths of the fields that were lost."""

    data: bytes
    lost: tuple[str, ...] = ()


def transcode(data: bytes, message: str, to: Encoding) -> Transcoded:
    """Return a message in the encoding `to`; `message` is its full name.

    Raises TranscodingError if the data is not such a message.
    """
    try:
        return _to_json(data, message) if to == "json" else _to_protobuf(data, message)
    except (ValueError, RecursionError) as error:
        raise TranscodingError(f"{message} cannot be transcoded to {to}: {error}") from error


def decode_leniently(data: bytes, message: str, encoding: Encoding) -> Message:
    """Decode a message that a server sent, which Mesos itself may refuse. Raises ValueError."""
    if encoding == "json":
        converted = json_to_message(data, message)
        if converted is not None:
            return converted
        return mapping.message_from_json_value(_parse_json(data), message)
    return mapping.decode_protobuf(data, message)


def relabel_headers(headers: Headers, target: ResponseType) -> Headers:
    """Return headers with the media types of `target` in place, without a Content-Encoding."""
    labels = {"Content-Type": target.content_type}
    if target.message_content_type is not None:
        labels["Message-Content-Type"] = target.message_content_type
    changed: Headers = {}
    for name, value in headers.items():
        match name.lower():
            case "content-type":
                changed |= {name: labels.pop("Content-Type")} | labels
                labels = {}
            case "message-content-type" | "content-encoding":
                pass
            case _:
                changed[name] = value
    return changed | labels


class Transcoder:
    """Transcodes bodies and records of a replay, with a cache.

    `report_lost` is called with the exchange and the paths of the fields that were lost.
    """

    def __init__(self, report_lost: Callable[[ExchangeRef, tuple[str, ...]], object]) -> None:
        self._report_lost = report_lost
        self._cache = ByteCache[tuple[ExchangeRef, Encoding], bytes](
            _CACHED_BYTES, _MAX_CACHED_BODY_BYTES
        )

    def transcode_record(
        self, exchange_ref: ExchangeRef, data: bytes, message: str, to: Encoding
    ) -> bytes:
        """Return a record of the stream of an exchange in the encoding `to`.

        Raises TranscodingError.
        """
        transcoded = transcode(data, message, to)
        if transcoded.lost:
            self._report_lost(exchange_ref, transcoded.lost)
        return transcoded.data

    def transcode_body(
        self, exchange_ref: ExchangeRef, data: bytes, message: str, to: Encoding
    ) -> bytes:
        """Return the body of an exchange in the encoding `to`.

        `message` is its full name. Raises TranscodingError.
        """
        key = exchange_ref, to
        cached = self._cache.get(key)
        if cached is not None:
            return cached
        transcoded = self.transcode_record(exchange_ref, data, message, to)
        self._cache.put(key, transcoded, len(transcoded))
        return transcoded


def _to_json(data: bytes, name: str) -> Transcoded:
    converted = protobuf_to_json(data, name)
    if converted is not None:  # and then it has no unknown fields
        return Transcoded(converted)
    message = mapping.decode_protobuf(data, name)
    size = message.ByteSize()
    message.DiscardUnknownFields()
    if message.ByteSize() == size:
        return Transcoded(mapping.encode(message))
    lost = _first_paths(_unknown_fields(mapping.decode_protobuf(data, name), ""))
    return Transcoded(mapping.encode(message), lost)


def _unknown_fields(message: Message, path: str) -> Iterator[str]:
    for unknown in UnknownFieldSet(message):
        # An enum number that the schema lacks is an unknown field too, of a known number.
        field = message.DESCRIPTOR.fields_by_number.get(unknown.field_number)
        yield f"{path}{unknown.field_number if field is None else field.name}"
    for child in child_messages(message):
        key = "" if child.key is None else child.key
        place = "" if child.position is None else f"[{key}]"
        yield from _unknown_fields(child.message, f"{path}{child.field.name}{place}.")


def _to_protobuf(data: bytes, name: str) -> Transcoded:
    converted = json_to_protobuf(data, name)
    if converted is not None:  # and then it has no unknown names
        return Transcoded(converted)
    value = _parse_json(data)
    message = mapping.message_from_json_value(value, name)
    lost = _first_paths(_unknown_names(value, cast("Descriptor", message.DESCRIPTOR), ""))
    return Transcoded(message.SerializeToString(deterministic=True), lost)


def _parse_json(data: bytes) -> JSONValue:
    """Parse JSON; it may contain a bare NaN, which Mesos writes although it cannot read it."""
    try:
        return mapping.parse_json(data)
    except mapping.JSONTextError:
        if b"NaN" not in data:
            raise
        return lenient_loads(data.decode("utf-8", "surrogateescape"))


def _unknown_names(value: JSONValue, of: Descriptor, path: str) -> Iterator[str]:
    """Return the paths of members that a message does not have, and of unknown enum values."""
    if not isinstance(value, dict):
        return
    for name, member in value.items():
        field = of.fields_by_name.get(name)
        if field is None:
            yield f"{path}{name}"
        else:
            for one in member if isinstance(member, list) else [member]:
                place = f"{path}{name}[]" if isinstance(member, list) else f"{path}{name}"
                yield from _unknown_in(one, field, place)


def _unknown_in(value: JSONValue, field: FieldDescriptor, path: str) -> Iterator[str]:
    if field.enum_type is not None:
        if value is not None and value not in field.enum_type.values_by_name:
            yield path
    elif field.message_type is None:
        return
    elif (map_value := map_value_field(field)) is None:
        yield from _unknown_names(value, field.message_type, f"{path}.")
    elif isinstance(value, dict) and map_value.message_type is not None:
        for key, one in value.items():
            yield from _unknown_names(one, map_value.message_type, f"{path}[{key}].")


def _first_paths(paths: Iterator[str]) -> tuple[str, ...]:
    """Return each path once, and at most some of them."""
    unique = dict[str, None]()
    for path in paths:
        unique[path] = None
        if len(unique) > _MAX_LOST_PATHS:
            return (*list(unique)[:_MAX_LOST_PATHS], "…")
    return tuple(unique)
