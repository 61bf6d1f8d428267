"""Which of the things that are counted from 1 on: the third, some, or a share of them.

3   2-4   3+   20%
"""

import re
from collections.abc import Callable
from math import inf

from msgspec import Struct

_FORM = re.compile(
    r"(?P<first>[1-9]\d{0,8})(?:(?P<on>\+)|-(?P<last>[1-9]\d{0,8}))?|(?P<share>\d{1,3}(\.\d{1,6})?)%",
    re.ASCII,
)
_FORMS = "a number from 1 on, a range 2-4, from there on 3+, or a share 20%"


class Selector(Struct, frozen=True):
    """Which of the things that are counted from 1 on, or what share of them."""

    first: int = 1
    last: float = inf
    share: float | None = None

    def is_selected(self, number: int, drawn: Callable[[], float]) -> bool:
        """Whether a thing is one of them; `drawn` gives its number from 0 to 1."""
        return self.first <= number <= self.last if self.share is None else drawn() < self.share

    def __str__(self) -> str:
        if self.share is not None:
            return f"{round(self.share * 100, 6):f}".rstrip("0").rstrip(".") + "%"
        if self.last == self.first:
            return str(self.first)
        return f"{self.first}+" if self.last == inf else f"{self.first}-{int(self.last)}"


SELECT_ALL = Selector()


def parse_selector(text: str) -> Selector:
    """Read what people write. Raises ValueError."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError(f"expected {_FORMS}")
    if found["share"] is not None:
        share = float(found["share"]) / 100
        if not 0 < share <= 1:
            raise ValueError("a share is more than 0% and at most 100%")
        return Selector(share=share)
    first = int(found["first"])
    last = inf if found["on"] else int(found["last"] or first)
    if last < first:
        raise ValueError("the range is empty, expected the lower number first")
    return Selector(first, last)
