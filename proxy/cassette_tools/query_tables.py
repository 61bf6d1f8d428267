"""The tables of cassettes, for `query` and `export`. Their libraries are those of an extra."""

import contextlib
from collections.abc import Generator, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ...cassettes.format.documents import CassetteError
from ..commands.console import CommandError, importing
from ..terminal.progress import ReadingProgress
from .cassette_files import find_cassettes

if TYPE_CHECKING:
    import pyarrow.dataset as ds

_LIBRARIES = ("duckdb", "pyarrow")


@contextlib.contextmanager
def importing_tables(command: str) -> Generator[None]:
    """Import DuckDB and pyarrow in this block. Raises CommandError if they are not installed."""
    try:
        with importing():
            yield
    except ModuleNotFoundError as error:
        if error.name not in _LIBRARIES:
            raise
        text = f"{command} needs DuckDB and pyarrow: pip install 'mesotape[query]' ({error})"
        raise CommandError(text) from error


def open_tables(paths: Iterable[Path]) -> tuple[Mapping[str, "ds.Dataset"], ReadingProgress]:
    """Return the tables of cassettes, or of exported folders. Raises CommandError."""
    with importing_tables("query"):
        from ...cassettes.tables.arrow import SCHEMAS, CassetteDataset
        from ...cassettes.tables.parquet_files import (
            ParquetFolderError,
            is_parquet_folder,
            parquet_tables,
        )
    paths = list(paths)
    exported = [path for path in paths if is_parquet_folder(path)]
    if not exported:
        cassettes = list(find_cassettes(paths))
        shown = ReadingProgress()
        return {name: CassetteDataset(cassettes, name, shown.advance) for name in SCHEMAS}, shown
    if len(exported) < len(paths):
        other = next(path for path in paths if path not in exported)
        text = f"{exported[0]} has exported tables, {other} has not: query them one by one"
        raise CommandError(text)
    try:
        return parquet_tables(exported), ReadingProgress()
    except ParquetFolderError as error:
        raise CommandError(str(error)) from error


def export_tables(paths: Iterable[Path], folder: Path) -> dict[str, int]:
    """Write the tables of cassettes as Parquet; return the numbers of rows. Raises CommandError."""
    with importing_tables("export to parquet"):
        from ...cassettes.tables.parquet_files import ParquetFolderError, write_parquet
    shown = ReadingProgress()
    try:
        return write_parquet(find_cassettes(paths), folder, shown.advance)
    except ParquetFolderError as error:
        raise CommandError(str(error)) from error
    except CassetteError as error:
        raise CommandError(f"{error}; nothing was written") from error
    except OSError as error:
        text = f"{folder}: cannot be written: {error.strerror or error}"
        raise CommandError(text) from error
    finally:
        shown.clear()
