"""The journal of a replay: what was served, what was missed, what was left over."""

from collections import Counter
from collections.abc import Iterable

from .misses import Miss

_MISSES_KEPT = 1000
"""A client that retries for ever must not fill the memory; `missed` goes on counting."""


class Journal:
    """Counts by exchange number of a cassette, and the first misses in full."""

    def __init__(self) -> None:
        self.served = Counter[tuple[int, int]]()
        self.misses: list[Miss] = []
        self.missed = 0

    @property
    def answers(self) -> int:
        """How many requests were answered from the recording."""
        return self.served.total()

    def miss(self, miss: Miss) -> None:
        """Take down a miss."""
        self.missed += 1
        if len(self.misses) < _MISSES_KEPT:
            self.misses.append(miss)

    def unused(self, exchanges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
        """Those of `exchanges`, as (cassette, number), that nobody asked for."""
        return [exchange for exchange in exchanges if exchange not in self.served]
