"""`mesotape inspect`: list a cassette, a stream, a flow file or a running server.

The output is one line per row and a summary; with `--json`, one JSON object per line, the summary
last. The exit code is 0 for a clean source, 4 for warnings and 5 for malformed data, whatever the
filters leave out; 9 if a filter matches no row of a clean source, and 10 for a source without data
or of another kind.
"""

import signal
import sys
from collections.abc import Iterator
from itertools import chain
from typing import Any

import msgspec
from rich.console import Console

from ...cassettes.inspection.rows import Row
from ...proto.api.apis import AGENT, APIS, MASTER
from ...proto.diagnosis.content import STREAMED_MESSAGES
from ...proto.diagnosis.problems import Severity
from ...proto.diagnosis.reader_behaviour import reader_reactions
from ...proto.diagnosis.valid_runs import RunDetail
from ...proto.messages.descriptors import message_class
from ...proto.shown_text import encode_json, escape_json, escape_text
from ..commands.console import (
    EXIT_MALFORMED,
    EXIT_NO_MATCH,
    EXIT_WARNINGS,
    OptionError,
    discard_output,
    print_to_stderr,
)
from ..terminal.pager import paged
from ..terminal.progress import ReadingProgress
from . import sources
from .bodies import format_body
from .filters import RowFilters
from .options import InspectOptions
from .row_lines import RowFormatter
from .summary import InspectionSummary

_EXIT_CODES: dict[Severity | None, int] = {
    None: 0,
    "information": 0,
    "warning": EXIT_WARNINGS,
    "malformed": EXIT_MALFORMED,
}


def inspect(options: InspectOptions) -> int:
    """Inspect the sources. Return the exit code; raises CommandError."""
    signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGINT))
    total = InspectionSummary()
    filters = RowFilters(options)
    shown = total if filters.is_empty else InspectionSummary()
    output = _Output(options)
    unmatched: list[str] = []
    try:
        with paged(is_wanted=not options.no_pager and not options.follow):
            number = _print_rows(options, output, filters, total, shown)
            unmatched = [
                *(
                    f"there is no row {one}; the last one is {number}"
                    for one in options.show
                    if one > number
                ),
                *filters.unmatched(total),
            ]
            output.print_summary(shown, unmatched, is_empty=not total.rows)
    except BrokenPipeError:  # The reader, like `head` or a pager, has seen enough.
        discard_output()
        return _EXIT_CODES[total.worst_severity]
    for line in unmatched:
        print_to_stderr(line)
    return _EXIT_CODES[total.worst_severity] or (EXIT_NO_MATCH if unmatched else 0)


def _print_rows(
    options: InspectOptions,
    output: "_Output",
    filters: RowFilters,
    total: InspectionSummary,
    shown: InspectionSummary,
) -> int:
    """Print and count rows until the last one, or until Ctrl-C. Return the number of the last."""
    runs = None if options.show or shown is not total else _run_detail(options)
    try:
        for row in _read_rows(options, runs, output.progress):
            number = total.rows + 1
            total.add_row(row)
            if shown is total:
                output.print_row(number, row)
            elif filters.accept(row):
                shown.add_row(row)
                output.print_row(number, row)
    except KeyboardInterrupt:
        pass
    finally:
        output.progress.clear()
    return total.rows


def _run_detail(options: InspectOptions) -> RunDetail | None:
    """Return what the output needs of records in which nothing is wrong; None: a row of each."""
    if options.summary:
        return "counted"
    return None if options.as_json else "listed"


def _read_rows(
    options: InspectOptions, runs: RunDetail | None, shown: ReadingProgress
) -> Iterator[Row]:
    hints = sources.SourceHints(
        server=options.server,
        message_name=_record_message(options),
        encoding=options.encoding,
        max_record_bytes=options.max_record,
        runs=runs,
    )
    return chain.from_iterable(
        _rows_of(source, hints, options, shown) for source in options.sources
    )


def _rows_of(
    source: str, hints: sources.SourceHints, options: InspectOptions, shown: ReadingProgress
) -> Iterator[Row]:
    if not source.startswith(("http://", "https://")):
        return sources.rows(source, hints, shown.advance)
    from . import follow

    return follow.rows(source, hints, options.api, ca=options.tls_ca, insecure=options.insecure)


