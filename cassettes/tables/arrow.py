"""The tables as batches of Arrow, and as datasets that an engine scans.

An engine asks for the columns and rows that a query needs, so the others are not made. Nothing is
kept: a table that a query uses twice is read twice.
"""

# The stubs of Arrow do not tell the types of the elements of most arrays.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, override

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from ...proto.shown_text import escape_surrogates
from .event_rows import Columns, event_rows
from .exchange_rows import exchange_rows
from .problem_rows import problem_rows
from .schemas import TABLES, ColumnType
from .source import Source, open_source
from .state_rows import state_rows

_TYPES: dict[ColumnType, pa.DataType] = {
    "text": pa.string(),
    "integer": pa.int64(),
    "real": pa.float64(),
    "boolean": pa.bool_(),
    "time": pa.timestamp("us"),
    "day": pa.date32(),
}
_TIME_COLUMNS = frozenset(("day", "time"))

SCHEMAS: dict[str, pa.Schema] = {
    table: pa.schema([pa.field(each.name, _TYPES[each.type]) for each in columns])
    for table, columns in TABLES.items()
}
"""For each table, its schema."""

type OnProgress = Callable[[Path, int], None]
"""Gets the cassette that is read, and the offset up to which it is."""


def read_batches(source: Source, table: str, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Return some columns of a table of one cassette, in batches. Raises CassetteError."""
    schema = pa.schema([SCHEMAS[table].field(name) for name in names])
    needed = frozenset(names) | ({"at_seconds"} if _TIME_COLUMNS & set(names) else frozenset())
    match table:
        case "exchanges":
            blocks = exchange_rows(source, needed)
        case "events":
            blocks = event_rows(source, needed)
        case "problems":
            blocks = problem_rows(source, needed)
        case _:
            blocks = state_rows(source, table)
    for columns in blocks:
        yield _batch(source, schema, columns)


def _batch(source: Source, schema: pa.Schema, columns: Columns) -> pa.RecordBatch:
    count = len(next(iter(columns.values())))
    constants = {
        "cassette": escape_surrogates(source.name),
        "server": source.header.server,
        "upstream": source.header.upstream,
    }
    arrays: dict[str, Any] = {}
    for field in schema:
        if field.name in constants:
            arrays[field.name] = pa.repeat(pa.scalar(constants[field.name], field.type), count)
        elif field.name not in _TIME_COLUMNS:
            arrays[field.name] = pa.array(columns[field.name], field.type)
    if not _TIME_COLUMNS.isdisjoint(schema.names):
        times = _times(source, columns["at_seconds"])
        arrays |= {"time": times, "day": pc.cast(times, pa.date32(), safe=False)}
    return pa.record_batch([arrays[name] for name in schema.names], schema=schema)


def _times(source: Source, at: Sequence[float | None]) -> "pa.Array[Any]":
    microseconds = pc.cast(pc.round(pc.multiply(pa.array(at, pa.float64()), 1e6)), pa.int64())
    return pc.cast(pc.add(microseconds, source.begin_us), pa.timestamp("us"))


class CassetteDataset(ds.Dataset):
    """A table of cassettes, which are opened one after the other when it is scanned."""

    def __init__(self, paths: Iterable[Path], table: str, on_progress: OnProgress) -> None:
        self._paths = tuple(paths)
        self._table = table
        self._on_progress = on_progress
        self.error: Exception | None = None
        """What ended a scan, if something did."""

    @property
    def schema(self) -> pa.Schema:
        """The schema of the table."""
        return SCHEMAS[self._table]

    @override
    def scanner(  # pyright: ignore[reportIncompatibleMethodOverride] engines pass these two
        self,
        columns: list[str] | None = None,
        filter: pc.Expression | None = None,
        **_: Any,
    ) -> "TableScan":
        """Return a scan of some columns, all by default, of the rows that a filter accepts."""
        names = self.schema.names if columns is None else columns
        # An expression does not tell its columns, but its text names them.
        filtered = "" if filter is None else str(filter)
        needed = [name for name in self.schema.names if name in names or name in filtered]
        return TableScan(self._batches(needed or ["exchange"]), self.schema, names, filter)

    def _batches(self, names: list[str]) -> Iterator[pa.RecordBatch]:
        try:
            for path in self._paths:
                with open_source(path, on_progress=partial(self._on_progress, path)) as source:
                    yield from read_batches(source, self._table, names)
        except Exception as error:
            self.error = error  # The engine reports it in words of its own.
            raise


class TableScan:
    """Reads a table once.

    A scanner of Arrow would read ahead in threads of its own, which go on after a query with a
    LIMIT has ended. Here each batch is made when the engine asks for it.
    """

    def __init__(
        self,
        batches: Iterator[pa.RecordBatch],
        schema: pa.Schema,
        names: list[str],
        accept: pc.Expression | None,
    ) -> None:
        self.projected_schema = pa.schema([schema.field(name) for name in names])
        self._batches = batches
        self._accept = accept

    def to_reader(self) -> pa.RecordBatchReader:
        """Return the batches as Arrow's type of stream."""
        return pa.RecordBatchReader.from_batches(self.projected_schema, self._accepted())

    def _accepted(self) -> Iterator[pa.RecordBatch]:
        names = self.projected_schema.names
        for batch in self._batches:
            if self._accept is None:
                yield batch.select(names)
            else:
                yield from pa.table(batch).filter(self._accept).select(names).to_batches()
