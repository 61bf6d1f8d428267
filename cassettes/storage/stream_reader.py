"""Reads the streams of an open cassette: the records of one side of an exchange, and its end."""

from collections.abc import Iterator
from itertools import islice

from ..format.documents import End, Event, Side
from ..indexing.document_heads import NO_DOCUMENT
from ..indexing.event_blocks import EventBlock, find_event_block
from ..indexing.index import DocumentIndex
from .document_reader import DocumentReader
from .opened_file import OpenedFile


class StreamReader:
    """Reads records by the number of their exchange and their side.

    Methods raise `CassetteError` and `ChangedError` like those of `DocumentReader`.
    """

    def __init__(self, file: OpenedFile, index: DocumentIndex, documents: DocumentReader) -> None:
        self._file = file
        self._index = index
        self._documents = documents

    def events(self, number: int, side: Side = "server") -> Iterator[Event]:
        """Read the records one at a time, in the order of the file."""
        return self._events(self._first(number, side), number, side)

    def first_block(self, number: int, max_bytes: int, side: Side = "server") -> EventBlock | None:
        """Return where the first records are; None without any."""
        return find_event_block(self._index, self._first(number, side), max_bytes)

    def next_block(self, block: EventBlock, max_bytes: int) -> EventBlock | None:
        """Return where the records after a block are; None without any."""
        return find_event_block(self._index, block.following, max_bytes)

    def events_of(self, block: EventBlock, number: int, side: Side = "server") -> Iterator[Event]:
        """Read the records of a block one at a time, like `events`."""
        return islice(self._events(block.first, number, side), block.count)

    def end(self, number: int, side: Side = "server") -> End | None:
        """Read the end of a stream; None if the cassette has none."""
        stream = self._index.streams.get((number, side))
        if stream is None or stream.end == NO_DOCUMENT:
            return None
        end = self._documents.read(stream.end)
        if not isinstance(end, End):
            raise self._file.changed_error("in place")
        return end

    def last_number(self, number: int, side: Side = "server") -> int:
        """Return the number of the last record, or 0."""
        stream = self._index.streams.get((number, side))
        return 0 if stream is None else stream.last_number

    def find_document(self, event: Event) -> int | None:
        """Find the document of an event; None if it is not there any more."""
        document = self._first(event.of, event.from_ or "server")
        while document != NO_DOCUMENT:
            if self._documents.read(document) == event:
                return document
            document = self._index.next_in_stream[document]
        return None

    def _first(self, number: int, side: Side) -> int:
        stream = self._index.streams.get((number, side))
        return NO_DOCUMENT if stream is None else stream.first

    def _events(self, document: int, number: int, side: Side) -> Iterator[Event]:
        from_ = None if side == "server" else side
        for event in self._documents.read_linked(document):
            if not isinstance(event, Event) or event.of != number or event.from_ != from_:
                raise self._file.changed_error("in place")
            yield event
