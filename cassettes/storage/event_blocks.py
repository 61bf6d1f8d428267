"""The records of a stream in blocks: many documents that are read at once.

Documents of other streams may lie between them. A block has the records from the document `first`
to the document `last`, and `count` is their number.
"""

from collections.abc import Iterator

from msgspec import Struct

from ..format.documents import Side
from .index import NO_DOCUMENT, DocumentIndex

_BLOCK_BYTES = 128 * 1024
"""A larger block gains nothing: what a block costs besides its records is a hundredth then."""


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
        return self.count > 1 and self.count * 8 > self.last - self.first


def event_blocks(index: DocumentIndex, number: int, side: Side) -> Iterator[EventBlock]:
    """Divide the records of one side of an exchange into blocks, in the order of the file."""
    stream = index.streams.get((number, side))
    first = NO_DOCUMENT if stream is None else stream.first
    starts, next_in_stream = index.start_offsets, index.next_in_stream
    while first != NO_DOCUMENT:
        last, count = first, 1
        limit = starts[first] + _BLOCK_BYTES
        while (following := next_in_stream[last]) != NO_DOCUMENT and starts[following + 1] <= limit:
            last = following
            count += 1
        yield EventBlock(first, last, count, starts[first], index.span(last)[1])
        first = following
