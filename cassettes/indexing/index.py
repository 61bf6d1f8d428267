r"""The places of all documents of a cassette, from one scan of the file in blocks.

A document starts at a line `---`, which cannot be part of its content: literal blocks are indented,
and YAML forbids such a line elsewhere. A document without its end mark `...` is left out. The index
of a document takes twelve bytes, however long it is: its offset and, for a record of a stream, the
number of the stream's next document. The file is not mapped into memory: if it were truncated
while it is read, the process would be killed (SIGBUS).
"""

import re
from array import array
from bisect import bisect_left
from collections.abc import Callable

from msgspec import Struct

from ..format.documents import Document, DocumentError, End, Event, Exchange, Header, Note, Side
from ..format.parsing import parse_document
from .columns import is_ascending
from .document_heads import (
    NO_DOCUMENT,
    DocumentHeads,
    EndHead,
    StreamHeads,
    read_head,
    read_heads,
)
from .segments import FileSegment, cut_file, too_long

_MOST_COMMENT_BYTES = 1 << 16  # of comments after the end mark of a long document
END_MARK = re.compile(rb"\n\.\.\.(?:[ \t][^\n]*|\r)?(?:\n|\Z)")
_BLANK_LINES = re.compile(rb"(?:\xef\xbb\xbf)?(?:[ \t]*(?:[#%][^\n]*)?\r?(?:\n|\Z))*")


class DocumentProblem(Struct, frozen=True, gc=False):
    """An error in the document at an offset; `line` counts from 1 within the document."""

    offset: int
    line: int
    text: str


class StreamDocuments(Struct):
    """The first and last record and the end of one stream, as numbers of documents.

    `first_at` is the time of what was found first, `last_number` and `last_at` are of the record
    that was found last.
    """

    first: int = NO_DOCUMENT
    last: int = NO_DOCUMENT
    end: int = NO_DOCUMENT
    first_at: float = 0.0
    last_number: int = 0
    last_at: float = 0.0


