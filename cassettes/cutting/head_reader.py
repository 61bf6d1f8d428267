"""The heads of documents: of which exchange one is, and the type of an event.

In the layout of the writer the first lines of a document have it. Any other document is parsed.
"""

import re
from collections.abc import Iterator
from typing import Literal

from google.protobuf.message import Message
from msgspec import Struct

from ..answers.records import record_message, record_type
from ..format.documents import CassetteError, Event, Exchange, Side
from ..format.fast_reader import EVENT_HEAD_PATTERN, EXCHANGE_HEAD_PATTERN
from ..storage.reader import Cassette
from ..storage.recorded_bodies import encode_event

_HEAD_BYTES = 4096
_BLOCK_BYTES = 1 << 20
_EVENT = re.compile(EVENT_HEAD_PATTERN.encode())
_EXCHANGE = re.compile(EXCHANGE_HEAD_PATTERN.encode())
_SMALL_KINDS = (b"---\nend: ", b"---\nnote: ", b"---\nmesotape: ")
_TYPE = re.compile(
    rb"(?:chunks: [^\n]*\n)?(?:spacing: [^\n]*\n)?"
    rb'(?:json|proto): \|-\n {2}\{\s*"type": ?"([A-Z_]+)"'
)


class DocumentHead(Struct, gc=False):
    """The head of a document, and its first bytes. Of an end or a note it has nothing else.

    `of` is the number of the exchange that an event is of, or of an exchange itself. `length` is
    that of the head of an event or an exchange in `data`, 0 in a layout of its own. `client` is the
    connection of an exchange with such a `length`.
    """

    document: int
    data: bytes
    kind: Literal["event", "exchange", "other"] = "other"
    of: int = 0
    number: int = 0
    at_seconds: float = 0.0
    side: Side = "server"
    length: int = 0
    client: int = 0


def check_numbers(cassette: Cassette) -> None:
    """Raise CassetteError if a number is not that of one exchange."""
    if cassette.repeated_exchanges:
        number = min(cassette.repeated_exchanges)
        text = f"two exchanges have the number {number}: run mesotape validate --fix first"
        raise CassetteError(f"{cassette.path}: {text}")


def read_heads(cassette: Cassette) -> Iterator[DocumentHead]:
    """Read the heads of all documents, in the order of the file. Raises CassetteError."""
    for document, data in _beginnings(cassette):
        match = _EVENT.match(data)
        if match and (match[4] or b"\nfrom:" not in data):
            number, of, at = int(match[1]), int(match[2]), float(match[3])
            side: Side = "client" if match[4] else "server"
            yield DocumentHead(document, data, "event", of, number, at, side, match.end())
        elif match := _EXCHANGE.match(data):
            number, at, client = int(match[1]), float(match[2]), int(match[3])
            yield DocumentHead(
                document,
                data,
                "exchange",
                number,
                at_seconds=at,
                length=match.end(),
                client=client,
            )
        elif data.startswith(_SMALL_KINDS):
            yield DocumentHead(document, data)
        else:
            yield _parsed_head(cassette, document, data)


def read_pieces(cassette: Cassette, head: DocumentHead, offset: int = 0) -> Iterator[bytes]:
    """Read the bytes of a document from an offset on; the last line of a file gets its end."""
    start, end = cassette.span(head.document)
    data = head.data[offset:]
    yield data
    start += len(head.data)
    while start < end:
        data = cassette.read_bytes(start, min(end, start + _BLOCK_BYTES))
        yield data
        start += len(data)
    if not data.endswith(b"\n"):
        yield b"\n"


def event_type(cassette: Cassette, head: DocumentHead, message: str) -> str | None:
    """Return the type of an event of a stream of messages; None if it has none."""
    if head.length and (match := _TYPE.match(head.data, head.length)):
        return match[1].decode()
    data = _event_bytes(cassette, head, message)
    return None if data is None else record_type(data, message)


def event_message(cassette: Cassette, head: DocumentHead, message: str) -> Message | None:
    """Return the message of an event, of which `message` is the type; None if it is malformed."""
    data = _event_bytes(cassette, head, message)
    return None if data is None else record_message(data, message)


def _event_bytes(cassette: Cassette, head: DocumentHead, message: str) -> bytes | None:
    """Return the record of an event; None if it is malformed or was omitted."""
    event = cassette.read_document(head.document)
    if not isinstance(event, Event):
        raise CassetteError(f"{cassette.path}: changed since it was opened")
    if event.offset is not None or event.omitted is not None:
        return None
    return encode_event(cassette, event, message)


def _parsed_head(cassette: Cassette, document: int, data: bytes) -> DocumentHead:
    match cassette.read_document(document):
        case Event(event=number, of=of, at=at) as event:
            return DocumentHead(document, data, "event", of, number, at, event.from_ or "server")
        case Exchange(exchange=number, at=at):
            return DocumentHead(document, data, "exchange", number, at_seconds=at)
        case _:
            return DocumentHead(document, data)


def _beginnings(cassette: Cassette) -> Iterator[tuple[int, bytes]]:
    """Read the first 4 KiB of each document, or all of it if it is shorter."""
    block, block_start = b"", 0
    for document in cassette.document_numbers():
        start, end = cassette.span(document)
        offset, size = start - block_start, min(_HEAD_BYTES, end - start)
        if offset < 0 or offset + size > len(block):
            block, block_start, offset = cassette.read_bytes(start, start + _BLOCK_BYTES), start, 0
        yield document, block[offset : offset + size]
