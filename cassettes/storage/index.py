r"""Where the documents of a cassette are, found by one scan of the file in blocks.

Documents are cut apart at the lines that begin with `---`, which no content can have: literal
blocks are indented, and YAML forbids such a line elsewhere. A document without its end mark `...`
does not count. What is kept of one is its offset and, for a record of a stream, the index of the
stream's next record: twelve bytes, however long the document is. The file is never mapped into
memory, for one that is truncated under us would kill the process.
"""

import os
import re
from array import array
from bisect import bisect_left
from collections.abc import Iterator

from msgspec import Struct

from ..format.documents import CassetteError, Document, End, Event, Exchange, Header, Note, Side
from ..format.parsing import parse_document

BLOCK_BYTES = 1 << 20
"""Bytes read at once. Of a document longer than two blocks, only head and tail are looked at."""

NO_DOCUMENT = 0xFFFFFFFF
"""In `Index.following`: no record of this stream comes after."""

_LONG_HEAD = 4096
_LONG_TAIL = 64
_END_MARK = re.compile(rb"\n\.\.\.(?:[ \t][^\n]*|\r)?(?:\n|\Z)")
_NOTHING = re.compile(rb"\A(?:\xef\xbb\xbf)?(?:[ \t]*(?:[#%][^\n]*)?\r?(?:\n|\Z))*\Z")
_EVENT_HEAD = re.compile(
    rb"---\nevent: [1-9][0-9]{0,17}\nof: ([1-9][0-9]{0,17})\nat: ([0-9]{1,12}\.[0-9]{6})\n"
    rb"(from: client\n)?"
)
_HEAD = re.compile(
    rb"---\n(?:"
    rb"exchange: ([1-9][0-9]{0,17})\nat: ([0-9]{1,12}\.[0-9]{6})\nclient: ([1-9][0-9]{0,17})\n|"
    rb"end: ([1-9][0-9]{0,17})\nat: ([0-9]{1,12}\.[0-9]{6})\n(from: client\n)?cause: )"
)


class FileSegment(Struct, frozen=True, gc=False):
    """A part of the file up to the next start mark. `text` of a long one is head and tail."""

    start: int
    end: int
    text: bytes

    @property
    def whole(self) -> bool:
        """Whether `text` is all of it."""
        return len(self.text) == self.end - self.start


class DocumentProblem(Struct, frozen=True, gc=False):
    """What is wrong with the document at an offset; `line` counts from 1 within it."""

    offset: int
    line: int
    text: str


class StreamDocuments(Struct):
    """The records of one side of an exchange, as indexes of documents."""

    first: int = NO_DOCUMENT
    last: int = NO_DOCUMENT
    end: int = NO_DOCUMENT