class DocumentIndex:
    """The documents of an open file, numbered from 0 in the order of the file.

    Document n starts at `start_offsets[n]`. It ends where document n + 1 starts or, if something
    follows its end mark, at `end_offsets[n]`. `next_in_stream[n]` is the next record of the same
    stream. `exchange_numbers` is sorted, and parallel to `exchange_documents`. `problems` are
    documents that are wrong, `warnings` parts of the file that are left out. `intact_bytes` is the
    length up to the last end mark, and the comments after it. `is_regular` is whether the numbers
    and times of exchanges, records and ends contradict each other nowhere. `pread` returns as many
    bytes as it is asked for, at an offset, or fewer.

    The scan reads as little as it can of each document: the head of an event, exchange or end in
    the writer's layout has all that is indexed (document_heads.py). Other documents are parsed
    here, so an error in them is known when the cassette is opened; an error further down in the
    writer's layout is found when the document is read.
    """

    def __init__(self, pread: Callable[[int, int], bytes]) -> None:
        self.start_offsets = array("Q")
        self.next_in_stream = array("I")
        self.cut_off_documents: set[int] = set()
        self.end_offsets: dict[int, int] = {}
        self.streams: dict[tuple[int, Side], StreamDocuments] = {}
        self.exchange_numbers = array("Q")
        self.exchange_documents = array("I")
        self.exchange_times = array("d")
        self.note_documents = array("I")
        self.problems: list[DocumentProblem] = []
        self.warnings: list[DocumentProblem] = []
        self.last_client_number = 0
        self.last_at_seconds = 0.0
        self.intact_bytes = 0
        self._pread = pread
        self._has_irregular_stream = False
        self._scan()
        self.is_regular = not self._has_irregular_stream and self._is_regular()

    def find_exchange(self, number: int) -> int | None:
        """Return the document of an exchange; None if there is no exchange of that number."""
        position = bisect_left(self.exchange_numbers, number)
        if position == len(self.exchange_numbers) or self.exchange_numbers[position] != number:
            return None
        return self.exchange_documents[position]

    def span(self, document: int) -> tuple[int, int]:
        """Return the offsets at which a document starts and ends."""
        start, next_start = self.start_offsets[document], self.start_offsets[document + 1]
        return start, self.end_offsets.get(document, next_start)

    def _scan(self) -> None:
        end = 0
        for part in cut_file(self._pread):
            if isinstance(part, FileSegment):
                self._add(part)
                end = part.end
                continue
            end = part.start + len(part.text)
            heads = read_heads(part.start, len(self.next_in_stream), part.text)
            if heads is not None:
                self._add_heads(heads)
                self.intact_bytes = end
                continue
            for segment in part.segments():
                self._add(segment)
        self.start_offsets.append(end)
        self._sort_exchanges()

    def _add_heads(self, heads: DocumentHeads) -> None:
        self.start_offsets.frombytes(heads.starts)
        self.next_in_stream.frombytes(heads.next_in_stream)
        for events in heads.streams:
            self._add_events(events)
        self.last_at_seconds = max(self.last_at_seconds, heads.latest_at)
        self.last_client_number = max(self.last_client_number, heads.last_client)
        self.exchange_documents.frombytes(heads.exchange_documents)
        self.exchange_numbers.frombytes(heads.exchange_numbers)
        self.exchange_times.frombytes(heads.exchange_times)
        for end in heads.ends:
            self._add_end(end)

    def _add(self, segment: FileSegment) -> None:
        text = segment.text
        if not text.startswith(b"---"):
            if not _BLANK_LINES.fullmatch(text):
                line = text[:40].decode(errors="replace").split("\n")[0]
                self._add_problem(
                    segment, 1, f"not a cassette: expected a line `---`, found {line!r}"
                )
            return
        if text.endswith(b"\n...\n"):
            self.intact_bytes = segment.end
        elif not self._find_end_mark(segment):
            self.cut_off_documents.add(len(self.next_in_stream))
            self._add_place(segment)
            return
        heads = read_head(segment.start, len(self.next_in_stream), text)
        if heads is None:
            self._add_place(segment)
            self._parse(segment)
        else:
            self._add_heads(heads)

    def _add_place(self, segment: FileSegment) -> None:
        self.start_offsets.append(segment.start)
        self.next_in_stream.append(NO_DOCUMENT)

    def _find_end_mark(self, segment: FileSegment) -> bool:
        """Find an end mark that something follows, and warn if that is more than comments."""
        text = segment.text
        mark = END_MARK.search(text)
        if not mark and len(text) < segment.end - segment.start:  # It is head and tail.
            size = min(_MOST_COMMENT_BYTES, segment.end - segment.start)
            text = self._pread(size, segment.end - size)
            mark = END_MARK.search(text)
        if not mark:
            text = "there is no end mark `...`: the document was cut off and is left out"
            self.warnings.append(DocumentProblem(segment.start, 1, text))
            return False
        end = segment.end - len(text) + mark.end()
        self.end_offsets[len(self.next_in_stream)] = end
        rest = text[mark.end() :]
        blank = _BLANK_LINES.match(rest)
        kept_bytes = blank.end() if blank else 0
        self.intact_bytes = end + kept_bytes
        if kept_bytes < len(rest):
            line = segment.text.count(b"\n", 0, mark.end()) + 1
            found = rest.lstrip().split(b"\n")[0][:40].rstrip().decode(errors="replace")
            text = f"expected a line `---`, found {found!r}"
            self.warnings.append(DocumentProblem(segment.start, line, text))
        return True

    def _parse(self, segment: FileSegment) -> None:
        """Add a document whose layout is not the writer's by parsing it."""
        start, text = segment.start, segment.text
        end = self.end_offsets.get(len(self.next_in_stream) - 1, segment.end)
        if len(text) != segment.end - start:  # It is head and tail.
            if (reason := too_long(end - start)) is not None:
                self._add_problem(segment, 1, reason)
                return
            text = self._pread(end - start, start)
        elif text.startswith(b"---\nnote: "):
            self.note_documents.append(len(self.next_in_stream) - 1)
            return
        try:
            document = parse_document(text[: end - start])
        except DocumentError as error:
            self._add_problem(segment, error.line, error.text)
        else:
            self._add_document(segment, document)

    def _add_document(self, segment: FileSegment, document: Document) -> None:
        place = len(self.next_in_stream) - 1
        match document:
            case Event(of=of, event=number, at=at):
                is_client = document.from_ is not None
                self._add_events(
                    StreamHeads(of, is_client, place, place, number, number, at, at, True)
                )
                self.last_at_seconds = max(self.last_at_seconds, at)
            case Exchange(at=at):
                self.exchange_documents.append(place)
                self.exchange_numbers.append(document.exchange)
                self.exchange_times.append(at)
                self.last_client_number = max(self.last_client_number, document.client)
                self.last_at_seconds = max(self.last_at_seconds, at)
            case End(end=of, at=at):
                self._add_end(EndHead(of, document.from_ is not None, place, at))
                self.last_at_seconds = max(self.last_at_seconds, at)
            case Note():
                self.note_documents.append(place)
            case Header() if place > 0:
                text = "found a second header: two cassettes in one file"
                self._add_problem(segment, 2, text)
            case Header():
                pass

    def _add_events(self, events: StreamHeads) -> None:
        """Add events of one side of an exchange, which are linked to each other."""
        side: Side = "client" if events.is_client else "server"
        stream = self.streams.get((events.of, side))
        if stream is None:
            stream = StreamDocuments(first_at=events.first_at)
            self.streams[events.of, side] = stream
        if (
            not events.is_regular
            or events.first_number != stream.last_number + 1
            or events.first_at < stream.last_at
            or stream.end != NO_DOCUMENT
        ):
            self._has_irregular_stream = True
        stream.last_number, stream.last_at = events.last_number, events.last_at
        if stream.first == NO_DOCUMENT:
            stream.first = events.first
        else:
            self.next_in_stream[stream.last] = events.first
        stream.last = events.last

    def _add_end(self, end: EndHead) -> None:
        """Add the end of a stream, after all events before it and perhaps some after it."""
        side: Side = "client" if end.is_client else "server"
        stream = self.streams.setdefault((end.of, side), StreamDocuments(first_at=end.at))
        has_later_event = stream.last != NO_DOCUMENT and stream.last > end.document
        if has_later_event or end.at < stream.last_at or stream.end != NO_DOCUMENT:
            self._has_irregular_stream = True
        if stream.end == NO_DOCUMENT:
            stream.end = end.document

    def _add_problem(self, segment: FileSegment, line: int, text: str) -> None:
        self.problems.append(DocumentProblem(segment.start, line, text))

    def _sort_exchanges(self) -> None:
        """Sort the exchanges by number; in the file, they are in the order of completion."""
        numbers = self.exchange_numbers
        if not is_ascending(numbers):
            order = sorted(range(len(numbers)), key=numbers.__getitem__)
            self.exchange_numbers = array("Q", (numbers[i] for i in order))
            self.exchange_documents = array("I", (self.exchange_documents[i] for i in order))
            self.exchange_times = array("d", (self.exchange_times[i] for i in order))

    def _is_regular(self) -> bool:
        """Compare exchanges with each other, and with the beginnings of their streams."""
        numbers, times = self.exchange_numbers, self.exchange_times
        if not is_ascending(numbers, strictly=True) or not is_ascending(times):
            return False
        for (number, _), stream in self.streams.items():
            position = bisect_left(numbers, number)
            if position == len(numbers) or numbers[position] != number:
                return False
            if stream.first_at < times[position]:
                return False
        return not self.problems
