"""`mesotape export`: write a cassette as a file of another tool."""

import contextlib
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import IO, Literal

from msgspec import Struct

from ...cassettes.format.documents import Side
from ...cassettes.interchange.details import CassetteDetails
from ...cassettes.interchange.har_writer import write_har
from ...cassettes.interchange.json_lines import write_json_lines
from ...cassettes.interchange.losses import Losses
from ...cassettes.interchange.record_stream import write_stream
from ...cassettes.interchange.recorded import RecordedExchanges
from ...cassettes.storage.new_file import check_is_not_read, new_file
from ...cassettes.storage.reader import Cassette
from ..commands.console import CommandError, OptionError, print_json, print_to_stderr
from ..terminal.progress import Progress, progress
from .cassette_files import writing
from .query_tables import export_tables

type ExportFormat = Literal["har", "jsonl", "recordio", "flow", "parquet"]

STDOUT = Path("-")

_SUFFIXES: dict[str, ExportFormat] = {
    ".har": "har",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".recordio": "recordio",
    ".bin": "recordio",
    ".flow": "flow",
    ".flows": "flow",
    ".mitm": "flow",
    ".parquet": "parquet",
}


class ExportOptions(Struct, frozen=True, kw_only=True):
    """The options of `mesotape export`."""

    cassettes: tuple[Path, ...]
    output: Path
    format_name: ExportFormat | None = None
    exchange: int | None = None
    side: Side = "server"
    max_body: int
    as_json: bool = False


def export(options: ExportOptions) -> int:
    """Export the cassette. Return the exit code; raises CommandError."""
    losses = Losses()
    format_name = options.format_name or _format_of(options.output)
    if options.exchange is not None and format_name != "recordio":
        raise OptionError(f"--exchange is for --format recordio, found {format_name}")
    if format_name == "parquet":
        if options.output == STDOUT:
            raise OptionError("-o -: parquet is a folder of files: name one, like tables.parquet")
        rows = export_tables(options.cassettes, options.output)
        losses.add("headers other than User-Agent, the bytes of damaged records, and notes")
        print_result(options.output, format_name, losses, as_json=options.as_json, rows=rows)
        return 0
    path, *others = options.cassettes
    if others:
        found = f"found {len(options.cassettes)}: only parquet takes several"
        raise OptionError(f"{format_name} is the format of one cassette, {found}")
    with writing(options.output), Cassette.open(path) as cassette:
        check_is_not_read(options.output, [cassette])
        with progress(f"exporting {path}") as shown, _opened(options.output) as file:
            for piece in _pieces(cassette, format_name, options, losses, shown):
                file.write(piece)
        for warning in cassette.warnings:
            print_to_stderr(warning)
    print_result(options.output, format_name, losses, as_json=options.as_json)
    return 0


def _format_of(output: Path) -> ExportFormat:
    name = output.name.removesuffix(".gz")
    if (found := _SUFFIXES.get(Path(name).suffix)) is not None:
        return found
    suffixes = ", ".join(_SUFFIXES)
    raise OptionError(f"{output}: expected a name that ends in {suffixes}, or --format")


@contextlib.contextmanager
def _opened(output: Path) -> Generator[IO[bytes]]:
    """Open a new file that replaces an old one at the end, or stdout if it is `-`."""
    if output == STDOUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with new_file(output) as file:
        yield file


def _pieces(
    cassette: Cassette,
    format_name: ExportFormat,
    options: ExportOptions,
    losses: Losses,
    shown: Progress,
) -> Iterator[bytes]:
    """Iterate over the contents of the new file."""
    if format_name == "jsonl":
        return write_json_lines(cassette, shown.advance)
    if format_name == "recordio":
        return write_stream(cassette, options.exchange, options.side, losses, shown.advance)
    details = CassetteDetails(header=cassette.header, notes=list(cassette.notes()))
    exchanges = RecordedExchanges(cassette, losses, options.max_body, shown.advance)
    if format_name == "har":
        return write_har(details, exchanges)
    try:  # It takes a second to import.
        from ...addons.flow_files.flow_writer import write_flows
    except ImportError as error:
        text = f"a flow file needs mitmproxy: pip install 'mesotape[record]' ({error})"
        raise CommandError(text) from error
    return write_flows(details, exchanges)


def print_result(
    output: Path,
    format_name: ExportFormat,
    losses: Losses,
    *,
    as_json: bool,
    rows: dict[str, int] | None = None,
) -> None:
    """Print what is not in the new file: a line of each kind, or one object of JSON."""
    found = list(losses)
    if as_json:
        result: dict[str, object] = {"file": str(output), "format": format_name, "losses": found}
        if rows is not None:
            result["rows"] = rows
        print_json(result, to_stderr=output == STDOUT)
        return
    for loss in found:
        print_to_stderr(f"{output}: left out: {loss}")
