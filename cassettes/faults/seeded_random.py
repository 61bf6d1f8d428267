"""Random values that depend on a seed and on what they are drawn for, and on nothing else.

There is no sequence: a value never depends on earlier ones, so two runs draw the same values in
whatever order things happen.

    seeded_random = SeededRandom("0 drop@20%")
    seeded_random.random_fraction("exchange 7", 3)    0.0 <= … < 1.0, always the same
"""

from hashlib import shake_256

from msgspec import Struct


class SeededRandom(Struct, frozen=True):
    """A source of random values for one purpose."""

    seed: str

    def random_bytes(self, size: int, *key: str | int) -> bytes:
        """Return `size` bytes for a key."""
        return shake_256(repr((self.seed, *key)).encode()).digest(size)

    def random_below(self, limit: int, *key: str | int) -> int:
        """Return a number from 0 to `limit` - 1 for a key."""
        return int.from_bytes(self.random_bytes(16, *key)) % limit

    def random_fraction(self, *key: str | int) -> float:
        """Return a number from 0 to below 1 for a key."""
        return (int.from_bytes(self.random_bytes(8, *key)) >> 11) / (1 << 53)
