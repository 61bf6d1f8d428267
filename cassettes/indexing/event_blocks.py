"""The records of a stream in blocks: many documents that are read at once.

Documents of other streams may lie between them. A block has the records from the document `first`
to the document `last`, and `count` is their number.
"""

from msgspec import Struct

from .document_heads import NO_DOCUMENT
from .index import DocumentIndex


class EventBlock(Struct, frozen=True, gc=False):
    """Records of one side of an exchange, as documents of a file, and where these are.

    `following` is the document with the next record, NO_DOCUMENT if there is none.
    """

    first: int
    last: int
    count: int
    start: int
    end: int
    following: int

    @property
    def is_dense(self) -> bool:
        """True if it pays to read all of it at once: few other documents lie in between."""
        return self.count * 8 > self.last - self.first


def find_event_block(index: DocumentIndex, first: int, max_bytes: int) -> EventBlock | None:
    """Return the block that begins with the record in the document `first`; None without one.

    It is larger than `max_bytes` only if it has one record.
    """
    if first == NO_DOCUMENT:
        return None
    starts, next_in_stream = index.start_offsets, index.next_in_stream
    last, count, limit = first, 1, starts[first] + max_bytes
    while (following := next_in_stream[last]) != NO_DOCUMENT and starts[following + 1] <= limit:
        last = following
        count += 1
    return EventBlock(first, last, count, starts[first], index.span(last)[1], following)
