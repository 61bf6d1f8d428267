"""SQL on tables, with DuckDB inside this process.

    with open_engine(tables) as engine:
        for batch in engine.run("SELECT type, count(*) FROM events GROUP BY type"):
            ...

DuckDB reads the tables through Arrow, and nothing else: its access to files and to the network is
switched off and cannot be switched on by SQL, and variables of Python are no tables. What does not
fit into memory is kept in a temporary folder.
"""

# The stubs of Arrow do not tell the types of the elements of most arrays.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

import contextlib
import tempfile
from collections.abc import Generator, Iterator, Mapping
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds

from .arrow import CassetteDataset

MEMORY_LIMIT = "1GB"
"""What DuckDB keeps in memory, beside a batch of each table."""

_BATCH_ROWS = 10_000


class QueryError(ValueError):
    """SQL that cannot be run; the text is that of DuckDB, in one line."""


class QueryEngine:
    """A connection to DuckDB with the tables."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, tables: Mapping[str, ds.Dataset]
    ) -> None:
        self._connection = connection
        self._tables = tables
        for name, table in tables.items():
            connection.register(name, table)

    def run(self, sql: str) -> Iterator[pa.RecordBatch]:
        """Run SQL, and return the rows of its last statement; the first batch is empty.

        Raises QueryError, and CassetteError if a cassette cannot be read.
        """
        try:
            relation: Any = self._connection.sql(sql)
            if relation is None:
                return
            reader = relation.to_arrow_reader(_BATCH_ROWS)
            yield _empty_batch(reader.schema)
            yield from reader
        except (duckdb.Error, pa.ArrowException, RuntimeError) as error:
            for table in self._tables.values():
                if isinstance(table, CassetteDataset) and table.error is not None:
                    raise table.error from error
            raise QueryError(_one_line(error)) from error


def _empty_batch(schema: pa.Schema) -> pa.RecordBatch:
    return pa.record_batch([pa.array([], field.type) for field in schema], schema=schema)


def _one_line(error: Exception) -> str:
    """Return the text of an error without the copy of the SQL."""
    text = " ".join(str(error).partition("\n\nLINE")[0].split())
    if isinstance(error, duckdb.PermissionException):
        text += "; --external-access permits it"
    return text


@contextlib.contextmanager
def open_engine(
    tables: Mapping[str, ds.Dataset], *, external_access: bool = False
) -> Generator[QueryEngine]:
    """Open an engine. With `external_access`, SQL may use files and the network."""
    with tempfile.TemporaryDirectory(prefix="mesotape-query-") as folder:
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": MEMORY_LIMIT,
            "temp_directory": folder,
            "python_enable_replacements": "false",
        }
        with duckdb.connect(config=config) as connection:
            engine = QueryEngine(connection, tables)
            # It would be on stdout, and the command shows its own.
            connection.execute("SET enable_progress_bar = false")
            if not external_access:
                connection.execute("SET enable_external_access = false")
                connection.execute("SET lock_configuration = true")
            yield engine
