"""Bytes as the readable forms of a body, and back.

    json    {"type":"HEARTBEAT"}       indented; the same tokens without white space are the bytes
    proto   08 01 …                    shown as Mesos JSON, if the message type is known
    text    anything else in UTF-8     verbatim
    base64  everything else

Every form gives the very bytes back, or it is not used. Nothing here is lost: a body that should
decode and does not is kept as bytes (or text), and `malformed` says why.
"""

import hashlib
from collections.abc import Callable
from typing import Literal, TypedDict

from google.protobuf.message import Error as ProtobufError
from msgspec import json

from .documents import Body

MAX_INDENTED_BYTES = 256 * 1024
"""Bytes. A longer body stays on one line: nobody reads it in an editor."""

type BodyFormat = Literal["json", "proto", "other"]
"""What a body is said to be: by its Content-Type, or by the stream it is a record of."""


class BodyFields(TypedDict, total=False):
    """The keys of a `Body`, to be spread into a document: `Event(event=1, …, **shown(…))`."""

    json: str
    text: str
    proto: str
    base64: bytes
    wire: bytes
    wire_of: str
    malformed: str


class BodyError(ValueError):
    """A body of a cassette does not give bytes; the text says which key, why, and the way out."""


def decode_body(
    data: bytes, body_format: BodyFormat = "other", message: str | None = None
) -> BodyFields:
    """Choose the form for a body's bytes. `message` is the full protobuf name, if it is known."""
    if not data:
        return {}
    match body_format:
        case "json":
            return decode_json_body(data)
        case "proto" if message is not None:
            return _shown_proto(data, message)
        case _:
            return _shown_text(data)


def encode_body(body: Body, message: str | None = None) -> bytes:
    """Give the bytes of a body back. `message` is the full protobuf name, needed for `proto`.

    Raises `BodyError` if the text of `json` or `proto` does not parse.
    """
    if body.json is not None:
        return _compact(body.json, "json")
    if body.text is not None:
        return body.text.encode()
    if body.proto is not None:
        return _wire_proto(body, body.proto, message)
    return body.base64 or b""


def proto_text_digest(proto: str) -> str:
    """Return the `wire_of` of a shown message; indenting it in another way changes nothing."""
    return _digest(_compact(proto, "proto"))


def decode_json_body(data: bytes) -> BodyFields:
    """Choose the form of what is said to be JSON; this is what most events are."""
    try:
        source = data.decode()
        formatted = json.format(data, indent=2 if len(data) <= MAX_INDENTED_BYTES else -1)
        if _has_blanks(source) and json.format(formatted, indent=-1) != data:
            return {"text": source}
    except UnicodeDecodeError as error:
        return {"base64": data, "malformed": f"not UTF-8: {error.reason} (byte {error.start})"}
    except (ValueError, RecursionError) as error:
        return _flagged(data, f"not JSON: {error}")
    return {"json": formatted.decode()}


def format_ascii_json(data: bytes) -> bytes | None:
    """Show JSON that is compact and in ASCII, or give None, which is no error.

    Most JSON is. This is what `shown` gives, without looking for what YAML would not let stand.
    """
    if len(data) > MAX_INDENTED_BYTES:
        return None
    try:
        source = data.decode("ascii")
        formatted = json.format(data)
        if " " in source and json.format(formatted, indent=-1) != data:
            return None
    except (ValueError, RecursionError):
        return None
    if "\n" in source or "\t" in source or "\r" in source or "\x7f" in source:
        return None
    return formatted


def ascii_proto_formatter(message: str) -> Callable[[bytes], bytes | None]:
    """Make what shows a message whose text gives its bytes back and is ASCII, or gives None."""
    from ...proto.messages.message_text import message_to_text

    def plain(data: bytes) -> bytes | None:
        if not data:
            return None  # An empty body has no form.
        try:
            text, gives_back = message_to_text(data, message)
            if (
                not gives_back
                or not text.isascii()
                or 0x7F in text
                or len(text) > MAX_INDENTED_BYTES
            ):
                return None
            return json.format(text)
        except (ValueError, LookupError, ProtobufError, RecursionError):
            return None

    return plain


def _has_blanks(source: str) -> bool:
    """Whether undoing the indentation could lose something. Looking costs less than an undo."""
    return " " in source or "\n" in source or "\t" in source or "\r" in source


def _shown_text(data: bytes) -> BodyFields:
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:
        return {"base64": data}


def _flagged(data: bytes, reason: str) -> BodyFields:
    """Bytes that did not decode, as text if they are, and why."""
    flagged = _shown_text(data)
    flagged["malformed"] = reason
    return flagged


def _shown_proto(data: bytes, name: str) -> BodyFields:
    from ...proto.messages.message_text import message_to_text

    try:
        text, gives_back = message_to_text(data, name)
        proto = (text if len(text) > MAX_INDENTED_BYTES else json.format(text, indent=2)).decode()
    except (ValueError, LookupError, ProtobufError, RecursionError) as error:
        return {"base64": data, "malformed": f"not a {name}: {error}"}
    if gives_back:
        return {"proto": proto}
    return {"proto": proto, "wire": data, "wire_of": _digest(text)}


def _wire_proto(body: Body, text: str, name: str | None) -> bytes:
    if body.wire is not None:
        if body.wire_of is None:
            raise BodyError("wire: found no wire_of, which says what text the bytes belong to")
        if body.wire_of == proto_text_digest(text):
            return body.wire
    if name is None:
        raise BodyError("proto: the message type of this body is not known, so base64 is expected")
    from ...proto.messages.message_text import text_to_message_bytes

    compact = _compact(text, "proto")
    try:
        return text_to_message_bytes(compact, name)
    except (ValueError, LookupError, ProtobufError, RecursionError) as error:
        raise BodyError(f"proto: not a {name}: {error}") from error


def _digest(compact: bytes) -> str:
    return hashlib.sha256(compact).hexdigest()[:12]


def _compact(text: str, key: str) -> bytes:
    try:
        return json.format(text.encode(), indent=-1)
    except (ValueError, RecursionError) as error:
        raise BodyError(f"{key}: not JSON: {error}") from error
