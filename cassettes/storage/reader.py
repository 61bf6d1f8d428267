"""Reading a cassette: opening is one scan, and documents are parsed when they are asked for.

    with Cassette.open(path) as cassette:
        for exchange in cassette.exchanges():
            for event in cassette.events(exchange.exchange):
                ...

A cassette whose recorder was killed loads up to its last whole document, and `warnings` says what
is missing. Compressed ones (`.yaml.gz`) are unpacked into a file without a name.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from ..format import head_reader, parsing
from ..format.documents import CassetteError, Document, End, Event, Exchange, Header, Note, Side
from ..format.yaml_reader import DocumentError
from .index import NO_DOCUMENT, DocumentIndex, DocumentProblem
from .opening import open_for_reading

LONGEST_DOCUMENT = 1 << 31
"""Bytes. The longest record is 1 GiB, and base64 makes it a third longer."""

_HEAD = 64 * 1024
"""Bytes. If the request ends within them, no more is read to know it."""

_TAIL = 256


class Cassette:
    """An open cassette. Methods raise `CassetteError` where a document is wrong.

    `sound_length` is the offset in bytes behind the last whole document: where appending goes on.
    """

    def __init__(self, path: Path, fd: int, warnings: list[str]) -> None:
        self.path = path
        self._fd = fd
        self._index = DocumentIndex(fd)
        self.header = self._first()
        self.warnings = warnings + [str(self._error(loss)) for loss in self._index.warnings]
        self.intact_bytes = self._index.intact_bytes
        self.last_client_number = self._index.last_client_number

    @classmethod
    def open(cls, path: Path | str, *, lenient: bool = False) -> Self:
        """Open a cassette. Raises `CassetteError` if it is none, or not readable.

        With `lenient`, documents may be wrong, and reading them raises the error.
        """
        fd, warnings = open_for_reading(Path(path))
        try:
            cassette = cls(Path(path), fd, warnings)
            if cassette._index.problems and not lenient:
                raise cassette._error(cassette._index.problems[0])
        except BaseException:
            os.close(fd)
            raise
        return cassette

    def close(self) -> None:
        """Close the file. Iterators that are not exhausted end with an error."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        """Count the exchanges."""
        return len(self._index.exchange_numbers)

    @property
    def last_exchange_number(self) -> int:
        """The highest number of an exchange, or 0."""
        return self._index.exchange_numbers[-1] if len(self) else 0

    @property
    def last_at_seconds(self) -> float:
        """The latest time in the cassette, in seconds since `recorded_at`."""
        answered = (told.at + told.response.after for told in self.exchange_heads())
        noted = (note.at for note in self.notes())
        return max(self._index.last_at_seconds, max(answered, default=0.0), max(noted, default=0.0))

    def exchanges(self) -> Iterator[Exchange]:
        """Read the exchanges in the order of their numbers, which is that of their beginnings."""
        for document in self._index.exchange_documents:
            yield self._exchange(document)

    def exchange_heads(self) -> Iterator[Exchange]:
        """Read the exchanges as `exchanges` does, but leave out the bodies of their responses.

        However long those are, this costs the same.
        """
        for document in self._index.exchange_documents:
            yield self._request(document)

    def exchange(self, number: int) -> Exchange:
        """Read one exchange. Raises `CassetteError` if there is none of that number."""
        document = self._index.find_exchange(number)
        if document is None:
            last = f"the last is {self.last_exchange_number}" if len(self) else "it has none"
            raise CassetteError(f"{self.path}: there is no exchange {number}; {last}")
        return self._exchange(document)

    def events(self, number: int, side: Side = "server") -> Iterator[Event]:
        """Read the records of one side of an exchange, one at a time, in the order of the file."""
        stream = self._index.streams.get((number, side))
        document = NO_DOCUMENT if stream is None else stream.first
        while document != NO_DOCUMENT:
            event = self._document(document)
            if (
                not isinstance(event, Event)
                or event.of != number
                or (event.from_ or "server") != side
            ):
                raise self._changed(document)
            yield event
            document = self._index.next_in_stream[document]

    def stream_end(self, number: int, side: Side = "server") -> End | None:
        """Read how a stream ended; None if the cassette does not tell."""
        stream = self._index.streams.get((number, side))
        if stream is None or stream.end == NO_DOCUMENT:
            return None
        end = self._document(stream.end)
        if not isinstance(end, End):
            raise self._changed(stream.end)
        return end

    def notes(self) -> Iterator[Note]:
        """Read the notes, in the order of the file."""
        for document in self._index.note_documents:
            note = self._document(document)
            if not isinstance(note, Note):
                raise self._changed(document)
            yield note

    def documents(self) -> Iterator[tuple[Document, int]]:
        """Read all documents in the order of the file, each with the line its first key is on."""
        for told, line in self.documents_or_errors():
            if isinstance(told, CassetteError):
                raise told
            yield told, line

    def documents_or_errors(self) -> Iterator[tuple[Document | CassetteError, int]]:
        """Read all documents as `documents` does, with the error for one that is wrong."""
        line, offset = 2, 0
        for document in range(len(self._index.next_in_stream)):
            start = self._index.start_offsets[document]
            line += self._lines(offset, start)
            offset = start
            if document in self._index.cut_off_documents:
                continue
            try:
                yield self._document(document), line
            except CassetteError as error:
                yield error, line

    def _first(self) -> Header:
        """Read the header, the first document."""
        index = self._index
        if not index.next_in_stream and index.problems:
            raise self._error(index.problems[0])
        if not index.next_in_stream:
            raise CassetteError(f"{self.path}: not a cassette: the file is empty")
        data = self._data(0)
        if 0 in index.cut_off_documents:
            if not data.startswith(b"---\nmesotape:"[: len(data)]):
                raise CassetteError(f"{self.path}:1: not a cassette: expected a key `mesotape`")
            line = self._line(index.start_offsets[0]) + 1
            raise CassetteError(f"{self.path}:{line}: header: cut off: there is no end mark `...`")
        header = self._document(0)
        if not isinstance(header, Header):
            line = self._line(index.start_offsets[0]) + 1
            raise CassetteError(f"{self.path}:{line}: expected the header (`mesotape: 1`) first")
        return header

    def _exchange(self, document: int) -> Exchange:
        exchange = self._document(document)
        if not isinstance(exchange, Exchange):
            raise self._changed(document)
        return exchange

    def _request(self, document: int) -> Exchange:
        start, end = self._index.span(document)
        data = os.pread(self._fd, min(_HEAD, end - start), start)
        tail = os.pread(self._fd, _TAIL, end - _TAIL) if end - start > _HEAD else data[-_TAIL:]
        is_body = _is_body(tail)
        exchange = head_reader.match_exchange_head(data, ends_in_body=is_body)
        if exchange is None and is_body:
            exchange = parsing.parse_exchange_head(data)
        return exchange or parsing.without_response_body(self._exchange(document))

    def _document(self, document: int) -> Document:
        try:
            return parsing.parse_document(self._data(document))
        except DocumentError as error:
            offset = self._index.start_offsets[document]
            raise self._error(DocumentProblem(offset, error.line, error.text)) from error

    def _data(self, document: int) -> bytes:
        start, end = self._index.span(document)
        if end - start > LONGEST_DOCUMENT:
            text = f"the document is longer than {LONGEST_DOCUMENT} bytes"
            raise self._error(DocumentProblem(start, 1, text))
        return os.pread(self._fd, end - start, start)

    def _changed(self, document: int) -> CassetteError:
        text = "the document is not what it was when the cassette was opened: open it again"
        return self._error(DocumentProblem(self._index.start_offsets[document], 1, text))

    def _error(self, problem: DocumentProblem) -> CassetteError:
        line = self._line(problem.offset) + problem.line - 1
        return CassetteError(f"{self.path}:{line}: {problem.text}")

    def _line(self, offset: int) -> int:
        return 1 + self._lines(0, offset)

    def _lines(self, start: int, end: int) -> int:
        """Count the line ends between two offsets."""
        lines = 0
        while start < end:
            data = os.pread(self._fd, min(1 << 20, end - start), start)
            if not data:
                break
            lines += data.count(b"\n")
            start += len(data)
        return lines


def _is_body(tail: bytes) -> bool:
    """Whether a document's last lines belong to a body, so that no other key can stand there."""
    last = tail.removesuffix(b"\n...\n")
    return last != tail and last[last.rfind(b"\n") + 1 :].startswith(b"    ")
