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
from collections.abc import Callable, Iterator

from msgspec import Struct

from ..format.documents import Document, DocumentError, End, Event, Exchange, Header, Note, Side
from ..format.fast_reader import EVENT_HEAD_PATTERN
from ..format.parsing import parse_document
from ..format.scalars import NUMBER_PATTERN, SECONDS_PATTERN

BLOCK_BYTES = 1 << 20
"""Bytes read at once. Of a document longer than two blocks, only head and tail are scanned."""

MAX_DOCUMENT_BYTES = 1 << 27
"""128 MiB: eight times what a recorder keeps of a body, if not told otherwise. To parse a document
takes some four times its size in memory."""

NO_DOCUMENT = 0xFFFFFFFF
"""In `DocumentIndex.next_in_stream` and `StreamDocuments`: there is none."""

_BOM = b"\xef\xbb\xbf"
"""The byte order mark that some editors write at the beginning of UTF-8."""

_LONG_HEAD_BYTES = 4096
_LONG_TAIL_BYTES = 64
_MOST_COMMENT_BYTES = 1 << 16  # of comments after the end mark of a long document
_END_MARK = re.compile(rb"\n\.\.\.(?:[ \t][^\n]*|\r)?(?:\n|\Z)")
_BLANK_LINES = re.compile(rb"(?:\xef\xbb\xbf)?(?:[ \t]*(?:[#%][^\n]*)?\r?(?:\n|\Z))*")
_EVENT_HEAD = re.compile(EVENT_HEAD_PATTERN.encode())
_HEAD = re.compile(
    (
        r"---\n(?:"
        rf"exchange: ({NUMBER_PATTERN})\nat: ({SECONDS_PATTERN})\nclient: ({NUMBER_PATTERN})\n|"
        rf"end: ({NUMBER_PATTERN})\nat: ({SECONDS_PATTERN})\n(from: client\n)?cause: )"
    ).encode()
)


