"""Read a cassette. Opening it is one scan; a document is parsed when it is needed.

    with Cassette.open(path) as cassette:
        for exchange in cassette.exchanges():
            for event in cassette.events(exchange.exchange):
                ...

A cassette whose recorder was killed loads up to its last complete document, and `warnings` lists
what is missing. A compressed cassette (`.yaml.gz`) is unpacked into an unnamed temporary file.
"""

from collections.abc import Iterator, Sequence
from itertools import islice, pairwise
from pathlib import Path
from typing import NamedTuple, Self

from ..format import fast_reader, parsing
from ..format.documents import (
    CassetteError,
    Document,
    DocumentError,
    End,
    Event,
    Exchange,
    Header,
    Note,
    PlacedError,
    Side,
)
from .event_blocks import EventBlock, find_event_block
from .index import NO_DOCUMENT, DocumentIndex, DocumentProblem, too_long
from .opened_file import OpenedFile
from .opening import open_for_reading
from .part_names import first_part_path
from .parts import open_further_parts
from .stored_body import StoredBody, find_stored_body

_HEAD_BYTES = 64 * 1024
"""How much of an exchange is read to find its request and the head of its response."""

_SEARCHED_BYTES = 1 << 20
_MAX_SOUGHT_BYTES = 64
"""Bytes that are searched at once, and the length of the longest text that is found."""

_TAIL_BYTES = 256
"""How much of its end is read first, to see whether the body of the response is last."""

_DOCUMENT_END = b"\n...\n"
_BODY_INDENT = b"    "


class DocumentSource(NamedTuple):
    """The number of a document in the cassette, from 0, and the line of its first key.

    `path` is the file: the cassette, or one of its parts.
    """

    number: int
    line: int
    path: Path


