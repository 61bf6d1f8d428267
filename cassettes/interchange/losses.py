"""What a format cannot hold, so that it is not in the file that was written.

losses.add("the time of each record", exchange=3)
[str(loss) for loss in losses]     ["the time of each record (exchange 3)"]
"""

from collections.abc import Iterator

from msgspec import Struct

_MAX_NUMBERS = 5


class Loss(Struct, frozen=True):
    """One kind of loss: in how many exchanges it happened, and the first of them."""

    text: str
    count: int
    exchanges: list[int]

    def __str__(self) -> str:
        if not self.exchanges:
            return self.text
        numbers = ", ".join(map(str, self.exchanges))
        more = f" and {self.count - len(self.exchanges)} more" * (self.count > len(self.exchanges))
        return f"{self.text} (exchange{'s' * (self.count > 1)} {numbers}{more})"


class Losses:
    """Collects losses, each kind once."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._exchanges: dict[str, list[int]] = {}

    def add(self, text: str, exchange: int | None = None) -> None:
        """Note a loss, of an exchange or of the whole file."""
        exchanges = self._exchanges.setdefault(text, [])
        if exchange is None or exchange in exchanges[-1:]:
            return
        self._counts[text] = self._counts.get(text, 0) + 1
        if len(exchanges) < _MAX_NUMBERS:
            exchanges.append(exchange)

    def __iter__(self) -> Iterator[Loss]:
        for text, exchanges in self._exchanges.items():
            yield Loss(text, self._counts.get(text, 0), exchanges)
