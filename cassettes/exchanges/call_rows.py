"""The exchanges of a group by the digests of their calls.

    rows = CallRows(outlines, positions, digest_of)
    rows.take(key.message_digest)  ->  the positions of exchanges whose call has this digest

Most calls are usual, and the compiled module computes their digests in half a microsecond each,
instead of three. Of these, a sorted column keeps the first bytes beside the row, and a call is
examined again when a request has a digest that begins like its own.
"""

from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator

from ...proto.messages.fast_conversion import sort_numbers
from ..storage.exchange_outlines import ExchangeOutlines
from .call_digests import CallDigests

_ROW_BITS = 32
_ROW_MASK = (1 << _ROW_BITS) - 1
_BEGINNING_BYTES = 4


class CallRows:
    """The exchanges of a group that were not taken; `others` are those with calls of other kinds.

    Raises ChangedError or CassetteError if the calls cannot be read.
    """

    def __init__(
        self, outlines: ExchangeOutlines, rows: "array[int]", digest_of: CallDigests
    ) -> None:
        self._outlines, self._digest_of = outlines, digest_of
        self._sorted = array("Q")
        self._asked = set[bytes]()
        self._by_digest = defaultdict[bytes, list[int]](list)
        self.others = list[int]()
        unusual = rows if digest_of.of_rows is None else self._add_usual(rows)
        for row, digest in zip(unusual, self._digests(unusual), strict=True):
            if digest is None:
                self.others.append(row)
            else:
                self._by_digest[digest].append(row)

    def take(self, digest: bytes) -> list[int]:
        """Return the exchanges whose call has a digest, in order, and the first time only."""
        if digest in self._asked:
            return []
        self._asked.add(digest)
        rows = self._beginning_like(digest)
        found = zip(rows, self._digests(rows), strict=True)
        return sorted(
            [row for row, each in found if each == digest] + self._by_digest.pop(digest, [])
        )

    def take_all(self) -> Iterator[tuple[bytes, int]]:
        """Return all exchanges that were not taken, with the digests of their calls."""
        usual = sorted(number & _ROW_MASK for number in self._sorted)
        for row, digest in zip(usual, self._digests(usual), strict=True):
            if digest is not None and digest not in self._asked:
                yield digest, row
        for digest, rows in self._by_digest.items():
            yield from ((digest, row) for row in rows)
        self._sorted = array("Q")
        self._by_digest.clear()

    def _add_usual(self, rows: "array[int]") -> "array[int]":
        """Add the exchanges with usual calls; return the others."""
        outlines, digests_of = self._outlines, self._digest_of.of_rows
        assert digests_of is not None
        left, unusual = memoryview(rows), array("I")
        while left:
            block = outlines.read_block(left[0], left[-1])
            begin = outlines.body_starts[left[0]]
            digests, others = digests_of(
                block, begin, outlines.body_starts, outlines.body_sizes, left
            )
            if not digests and not others:
                outlines.check_unchanged()
                raise AssertionError("the body of a request is beyond the end of the file")
            self._sorted.frombytes(digests)
            unusual.frombytes(others)
            left = left[len(digests) // 8 + len(others) // 4 :]
        outlines.check_unchanged()
        sort_numbers(self._sorted)
        return unusual

    def _beginning_like(self, digest: bytes) -> list[int]:
        first = int.from_bytes(digest[:_BEGINNING_BYTES]) << _ROW_BITS
        begin = bisect_left(self._sorted, first)
        end = bisect_left(self._sorted, first + _ROW_MASK, lo=begin)
        return [number & _ROW_MASK for number in self._sorted[begin:end]]

    def _digests(self, rows: "list[int] | array[int]") -> Iterator[bytes | None]:
        return map(self._digest_of, self._outlines.bodies(rows))
