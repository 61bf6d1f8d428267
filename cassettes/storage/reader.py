"""Read a cassette. Opening it is one scan; a document is parsed when it is needed.

    with Cassette.open(path) as cassette:
        for exchange in cassette.exchanges():
            for event in cassette.events(exchange.exchange):
                ...

A cassette whose recorder was killed loads up to its last complete document, and `warnings` lists
what is missing. A compressed cassette (`.yaml.gz`) is unpacked into an unnamed temporary file.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Self

from ..files.object_path import to_path
from ..format.documents import (
    CassetteError,
    Document,
    End,
    Event,
    Exchange,
    Note,
    PlacedError,
    Side,
)
from ..indexing.compiled import native
from ..indexing.index import DocumentIndex
from .document_reader import DocumentReader, DocumentSource
from .exchange_outlines import ExchangeOutlines
from .opened_file import OpenedFile
from .opening import open_for_reading
from .parts import HEADER_BYTES, open_further_parts
from .stored_body import StoredBody, find_stored_body
from .stream_reader import StreamReader


class Cassette:
    """An open cassette.

    Methods raise `CassetteError` if a document that they read is wrong, or `ChangedError` if the
    file was written to since it was opened.

    A cassette in parts is read as one, and `part_paths` are its files. `intact_bytes` is the length
    of the last one up to the end of the last complete document, with the comments after it: the
    offset at which appending continues. `left_out` are the parts of the file that are left out, and
    `warnings` the same as texts.
    """

    def __init__(self, file: OpenedFile, warnings: list[str]) -> None:
        self.path = file.path
        self._file = file
        self._index = DocumentIndex(file.pread)
        self._documents = DocumentReader(file, self._index)
        self.streams = StreamReader(file, self._index, self._documents)
        self.header = self._documents.read_header()
        self.left_out = [self._documents.error(loss) for loss in self._index.warnings]
        if warnings:
            last_line = self._documents.line(self.length_bytes)  # This takes as long as the scan.
            self.left_out += [PlacedError(file.path, last_line, text) for text in warnings]
        self.warnings = [str(error) for error in self.left_out]
        last = file.parts[-1]
        self.intact_bytes = max(0, self._index.intact_bytes - last.start) + last.skipped_bytes
        self.last_client_number = self._index.last_client_number

    @classmethod
    def open(
        cls,
        path: Path | str,
        *,
        lenient: bool = False,
        may_grow: bool = False,
        with_parts: bool = True,
        is_copied: bool = False,
    ) -> Self:
        """Open a cassette.

        Raises `CassetteError` if the file cannot be read, is not a cassette, or has a document that
        is found wrong while scanning. With `lenient`, such a document is an error only when it is
        read. With `may_grow`, documents may be appended while the cassette is open. Without
        `with_parts`, one file is opened, whichever part it is. With `is_copied`, a copy is read, so
        that the files may be written to.
        """
        path = to_path(path) if isinstance(path, str) else path
        opened, warnings = open_for_reading(path, is_copied=is_copied)
        file = OpenedFile(path, opened, may_grow=may_grow)
        try:
            if with_parts:
                head = file.pread(HEADER_BYTES, 0)
                for part in open_further_parts(file.path, head, is_copied=is_copied):
                    file.add(part)
                    warnings += part.warnings
            cassette = cls(file, warnings)
            if cassette._index.problems and not lenient:
                raise cassette._documents.error(cassette._index.problems[0])
        except BaseException:
            file.close()
            raise
        return cassette

    def close(self) -> None:
        """Close the file. Iterators that are not exhausted raise an error."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        """Return the number of exchanges."""
        return len(self._index.exchange_numbers)

    @property
    def length_bytes(self) -> int:
        """The length of the file, unpacked."""
        return self._file.size

    @property
    def part_paths(self) -> list[Path]:
        """The files of the cassette, one unless it has parts."""
        return [part.path for part in self._file.parts]

    @property
    def digest(self) -> str | None:
        """The SHA-256 of the files that were opened, in hex; None if it is not known (a pipe)."""
        return self._file.digest()

    @property
    def is_regular(self) -> bool:
        """Whether the numbers and times of the documents contradict each other nowhere."""
        return self._index.is_regular

    @property
    def repeated_exchanges(self) -> frozenset[int]:
        """The numbers that more than one exchange has."""
        numbers = self._index.exchange_numbers
        return frozenset(a for a, b in pairwise(numbers) if a == b)

    @property
    def wrong_documents(self) -> list[PlacedError]:
        """The errors that opening the cassette has found; there may be more."""
        return [self._documents.error(problem) for problem in self._index.problems]

    @property
    def last_exchange_number(self) -> int:
        """The highest number of an exchange, or 0."""
        return self._index.exchange_numbers[-1] if len(self) else 0

    @property
    def last_at_seconds(self) -> float:
        """The latest time in the cassette, in seconds since `recorded_at`."""
        answered = (head.at + head.response.after for head in self.exchange_heads())
        noted = (note.at for note in self.notes())
        return max(self._index.last_at_seconds, max(answered, default=0.0), max(noted, default=0.0))

    def contains(self, texts: Sequence[bytes]) -> bool:
        """Return whether one of some short texts is anywhere in the file, which is searched."""
        return self._file.contains(texts)

    def exchange_starts(self) -> Iterator[tuple[int, float]]:
        """Return the numbers of the exchanges, in their order, and when these began."""
        return zip(self._index.exchange_numbers, self._index.exchange_times, strict=True)

    def exchanges(self) -> Iterator[Exchange]:
        """Read the exchanges in the order of their numbers: the order in which they began."""
        for document in self._index.exchange_documents:
            yield self._documents.read_exchange(document)

    def exchange_heads(self, rows: Iterable[int] | None = None) -> Iterator[Exchange]:
        """Read the exchanges like `exchanges`, but without the bodies of their responses.

        In the writer's layout the cost does not depend on the length of those bodies. `rows` are
        the positions of exchanges in the order of their numbers, None stands for all.
        """
        documents = self._index.exchange_documents
        for document in documents if rows is None else map(documents.__getitem__, rows):
            yield self._documents.read_exchange_head(document)
        self._file.check_unchanged()

    def outlines(self) -> ExchangeOutlines | None:
        """Return what exchanges have in common; None without the compiled module."""
        return None if native is None else ExchangeOutlines(self._file, self._index)

    def exchange(self, number: int) -> Exchange:
        """Read the exchange with a number. Raises `CassetteError` if there is none."""
        return self._documents.read_exchange(self._find_document(number))

    def exchange_in_file(self, number: int) -> tuple[Exchange, StoredBody | None]:
        """Read an exchange; a long body of its response stays in the file if that is possible.

        Then the response in the exchange has no body. Raises as `exchange`.
        """
        document = self._find_document(number)
        if (found := find_stored_body(self._file, *self._index.span(document))) is not None:
            return found
        return self._documents.read_exchange(document), None

    def line_of_exchange(self, number: int) -> int:
        """Return the line of the first key of an exchange; 0 if there is none."""
        return self.line_of(number) or 0

    def events(self, number: int, side: Side = "server") -> Iterator[Event]:
        """Read the records of one side of an exchange, one at a time, in the order of the file."""
        return self.streams.events(number, side)

    def stream_end(self, number: int, side: Side = "server") -> End | None:
        """Read the end of a stream; None if the cassette has none."""
        return self.streams.end(number, side)

    def last_event_number(self, number: int, side: Side = "server") -> int:
        """Return the number of the last record of one side of an exchange, or 0."""
        return self.streams.last_number(number, side)

    def line_of(self, number: int, event: Event | None = None) -> int | None:
        """Return the line of the first key of an exchange, or of an event of its streams.

        None if the document is not found. Raises `CassetteError` as the other methods.
        """
        if event is None:
            document = self._index.find_exchange(number)
        else:
            document = self.streams.find_document(event)
        return None if document is None else self._documents.line_of(document)

    def notes(self) -> Iterator[Note]:
        """Read the notes, in the order of the file."""
        for document in self._index.note_documents:
            note = self._documents.read(document)
            if not isinstance(note, Note):
                raise self._file.changed_error("in place")
            yield note

    def documents(self) -> Iterator[tuple[Document, int]]:
        """Read all documents in the order of the file, each with the line of its first key."""
        for document, line in self.documents_or_errors():
            if isinstance(document, CassetteError):
                raise document
            yield document, line

    def documents_or_errors(self) -> Iterator[tuple[Document | CassetteError, int]]:
        """Read all documents like `documents`, but yield the error of a wrong one."""
        for source in self.sources():
            try:
                yield self._documents.read(source.number), source.line
            except CassetteError as error:
                yield error, source.line

    def sources(self) -> Iterator[DocumentSource]:
        """Return the places of all documents, in the order of the file."""
        return self._documents.sources()

    @property
    def document_count(self) -> int:
        """The number of documents, with those that were cut off."""
        return len(self._index.next_in_stream)

    def document_numbers(self) -> Iterator[int]:
        """Return the numbers of all whole documents, from 0, in the order of the file."""
        cut_off = self._index.cut_off_documents
        return (each for each in range(self.document_count) if each not in cut_off)

    def read_document(self, document: int, data: bytes | None = None) -> Document:
        """Read a document, also from its bytes. Raises `CassetteError` if it is wrong."""
        data = self._documents.read_bytes(document) if data is None else data
        return self._documents.parse(document, data)

    def read_document_bytes(self, document: int) -> bytes:
        """Read the bytes of a document by its number."""
        return self._documents.read_bytes(document)

    def read_source(self, source: DocumentSource) -> tuple[Document, bytes]:
        """Read a document, and its bytes. Raises `CassetteError` if it is wrong."""
        data = self._documents.read_bytes(source.number)
        return self._documents.parse(source.number, data), data

    def span(self, document: int) -> tuple[int, int]:
        """Return the offsets at which a document starts and ends."""
        return self._index.span(document)

    def check_unchanged(self) -> None:
        """Raise `ChangedError` if the file was written to since it was opened."""
        self._file.check_unchanged()

    def read_bytes(self, start: int, end: int) -> bytes:
        """Return bytes of the file, unpacked."""
        return self._file.read(start, end - start)

    def comments_between(self, start: int, end: int) -> bytes:
        """Return the comments and blank lines between the end of a document and the next start."""
        return self._documents.comments_between(start, end)

    def _find_document(self, number: int) -> int:
        document = self._index.find_exchange(number)
        if document is None:
            last = f"the last is {self.last_exchange_number}" if len(self) else "it has none"
            raise CassetteError(f"{self.path}: there is no exchange {number}; {last}")
        return document
