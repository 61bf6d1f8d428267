"""`mesotape query`: ask cassettes in SQL."""

import csv
import sys
from collections.abc import Iterator
from decimal import Decimal
from itertools import chain, islice
from pathlib import Path
from typing import Any

import click
import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ...cassettes.format.documents import CassetteError
from ...proto.shown_text import escape_json, escape_line
from ..commands.console import CommandError, OptionError, interrupts, print_to_stderr
from ..terminal.progress import ReadingProgress
from .query_tables import importing_tables, open_tables

_SHOWN_ROWS = 1000
"""Of a result that is printed as a table for people."""

_LONGEST_SHOWN = 60
"""Characters of a value in it, on a terminal."""

_UNBOUNDED_WIDTH = 100_000

type _Rows = Iterator[dict[str, Any]]

_encoder = msgspec.json.Encoder(decimal_format="number")


class QueryOptions(Struct, frozen=True, kw_only=True):
    """The options of `mesotape query`."""

    cassettes: tuple[Path, ...]
    sql: str
    as_json: bool = False
    as_csv: bool = False
    external_access: bool = False


def query(options: QueryOptions) -> int:
    """Run the SQL and print its result. Return the exit code; raises CommandError."""
    if options.as_json and options.as_csv:
        raise OptionError("--json and --csv exclude each other: leave out one")
    with importing_tables("query"):
        from ...cassettes.tables.query_engine import QueryError, open_engine
    tables, shown = open_tables(options.cassettes)
    try:
        with open_engine(tables, external_access=options.external_access) as engine:
            batches = engine.run(options.sql)
            header = next(batches, None)
            if header is not None:
                rows = chain.from_iterable(batch.to_pylist() for batch in batches)
                _print_rows(header.schema.names, rows, options, shown)
    except (QueryError, CassetteError) as error:
        interrupts.check()  # Ctrl-C in a scan is an error of DuckDB.
        raise CommandError(str(error)) from error
    finally:
        shown.clear()
    return 0


def _print_rows(
    names: list[str], rows: _Rows, options: QueryOptions, shown: ReadingProgress
) -> None:
    if options.as_json:
        for row in rows:
            click.echo(escape_json(_encoder.encode(row).decode()))
    elif options.as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(map(_as_text, row.values()) for row in rows)
    else:
        first = list(islice(rows, _SHOWN_ROWS + 1))
        shown.clear()
        _print_table(names, first[:_SHOWN_ROWS])
        if len(first) > _SHOWN_ROWS:
            print_to_stderr(f"these are the first {_SHOWN_ROWS} rows: --csv or --json prints all")


def _print_table(names: list[str], rows: list[dict[str, Any]]) -> None:
    """Print a table. A line that is longer than the terminal wraps there; no column is left out."""
    out = Console(highlight=False, width=_UNBOUNDED_WIDTH)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in names:
        values = [row[name] for row in rows if row[name] is not None]
        is_number = bool(values) and all(isinstance(each, int | float | Decimal) for each in values)
        justify = "right" if is_number else "left"
        width = _LONGEST_SHOWN if out.is_terminal else None
        table.add_column(
            Text(escape_line(name)),
            justify=justify,
            no_wrap=True,
            overflow="ellipsis",
            max_width=width,
        )
    for row in rows:
        table.add_row(*(Text(escape_line(_as_text(value))) for value in row.values()))
    out.print(table, soft_wrap=True)


def _as_text(value: object) -> str:
    """Return a value as in a table for people, and in CSV: empty if it is missing."""
    match value:
        case None:
            return ""
        case str():
            return value
        case _:
            return _encoder.encode(value).decode().strip('"')
