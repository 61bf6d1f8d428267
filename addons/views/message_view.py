"""The view "Mesos": one request or response in either encoding.

    # mesos.v1.master.Call, JSON
    {
      "type": "GET_HEALTH"
    }

The text can be edited: in mitmproxy's console press `e`, then select `request-body (Mesos)`. An
unchanged text gives back the same bytes. A changed one is encoded as Mesos encodes it, which drops
the unknown fields of a protobuf message.
"""

from collections.abc import Callable
from typing import Literal, override

from google.protobuf.message import Error as ProtobufError
from mitmproxy import http
from mitmproxy.contentviews import InteractiveContentview, Metadata
from mitmproxy.exceptions import CommandError
from msgspec import json

from ...proto.api.apis import ServerKind
from ...proto.messages.mapping import text_to_message_bytes
from . import display, kept_body
from .body_type import BodyType, request_body_type, response_body_type

RENDER_PRIORITY = 2.0
"""The views of mitmproxy for JSON and protobuf have 1."""

_ENCODING_NAMES = {"json": "JSON", "protobuf": "protobuf"}


class EditError(CommandError, ValueError):
    """An edited text is not the message. mitmproxy shows the text, and the flow is unchanged."""


class MessageView(InteractiveContentview):
    """Shows messages that are no streams; `server` returns the kind of server of `/api/v1`."""

    def __init__(self, server: Callable[[], ServerKind]) -> None:
        self._server = server

    @property
    @override
    def name(self) -> str:
        return "Mesos"

    @property
    @override
    def syntax_highlight(self) -> Literal["yaml"]:
        return "yaml"

    @override
    def render_priority(self, data: bytes, metadata: Metadata) -> float:
        body_type = metadata_body_type(metadata, self._server())
        return RENDER_PRIORITY if data and body_type is not None and not body_type.is_stream else -1

    @override
    def prettify(self, data: bytes, metadata: Metadata) -> str:
        """Format a message; never raises."""
        body_type = metadata_body_type(metadata, self._server())
        if body_type is None:
            return f"# no call or response of the Mesos v1 APIs\n{display.render_bytes(data)}"
        rendered = display.render_message(data, body_type)
        lines = [f"# {format_title(body_type)}"]
        kept = kept_body.load_kept_range(metadata.flow, request_or_response(metadata))
        if kept is not None and kept.total > len(data):
            lines.append(f"# only the first {len(data)} of {kept.total} bytes were kept")
        if rendered.problem is not None:
            lines.append(f"MALFORMED: {json.encode(rendered.problem).decode()}")
        return "\n".join([*lines, display.truncate_text(rendered.text)])

    @override
    def reencode(self, prettified: str, metadata: Metadata) -> bytes:
        """Return the bytes of an edited text. Raises EditError if it is not the message."""
        body_type = metadata_body_type(metadata, self._server())
        before = metadata.http_message.get_content(strict=False) if metadata.http_message else None
        if before is not None and self.prettify(before, metadata).strip() == prettified.strip():
            return before
        if body_type is None or display.TRUNCATION_MARK in prettified:
            raise EditError("this view does not show all of the message: edit the raw body instead")
        return _encode(prettified, body_type)


def _encode(text: str, body_type: BodyType) -> bytes:
    """Encode an edited text, without the comment lines above it. Raises EditError."""
    lines = text.splitlines(keepends=True)
    while lines and lines[0].startswith("#"):
        del lines[0]
    try:
        compact = json.format("".join(lines).encode(), indent=-1)
        if body_type.encoding == "json":
            return compact
        return text_to_message_bytes(compact, body_type.message_name)
    except (ValueError, LookupError, ProtobufError, RecursionError) as error:
        raise EditError(f"not a {format_title(body_type)}: {error}") from error


def metadata_body_type(metadata: Metadata, server: ServerKind) -> BodyType | None:
    """Return the type of the body that a view is asked to show."""
    flow, message = metadata.flow, metadata.http_message
    if not isinstance(flow, http.HTTPFlow):
        return None
    if isinstance(message, http.Request):
        return request_body_type(message, server)
    return response_body_type(flow, server) if message is flow.response else None


def request_or_response(metadata: Metadata) -> str:
    """Return which message of a flow is shown, "request" or "response"."""
    return "request" if isinstance(metadata.http_message, http.Request) else "response"


def format_title(body_type: BodyType) -> str:
    """Format the name of a message and its encoding."""
    return f"{body_type.message_name or 'unknown messages'}, {_ENCODING_NAMES[body_type.encoding]}"
