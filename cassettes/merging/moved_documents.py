"""Documents with other numbers and times, byte for byte as before in all else.

In the layout of the writer only the first lines change. Any other document is formatted anew, and
so is an event with `chunks`, which have times.
"""

from collections.abc import Iterator

from msgspec.structs import replace

from ..cutting.head_reader import DocumentHead, read_pieces
from ..format.documents import Document, End, Event, Exchange, Note
from ..format.yaml_writer import format_document
from ..storage.reader import Cassette
from .merged_numbers import MergedNumbers


class DocumentMover:
    """Moves the documents of one of the merged cassettes, the one with this index."""

    def __init__(
        self, cassette: Cassette, index: int, numbers: MergedNumbers, shift_seconds: float
    ) -> None:
        self._cassette = cassette
        self._index = index
        self._numbers = numbers
        self._shift_seconds = shift_seconds

    def move(self, head: DocumentHead) -> Iterator[bytes]:
        """Return the bytes of a document with its new numbers and times."""
        if head.kind == "event" and head.length:
            if not head.data.startswith(b"chunks: ", head.length):
                of, at = self._exchange(head.of), self._at(head.at_seconds)
                side = b"from: client\n" if head.side == "client" else b""
                yield b"---\nevent: %d\nof: %d\nat: %.6f\n%b" % (head.number, of, at, side)
                yield from read_pieces(self._cassette, head, head.length)
                return
        elif head.kind == "exchange" and head.length:
            number, at = self._exchange(head.of), self._at(head.at_seconds)
            client = self._numbers.client(self._index, head.client)
            yield b"---\nexchange: %d\nat: %.6f\nclient: %d\n" % (number, at, client)
            yield from read_pieces(self._cassette, head, head.length)
            return
        yield format_document(self._moved(self._cassette.read_document(head.document)))

    def _moved(self, document: Document) -> Document:
        match document:
            case Exchange():
                number = self._exchange(document.exchange)
                client = self._numbers.client(self._index, document.client)
                at = self._at(document.at)
                return replace(document, exchange=number, client=client, at=at)
            case Event():
                of, at = self._exchange(document.of), self._at(document.at)
                chunks = document.chunks and [(size, self._at(at)) for size, at in document.chunks]
                return replace(document, of=of, at=at, chunks=chunks)
            case End():
                return replace(document, end=self._exchange(document.end), at=self._at(document.at))
            case Note():
                of = None if document.of is None else self._exchange(document.of)
                return replace(document, of=of, at=self._at(document.at))
            case _:
                return document

    def _exchange(self, number: int) -> int:
        return self._numbers.exchange(self._index, number)

    def _at(self, at_seconds: float) -> float:
        return at_seconds + self._shift_seconds
