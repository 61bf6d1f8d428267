"""The records of a stream in blocks: many documents that are read at once.

Documents of other streams may lie between them. A block has the records from the document `first`
to the document `last`, and `count` is their number.
"""

from collections.abc import Iterator

from msgspec import Struct

from ..format.documents import Side
from .index import NO_DOCUMENT, DocumentIndex


class EventBlock(Struct, frozen=True, gc=False):
    """Records of one side of an exchange, as documents of a file, and where these are."""

    first: int
    last: int
    count: int
    start: int
    end: int

    @property
    def is_dense(self) -> bool:
        """True if it pays to read all of it at once: few other documents lie in between."""
        return self.count * 8 > self.last - self.first


def event_blocks(
    index: DocumentIndex, number: int, side: Side, max_bytes: int
) -> Iterator[EventBlock]:
    """Divide the records of one side of an exchange into blocks, in the order of the file.

    A block is larger than `max_bytes` only if it has one record.
    """
    stream = index.streams.get((number, side))
    first = NO_DOCUMENT if stream is None else stream.first
    starts, next_in_stream = index.start_offsets, index.next_in_stream
    while first != NO_DOCUMENT:
        last, count = first, 1
        limit = starts[first] + max_bytes
        while (following := next_in_stream[last]) != NO_DOCUMENT and starts[following + 1] <= limit:
            last = following
            count += 1
        yield EventBlock(first, last, count, starts[first], index.span(last)[1])
        first = following
