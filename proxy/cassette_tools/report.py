"""`mesotape report`: cassettes as one HTML page."""

from pathlib import Path

from msgspec import Struct

from ...cassettes.reporting.report import write_report
from ...proto.counted import counted
from ..commands.console import CommandError, print_to_stderr
from ..terminal.progress import ReadingProgress
from .cassette_files import find_cassettes, print_json_result, writing
from .receipt_facts import read_receipt


class ReportOptions(Struct, frozen=True, kw_only=True):
    """The options of `mesotape report`."""

    cassettes: tuple[Path, ...]
    output: Path
    receipt: Path | None = None
    as_json: bool = False


def report(options: ReportOptions) -> int:
    """Write the page. Return the exit code; raises CommandError."""
    output = options.output
    receipt = None if options.receipt is None else read_receipt(options.receipt)
    shown = ReadingProgress()
    try:
        with writing(output):
            paths = list(map(_check_is_file, find_cassettes(options.cassettes)))
            counts = write_report(paths, output, receipt, on_progress=shown.advance)
    finally:
        shown.clear()
    if options.as_json:
        print_json_result(output, counts)
        return 0
    named = ("cassettes", "exchanges", "events", "problems")
    text = ", ".join(f"{name} {getattr(counts, name)}" for name in named)
    print_to_stderr(f"{output}: {text}")
    if counts.messages_left_out:
        print_to_stderr(
            f"{output}: has no room for {counted(counts.messages_left_out, 'message')}:"
            " write the report of a part of it (mesotape cut)"
        )
    return 0


def _check_is_file(path: Path) -> Path:
    if not path.is_file():
        raise CommandError(f"{path}: is read several times, and is no file: save it as one first")
    return path
