"""Answers recorded in one encoding, for a client that wants the other.

    {"type":"GET_HEALTH","get_health":{"healthy":true}}   <->   08 01 12 02 08 01

The meaning is carried over, field by field, as Mesos itself would write it. What only the one
encoding can say is lost, and named: fields and enum numbers of protobuf that are not in the schema,
and names and enum names of JSON that are not.
"""

from collections.abc import Callable, Iterator
from json import loads as lenient_loads
from typing import Any, cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Error as ProtobufError
from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet
from msgspec import Struct

from ...proto.api.negotiation import Encoding, ResponseType
from ...proto.messages import descriptors, mapping
from ...proto.messages.picojson import JSONValue
from ..format.documents import Headers
from ..format.exchange_ref import ExchangeRef
from .byte_cache import ByteCache

_KEPT = 32 * 1024 * 1024
_KEPT_BODY = 16 * 1024 * 1024
"""Bytes of what was transcoded that are kept, and of the largest one."""

_NAMED = 8
"""Lost fields that are named; there may be many of a kind."""


class TranscodingError(ValueError):
    """An answer that cannot be said in the other encoding; the text says why."""


class Transcoded(Struct, frozen=True):
    """A message in the other encoding, and the paths of what was lost."""

    data: bytes
    lost: tuple[str, ...] = ()


def transcode(data: bytes, message: str, to: Encoding) -> Transcoded:
    """Say a message, of which `message` is the full name, in the other encoding.

    Raises TranscodingError if the data is not such a message.
    """
    try:
        return _to_json(data, message) if to == "json" else _to_protobuf(data, message)
    except (ValueError, ProtobufError, RecursionError) as error:
        raise TranscodingError(f"{message} cannot be given as {to}: {error}") from error


def decode_message(data: bytes, message: str, encoding: Encoding) -> Message:
    """Read a message in an encoding. Raises ValueError or DecodeError."""
    if encoding == "json":
        return mapping.message_from_json_value(_parsed(data), message)
    return descriptors.message_class(message).FromString(data)


def relabel_headers(headers: Headers, target: ResponseType) -> Headers:
    """Give headers with other labels in their old place, and without a Content-Encoding."""
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
    """Transcodes what is played, each body once: what was made last is kept.

    `tell` is called with the exchange and the paths of what was lost.
    """

    def __init__(self, tell: Callable[[ExchangeRef, tuple[str, ...]], object]) -> None:
        self._tell = tell
        self._made = ByteCache[tuple[ExchangeRef, int, Encoding], bytes](_KEPT, _KEPT_BODY)

    def transcode_body(
        self, place: ExchangeRef, event: int, data: bytes, message: str, to: Encoding
    ) -> bytes:
        """Transcode the body of an exchange (event 0), or of one of its events.

        Raises TranscodingError.
        """
        key = place, event, to
        made = self._made.get(key)
        if made is not None:
            return made
        transcoded = transcode(data, message, to)
        if transcoded.lost:
            self._tell(place, transcoded.lost)
        self._made.put(key, transcoded.data, len(transcoded.data))
        return transcoded.data


def _to_json(data: bytes, name: str) -> Transcoded:
    kind = descriptors.message_class(name)
    message = kind.FromString(data)
    size = message.ByteSize()
    message.DiscardUnknownFields()
    loses = message.ByteSize() != size
    lost = _named(_unknown_fields(kind.FromString(data), "")) if loses else ()
    return Transcoded(mapping.encode(message), lost)


def _unknown_fields(message: Message, path: str) -> Iterator[str]:
    for unknown in UnknownFieldSet(message):
        # An enum number that the schema lacks is an unknown field too, of a known number.
        field = message.DESCRIPTOR.fields_by_number.get(unknown.field_number)
        yield f"{path}{unknown.field_number if field is None else field.name}"
    for field, value in message.ListFields():
        for child, place in _children(field, value):
            yield from _unknown_fields(child, f"{path}{place}.")


def _children(field: FieldDescriptor, value: Any) -> Iterator[tuple[Message, str]]:
    """Give the messages in the value of a field, which is what its descriptor says."""
    if field.message_type is None:
        return
    if isinstance(value, Message):
        yield value, field.name
    elif field.message_type.GetOptions().map_entry:
        for key in value if field.message_type.fields_by_name["value"].message_type else ():
            yield value[key], f"{field.name}[{key}]"
    else:
        for child in value:
            yield child, f"{field.name}[]"


def _to_protobuf(data: bytes, name: str) -> Transcoded:
    value = _parsed(data)
    message = mapping.message_from_json_value(value, name)
    lost = _named(_unknown_names(value, cast("Descriptor", message.DESCRIPTOR), ""))
    return Transcoded(message.SerializeToString(deterministic=True), lost)


def _parsed(data: bytes) -> JSONValue:
    """Read JSON text, with a bare NaN in it, which Mesos writes though it does not read it."""
    try:
        return mapping.parse_json(data)
    except mapping.JSONTextError:
        if b"NaN" not in data:
            raise
        return lenient_loads(data.decode("utf-8", "surrogateescape"))


def _unknown_names(value: JSONValue, of: Descriptor, path: str) -> Iterator[str]:
    """Name the members that a message does not have, and the enum values that it drops."""
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
    elif not field.message_type.GetOptions().map_entry:
        yield from _unknown_names(value, field.message_type, f"{path}.")
    elif isinstance(value, dict) and field.message_type.fields_by_name["value"].message_type:
        held = field.message_type.fields_by_name["value"].message_type
        for key, one in value.items():
            yield from _unknown_names(one, held, f"{path}[{key}].")


def _named(paths: Iterator[str]) -> tuple[str, ...]:
    """Each path once, and not too many."""
    named = dict[str, None]()
    for path in paths:
        named[path] = None
        if len(named) > _NAMED:
            return (*list(named)[:_NAMED], "…")
    return tuple(named)