class _FileSegment(Struct, frozen=True, gc=False):
    """A part of the file from a start mark to the next. `text` is all of it, or head and tail."""

    start: int
    end: int
    text: bytes


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

    The scan reads as little as it can of each document. The head of an event, exchange or end in
    the writer's layout has all that is indexed, and one expression finds it. Other documents are
    parsed here, so an error in them is known when the cassette is opened; an error further down in
    the writer's layout is found when the document is read. An event needs one look more: the
    expression takes `from: client` where the writer puts it, so if it is missing there and any
    other line begins with `from:`, the document is parsed instead.
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
        for start, end, text in _segments(self._pread):
            # Nearly every document is an event in the writer's layout, so these are tried first.
            if text.endswith(b"\n...\n") and (match := _EVENT_HEAD.match(text)):
                number, of, at, side = match.groups()
                if side or text.find(b"\nfrom:") < 0:
                    self.start_offsets.append(start)
                    self.next_in_stream.append(NO_DOCUMENT)
                    self.intact_bytes = end
                    of, at = int(of), float(at)
                    self._add_event(int(number), of, "client" if side else "server", at)
                    continue
            self._add(_FileSegment(start, end, text))
        self.start_offsets.append(end)
        self._sort_exchanges()

    def _add(self, segment: _FileSegment) -> None:
        text = segment.text
        if not text.startswith(b"---"):
            if not _BLANK_LINES.fullmatch(text):
                line = text[:40].decode(errors="replace").split("\n")[0]
                self._add_problem(
                    segment, 1, f"not a cassette: expected a line `---`, found {line!r}"
                )
            return
        self.start_offsets.append(segment.start)
        self.next_in_stream.append(NO_DOCUMENT)
        if text.endswith(b"\n...\n"):
            self.intact_bytes = segment.end
        elif not self._find_end_mark(segment):
            self.cut_off_documents.add(len(self.next_in_stream) - 1)
            return
        match = _HEAD.match(text)
        if not match:
            self._parse(segment)
            return
        exchange, at, client, end, end_at, side = match.groups()
        if exchange:
            self._add_exchange(int(exchange), int(client), float(at))
        else:
            self._add_end(int(end), "client" if side else "server", float(end_at))

    def _find_end_mark(self, segment: _FileSegment) -> bool:
        """Find an end mark that something follows, and warn if that is more than comments."""
        text = segment.text
        mark = _END_MARK.search(text)
        if not mark and len(text) < segment.end - segment.start:  # It is head and tail.
            size = min(_MOST_COMMENT_BYTES, segment.end - segment.start)
            text = self._pread(size, segment.end - size)
            mark = _END_MARK.search(text)
        if not mark:
            text = "there is no end mark `...`: the document was cut off and is left out"
            self.warnings.append(DocumentProblem(segment.start, 1, text))
            return False
        end = segment.end - len(text) + mark.end()
        self.end_offsets[len(self.next_in_stream) - 1] = end
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

    def _parse(self, segment: _FileSegment) -> None:
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

    def _add_document(self, segment: _FileSegment, document: Document) -> None:
        match document:
            case Event():
                side = document.from_ or "server"
                self._add_event(document.event, document.of, side, document.at)
            case Exchange():
                self._add_exchange(document.exchange, document.client, document.at)
            case End():
                self._add_end(document.end, document.from_ or "server", document.at)
            case Note():
                self.note_documents.append(len(self.next_in_stream) - 1)
            case Header():
                if len(self.next_in_stream) > 1:
                    self._add_problem(
                        segment, 2, "found a second header: two cassettes in one file"
                    )

    def _add_event(self, number: int, of: int, side: Side, at: float) -> None:
        document = len(self.next_in_stream) - 1
        if at > self.last_at_seconds:
            self.last_at_seconds = at
        stream = self.streams.get((of, side))
        if stream is None:
            stream = self.streams[of, side] = StreamDocuments(first_at=at)
        if number != stream.last_number + 1 or at < stream.last_at or stream.end != NO_DOCUMENT:
            self._has_irregular_stream = True
        stream.last_number = number
        stream.last_at = at
        if stream.first == NO_DOCUMENT:
            stream.first = document
        else:
            self.next_in_stream[stream.last] = document
        stream.last = document

    def _add_end(self, of: int, side: Side, at: float) -> None:
        self.last_at_seconds = max(self.last_at_seconds, at)
        stream = self.streams.setdefault((of, side), StreamDocuments(first_at=at))
        if at < stream.last_at or stream.end != NO_DOCUMENT:
            self._has_irregular_stream = True
        if stream.end == NO_DOCUMENT:
            stream.end = len(self.next_in_stream) - 1

    def _add_exchange(self, number: int, client: int, at: float) -> None:
        self.last_at_seconds = max(self.last_at_seconds, at)
        self.last_client_number = max(self.last_client_number, client)
        self.exchange_numbers.append(number)
        self.exchange_times.append(at)
        self.exchange_documents.append(len(self.next_in_stream) - 1)

    def _add_problem(self, segment: _FileSegment, line: int, text: str) -> None:
        self.problems.append(DocumentProblem(segment.start, line, text))

    def _sort_exchanges(self) -> None:
        """Sort the exchanges by number; in the file, they are in the order of completion."""
        numbers = self.exchange_numbers
        if any(numbers[i] > numbers[i + 1] for i in range(len(numbers) - 1)):
            order = sorted(range(len(numbers)), key=numbers.__getitem__)
            self.exchange_numbers = array("Q", (numbers[i] for i in order))
            self.exchange_documents = array("I", (self.exchange_documents[i] for i in order))
            self.exchange_times = array("d", (self.exchange_times[i] for i in order))

    def _is_regular(self) -> bool:
        """Compare exchanges with each other, and with the beginnings of their streams."""
        numbers, times = self.exchange_numbers, self.exchange_times
        for i in range(len(numbers) - 1):
            if numbers[i] == numbers[i + 1] or times[i] > times[i + 1]:
                return False
        for (number, _), stream in self.streams.items():
            position = bisect_left(numbers, number)
            if position == len(numbers) or numbers[position] != number:
                return False
            if stream.first_at < times[position]:
                return False
        return not self.problems


def too_long(size: int) -> str | None:
    """Return why a document of this size cannot be read, or None if it can."""
    if size <= MAX_DOCUMENT_BYTES:
        return None
    return f"the document has {size} bytes, the limit is {MAX_DOCUMENT_BYTES}: delete it"


def _segments(pread: Callable[[int, int], bytes]) -> Iterator[tuple[int, int, bytes]]:
    """Cut a file at its start marks; yield the start, end and text of each `_FileSegment`.

    `buffer` holds the part of the current segment that is read and not yet given out, and `offset`
    is the place in the file after it. Each block is appended to it, and every start mark in it ends
    a segment. Three things are to be watched:

    - A start mark may be cut by the end of a block. It counts only once the byte after its dashes
      is there, and the search goes on from four bytes before the end of the old buffer. Bytes
      before `search` are never searched again, so the scan is linear in the size of the file.
    - A document may be longer than memory. Once the buffer passes a block, its first 4 KiB become
      `head`, its last bytes stay, and the rest is dropped: head and tail show the kind of the
      document and its end mark, which is all that the index needs.
    - The tail that stays has to hold the `...` line and the four bytes above, hence 64 bytes.

    Tuples instead of structs: this runs once for each document.
    """
    start = offset = len(_BOM) if pread(len(_BOM), 0) == _BOM else 0
    head, buffer, search = b"", b"", 0
    while block := pread(BLOCK_BYTES, offset):
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
            head = head or buffer[:_LONG_HEAD_BYTES]
            buffer = buffer[-_LONG_TAIL_BYTES:]
        search = max(0, len(buffer) - 4)
    if head or buffer:
        yield start, offset, head + buffer
