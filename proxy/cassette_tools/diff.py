"""`mesotape diff`: name the differences of two recordings."""

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import click
import msgspec
from msgspec import Struct

from ...cassettes.comparing.comparison import Comparison
from ...cassettes.comparing.differences import DifferenceKind, Place, RecordingDifference, Tally
from ...cassettes.format.documents import CassetteError
from ...cassettes.matching.ignore_rules import IgnoreError, IgnoreRules
from ...cassettes.matching.misses import ReportLine, SpanStyle
from ...cassettes.storage.reader import Cassette
from ...proto.shown_text import escape_json, escape_line
from ..commands.console import EXIT_DIFFERENT, CommandError, print_to_stderr
from ..commands.miss_colors import colorize_report
from .cassette_files import progress

type DiffFormat = Literal["text", "json", "github"]

_STYLES: dict[DifferenceKind, SpanStyle] = {
    "missing": "recorded",
    "new": "received",
    "changed": "label",
    "moved": "label",
}
_MARKS = {"missing": "-", "new": "+", "changed": "~", "moved": ">"}
_GIT_ARGUMENTS = (7, 9)
"""Arguments that git passes to an external diff; nine if the file was renamed."""


class DiffOptions(Struct, frozen=True, kw_only=True):
    """The options of `mesotape diff`."""

    files: tuple[Path, ...]
    ignore: tuple[str, ...] = ()
    form: DiffFormat = "text"
    is_git: bool = False


def diff(options: DiffOptions) -> int:
    """Compare two recordings. Return the exit code; raises CommandError."""
    first, second = _compared_files(options)
    try:
        ignoring = IgnoreRules(options.ignore, with_answers=True)
    except IgnoreError as error:
        raise CommandError(f"--{error}", exit_code=2) from error
    if options.is_git:
        if (text := _describe_missing(first, second)) is not None:
            click.echo(text)
            return 0
        name = str(options.files[0])
        _compare(first, second, ignoring, options, (f"a/{name}", f"b/{name}"))
        return 0
    return _compare(first, second, ignoring, options, (str(first), str(second)))


def _compared_files(options: DiffOptions) -> tuple[Path, Path]:
    files = options.files
    if options.is_git:
        if len(files) not in _GIT_ARGUMENTS:
            raise CommandError("--git is for git, which passes 7 arguments", exit_code=2)
        return files[1], files[4]
    if len(files) != 2:
        raise CommandError(f"expected two cassettes, found {len(files)}", exit_code=2)
    return files[0], files[1]


def _describe_missing(first: Path, second: Path) -> str | None:
    """Return the line for a file that was added or deleted; git passes /dev/null for the other."""
    if first == Path(os.devnull):
        return "new cassette"
    if second == Path(os.devnull):
        return "deleted cassette"
    return None


def _compare(
    first: Path,
    second: Path,
    ignoring: IgnoreRules,
    options: DiffOptions,
    names: tuple[str, str],
) -> int:
    try:
        with Cassette.open(first) as ours, Cassette.open(second) as theirs:
            total = ours.length_bytes + theirs.length_bytes
            with progress(f"comparing {names[0]} and {names[1]}", total) as shown:
                comparison = Comparison(ours, theirs, ignoring, shown.advance)
            _print(comparison.differences(), options.form, names)
    except CassetteError as error:
        raise CommandError(str(error)) from error
    tally = comparison.tally
    if options.form == "json":
        click.echo(msgspec.json.encode({"compared": tally}))
    summary = _summary(tally)
    if options.is_git:
        click.echo(summary)
    elif tally.differences or options.form == "text":
        print_to_stderr(f"{names[0]} and {names[1]}: {summary}")
    return EXIT_DIFFERENT if tally.differences else 0


def _summary(tally: Tally) -> str:
    compared = f"{tally.calls} calls and {tally.events} events compared"
    if not tally.differences:
        return f"no differences; {compared}"
    counts = (
        (tally.missing, "missing"),
        (tally.new, "new"),
        (tally.changed, "changed"),
        (tally.moved, "moved"),
    )
    text = ", ".join(f"{count} {name}" for count, name in counts if count)
    return f"{text}; {compared}"


def _print(
    differences: Iterable[RecordingDifference], form: DiffFormat, names: tuple[str, str]
) -> None:
    is_colorful = form == "text" and _shows_colors()
    for difference in differences:
        if form == "json":
            click.echo(escape_json(msgspec.json.encode(difference).decode()))
        elif form == "github":
            click.echo(_annotation(difference))
        else:
            lines = list(_report(difference, names))
            if is_colorful:
                click.echo(colorize_report(lines))
            else:
                for line in lines:
                    click.echo(escape_line("".join(text for text, _ in line)))


def _shows_colors() -> bool:
    """Return whether stdout is a terminal, or the pager of git, and NO_COLOR is not set."""
    is_shown = sys.stdout.isatty() or os.environ.get("GIT_PAGER_IN_USE") == "true"
    return is_shown and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _report(difference: RecordingDifference, names: tuple[str, str]) -> Iterator[ReportLine]:
    """Yield the lines of a difference, as spans with styles."""
    title = _title(difference)
    yield [
        (f"{_MARKS[difference.kind]} {title}", _STYLES[difference.kind]),
        (_places(difference, names), "arrow"),
    ]
    if difference.after is not None:
        yield [(f"    after {difference.after}", "nearest")]
    for change in difference.changes:
        yield [
            (f"    {change.path}", "path"),
            (": ", "plain"),
            (change.first or "(nothing)", "recorded"),
            (" → ", "arrow"),
            (change.second or "(nothing)", "received"),
        ]
    if difference.more:
        yield [(f"    and {difference.more} more", "plain")]


def _title(difference: RecordingDifference) -> str:
    place = difference.first or difference.second
    assert place is not None
    words = [f"exchange {place.exchange}", difference.what]
    if place.event is not None:
        words = [f"exchange {place.exchange}", f"event {place.event}", difference.what]
    suffix = f" of {difference.call}" if difference.call else ""
    return f"{', '.join(words)}{suffix}: {difference.kind}"


def _places(difference: RecordingDifference, names: tuple[str, str]) -> str:
    places = zip((difference.first, difference.second), names, strict=True)
    found = [f"{name}:{place.line}" for place, name in places if place is not None]
    return f"  ({', '.join(found)})"


def _annotation(difference: RecordingDifference) -> str:
    """Format a difference as a command of GitHub Actions, which annotates a line of a file."""
    place: Place = difference.place
    lines = [
        f"{change.path}: {change.first or '(nothing)'} → {change.second or '(nothing)'}"
        for change in difference.changes
    ]
    if difference.after is not None:
        lines.append(f"after {difference.after}")
    title = _title(difference)
    text = "\n".join([title, *lines])
    file = _escape_property(place.file)
    return (
        f"::warning file={file},line={place.line},title={_escape_property(title)}::{_escape(text)}"
    )


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")