def _record_message(options: InspectOptions) -> str | None:
    """Return the full name of the message of raw records; None if the options do not say it."""
    if options.message is not None:
        try:
            message_class(options.message)
        except LookupError as error:
            raise OptionError(f"--message: {error}, like mesos.v1.master.Event") from error
        if options.message not in STREAMED_MESSAGES:
            raise OptionError(f"--message: expected one of {', '.join(STREAMED_MESSAGES)}")
        return options.message
    for api in APIS:
        if options.api == api.name:
            return api.event_message
    match options.server:
        case "agent":
            return AGENT.event_message
        case "master":
            return MASTER.event_message
        case None:
            return None


class _Output:
    """Prints rows and the summary, as text or as JSON."""

    def __init__(self, options: InspectOptions) -> None:
        self._options = options
        terminal = sys.stdout.isatty()
        self._console = Console(highlight=False, force_terminal=terminal)
        use_color = terminal and not self._console.no_color
        self._lines = RowFormatter(
            width=self._console.width if terminal else None, use_color=use_color
        )
        self.progress = ReadingProgress()
        self._flush = terminal or options.follow
        self._has_heads = not terminal
        self._is_terminal = terminal

    def print_row(self, number: int, row: Row) -> None:
        """Print one row; with `--show` only the rows with these numbers, in full."""
        options = self._options
        if options.show:
            if number in options.show:
                self._print_in_full(number, row)
            return
        if options.summary:
            return
        if options.as_json:
            self._write_json(_row_to_dict(number, row))
        else:
            if not self._has_heads:  # Programs that read a pipe get rows only.
                self._has_heads = True
                self._write(self._lines.format_heads(row))
            self._write("\n".join(self._lines.format_row(row, number)))

    def print_summary(
        self, summary: InspectionSummary, unmatched: list[str], *, is_empty: bool
    ) -> None:
        """Print the summary of the rows that were shown; `is_empty` if the source has no rows."""
        if self._options.show:
            return
        if self._options.as_json:
            fields = summary.to_dict()
            if unmatched:
                fields |= {"unmatched": unmatched}
            if is_empty or (unmatched and not summary.rows):
                fields |= {"level": "empty"}
            self._write_json({"summary": fields})
        elif is_empty:
            self._write("empty: nothing is recorded")
        elif summary.rows or not unmatched:
            if not self._options.summary:
                self._write("")
            summary.print_to(self._console)

    def _print_in_full(self, number: int, row: Row) -> None:
        if self._options.as_json:
            fields = _row_to_dict(number, row)
            if row.request_body:
                fields["request"] = format_body(row.request_body, row.request_message_name)
            fields["body"] = format_body(row.body, row.message_name)
            self._write_json(fields)
            return
        self._write("\n".join(self._lines.format_row(row, number)))
        for body, message in (
            (row.request_body, row.request_message_name),
            (row.body, row.message_name),
        ):
            if body:
                self._write(escape_text(format_body(body, message)))

    def _write_json(self, fields: dict[str, Any]) -> None:
        self._write(escape_json(encode_json(fields).decode()))

    def _write(self, text: str) -> None:
        if self._is_terminal:
            self.progress.stop()  # Rows show how far it is.
        sys.stdout.write(f"{text}\n")
        if self._flush:
            sys.stdout.flush()


def _row_to_dict(number: int, row: Row) -> dict[str, Any]:
    """Return a row as `--json` prints it."""
    fields: dict[str, Any] = {"row": number, "what": row.row_type}
    for name in ("at", "exchange", "number", "client", "peer", "call", "type", "method", "path",
                 "status", "size", "offset", "file_offset", "line", "cause", "text"):  # fmt: skip
        if (value := getattr(row, name)) is not None:
            fields[name] = value
    if row.side == "client":
        fields["from"] = "client"
    if row.summary_fields:
        fields["idents"] = row.summary_fields
    if row.diagnostics:
        fields["remarks"] = [
            {"level": one.severity, **msgspec.to_builtins(one)} for one in row.diagnostics
        ]
    if (skipped := row.skipped) is not None:
        fields["bytes"] = skipped.data.hex()
        fields["resumes"] = skipped.offset + skipped.size
    reaction = None if row.finding is None else reader_reactions(row.finding)
    if reaction is not None:
        fields["readers"] = msgspec.to_builtins(reaction)
    return fields
