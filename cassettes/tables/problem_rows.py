"""The table `problems`: what `mesotape inspect` and `validate` find, one row for each."""

from collections.abc import Collection, Iterator
from itertools import batched, chain
from typing import Any

from ..inspection.cassette_rows import read_cassette_rows
from ..inspection.rows import Row
from .event_rows import Columns
from .source import Source

_ROWS = 1000


def problem_rows(source: Source, names: Collection[str]) -> Iterator[Columns]:
    """Return the columns with some names, block by block. Raises CassetteError."""
    rows = read_cassette_rows(source.cassette, source.advance)
    for block in batched(chain.from_iterable(map(_problems, rows)), _ROWS):
        yield {name: [problem[name] for problem in block] for name in block[0]}


def _problems(row: Row) -> Iterator[dict[str, Any]]:
    for diagnostic in row.diagnostics:
        yield {
            "at_seconds": row.at,
            "exchange": row.exchange,
            "number": row.number,
            "side": row.side,
            "line": row.line,
            "client": row.client,
            "call": row.call,
            "type": row.type if row.row_type != "exchange" else None,
            "level": diagnostic.severity,
            "code": diagnostic.reason,
            "text": row.text if row.row_type == "note" and row.text else diagnostic.text,
        }