class Cassette:
    """An open cassette.

    Methods raise `CassetteError` if a document that they read is wrong, or `ChangedError` if the
    file was written to since it was opened.

    A cassette in parts is read as one, and `part_paths` are its files. `intact_bytes` is the length
    of the last one up to the end of the last complete document, with the comments after it: the
    offset at which appending continues. `left_out` are the parts of the file
    that are left out, and `warnings` the same as texts.
    """

    def __init__(self, file: OpenedFile, warnings: list[str]) -> None:
        self.path = file.path
        self._file = file
        self._index = DocumentIndex(file.pread)
        self.header = self._read_header()
        self.left_out = [self._error(loss) for loss in self._index.warnings]
        last_line = self._line(self.length_bytes)
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
    ) -> Self:
        """Open a cassette.

        Raises `CassetteError` if the file cannot be read, is not a cassette, or has a document that
        is found wrong while scanning. With `lenient`, such a document is an error only when it is
        read. With `may_grow`, documents may be appended while the cassette is open. Without
        `with_parts`, one file is opened, whichever part it is.
        """
        fd, warnings = open_for_reading(Path(path))
        file = OpenedFile(Path(path), fd, may_grow=may_grow)
        try:
            if with_parts:
                warnings += _add_parts(file)
            cassette = cls(file, warnings)
            if cassette._index.problems and not lenient:
                raise cassette._error(cassette._index.problems[0])
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
        return [self._error(problem) for problem in self._index.problems]

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
        position, before = 0, b""
        while block := self._file.read_unchecked(position, _SEARCHED_BYTES):
            searched = before + block
            if any(text in searched for text in texts):
                return True
            before, position = block[-_MAX_SOUGHT_BYTES:], position + len(block)
        return False

    def exchanges(self) -> Iterator[Exchange]:
        """Read the exchanges in the order of their numbers: the order in which they began."""
        for document in self._index.exchange_documents:
            yield self._read_exchange(document)

    def exchange_heads(self) -> Iterator[Exchange]:
        """Read the exchanges like `exchanges`, but without the bodies of their responses.

        In the writer's layout the cost does not depend on the length of those bodies.
        """
        for document in self._index.exchange_documents:
            yield self._read_exchange_head(document)
        self._file.check_unchanged()

    def exchange(self, number: int) -> Exchange:
        """Read the exchange with a number. Raises `CassetteError` if there is none."""
        return self._read_exchange(self._find_document(number))

    def exchange_in_file(self, number: int) -> tuple[Exchange, StoredBody | None]:
        """Read an exchange; a long body of its response stays in the file if that is possible.

        Then the response in the exchange has no body. Raises as `exchange`.
        """
        document = self._find_document(number)
        if (found := find_stored_body(self._file, *self._index.span(document))) is not None:
            return found
        return self._read_exchange(document), None

    def line_of_exchange(self, number: int) -> int:
        """Return the line of the first key of an exchange; 0 if there is none of that number."""
        document = self._index.find_exchange(number)
        return 0 if document is None else self._line(self._index.start_offsets[document]) + 1

    def events(self, number: int, side: Side = "server") -> Iterator[Event]:
        """Read the records of one side of an exchange, one at a time, in the order of the file."""
        stream = self._index.streams.get((number, side))
        return self._events(NO_DOCUMENT if stream is None else stream.first, number, side)

    def _events(self, document: int, number: int, side: Side) -> Iterator[Event]:
        while document != NO_DOCUMENT:
            event = self._read_document(document)
            if (
                not isinstance(event, Event)
                or event.of != number
                or (event.from_ or "server") != side
            ):
                raise self._file.changed_error("in place")
            yield event
            document = self._index.next_in_stream[document]

    def first_event_block(
        self, number: int, max_bytes: int, side: Side = "server"
    ) -> EventBlock | None:
        """Return where the first records of one side of an exchange are; None without any."""
        stream = self._index.streams.get((number, side))
        first = NO_DOCUMENT if stream is None else stream.first
        return find_event_block(self._index, first, max_bytes)

    def next_event_block(self, block: EventBlock, max_bytes: int) -> EventBlock | None:
        """Return where the records after a block are; None without any."""
        return find_event_block(self._index, block.following, max_bytes)

    def events_of(self, block: EventBlock, number: int, side: Side = "server") -> Iterator[Event]:
        """Read the records of a block one at a time, like `events`."""
        return islice(self._events(block.first, number, side), block.count)

    def stream_end(self, number: int, side: Side = "server") -> End | None:
        """Read the end of a stream; None if the cassette has none."""
        stream = self._index.streams.get((number, side))
        if stream is None or stream.end == NO_DOCUMENT:
            return None
        end = self._read_document(stream.end)
        if not isinstance(end, End):
            raise self._file.changed_error("in place")
        return end

    def last_event_number(self, number: int, side: Side = "server") -> int:
        """Return the number of the last record of one side of an exchange, or 0."""
        stream = self._index.streams.get((number, side))
        return 0 if stream is None else stream.last_number

    def line_of(self, number: int, event: Event | None = None) -> int | None:
        """Return the line of the first key of an exchange, or of an event of its streams.

        None if the document is not found. Raises `CassetteError` as the other methods.
        """
        document = self._index.find_exchange(number) if event is None else self._find_event(event)
        return None if document is None else self._line(self._index.start_offsets[document]) + 1

    def notes(self) -> Iterator[Note]:
        """Read the notes, in the order of the file."""
        for document in self._index.note_documents:
            note = self._read_document(document)
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
                yield self._read_document(source.number), source.line
            except CassetteError as error:
                yield error, source.line

    def sources(self) -> Iterator[DocumentSource]:
        """Return the places of all documents, in the order of the file."""
        line = offset = 0
        part = None
        for document in range(len(self._index.next_in_stream)):
            start = self._index.start_offsets[document]
            if part is not (found := self._file.part_at(start)):
                part = found
                line, offset = part.skipped_lines + 2, part.start
            line += self._count_lines(offset, start)
            offset = start
            if document not in self._index.cut_off_documents:
                yield DocumentSource(document, line, found.path)

    def read_source(self, source: DocumentSource) -> tuple[Document, bytes]:
        """Read a document, and its bytes. Raises `CassetteError` if it is wrong."""
        data = self._read_bytes(source.number)
        return self._parse(source.number, data), data

    def span(self, document: int) -> tuple[int, int]:
        """Return the offsets at which a document starts and ends."""
        return self._index.span(document)

    def check_unchanged(self) -> None:
        """Raise `ChangedError` if the file was written to since it was opened."""
        self._file.check_unchanged()

    def read_bytes(self, start: int, end: int) -> bytes:
        """Return bytes of the file, unpacked."""
        return self._file.read(start, end - start)

    def _read_header(self) -> Header:
        index = self._index
        if index.problems and (
            not index.next_in_stream or index.problems[0].offset < index.start_offsets[0]
        ):
            raise self._error(index.problems[0])
        if not index.next_in_stream:
            raise CassetteError(f"{self.path}: not a cassette: the file is empty")
        data = self._read_bytes(0)
        if 0 in index.cut_off_documents:
            if not data.startswith(b"---\nmesotape:"[: len(data)]):
                raise CassetteError(f"{self.path}:1: not a cassette: expected a key `mesotape`")
            line = self._line(index.start_offsets[0]) + 1
            text = "cut off: there is no end mark `...`; each document ends with such a line"
            raise CassetteError(f"{self.path}:{line}: header: {text}")
        header = self._read_document(0)
        if not isinstance(header, Header):
            line = self._line(index.start_offsets[0]) + 1
            raise CassetteError(f"{self.path}:{line}: expected the header (`mesotape: 1`) first")
        return header

    def _find_document(self, number: int) -> int:
        document = self._index.find_exchange(number)
        if document is None:
            last = f"the last is {self.last_exchange_number}" if len(self) else "it has none"
            raise CassetteError(f"{self.path}: there is no exchange {number}; {last}")
        return document

    def _read_exchange(self, document: int) -> Exchange:
        exchange = self._read_document(document)
        if not isinstance(exchange, Exchange):
            raise self._file.changed_error("in place")
        return exchange

    def _read_exchange_head(self, document: int) -> Exchange:
        """Read an exchange without the body of its response, which may have hundreds of megabytes.

        The request and the head of the response come first in the writer's layout, so the first 64
        KiB are enough, unless the request is longer. But YAML has no order of keys: a person may
        have added one after the body, such as `peer:`. So the end of a longer document is read too:
        if its last line has the indentation of a body, no key is there. (A key in the middle of the
        part that is not read would be missed, if it has such lines itself.)

        An exchange that the fast reader does not know for certain is parsed in whole.
        """
        start, end = self._index.span(document)
        # `exchange_heads` checks once for all of them that the file has not changed.
        data = self._file.read_unchecked(start, min(_HEAD_BYTES, end - start))
        ends_in_body = end - start > _HEAD_BYTES and self._ends_in_body(start, end)
        exchange = fast_reader.parse_exchange_head(data, ends_in_body=ends_in_body)
        return exchange or parsing.without_response_body(self._read_exchange(document))

    def _ends_in_body(self, start: int, end: int) -> bool:
        """Return whether the last line before the end mark has the indentation of a body.

        A body of megabytes may be one line, so its beginning is searched backwards, in blocks that
        grow: most last lines are short.
        """
        stop = end - len(_DOCUMENT_END)
        if self._file.read_unchecked(stop, len(_DOCUMENT_END)) != _DOCUMENT_END:
            return False
        size = _TAIL_BYTES
        while stop > start:
            begin = max(start, stop - size)
            newline = self._file.read_unchecked(begin, stop - begin).rfind(b"\n")
            if newline >= 0:
                indent = len(_BODY_INDENT)
                return self._file.read_unchecked(begin + newline + 1, indent) == _BODY_INDENT
            stop, size = begin, _SEARCHED_BYTES
        return False

    def _read_document(self, document: int) -> Document:
        return self._parse(document, self._read_bytes(document))

    def _parse(self, document: int, data: bytes) -> Document:
        try:
            return parsing.parse_document(data)
        except DocumentError as error:
            offset = self._index.start_offsets[document]
            raise self._error(DocumentProblem(offset, error.line, error.text)) from error

    def _find_event(self, event: Event) -> int | None:
        """Find the document of an event; None if it is not there any more."""
        stream = self._index.streams.get((event.of, event.from_ or "server"))
        document = NO_DOCUMENT if stream is None else stream.first
        while document != NO_DOCUMENT:
            if self._read_document(document) == event:
                return document
            document = self._index.next_in_stream[document]
        return None

    def _read_bytes(self, document: int) -> bytes:
        start, end = self._index.span(document)
        if (reason := too_long(end - start)) is not None:
            raise self._error(DocumentProblem(start, 1, reason))
        return self._file.read(start, end - start)

    def _error(self, problem: DocumentProblem) -> PlacedError:
        line = self._line(problem.offset) + problem.line - 1
        return PlacedError(self._file.part_at(problem.offset).path, line, problem.text)

    def _line(self, offset: int) -> int:
        part = self._file.part_at(offset)
        return part.skipped_lines + 1 + self._count_lines(part.start, offset)

    def _count_lines(self, start: int, end: int) -> int:
        lines = 0
        while start < end:
            data = self._file.read_unchecked(start, min(1 << 20, end - start))
            if not data:
                break
            lines += data.count(b"\n")
            start += len(data)
        return lines


def _add_parts(file: OpenedFile) -> list[str]:
    """Add the further parts of a cassette, and return warnings about them."""
    head = file.pread(_HEAD_BYTES, 0)
    try:
        header = parsing.parse_document(head[: head.find(b"\n...\n") + 5])
    except DocumentError:
        return []
    if not isinstance(header, Header):
        return []
    if header.part is not None:
        first = first_part_path(file.path, header.part)
        raise CassetteError(f"{file.path}: is part {header.part} of a cassette: open {first.name}")
    warnings: list[str] = []
    for part in open_further_parts(file.path, header):
        file.add(part)
        warnings += part.warnings
    return warnings