class DocumentIndex:
    """The documents of an open file, numbered from 0 in the order of the file.

    Document n begins at `starts[n]`, and ends at `ends[n]` if it is there, else where the next
    begins. `following[n]` is the next one of the same stream.
    """

    def __init__(self, fd: int) -> None:
        self.start_offsets = array("Q")
        self.next_in_stream = array("I")
        self.cut_off_documents: set[int] = set()
        self.ends: dict[int, int] = {}
        self.streams: dict[tuple[int, Side], StreamDocuments] = {}
        self.exchange_numbers = array("Q")
        self.exchange_documents = array("I")
        self.note_documents = array("I")
        self.problems: list[DocumentProblem] = []
        self.warnings: list[DocumentProblem] = []
        self.last_client_number = 0
        self.last_at_seconds = 0.0
        self.intact_bytes = 0
        self._fd = fd
        self._scan()

    def find_exchange(self, number: int) -> int | None:
        """Find the document of an exchange."""
        place = bisect_left(self.exchange_numbers, number)
        if place == len(self.exchange_numbers) or self.exchange_numbers[place] != number:
            return None
        return self.exchange_documents[place]

    def span(self, document: int) -> tuple[int, int]:
        """Tell where a document begins and ends."""
        return self.start_offsets[document], self.ends.get(
            document, self.start_offsets[document + 1]
        )

    def _scan(self) -> None:
        end = 0
        for start, end, text in pieces(self._fd):
            # Nearly every document is an event in the writer's layout, so these come first.
            if text.endswith(b"\n...\n") and (found := _EVENT_HEAD.match(text)):
                of, at, side = found.groups()
                if side or text.find(b"\nfrom:") < 0:
                    self.start_offsets.append(start)
                    self.next_in_stream.append(NO_DOCUMENT)
                    self.intact_bytes = end
                    self._add_event(int(of), "client" if side else "server", float(at))
                    continue
            self._add(FileSegment(start, end, text))
        self.start_offsets.append(end)
        self._sort()

    def _add(self, piece: FileSegment) -> None:
        text = piece.text
        if not text.startswith(b"---"):
            if not _NOTHING.match(text):
                found = text[:40].decode(errors="replace").split("\n")[0]
                self._problem(piece, 1, f"not a cassette: expected a line `---`, found {found!r}")
            return
        self.start_offsets.append(piece.start)
        self.next_in_stream.append(NO_DOCUMENT)
        if text.endswith(b"\n...\n"):
            self.intact_bytes = piece.end
        elif not self._ends_otherwise(piece):
            self.cut_off_documents.add(len(self.next_in_stream) - 1)
            return
        found = _HEAD.match(text)
        if not found:
            self._add_other(piece)
            return
        exchange, at, client, end, ended, side = found.groups()
        if exchange:
            self._add_exchange(int(exchange), int(client), float(at))
        else:
            self._add_end(int(end), "client" if side else "server", float(ended))

    def _ends_otherwise(self, piece: FileSegment) -> bool:
        """Find the end mark of a document that something follows; tell what cannot follow."""
        mark = _END_MARK.search(piece.text)
        if not mark:
            text = "there is no end mark `...`: the document was cut off, and is left out"
            self.warnings.append(DocumentProblem(piece.start, 1, text))
            return False
        self.intact_bytes = piece.end - len(piece.text) + mark.end()
        self.ends[len(self.next_in_stream) - 1] = self.intact_bytes
        rest = piece.text[mark.end() :]
        if not _NOTHING.match(rest):
            line = piece.text.count(b"\n", 0, mark.end()) + 1
            text = f"expected a line `---`, found {rest[:40].decode(errors='replace')!r}"
            self.warnings.append(DocumentProblem(piece.start, line, text))
        return True

    def _add_other(self, piece: FileSegment) -> None:
        """Add a document in another layout than the writer's, which has to be read for that."""
        start, text = piece.start, piece.text
        end = self.ends.get(len(self.next_in_stream) - 1, piece.end)
        if not piece.whole:
            text = os.pread(self._fd, end - start, start)
        elif text.startswith(b"---\nnote: "):
            self.note_documents.append(len(self.next_in_stream) - 1)
            return
        try:
            told = parse_document(text[: end - start])
        except CassetteError as error:
            self._problem(piece, getattr(error, "line", 1), getattr(error, "text", str(error)))
            return
        self._add_read(piece, told)

    def _add_read(self, piece: FileSegment, told: Document) -> None:
        match told:
            case Event():
                self._add_event(told.of, told.from_ or "server", told.at)
            case Exchange():
                self._add_exchange(told.exchange, told.client, told.at)
            case End():
                self._add_end(told.end, told.from_ or "server", told.at)
            case Note():
                self.note_documents.append(len(self.next_in_stream) - 1)
            case Header():
                if len(self.next_in_stream) > 1:
                    self._problem(piece, 2, "found a second header: two cassettes in one file")

    def _add_event(self, of: int, side: Side, at: float) -> None:
        document = len(self.next_in_stream) - 1
        if at > self.last_at_seconds:
            self.last_at_seconds = at
        stream = self.streams.get((of, side))
        if stream is None:
            stream = self.streams[of, side] = StreamDocuments()
        if stream.first == NO_DOCUMENT:
            stream.first = document
        else:
            self.next_in_stream[stream.last] = document
        stream.last = document

    def _add_end(self, of: int, side: Side, at: float) -> None:
        self.last_at_seconds = max(self.last_at_seconds, at)
        stream = self.streams.setdefault((of, side), StreamDocuments())
        if stream.end == NO_DOCUMENT:
            stream.end = len(self.next_in_stream) - 1

    def _add_exchange(self, number: int, client: int, at: float) -> None:
        self.last_at_seconds = max(self.last_at_seconds, at)
        self.last_client_number = max(self.last_client_number, client)
        self.exchange_numbers.append(number)
        self.exchange_documents.append(len(self.next_in_stream) - 1)

    def _problem(self, piece: FileSegment, line: int, text: str) -> None:
        self.problems.append(DocumentProblem(piece.start, line, text))

    def _sort(self) -> None:
        """Order the exchanges by number; they stand in the order in which they completed."""
        numbers, documents = self.exchange_numbers, self.exchange_documents
        if any(numbers[i] > numbers[i + 1] for i in range(len(numbers) - 1)):
            pairs = sorted(zip(numbers, documents, strict=True))
            self.exchange_numbers = array("Q", (number for number, _ in pairs))
            self.exchange_documents = array("I", (document for _, document in pairs))


def pieces(fd: int) -> Iterator[tuple[int, int, bytes]]:
    """Cut a file at its start marks into pieces: start, end and text, as in `Piece`."""
    start = offset = 0
    head, buffer, search = b"", b"", 0
    while block := os.pread(fd, BLOCK_BYTES, offset):
        offset += len(block)
        buffer += block
        begin = 0
        while True:
            mark = buffer.find(b"\n---", search)
            if mark < 0 or mark + 4 >= len(buffer):
                break
            search = mark + 4
            if buffer[search] in b" \t\r\n":
                text = head + buffer[begin : mark + 1]
                end = offset - len(buffer) + mark + 1
                yield start, end, text
                head, begin, start = b"", mark + 1, end
        buffer = buffer[begin:]
        if len(buffer) > BLOCK_BYTES:
            head = head or buffer[:_LONG_HEAD]
            buffer = buffer[-_LONG_TAIL:]
        search = max(0, len(buffer) - 4)
    if head or buffer:
        yield start, offset, head + buffer
