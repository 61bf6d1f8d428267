"""The view "Mesos": one call or one answer, in either encoding.

    # mesos.v1.master.Call, JSON
    {
      "type": "GET_HEALTH"
    }

It is text to be edited, too: in mitmproxy's console `e`, then `request-body (Mesos)`. What is not
changed gives the very bytes back; what is changed is written as Mesos writes it, and unknown fields
of a protobuf message are lost.
"""

from collections.abc import Callable
from typing import Literal

from google.protobuf.message import Error as ProtobufError
from mitmproxy import http
from mitmproxy.contentviews import InteractiveContentview, Metadata
from mitmproxy.exceptions import CommandError
from msgspec import json

from ..proto.api.apis import ServerKind
from ..proto.messages.message_text import text_to_message_bytes
from . import body_type, display, kept_body
from .body_type import BodyType

RENDER_PRIORITY = 2.0
"""mitmproxy's own views for JSON and protobuf have 1."""

_NAMES = {"json": "JSON", "protobuf": "protobuf"}


class EditError(CommandError, ValueError):
    """An edited text is not the message; mitmproxy says why, and the flow stays as it was."""


class MessageView(InteractiveContentview):
    """Shows unary messages; `server` tells what kind of server `/api/v1` belongs to."""

    def __init__(self, server: Callable[[], ServerKind]) -> None:
        self._server = server

    @property
    def name(self) -> str:
        """What it is called in the menus."""
        return "Mesos"

    @property
    def syntax_highlight(self) -> Literal["yaml"]:
        """JSON is YAML."""
        return "yaml"

    def render_priority(self, data: bytes, metadata: Metadata) -> float:
        """Claim the calls and answers of the v1 APIs, and nothing else."""
        subject = metadata_body_type(metadata, self._server())
        return RENDER_PRIORITY if data and subject is not None and not subject.is_stream else -1

    def prettify(self, data: bytes, metadata: Metadata) -> str:
        """Show a message; never raises."""
        subject = metadata_body_type(metadata, self._server())
        if subject is None:
            return f"# not a call or an answer of the Mesos v1 APIs\n{display.render_bytes(data)}"
        shown = display.render_message(data, subject)
        lines = [f"# {format_title(subject)}"]
        kept = kept_body.load_kept_range(metadata.flow, request_or_response(metadata))
        if kept is not None and kept.total > len(data):
            lines.append(f"# only the first {len(data)} of {kept.total} bytes were kept")
        if shown.problem is not None:
            lines.append(f"MALFORMED: {json.encode(shown.problem).decode()}")
        return "\n".join([*lines, display.truncate_text(shown.text)])

    def reencode(self, prettified: str, metadata: Metadata) -> bytes:
        """Give the bytes of an edited message. Raises EditError if it is none."""
        subject = metadata_body_type(metadata, self._server())
        before = metadata.http_message.get_content(strict=False) if metadata.http_message else None
        if before is not None and self.prettify(before, metadata).strip() == prettified.strip():
            return before
        if subject is None or display.TRUNCATION_MARK in prettified:
            raise EditError("this view does not show all of the message: edit the raw body instead")
        return encode(prettified, subject)


def encode(text: str, subject: BodyType) -> bytes:
    """Write a shown message; comment lines above it do not count. Raises EditError."""
    lines = text.splitlines(keepends=True)
    while lines and lines[0].startswith("#"):
        del lines[0]
    try:
        compact = json.format("".join(lines).encode(), indent=-1)
        return (
            compact
            if subject.encoding == "json"
            else text_to_message_bytes(compact, subject.message_name)
        )
    except (ValueError, LookupError, ProtobufError, RecursionError) as error:
        raise EditError(f"not a {format_title(subject)}: {error}") from error


def metadata_body_type(metadata: Metadata, server: ServerKind) -> BodyType | None:
    """Tell what the bytes are that a view is asked about."""
    flow, message = metadata.flow, metadata.http_message
    if not isinstance(flow, http.HTTPFlow):
        return None
    if isinstance(message, http.Request):
        return body_type.request_body_type(message, server)
    return body_type.response_body_type(flow, server) if message is flow.response else None


def request_or_response(metadata: Metadata) -> str:
    """Say which side of a flow is shown."""
    return "request" if isinstance(metadata.http_message, http.Request) else "response"


def format_title(subject: BodyType) -> str:
    """Name a message and its encoding."""
    return f"{subject.message_name or 'unknown messages'}, {_NAMES[subject.encoding]}"
