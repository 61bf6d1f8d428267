"""The messages of a report, compressed in blocks that the browser unpacks when one is asked for.

A block is a JSON array of messages, deflated, in base64, in an element of its own. Messages are
numbered from 1 in the order of the page.
"""

import base64
import codecs
import zlib
from typing import IO

import msgspec
from msgspec import Struct

from ...proto.messages import mapping

_BLOCK_BYTES = 256 << 10
_MOST_SHOWN_BYTES = 64 << 10
_LEVEL = 4  # 9 makes the page 4 % smaller, and takes three times as long.

MAX_PACKED_BYTES = 64 << 20
"""Of all blocks in a page. Browsers open larger pages, but slowly."""

_encoder = msgspec.json.Encoder()


class ShownMessage(Struct, frozen=True, omit_defaults=True):
    """A body as the page shows it: as JSON, as protobuf, as text, each if it is that.

    `wire` is the form in which it was sent, `size` the size in that. Long ones are cut; `json_size`
    and `protobuf_size` are the sizes of the whole.
    """

    wire: str
    size: int
    name: str | None = None
    json: str | None = None
    json_size: int = 0
    protobuf: bytes | None = None
    protobuf_size: int = 0
    text: str | None = None


def show_message(body: bytes, name: str | None) -> ShownMessage:
    """Return a body in both encodings, if it is a message whose full name is known."""
    is_json = body[:1] in (b"{", b"[")
    text = protobuf = None
    try:
        if is_json:
            text = msgspec.json.format(body, indent=2)
            protobuf = mapping.text_to_message_bytes(body, name) if name else None
        elif name:
            message = mapping.decode_protobuf(body, name)
            text = msgspec.json.format(mapping.encode(message, include_defaults=False), indent=2)
            protobuf = body
    except (ValueError, LookupError, RecursionError):
        pass
    wire = "JSON" if is_json and text else "protobuf" if protobuf is not None else ""
    return ShownMessage(
        wire=wire or ("text" if _is_text(body) else "bytes"),
        size=len(body),
        name=name,
        json=None if text is None else _cut(text),
        json_size=0 if text is None else len(text),
        protobuf=None if protobuf is None else protobuf[:_MOST_SHOWN_BYTES],
        protobuf_size=0 if protobuf is None else len(protobuf),
        text=None if wire else _as_text(body),
    )


class MessageBlocks:
    """Writes messages to a page. `first_numbers` has the number of the first one of each block."""

    def __init__(self, page: IO[bytes], max_packed_bytes: int = MAX_PACKED_BYTES) -> None:
        self.first_numbers: list[int] = []
        self.left_out = 0
        self._page = page
        self._remaining_bytes = max_packed_bytes
        self._messages: list[bytes] = []
        self._block_bytes = 0
        self._count = 0

    def add(self, body: bytes, name: str | None) -> int:
        """Add a body; return its number, or 0 if it is empty or the page has no more room."""
        if not body:
            return 0
        if self._remaining_bytes <= 0:
            self.left_out += 1
            return 0
        message = _encoder.encode(show_message(body, name))
        if not self._messages:
            self.first_numbers.append(self._count + 1)
        self._messages.append(message)
        self._block_bytes += len(message)
        self._count += 1
        if self._block_bytes > _BLOCK_BYTES:
            self.flush()
        return self._count

    def flush(self) -> None:
        """Write the messages that are not written yet."""
        if not self._messages:
            return
        packed = pack(b"[" + b",".join(self._messages) + b"]")
        self._page.write(b'<script type="text/plain" class="block">%b</script>\n' % packed)
        self._remaining_bytes -= len(packed)
        self._messages.clear()
        self._block_bytes = 0


def pack(data: bytes) -> bytes:
    """Compress data, and return it as base64."""
    return base64.b64encode(zlib.compress(data, _LEVEL))


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in body


def _as_text(body: bytes) -> str:
    """Return the start of a body as text or as hex."""
    if not _is_text(body):
        return body[:4096].hex(" ", 1)
    return _cut(body)


def _cut(text: bytes) -> str:
    """Return the start of UTF-8, cut between characters."""
    return codecs.getincrementaldecoder("utf-8")("replace").decode(text[:_MOST_SHOWN_BYTES])
