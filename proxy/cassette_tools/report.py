"""`mesotape report`: cassettes as one HTML page."""

from pathlib import Path

import click
import msgspec
from msgspec import Struct

from ...cassettes.reporting.receipt_overlay import ReceiptFacts
from ...cassettes.reporting.report import write_report
from ...proto.counted import counted
from ..commands.console import CommandError, print_to_stderr
from ..control.receipt import NamedExchange, Receipt
from .cassette_files import Progress, find_cassettes, writing


class ReportOptions(Struct, frozen=True, kw_only=True):
    """The options of `mesotape report`."""

    cassettes: tuple[Path, ...]
    output: Path
    receipt: Path | None = None
    as_json: bool = False


def report(options: ReportOptions) -> int:
    """Write the page. Return the exit code; raises CommandError."""
    output = options.output
    receipt = None if options.receipt is None else _read_receipt(options.receipt)
    shown = _ReadingProgress()
    try:
        with writing(output):
            counts = write_report(
                list(find_cassettes(options.cassettes)), output, receipt, on_progress=shown.advance
            )
    finally:
        shown.clear()
    if options.as_json:
        click.echo(msgspec.json.encode({"file": str(output), **msgspec.to_builtins(counts)}))
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


class _ReadingProgress:
    """Shows how much of the present cassette is read."""

    def __init__(self) -> None:
        self._shown: dict[Path, Progress] = {}

    def advance(self, path: Path, percent: int) -> None:
        if path not in self._shown:
            self._shown = {path: Progress(f"reading {path}", 100)}
        self._shown[path].advance(percent)

    def clear(self) -> None:
        for each in self._shown.values():
            each.clear()


def _read_receipt(path: Path) -> ReceiptFacts:
    try:
        receipt = msgspec.json.decode(path.read_bytes(), type=Receipt)
    except OSError as error:
        raise CommandError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        text = f"{path}: is no receipt of mesotape replay --receipt: {error}"
        raise CommandError(text) from error
    summary = "the replay has not ended" if receipt.counts is None else str(receipt.counts)
    if receipt.exit_code is not None:
        summary += f", exit code {receipt.exit_code}"
    unused = [*receipt.unused, *receipt.left_out]
    required = receipt.required.unmet if receipt.required is not None else []
    return ReceiptFacts(
        summary=summary,
        digests={each.path: each.sha256 for each in receipt.cassettes},
        served=[(each.cassette, each.exchange, each.times or 1) for each in receipt.served],
        unused=[(each.cassette, each.exchange) for each in unused],
        lists={
            "Missed": [_miss_text(miss) for miss in receipt.misses],
            "Refused": [_miss_text(miss) for miss in receipt.refusals],
            "Faults": receipt.strikes,
            "Failed": receipt.failures,
            "Still waiting at the end": receipt.held,
            "Not used": [_exchange_text(each) for each in unused],
            "Required, but not used": [_exchange_text(each) for each in required],
        },
    )


def _exchange_text(named: NamedExchange) -> str:
    call = f" ({named.call})" if named.call else ""
    return f"exchange {named.exchange} of {named.cassette}{call}"


def _miss_text(miss: dict[str, object]) -> str:
    texts = (f"{key}: {_value_text(value)}" for key, value in miss.items() if value)
    return ", ".join(texts)


def _value_text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
