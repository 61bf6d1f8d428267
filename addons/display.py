"""Messages as text for people: indented, bounded, and with a word about what is wrong with them.

All of this runs while the traffic of the proxy waits, so it stops early: Mesos JSON is written from
about 4 MB of protobuf in a second, and JSON indented from some 300 MB.
"""

import re

from google.protobuf.message import Error as ProtobufError
from msgspec import Struct, json

from ..proto.messages.message_text import message_to_text
from .body_type import BodyType

MAX_TEXT_CHARACTERS = 512 * 1024
"""Characters of a text; more is cut off."""

MAX_PROTOBUF_BYTES = 1024 * 1024
"""Bytes of protobuf messages that are decoded for one text."""

MAX_BYTES = 4096
MAX_HEX = 1024
"""Bytes that are shown of what is no message, as text and as hex."""

TRUNCATION_MARK = "# CUT OFF here: "
"""Begins the last line of a text that does not show all."""

_ROW = 16
_UNSHOWN = re.compile("[\x7f-\x9f]")
_CONTROL = re.compile("[^\\t\\n\\r\x20-\x7e\xa0-\U0010ffff]")


class RenderedMessage(Struct, frozen=True):
    """A message as text, and what is wrong with it, if something is."""

    text: str
    problem: str | None = None


def render_message(data: bytes, subject: BodyType) -> RenderedMessage:
    """Show one message; never raises."""
    try:
        text = data if subject.encoding == "json" else _protobuf_text(data, subject.message_name)
        return RenderedMessage(_escaped(json.format(text, indent=2).decode()))
    except UnicodeDecodeError as error:
        return RenderedMessage(
            render_bytes(data), f"not UTF-8: {error.reason} (byte {error.start})"
        )
    except (ValueError, LookupError, ProtobufError, RecursionError) as error:
        kind = "JSON" if subject.encoding == "json" else f"a {subject.message_name}"
        return RenderedMessage(render_bytes(data), f"not {kind}: {error}")


def _protobuf_text(data: bytes, message: str) -> bytes:
    if len(data) > MAX_PROTOBUF_BYTES:
        raise ValueError(f"{len(data)} bytes, at most {MAX_PROTOBUF_BYTES} are decoded here")
    return message_to_text(data, message)[0]


def _escaped(text: str) -> str:
    """Escape what mitmproxy would replace by dots; in JSON it is always inside a string."""
    return _UNSHOWN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def render_bytes(data: bytes, size: int | None = None) -> str:
    """Show the beginning of bytes that are no message, as YAML: text if it is that, else hex.

    `size` is how many bytes there are, if `data` are not all of them.
    """
    shown = data[:MAX_BYTES]
    left = (size or len(data)) - len(shown)
    more = f"\n# {left} bytes more" if left else ""
    text = shown.decode(errors="ignore" if left else "replace")
    if "\N{REPLACEMENT CHARACTER}" not in text and not _CONTROL.search(text):
        return f"text: {json.encode(text).decode()}{more}"
    rows = (_row(at, shown[at : at + _ROW]) for at in range(0, min(len(shown), MAX_HEX), _ROW))
    left += len(shown) - min(len(shown), MAX_HEX)
    return "\n".join(["hex: |", *rows, *([f"# {left} bytes more"] if left else [])])


def _row(at: int, data: bytes) -> str:
    text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in data)
    return f"  {at:08x}  {data.hex(' '):<{_ROW * 3 - 1}}  {text}"


def truncate_text(text: str, limit: int = MAX_TEXT_CHARACTERS) -> str:
    """Bound a text; its last line says so if something is missing."""
    if len(text) <= limit:
        return text
    end = max(text.rfind("\n", 0, limit), 0) or limit
    return (
        f"{text[:end]}\n{TRUNCATION_MARK}{len(text) - end} of {len(text)} characters are not shown"
    )
