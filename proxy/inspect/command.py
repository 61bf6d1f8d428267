"""`mesotape inspect`: what is in a cassette, a stream, a flow file or a running server.

People get a line for each thing and a summary, programs one JSON object a line, the summary last.
The exit code tells whether it was clean (0), had warnings (4) or malformed pieces (5), whatever the
filters show of it.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from itertools import chain
from typing import Any

import msgspec
from google.protobuf.message import DecodeError
from msgspec import Struct
from rich.console import Console

from ...cassettes.inspection.rows import Row
from ...proto.api.apis import AGENT, APIS, MASTER, ServerKind
from ...proto.api.negotiation import Encoding
from ...proto.diagnosis.content import STREAMED_MESSAGES
from ...proto.diagnosis.problems import Severity
from ...proto.diagnosis.reader_behaviour import reader_reactions
from ...proto.messages import mapping
from ...proto.messages.descriptors import message_class
from ..commands.console import EXIT_MALFORMED, EXIT_WARNINGS, CommandError
from . import follow, sources
from .row_lines import RowFormatter
from .summary import InspectionSummary

CODES: dict[Severity | None, int] = {
    None: 0,
    "information": 0,
    "warning": EXIT_WARNINGS,
    "malformed": EXIT_MALFORMED,
}


class InspectOptions(Struct, frozen=True, kw_only=True):
    """What the command line says; times are seconds, `show` is the number of a row."""

    sources: tuple[str, ...]
    server: ServerKind | None = None
    api: str | None = None
    message: str | None = None
    encoding: Encoding | None = None
    max_record: int
    follow: bool = False
    calls: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    since: float | None = None
    until: float | None = None
    client: str | None = None
    text: str | None = None
    bad: bool = False
    show: tuple[int, ...] = ()
    summary: bool = False
    as_json: bool = False
    tls_ca: str | None = None
    insecure: bool = False


def inspect(options: InspectOptions) -> int:
    """Inspect the sources; gives the exit code. Raises CommandError."""
    signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGINT))
    tally = InspectionSummary()
    shown = InspectionSummary() if _filters(options) else tally
    out = Output(options)
    try:
        for number, row in enumerate(_rows(options), 1):
            tally.add_row(row)
            if shown is tally:
                out.row(number, row)
            elif _passes(row, options):
                shown.add_row(row)
                out.row(number, row)
    except KeyboardInterrupt:
        pass
    except BrokenPipeError:
        # Who reads has seen enough; Python would complain about the rest at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CODES[tally.worst_severity]
    out.summary(shown)
    return CODES[tally.worst_severity]


def _rows(options: InspectOptions) -> Iterator[Row]:
    reading = sources.SourceHints(
        server=options.server,
        message_name=_message(options),
        encoding=options.encoding,
        max_record_bytes=options.max_record,
    )
    return chain.from_iterable(
        follow.rows(source, reading, options.api, ca=options.tls_ca, insecure=options.insecure)
        if source.startswith(("http://", "https://"))
        else sources.rows(source, reading)
        for source in options.sources
    )


def _message(options: InspectOptions) -> str | None:
    """Name what raw records are, as far as the options say it."""
    if options.message is not None:
        try:
            message_class(options.message)
        except LookupError as error:
            raise CommandError(f"--message: {error}, like mesos.v1.master.Event") from error
        if options.message not in STREAMED_MESSAGES:
            raise CommandError(f"--message: expected one of {', '.join(STREAMED_MESSAGES)}")
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


def _filters(options: InspectOptions) -> bool:
    """Whether rows are left out."""
    wanted = (options.since, options.until, options.client, options.text)
    return bool(options.calls or options.types or options.bad) or wanted != (None,) * len(wanted)


def _passes(row: Row, options: InspectOptions) -> bool:
    if options.show:
        return True
    if options.calls and row.call not in options.calls:
        return False
    if options.types and (
        row.row_type not in ("event", "skipped") or row.type not in options.types
    ):
        return False
    if options.since is not None and (row.at is None or row.at < options.since):
        return False
    if options.until is not None and (row.at is None or row.at > options.until):
        return False
    if options.client is not None and options.client not in (str(row.client), row.peer):
        return False
    if options.text is not None and options.text not in _searched(row):
        return False
    return not options.bad or row.severity in ("warning", "malformed")


def _searched(row: Row) -> str:
    skipped = row.skipped.data.decode(errors="replace") if row.skipped else ""
    bodies = ((row.request_body, row.request_message_name), (row.body, row.message_name))
    texts = (
        readable(body, message) if not body.startswith(b"{") else body.decode(errors="replace")
        for body, message in bodies
        if body
    )
    return "\n".join((*texts, skipped, row.path or "", row.text or ""))


class Output:
    """Prints what is asked for, to people or to programs."""

    def __init__(self, options: InspectOptions) -> None:
        self._options = options
        self._console = Console(highlight=False)
        terminal = self._console.is_terminal
        colours = terminal and not self._console.no_color
        self._lines = RowFormatter(
            width=self._console.width if terminal else None, use_color=colours
        )
        self._flush = terminal or options.follow

    def row(self, number: int, row: Row) -> None:
        """Print one row; with `--show` only that of a number, in full."""
        options = self._options
        if options.show:
            if number in options.show:
                self._in_full(number, row)
            return
        if options.summary:
            return
        if options.as_json:
            self._write(msgspec.json.encode(told(number, row)).decode())
        else:
            self._write("\n".join(self._lines.format_row(row, number)))

    def summary(self, tally: InspectionSummary) -> None:
        """Print the summary."""
        if self._options.show:
            return
        if self._options.as_json:
            self._write(msgspec.json.encode({"summary": tally.to_dict()}).decode())
            return
        if not self._options.summary:
            self._write("")
        tally.print_to(self._console)

    def _in_full(self, number: int, row: Row) -> None:
        if self._options.as_json:
            whole = told(number, row)
            if row.request_body:
                whole["request"] = readable(row.request_body, row.request_message_name)
            whole["body"] = readable(row.body, row.message_name)
            self._write(msgspec.json.encode(whole).decode())
            return
        self._write("\n".join(self._lines.format_row(row, number)))
        for body, message in (
            (row.request_body, row.request_message_name),
            (row.body, row.message_name),
        ):
            if body:
                self._write(readable(body, message))

    def _write(self, text: str) -> None:
        sys.stdout.write(f"{text}\n")
        if self._flush:
            sys.stdout.flush()


def told(number: int, row: Row) -> dict[str, Any]:
    """Give a row for programs."""
    whole: dict[str, Any] = {"row": number, "what": row.row_type}
    for name in ("at", "exchange", "number", "client", "peer", "call", "type", "method", "path",
                 "status", "size", "offset", "line", "cause", "text"):  # fmt: skip
        if (value := getattr(row, name)) is not None:
            whole[name] = value
    if row.side == "client":
        whole["from"] = "client"
    if row.summary_fields:
        whole["idents"] = row.summary_fields
    if row.diagnostics:
        whole["remarks"] = [
            {"level": one.severity, **msgspec.to_builtins(one)} for one in row.diagnostics
        ]
    if (skipped := row.skipped) is not None:
        whole["bytes"] = skipped.data.hex()
        whole["resumes"] = skipped.offset + skipped.size
    reaction = None if row.finding is None else reader_reactions(row.finding)
    if reaction is not None:
        whole["readers"] = msgspec.to_builtins(reaction)
    return whole


def readable(body: bytes, message: str | None) -> str:
    """Show a body indented: JSON, a protobuf message as JSON, text as it is, bytes as hex."""
    if message is not None and not body.startswith(b"{"):
        with contextlib.suppress(DecodeError, ValueError):
            body = mapping.encode(message_class(message).FromString(body), include_defaults=False)
    try:
        return msgspec.json.format(body, indent=2).decode()
    except (ValueError, RecursionError):
        pass
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body.hex(" ", 4)
