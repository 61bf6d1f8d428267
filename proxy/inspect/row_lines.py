"""Rows as text: one line each; after a malformed one, its diagnosis.

12.345678  1  #3   TASK_UPDATED  task=t-1 state=TASK_RUNNING          1.2 KB
12.345678  1  #4   malformed     length is b'12x', expected …
"""

import re
import textwrap
from itertools import chain

import click

from ...cassettes.inspection.rows import Row
from ...proto.counted import counted
from ...proto.diagnosis.findings import RecordRun, SkippedBytes, ValidRecord
from ...proto.diagnosis.problems import Diagnostic, Severity
from ...proto.diagnosis.reader_behaviour import reader_reactions
from ...proto.shown_text import escape_line, quote_start

_COLORS: dict[Severity, str] = {"information": "blue", "warning": "yellow", "malformed": "red"}
_EVENT_COLOR = "green"
_PLAIN_LINE = "%5d %10d     %5s %-17s %s %7s"
"""What `RowFormatter` makes of a record of a raw stream, if nothing is cut or coloured."""

_HEX_DUMP_BYTES = 64
_NARROWEST = 40
_NARROW = 60
_NAME = 17
_ROOM = 8
_WIDE = 120
"""Columns of a terminal: below, times are shorter; below _NARROW, only the main columns fit."""
_INDENT = " " * 6
_HEX = " " * 4
_UUID = re.compile(r"(?<==)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(?=-)")
"""The part that the ids of one cluster share, which is shortened on a terminal."""


class RowFormatter:
    """Formats rows as lines of at most `width` characters; None does not limit them."""

    def __init__(self, *, width: int | None = None, use_color: bool = False) -> None:
        self._width = None if width is None else max(width, _NARROWEST)
        self._has_sizes = self._width is None or self._width >= _NARROW
        self._use_color = use_color

    def format_heads(self, first: Row) -> str:
        """Format the heads of the columns, for rows like the first one."""
        place = "offset" if first.at is None else "time (s)"
        start = self._start("row", place, "ex.", "rec.")
        rest = "request and ids"
        size = f" {'size':>7}" if self._has_sizes else ""
        if self._width is not None:
            room = max(_ROOM, self._width - len(start) - _NAME - 1 - len(size))
            rest = f"{_cut(rest, room):{room}}"
        text = f"{start}{'type':{_NAME}} {rest}{size}".rstrip()
        return click.style(text, bold=True) if self._use_color else text

    def format_row(self, row: Row, number: int) -> list[str]:
        """Format one row, of one record or of many; `number` counts all rows from 1."""
        if isinstance(row.finding, RecordRun):
            return self._format_run(row, row.finding, number)
        lines = [self._head(row, number)]
        if not row.diagnostics:
            return lines
        for diagnostic in row.diagnostics:
            lines += self._format_diagnostic(diagnostic)
        if row.severity == "malformed" and row.finding is not None:
            lines += self._format_damage(row)
        return lines

    def _format_run(self, row: Row, run: RecordRun, number: int) -> list[str]:
        """Format a row of many records, as `format_row` formats the row of each.

        The diagnostics of the row are those of the first record.
        """
        lines: list[str] = []
        record, offset, is_plain = (
            run.number,
            run.offset,
            self._width is None and not self._use_color,
        )
        for name, size, summary in run.records:
            if is_plain:  # `_line` would do the same, but takes three times as long.
                columns = number, offset, f"#{record}", name, summary, _size(size)
                lines.append(_PLAIN_LINE % columns)
            else:
                place = str(number), str(offset), "", f"#{record}"
                lines.append(self._line(place, name, _EVENT_COLOR, summary, size))
            number, record, offset = number + 1, record + 1, offset + size
        diagnostics = map(self._format_diagnostic, row.diagnostics)
        lines[1:1] = chain.from_iterable(diagnostics)
        return lines

    def _head(self, row: Row, count: int) -> str:
        name, color = _name(row)
        place = "" if row.offset is None else str(row.offset)
        if row.at is not None:
            place = (
                f"{row.at:.6f}" if self._width is None or self._width >= _WIDE else f"{row.at:.3f}"
            )
        whose = "" if row.exchange is None else str(row.exchange)
        number = "" if row.number is None else f"#{row.number}"
        start = str(count), place, whose, number
        return self._line(start, escape_line(name), color, escape_line(_about(row)), row.size)

    def _line(
        self,
        columns: tuple[str, str, str, str],
        name: str,
        color: str | None,
        rest: str,
        row_size: int | None,
    ) -> str:
        start = self._start(*columns)
        size = "" if row_size is None or not self._has_sizes else f" {_size(row_size):>7}"
        if self._width is not None:
            name = _cut(name, max(_NAME, self._width - len(start) - len(size) - _ROOM - 1))
        name = f"{name:{_NAME}} "
        if self._width is not None:
            room = max(_ROOM, self._width - len(start) - len(name) - len(size))
            rest = _cut(_UUID.sub("…", rest), room)
            rest = f"{rest:{room}}" if size else rest
        text = f"{self._dim(start)}{self._paint(name, color)}{rest}"
        return f"{text}{self._dim(size)}" if size else text.rstrip()

    def _start(self, count: str, place: str, whose: str, number: str) -> str:
        if not self._has_sizes:
            return f"{count:>4} {place:>8} "
        return f"{count:>5} {place:>10} {whose:>3} {number:>5} "

    def _format_diagnostic(self, diagnostic: Diagnostic) -> list[str]:
        text = f"{diagnostic.severity} ({diagnostic.reason}): {quote_start(diagnostic.text, 500)}"
        color = _COLORS[diagnostic.severity]
        return [self._paint(line, color) for line in self._wrap(text)]

    def _format_damage(self, row: Row) -> list[str]:
        """Format the place of the damage, what readers do there, and the bytes."""
        finding = row.finding
        assert finding is not None
        place = f"record {finding.number}, byte {finding.offset} of the stream"
        if row.file_offset is not None:
            place += f", byte {row.file_offset} of the file"
        if row.line is not None:
            place += f", line {row.line} of the file"
        reactions = reader_reactions(finding)
        lines = [place]
        if isinstance(finding, SkippedBytes):
            lines.append(
                f"{counted(finding.size, 'byte')} skipped,"
                f" reading goes on at {finding.offset + finding.size}"
            )
        if reactions is not None:
            lines += [
                f"strict reader: {quote_start(reactions.strict, 500)}",
                f"Mesos's C++:   {quote_start(reactions.cpp, 500)}",
                f"Mesos's CLI:   {quote_start(reactions.python, 500)}",
            ]
        return [part for line in lines for part in self._wrap(line)] + self._hex_dump(row)

    def _hex_dump(self, row: Row) -> list[str]:
        """Format the bytes around those at fault, and underline these."""
        finding = row.finding
        assert finding is not None
        ranges = (
            (one.start - finding.offset, one.start if one.stop is None else one.stop)
            for one in finding.diagnostics
            if one.start is not None
        )
        start, stop = next(ranges, (0, finding.offset))
        stop -= finding.offset
        first = max(0, (start - 16) // 16 * 16)
        data = _stream_bytes(finding, first, _HEX_DUMP_BYTES)
        if not data:  # The fault is after the part of the skipped bytes that was kept.
            first, data = 0, _stream_bytes(finding, 0, _HEX_DUMP_BYTES)
        lines: list[str] = []
        for position in range(0, len(data), 16):
            here = first + position
            lines.append(f"{_HEX}{hex_line(finding.offset + here, data[position : position + 16])}")
            marks = "".join(
                "^^ " if start <= here + n < max(stop, start + 1) else "   " for n in range(16)
            )
            if marks.strip():
                lines.append(self._paint(f"{_HEX}{'':10}{marks}".rstrip(), "red"))
        return lines

    def _wrap(self, text: str) -> list[str]:
        """Indent a line, and wrap it at the width."""
        if self._width is None:
            return [_INDENT + text]
        further = " " * (len(_INDENT) + 2)
        return textwrap.wrap(text, self._width, initial_indent=_INDENT, subsequent_indent=further)

    def _paint(self, text: str, color: str | None) -> str:
        return click.style(text, fg=color) if self._use_color and color else text

    def _dim(self, text: str) -> str:
        return click.style(text, dim=True) if self._use_color else text


def hex_line(offset: int, data: bytes) -> str:
    """Format sixteen bytes as hex and as text."""
    text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in data)
    return f"{offset:08x}  {data.hex(' '):48}{text}"


