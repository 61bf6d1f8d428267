"""Format messages and bytes as text: indented, bounded, and with what is wrong with them.

The traffic of the proxy waits while a text is made, so sizes are limited: protobuf is converted to
JSON at about 4 MB per second, and JSON is indented at some 300 MB per second.
"""

import re

from google.protobuf.message import Error as ProtobufError
from msgspec import Struct, json

from ...proto.counted import counted
from ...proto.messages.mapping import message_to_text
from .body_type import BodyType

MAX_TEXT_CHARACTERS = 512 * 1024
"""Characters of a text; the rest is cut off."""

MAX_PROTOBUF_BYTES = 1024 * 1024
"""Bytes of protobuf messages that are decoded for one text."""

TRUNCATION_MARK = "# CUT OFF here: "
"""Starts the last line of a text that was cut off."""

_MAX_BYTES = 4096
_MAX_HEX_BYTES = 1024
"""Bytes that are no message: how many are shown as text, and how many as hex."""

_ROW_BYTES = 16
_REPLACED_BY_MITMPROXY = re.compile("[\x7f-\x9f]")
_CONTROL = re.compile("[^\\t\\n\\r\x20-\x7e\xa0-\U0010ffff]")


class RenderedMessage(Struct, frozen=True):
    """A message as text, and what is wrong with it, if anything."""

    text: str
    problem: str | None = None


def render_message(data: bytes, body_type: BodyType) -> RenderedMessage:
    """Format one message as JSON, or its bytes if it is none; never raises."""
    is_json = body_type.encoding == "json"
    try:
        text = data if is_json else _protobuf_to_json(data, body_type.message_name)
        return RenderedMessage(_escape(json.format(text, indent=2).decode()))
    except UnicodeDecodeError as error:
        problem = f"not UTF-8: {error.reason} (byte {error.start})"
    except (ValueError, LookupError, ProtobufError, RecursionError) as error:
        problem = f"not {'JSON' if is_json else f'a {body_type.message_name}'}: {error}"
    return RenderedMessage(render_bytes(data), problem)


def _protobuf_to_json(data: bytes, message: str) -> bytes:
    if len(data) > MAX_PROTOBUF_BYTES:
        raise ValueError(f"{len(data)} bytes, at most {MAX_PROTOBUF_BYTES} are decoded here")
    return message_to_text(data, message)[0]


def _escape(text: str) -> str:
    """Escape what mitmproxy would replace by dots; in JSON it is always inside a string."""
    return _REPLACED_BY_MITMPROXY.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def render_bytes(data: bytes, size: int | None = None) -> str:
    """Format the first bytes of what is no message as YAML, under the key `text` or `hex`.

    `size` is the number of all bytes, if `data` holds only the first of them.
    """
    shown = data[:_MAX_BYTES]
    left = (size or len(data)) - len(shown)
    text = shown.decode(errors="ignore" if left else "replace")
    if "\N{REPLACEMENT CHARACTER}" not in text and not _CONTROL.search(text):
        lines = [f"text: {json.encode(text).decode()}"]
    else:
        hex_bytes = shown[:_MAX_HEX_BYTES]
        left += len(shown) - len(hex_bytes)
        starts = range(0, len(hex_bytes), _ROW_BYTES)
        lines = ["hex: |", *(_hex_row(at, hex_bytes[at : at + _ROW_BYTES]) for at in starts)]
    return "\n".join([*lines, *([f"# {counted(left, 'byte')} more"] if left else [])])


def _hex_row(offset: int, data: bytes) -> str:
    text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in data)
    return f"  {offset:08x}  {data.hex(' '):<{_ROW_BYTES * 3 - 1}}  {text}"


def truncate_text(text: str, limit: int = MAX_TEXT_CHARACTERS) -> str:
    """Cut a text off at a line break before `limit`; a last line then reports how much is missing.

    A text without a line break is cut at `limit`.
    """
    if len(text) <= limit:
        return text
    end = max(text.rfind("\n", 0, limit), 0) or limit
    left = len(text) - end
    return f"{text[:end]}\n{TRUNCATION_MARK}{left} of {len(text)} characters are not shown"
