"""Dice: what a seed decides.

What is drawn for a thing depends on the seed and on that thing alone, never on what was drawn
before: two runs draw the same, in whatever order things happen.

    dice = Dice("0 drop@20%")
    dice.share("exchange 7", 3)    0.0 <= … < 1.0, always the same
"""

from hashlib import shake_256

from msgspec import Struct


class SeededRandom(Struct, frozen=True):
    """Dice for one purpose."""

    seed: str

    def random_bytes(self, size: int, *of: str | int) -> bytes:
        """Draw bytes for a thing."""
        return shake_256(repr((self.seed, *of)).encode()).digest(size)

    def random_below(self, limit: int, *of: str | int) -> int:
        """Draw a number from 0 on, below a limit."""
        return int.from_bytes(self.random_bytes(16, *of)) % limit

    def random_fraction(self, *of: str | int) -> float:
        """Draw a number from 0 on, below 1."""
        return (int.from_bytes(self.random_bytes(8, *of)) >> 11) / (1 << 53)
