"""The receipt of a replay, laid over the exchanges of a report."""

import re
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

_MOST_TIMES = (1 << 31) - 1
_EXCHANGE = re.compile(r"\bexchange ([0-9]{1,18})\b")


class ReceiptFacts(Struct, frozen=True, kw_only=True):
    """What a receipt says. An exchange is its path in the receipt, and its number.

    `digests` has the SHA-256 of the cassettes, by their paths. `lists` has texts by their titles.
    """

    summary: str
    digests: dict[str, str | None]
    served: list[tuple[str, int, int]]
    unused: list[tuple[str, int]]
    lists: dict[str, list[str]]


class ReceiptList(Struct, frozen=True):
    """Lines of a receipt, each with the row of the exchange that it names, if it is known."""

    title: str
    lines: list[tuple[str, int | None]]


class ReceiptOverlay(Struct, frozen=True):
    """A receipt as the page shows it."""

    summary: str
    lists: list[ReceiptList]


def match_cassettes(
    receipt: ReceiptFacts, paths: list[Path], digest_of: Callable[[int], str | None]
) -> dict[str, int]:
    """Return the numbers of the cassettes of a receipt: those with its digest, else its path."""
    digests = {digest_of(number): number for number in range(len(paths))}
    resolved = {path.resolve(): number for number, path in enumerate(paths)}
    found: dict[str, int] = {}
    for path, digest in receipt.digests.items():
        number = digests.get(digest) if digest is not None else None
        if number is None and digest is None:
            number = resolved.get(Path(path).resolve())
        if number is not None:
            found[path] = number
    return found


def lay_over(
    receipt: ReceiptFacts,
    cassettes: dict[str, int],
    row_of: Callable[[int, int], int | None],
    mark: Callable[[int, int], None],
) -> ReceiptOverlay:
    """Mark how often exchanges were served, and return the rest for the page."""
    marks = [*receipt.served, *((path, number, 0) for path, number in receipt.unused)]
    for path, number, times in marks:
        row = row_of(cassettes[path], number) if path in cassettes else None
        if row is not None:
            mark(row, min(max(times, 0), _MOST_TIMES))
    only = next(iter(cassettes.values())) if len(cassettes) == 1 else None

    def row_in(line: str) -> int | None:
        found = _EXCHANGE.search(line)
        return row_of(only, int(found[1])) if found and only is not None else None

    lists = [
        ReceiptList(title, [(line, row_in(line)) for line in lines])
        for title, lines in receipt.lists.items()
        if lines
    ]
    return ReceiptOverlay(receipt.summary, lists)
