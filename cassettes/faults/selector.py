"""Selectors of things that are numbered from 1: one, a range, or a share of them.

3   2-4   3+   20%
"""

import re
from collections.abc import Callable
from math import inf

from msgspec import Struct

_SELECTOR = re.compile(
    r"(?P<first>[1-9]\d{0,8})(?:(?P<open>\+)|-(?P<last>[1-9]\d{0,8}))?|(?P<share>\d{1,3}(\.\d{1,6})?)%",
    re.ASCII,
)
_EXPECTED = "a number from 1, a range 2-4, an open range 3+, or a share 20%"


class Selector(Struct, frozen=True):
    """A range of numbers, both ends included, or a `share` from 0 to 1, which is drawn."""

    first: int = 1
    last: float = inf
    share: float | None = None

    def is_selected(self, number: int, draw: Callable[[], float]) -> bool:
        """Return whether a number is selected; `draw` returns its random fraction of 1."""
        return self.first <= number <= self.last if self.share is None else draw() < self.share

    def __str__(self) -> str:
        if self.share is not None:
            return f"{round(self.share * 100, 6):f}".rstrip("0").rstrip(".") + "%"
        if self.last == self.first:
            return str(self.first)
        return f"{self.first}+" if self.last == inf else f"{self.first}-{int(self.last)}"


SELECT_ALL = Selector()


def parse_selector(text: str) -> Selector:
    """Parse a selector. Raises ValueError."""
    match = _SELECTOR.fullmatch(text)
    if match is None:
        raise ValueError(f"expected {_EXPECTED}")
    if match["share"] is not None:
        share = float(match["share"]) / 100
        if not 0 < share <= 1:
            raise ValueError("expected a share above 0%, and at most 100%")
        return Selector(share=share)
    first = int(match["first"])
    last = inf if match["open"] else int(match["last"] or first)
    if last < first:
        raise ValueError("expected the lower number of the range first")
    return Selector(first, last)
