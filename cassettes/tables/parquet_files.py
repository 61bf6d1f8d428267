"""The tables as Parquet files, for queries that come again and for other engines.

    recordings.parquet/events/day=2026-11-30/server=master/1.parquet

There is a file for each table, day and kind of server. Its row groups are sorted by time, and
compressed with zstd. The metadata of each file has the version of the tables.
"""

import contextlib
import shutil
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from msgspec import Struct

from ..files.object_path import ObjectPath
from .arrow import SCHEMAS, OnProgress, read_batches
from .schemas import SCHEMA_VERSION
from .source import open_source

# The stubs of Arrow do not tell the types of the elements of most arrays.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

VERSION_KEY = b"mesotape.tables"
_PARTITION_COLUMNS = ("day", "server")
_MISSING = "__HIVE_DEFAULT_PARTITION__"
"""The name that Hive, and all engines after it, gives a missing value."""

_MAX_GROUP_ROWS = 1 << 17
_MAX_GROUP_BYTES = 1 << 26
_MAX_HELD_BYTES = 1 << 28

PARTITIONING = ds.partitioning(
    pa.schema([("day", pa.date32()), ("server", pa.string())]), flavor="hive"
)


class ParquetFolderError(ValueError):
    """A folder that tables cannot be written to, or read from."""


def write_parquet(paths: Iterable[Path], folder: Path, on_progress: OnProgress) -> dict[str, int]:
    """Write all tables of some cassettes; return the number of rows of each.

    The folder appears when all is written. Raises CassetteError, OSError, and ParquetFolderError if
    the folder exists and is not empty.
    """
    if isinstance(folder, ObjectPath):
        raise ParquetFolderError(f"{folder}: export to a folder of this machine, and upload that")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ParquetFolderError(f"{folder}: already exists: choose another folder")
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    paths = list(paths)
    try:
        part.mkdir(mode=0o700, parents=True)
        counts = {table: _write_table(paths, table, part / table, on_progress) for table in SCHEMAS}
        part.replace(folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return counts


def _write_table(paths: list[Path], table: str, folder: Path, on_progress: OnProgress) -> int:
    schema, rows = SCHEMAS[table], 0
    with contextlib.closing(_Partitions(schema, folder)) as partitions:
        for path in paths:
            with open_source(path, on_progress=partial(on_progress, path)) as source:
                for batch in read_batches(source, table, schema.names):
                    rows += batch.num_rows
                    partitions.add(batch)
        partitions.flush()
    return rows


class _Held(Struct):
    """Rows that are held. They are counted once: a row group has thousands of batches."""

    batches: list[pa.RecordBatch] = []
    rows: int = 0
    bytes: int = 0

    def add(self, batch: pa.RecordBatch) -> None:
        self.batches.append(batch)
        self.rows += batch.num_rows
        self.bytes += batch.nbytes

    @property
    def is_full(self) -> bool:
        return self.rows >= _MAX_GROUP_ROWS or self.bytes >= _MAX_GROUP_BYTES


class _Partitions:
    """The files of one table. Rows are held until they fill a row group."""

    def __init__(self, schema: pa.Schema, folder: Path) -> None:
        names = [name for name in schema.names if name not in _PARTITION_COLUMNS]
        self._names = names
        metadata: dict[bytes | str, bytes | str] = {VERSION_KEY: str(SCHEMA_VERSION).encode()}
        self._schema = pa.schema([schema.field(name) for name in names], metadata)
        self._folder = folder
        self._held: dict[tuple[str, str], _Held] = {}
        self._writers: dict[tuple[str, str], pq.ParquetWriter] = {}

    def add(self, batch: pa.RecordBatch) -> None:
        for day in pc.unique(batch["day"]):
            of_day = batch.filter(pc.equal(batch["day"], day)) if day.is_valid else None
            rows = batch.filter(pc.is_null(batch["day"])) if of_day is None else of_day
            server = rows["server"][0].as_py()
            key = (str(day.as_py()) if day.is_valid else _MISSING, server or _MISSING)
            held = self._held.setdefault(key, _Held())
            held.add(rows.select(self._names))
            if held.is_full:
                self._write(key)
        while sum(held.bytes for held in self._held.values()) > _MAX_HELD_BYTES:
            self._write(max(self._held, key=lambda key: self._held[key].bytes))

    def flush(self) -> None:
        """Write all rows that are held."""
        for key in list(self._held):
            self._write(key)

    def close(self) -> None:
        for writer in self._writers.values():
            writer.close()

    def _write(self, key: tuple[str, str]) -> None:
        rows = pa.Table.from_batches(self._held.pop(key).batches).sort_by("time")
        self._writer(key).write_table(rows.cast(self._schema), row_group_size=rows.num_rows)

    def _writer(self, key: tuple[str, str]) -> pq.ParquetWriter:
        if key not in self._writers:
            day, server = key
            folder = self._folder / f"day={day}" / f"server={server}"
            folder.mkdir(parents=True)
            writer = pq.ParquetWriter(folder / "1.parquet", self._schema, compression="zstd")
            self._writers[key] = writer
        return self._writers[key]


def is_parquet_folder(path: Path) -> bool:
    """Return whether a folder was written by `write_parquet`."""
    return any((path / table).is_dir() and _files(path, table) for table in SCHEMAS)


def parquet_tables(folders: Iterable[Path]) -> Mapping[str, ds.Dataset]:
    """Return the tables of some folders. Raises ParquetFolderError."""
    folders = list(folders)
    return {table: _dataset(folders, table) for table in SCHEMAS}


def _files(folder: Path, table: str) -> list[Path]:
    return sorted((folder / table).glob("day=*/server=*/*.parquet"))


def _dataset(folders: list[Path], table: str) -> ds.Dataset:
    files = [each for folder in folders for each in _files(folder, table)]
    if not files:
        return ds.dataset(SCHEMAS[table].empty_table())
    for each in files:
        _check_version(each)
    names = [str(each) for each in files]
    return ds.dataset(names, SCHEMAS[table], format="parquet", partitioning=PARTITIONING)


def _check_version(path: Path) -> None:
    try:
        metadata = pq.read_schema(path).metadata or {}
    except (OSError, pa.ArrowException) as error:
        text = " ".join(str(error).split())
        raise ParquetFolderError(f"{path}: cannot be read: {text}") from error
    version = metadata.get(VERSION_KEY, b"none").decode()
    if version != str(SCHEMA_VERSION):
        text = f"its tables have version {version}, expected {SCHEMA_VERSION}: export again"
        raise ParquetFolderError(f"{path}: {text}")