def _stream_bytes(finding: ValidRecord | SkippedBytes, start: int, size: int) -> bytes:
    """Return bytes of a piece as in the stream, framing included."""
    if isinstance(finding, SkippedBytes):
        return finding.data[start : start + size]
    framing = finding.size - len(finding.payload)
    line = str(len(finding.payload)).rjust(framing - 1, "0").encode() + b"\n"
    return (line + finding.payload[: start + size])[start : start + size]


def _name(row: Row) -> tuple[str, str | None]:
    match row.row_type:
        case "exchange":
            return row.type or row.method or "?", "cyan"
        case "event":
            name = row.type or "(record)"
            return (f"> {name}" if row.side == "client" else name), _EVENT_COLOR
        case "skipped":
            return "(malformed)", "red"
        case "end":
            return "(end)", "magenta"
        case "note":
            return "(note)", "yellow"


def _about(row: Row) -> str:
    parts = [f"{name}={value}" for name, value in row.summary_fields.items()]
    match row.row_type:
        case "exchange":
            status = "no answer" if row.status is None else str(row.status)
            stream = f" {row.text}" if row.text else ""
            method = f"{row.method} " if row.type else ""
            head = f"{status} {method}{row.path}{stream} client={row.client}"
            return " ".join([head, *parts])
        case "end":
            return "" if row.cause is None else f"by {row.cause}"
        case "note":
            return row.text or ""
        case _:
            kind = [row.type] if row.row_type == "skipped" and row.type else []
            return " ".join([*kind, *parts])


def _size(size: int | None) -> str:
    if size is None:
        return ""
    if size < 10_000:
        return f"{size} B"
    return f"{size / 1e3:.0f} kB" if size < 10_000_000 else f"{size / 1e6:.0f} MB"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
