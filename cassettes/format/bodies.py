"""Convert the bytes of a body to a readable form, and back.

    json    {"type":"HEARTBEAT"}       indented; the bytes are the same tokens without white space,
                                       or with that of a common writer, which `spacing` names
    proto   08 01 …                    shown as Mesos JSON, if the message type is known
    text    anything else in UTF-8     verbatim
    base64  everything else

A form is used only if it gives the same bytes back. No byte is lost: a body that should decode but
does not is kept as text or base64, with the reason in `malformed`.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Literal, TypedDict

from google.protobuf.message import Error as ProtobufError
from msgspec import json

from .documents import Body, Spacing
from .json_spacing import (
    MAX_GROWTH,
    MAX_INDENTED_BYTES,
    MAX_SHORT_BYTES,
    apply_spacing,
    can_be_indented,
    find_spacing,
    indent_json,
    indent_plain_json,
)

type BodyFormat = Literal["json", "proto", "other"]
"""The declared format of a body, from its Content-Type or from that of its stream."""


class BodyFields(TypedDict, total=False):
    """The keys of a `Body`, to be spread into a document: `Event(event=1, …, **decode_body(…))`."""

    spacing: Spacing
    json: str
    text: str
    proto: str
    base64: bytes
    wire: bytes
    wire_of: str
    malformed: str
    omitted: str


class BodyError(ValueError):
    """A body of a cassette that cannot be converted to bytes. The text starts with its key."""


def decode_body(
    data: bytes, body_format: BodyFormat = "other", message: str | None = None
) -> BodyFields:
    """Convert the bytes of a body to the form that suits them.

    `message` is the full name of the protobuf message, if it is known. Never raises.
    """
    if not data:
        return {}
    match body_format:
        case "json":
            return decode_json_body(data)
        case "proto" if message is not None:
            return _decode_proto_body(data, message)
        case _:
            return _decode_text(data)


def encode_body(body: Body, message: str | None = None) -> bytes:
    """Return the bytes of a body. `message` is the full protobuf name, needed for `proto`.

    Raises `BodyError` if the text of `json` or `proto` does not parse, if the message type is
    needed and unknown, or if the body was omitted.
    """
    if body.omitted is not None:
        way_out = "to play it, record again with a larger --max-body"
        raise BodyError(f"omitted: the body was not recorded ({body.omitted}): {way_out}")
    if body.json is not None:
        return _encode_json(body.json, body.spacing)
    if body.text is not None:
        return body.text.encode()
    if body.proto is not None:
        return _encode_proto(body, body.proto, message)
    return body.base64 or b""


def indented_body_encoder(form: bytes, message: str | None) -> Callable[[bytes], bytes]:
    """Return a function from the text of a literal block under `json` or `proto` to its bytes.

    The text has its indentation in YAML, and there is neither `spacing` nor `wire`. The bytes are
    those of `encode_body`. The function raises an error of any kind where that does.
    """
    compact = partial(json.format, indent=-1)
    if form == b"json":
        return compact
    if message is None:
        raise BodyError("proto: the message type of this body is not known")
    from ...proto.messages.mapping import text_to_message_bytes

    write_protobuf = _protobuf_writer(message)

    def encode_proto(text: bytes) -> bytes:
        data = write_protobuf(text)
        return text_to_message_bytes(compact(text), message) if data is None else data

    return encode_proto


def proto_text_digest(proto: str) -> str:
    """Return the `wire_of` of a message's text. It does not depend on the indentation."""
    return _digest(_compact(proto, "proto"))


def decode_json_body(data: bytes) -> BodyFields:
    """Convert a body that is declared as JSON. Most events are such bodies."""
    if (plain := indent_plain_json(data)) is not None:
        return {"json": plain.decode()}
    try:
        source = data.decode()
        indented = indent_json(data)
        formatted = json.format(data, indent=-1) if indented is None else indented
        if _has_white_space(source) and json.format(formatted, indent=-1) != data:
            spacing = None if indented is None else find_spacing(data)
            if spacing is None:
                return {"text": source}
            return {"spacing": spacing, "json": formatted.decode()}
    except UnicodeDecodeError as error:
        return {"base64": data, "malformed": f"not UTF-8: {error.reason} (byte {error.start})"}
    except (ValueError, RecursionError) as error:
        return {**_decode_text(data), "malformed": f"not JSON: {_json_problem(error)}"}
    return {"json": formatted.decode()}


