"""The numbers of exchanges and connections in a merged cassette.

Exchanges are numbered in the order of time, over all cassettes, as if one recorder had seen them.
Connections keep their order; those of a later cassette come after all of the one before.
"""

import heapq
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate
from operator import itemgetter

from ..storage.reader import Cassette

_AT = itemgetter(0)


class MergedNumbers:
    """The new numbers. `shifts` are added to the times of each cassette."""

    def __init__(self, cassettes: Sequence[Cassette], shifts: Sequence[float]) -> None:
        clients = (cassette.last_client_number for cassette in cassettes)
        self._clients_before = list(accumulate(clients, initial=0))
        self._old = [
            array("Q", (number for number, _ in each.exchange_starts())) for each in cassettes
        ]
        self._new = [array("Q") for _ in cassettes]
        indexed = enumerate(zip(cassettes, shifts, strict=True))
        starts = [_starts(index, cassette, shift) for index, (cassette, shift) in indexed]
        self._last = 0
        for self._last, (_, index) in enumerate(heapq.merge(*starts, key=_AT), 1):
            self._new[index].append(self._last)

    def exchange(self, cassette: int, number: int) -> int:
        """Return the number of an exchange; of one that is not there, a number that is free."""
        old = self._old[cassette]
        position = bisect_left(old, number)
        if position < len(old) and old[position] == number:
            return self._new[cassette][position]
        return self._last + 1 + number * len(self._old) + cassette

    def client(self, cassette: int, number: int) -> int:
        """Return the number of a connection."""
        return self._clients_before[cassette] + number


def _starts(index: int, cassette: Cassette, shift: float) -> Iterator[tuple[float, int]]:
    return ((at_seconds + shift, index) for _, at_seconds in cassette.exchange_starts())
