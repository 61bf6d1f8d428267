"""The outlines of exchanges: which of them have so much in common that one stands for all.

The exchanges of a group have the same head of the request, byte for byte, and the same status. If
the request has a body, it is a call in JSON, and its type is the same, too:

    POST /api/v1, User-Agent: …, {"type": "READ_FILE", "read_file": {…}}  ->  200

So what one of them means is known for all, but for the rest of the call. The compiled module finds
the groups in less than a microsecond an exchange, and examines as much of each as the fast reader
does. An exchange that is not in its layout is in no group, and without the module none is.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from ..indexing.columns import is_ascending
from ..indexing.compiled import native
from ..indexing.index import DocumentIndex
from .opened_file import OpenedFile

NO_GROUP = 0xFFFFFFFF

_BLOCK_BYTES = 1 << 19
_MAX_BYTES = 1 << 20
"""A longer exchange is in no group."""


class ExchangeOutlines:
    """The groups of the exchanges of a cassette, and their clients, in the order of their numbers.

    `group_count` is the number of groups. `body_starts` and `body_sizes` say where the bodies of
    their requests are; a size is 0 where the body is the same in all of a group.

    Raises `ChangedError` or `CassetteError` like `Cassette`.
    """

    def __init__(self, file: OpenedFile, index: DocumentIndex) -> None:
        self.group_count = 0
        self.groups = array("I")
        self.clients = array("Q")
        self.numbers = index.exchange_numbers
        self.body_starts = array("Q")
        self.body_sizes = array("I")
        self._file = file
        self._index = index
        self._read()

    def has_body(self, row: int) -> bool:
        """Return whether an exchange has a body that is not the same in all of its group."""
        return self.body_sizes[row] > 0

    def bodies(self, rows: Sequence[int]) -> Iterator[bytes]:
        """Read the bodies of requests in groups, as text that is indented but for its first line.

        `rows` are positions of exchanges, in order.
        """
        begin, block = 0, b""
        for row in rows:
            start = self.body_starts[row]
            end = start + self.body_sizes[row]
            if not begin <= start <= end <= begin + len(block):
                begin, block = start, self.read_block(row, rows[-1])
            yield block[start - begin : end - begin]
        self.check_unchanged()

    def read_block(self, row: int, last_row: int) -> bytes:
        """Read the file from the body of one exchange to that of another, or less if it is far."""
        start = self.body_starts[row]
        size = self.body_starts[last_row] + self.body_sizes[last_row] - start
        size = max(self.body_sizes[row], min(_BLOCK_BYTES, size))
        return self._file.read_unchecked(start, size)

    def check_unchanged(self) -> None:
        """Raise ChangedError if the file was changed: what was read before may be wrong."""
        self._file.check_unchanged()

    def _read(self) -> None:
        assert native is not None
        documents = self._index.exchange_documents
        order = _sorting(documents)
        in_order = documents if order is None else array("I", map(documents.__getitem__, order))
        starts = memoryview(self._index.start_offsets)
        groups: dict[bytes, int] = {}
        position = 0
        while position < len(in_order):
            first = in_order[position]
            count = self._run_length(in_order, position)
            begin, end = starts[first], starts[first + count]
            fits = end - begin <= _MAX_BYTES
            text = self._file.read_unchecked(begin, end - begin) if fits else b""
            offsets = starts[first : first + count + 1]
            columns = native.read_outlines(text, offsets, groups)
            for column, added in zip(self._columns(), columns, strict=True):
                column.frombytes(added)
            position += count
        self.check_unchanged()
        self.group_count = len(groups)
        if order is not None:
            back = _sorting(order) or order
            self.groups, self.clients, self.body_starts, self.body_sizes = (
                array(column.typecode, map(column.__getitem__, back)) for column in self._columns()
            )

    def _columns(self) -> "tuple[array[int], ...]":
        return self.groups, self.clients, self.body_starts, self.body_sizes

    def _run_length(self, documents: "array[int]", position: int) -> int:
        """Return how many exchanges follow each other in the file, in a block or so."""
        first, starts = documents[position], self._index.start_offsets
        most = bisect_right(starts, starts[first] + _BLOCK_BYTES, lo=first + 1) - first - 1
        run = range(position, min(position + max(1, most), len(documents)))
        if documents[run[-1]] - first == len(run) - 1:
            return len(run)
        return bisect_right(run, 0, key=lambda each: documents[each] - first - (each - position))


def _sorting(values: "array[int]") -> "array[int] | None":
    """Return the positions of values in ascending order; None if they are in order."""
    if is_ascending(values):
        return None
    return array("I", sorted(range(len(values)), key=values.__getitem__))