def format_ascii_json(data: bytes) -> bytes | None:
    """Indent JSON that is compact and in ASCII; None if it is not.

    The result is for `yaml_writer.format_ascii_event`: the text that `decode_json_body` returns
    under `json`, and which a literal block can hold.
    """
    if (plain := indent_plain_json(data)) is not None:
        return plain if plain.isascii() else None
    size = len(data)
    if size > MAX_SHORT_BYTES and not can_be_indented(data):
        return None
    try:
        source = data.decode("ascii")
        formatted = json.format(data)  # This is `indent_json`, but the call would cost a tenth.
        if len(formatted) > MAX_GROWTH * size:
            return None
        if " " in source and json.format(formatted, indent=-1) != data:
            return None
    except (ValueError, RecursionError):
        return None
    if "\n" in source or "\t" in source or "\r" in source or "\x7f" in source:
        return None
    return formatted


def ascii_proto_formatter(message: str) -> Callable[[bytes], bytes | None]:
    """Return a function that formats messages of one type as `format_ascii_json` formats JSON.

    It returns the text that `decode_body` returns under `proto`, or None if that is not ASCII, does
    not give the same bytes back, or is too long to be indented.
    """
    from ...proto.messages.fast_conversion import indented_json_writer
    from ...proto.messages.mapping import message_to_text

    write_indented = indented_json_writer(message)

    def format_ascii_proto(data: bytes) -> bytes | None:
        if not data:
            return None  # An empty body has no form.
        try:
            indented = write_indented(data)  # This is what follows, in 1.1 instead of 1.9 µs.
            if indented is None:
                text, gives_back = message_to_text(data, message)
                if not gives_back or len(text) > MAX_INDENTED_BYTES:
                    return None
                indented = json.format(text)
            elif len(indented) > MAX_INDENTED_BYTES:
                return None
        except (ValueError, LookupError, ProtobufError, RecursionError):
            return None
        return indented if indented.isascii() and 0x7F not in indented else None

    return format_ascii_proto


def _has_white_space(source: str) -> bool:
    # Without any, undoing the indentation loses nothing. To look costs less than to undo it.
    return " " in source or "\n" in source or "\t" in source or "\r" in source


def _decode_text(data: bytes) -> BodyFields:
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:
        return {"base64": data}


def _decode_proto_body(data: bytes, name: str) -> BodyFields:
    from ...proto.messages.fast_conversion import indented_json_writer
    from ...proto.messages.mapping import message_to_text

    try:
        if len(data) <= MAX_INDENTED_BYTES // 4:  # Its text is hardly longer than may be indented.
            indented = indented_json_writer(name)(data)
            if indented is not None and len(indented) <= MAX_INDENTED_BYTES:
                return {"proto": indented.decode()}
        text, gives_back = message_to_text(data, name)
        proto = (text if len(text) > MAX_INDENTED_BYTES else json.format(text, indent=2)).decode()
    except (ValueError, LookupError, ProtobufError, RecursionError) as error:
        return {"base64": data, "malformed": f"not a {name}: {error}"}
    if gives_back:
        return {"proto": proto}
    return {"proto": proto, "wire": data, "wire_of": _digest(text)}


def _encode_proto(body: Body, text: str, name: str | None) -> bytes:
    if body.wire is not None:
        if body.wire_of is None:
            raise BodyError(
                "wire: expected a key wire_of, the digest of the text that it belongs to"
            )
        if body.wire_of == proto_text_digest(text):
            return body.wire
    if name is None:
        raise BodyError("proto: the message type of this body is not known: write it under base64")
    try:
        data = _protobuf_writer(name)(text.encode())
    except (ValueError, LookupError):
        data = None
    if data is not None:
        return data
    from ...proto.messages.mapping import text_to_message_bytes

    compact = _compact(text, "proto")
    try:
        return text_to_message_bytes(compact, name)
    except (ValueError, LookupError, ProtobufError, RecursionError) as error:
        raise BodyError(f"proto: not a {name}: {error}") from error


@cache
def _protobuf_writer(name: str) -> Callable[[bytes], bytes | None]:
    """Return what converts the text of a message, also an indented one; None for unusual text.

    It saves a fifth of the time to load an event: no import is looked up, no text made compact.
    """
    from ...proto.messages.fast_conversion import protobuf_writer

    return protobuf_writer(name)


def _digest(compact: bytes) -> str:
    import hashlib

    return hashlib.sha256(compact).hexdigest()[:12]


def _encode_json(text: str, spacing: Spacing | None) -> bytes:
    if spacing is None:
        return _compact(text, "json")
    try:
        return apply_spacing(text.encode(), spacing)
    except (ValueError, RecursionError) as error:
        raise BodyError(f"json: not JSON: {_json_problem(error)}") from error


def _compact(text: str, key: str) -> bytes:
    try:
        return json.format(text.encode(), indent=-1)
    except (ValueError, RecursionError) as error:
        raise BodyError(f"{key}: not JSON: {_json_problem(error)}") from error


def _json_problem(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)
