"""The tables as a data source of Apache Spark.

    spark.dataSource.register(mesotape.SparkSource)
    spark.read.format("mesotape").option("table", "events").load("s3://bucket/2026-11-30")

A partition is a cassette, or a part of a long one: documents are found from any offset. What is
read is what the other engines read, so the same SQL gives the same rows.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
from pyspark.sql.datasource import DataSource, DataSourceReader, EqualTo, Filter, InputPartition
from pyspark.sql.types import (
    BooleanType,
    DataType,
    DateType,
    DoubleType,
    LongType,
    StringType,
    StructField,
    StructType,
    TimestampNTZType,
)

from ..files.object_path import to_path
from ..storage.finding import cassettes_in
from .arrow import read_batches
from .schemas import TABLES, ColumnType
from .source import open_source

# PySpark is too large to be installed for a check of types.
# pyright: basic, reportMissingImports=false

SPLIT_BYTES = 1 << 27
"""128 MiB, as Spark splits other files."""

_WHOLE_TABLES = ("problems",)
"""What is found only by reading a stream from its beginning."""

_TYPES: dict[ColumnType, DataType] = {
    "text": StringType(),
    "integer": LongType(),
    "real": DoubleType(),
    "boolean": BooleanType(),
    "time": TimestampNTZType(),
    "day": DateType(),
}


class SparkSource(DataSource):
    """The data source `mesotape`.

    Options: `table`, by default `events`; `split`, the bytes of a part of a long cassette.
    """

    @classmethod
    def name(cls) -> str:
        """Return the name of the format."""
        return "mesotape"

    def schema(self) -> StructType:
        """Return the columns of the table."""
        columns = TABLES[self._table()]
        return StructType([StructField(each.name, _TYPES[each.type]) for each in columns])

    def reader(self, schema: StructType) -> "SparkReader":
        """Return the reader of the columns."""
        if "path" not in self.options:
            raise ValueError('expected .load("PATH"), the path of a cassette or a folder')
        split = int(self.options.get("split", SPLIT_BYTES))
        return SparkReader(self.options["path"], self._table(), schema.names, split)

    def _table(self) -> str:
        table = self.options.get("table", "events")
        if table not in TABLES:
            raise ValueError(f"table: found {table!r}, expected one of {', '.join(TABLES)}")
        return table


class CassetteSpan(InputPartition):
    """A cassette, or a range of its offsets."""

    def __init__(self, path: str, span: tuple[int, int] | None) -> None:
        super().__init__((path, span))
        self.path = path
        self.span = span


class SparkReader(DataSourceReader):
    """Reads a table of the cassettes in a folder."""

    def __init__(self, path: str, table: str, names: Sequence[str], split: int) -> None:
        self._path = path
        self._table = table
        self._names = list(names)
        self._split = split
        self._cassette: str | None = None

    def pushFilters(self, filters: list[Filter]) -> Iterator[Filter]:  # noqa: N802 Spark's name
        """Take a filter by cassette: the others are not opened then. Return what is not taken."""
        for each in filters:
            if isinstance(each, EqualTo) and each.attribute == ("cassette",):
                self._cassette = str(each.value)
            yield each

    def partitions(self) -> Sequence[CassetteSpan]:
        """List the cassettes, and divide those that are long."""
        path = to_path(self._path)
        found = cassettes_in(path) if path.is_dir() else [path]
        spans = [
            CassetteSpan(str(each), span)
            for each in found
            if self._cassette in (None, str(each))
            for span in self._spans(each)
        ]
        return spans or [CassetteSpan("", None)]

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        """Read a partition; this runs where Spark has sent it."""
        assert isinstance(partition, CassetteSpan)
        if partition.path:
            with open_source(to_path(partition.path), partition.span) as source:
                yield from read_batches(source, self._table, self._names)

    def _spans(self, path: Path) -> list[tuple[int, int] | None]:
        """Return the ranges to read; None is the whole cassette."""
        size = path.stat().st_size
        if size <= self._split or self._table in _WHOLE_TABLES or path.name.endswith(".gz"):
            return [None]
        with open_source(path) as source:
            size = source.length_bytes
        return [(start, min(size, start + self._split)) for start in range(0, size, self._split)]
