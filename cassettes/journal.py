"""The journal of a replay: what was served, and what was missed."""

from collections import Counter

from msgspec import Struct

from .misses import Miss

_MISSES_KEPT = 1000
"""A client that retries for ever must not fill the memory; `missed` goes on counting."""


class Place(Struct, frozen=True):
    """An exchange: the cassette, by its place in the list, and the exchange's number."""

    cassette: int
    exchange: int


class Journal:
    """Counts by exchange, and the first misses in full."""

    def __init__(self) -> None:
        self.served = Counter[Place]()
        self.misses: list[Miss] = []
        self.missed = 0

    @property
    def answers(self) -> int:
        """How many requests were answered from the recording."""
        return self.served.total()

    def serve(self, place: Place) -> None:
        """Take down an answer."""
        self.served[place] += 1

    def miss(self, miss: Miss) -> None:
        """Take down a miss."""
        self.missed += 1
        if len(self.misses) < _MISSES_KEPT:
            self.misses.append(miss)
