"""`mesotape diff`: compare two recordings, or a recording and a running server."""

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import click
from msgspec import Struct

from ...cassettes.comparing.comparison import Comparison
from ...cassettes.comparing.differences import RecordingDifference
from ...cassettes.format.documents import CassetteError
from ...cassettes.matching.ignore_rules import IgnoreError, IgnoreRules
from ...cassettes.storage.reader import Cassette
from ...proto.shown_text import escape_line
from ..commands.console import (
    EXIT_DIFFERENT,
    CommandError,
    OptionError,
    print_json,
    print_to_stderr,
)
from ..commands.miss_colors import allows_colors, colorize_report
from ..terminal.progress import progress
from .reads import select_reads
from .report import annotation, report_lines, summary

type DiffFormat = Literal["text", "json", "github"]

_GIT_ARGUMENTS = (7, 9)
"""Arguments that git passes to an external diff; nine if the file was renamed."""


class DiffOptions(Struct, frozen=True, kw_only=True):
    """The options of `mesotape diff`."""

    files: tuple[Path, ...]
    ignore: tuple[str, ...] = ()
    against: str | None = None
    ca: str | None = None
    insecure: bool = False
    form: DiffFormat = "text"
    is_git: bool = False


def diff(options: DiffOptions) -> int:
    """Compare two recordings. Return the exit code; raises CommandError."""
    try:
        ignoring = IgnoreRules(options.ignore, with_answers=True)
    except IgnoreError as error:
        raise OptionError(f"--{error}") from error
    try:
        if options.is_git:
            return _diff_for_git(options, ignoring)
        if options.against is not None:
            return _diff_against(options.against, options, ignoring)
        first, second = _take_files(options, 2, "two cassettes")
        with Cassette.open(first) as ours, Cassette.open(second) as theirs:
            compared = _compare(ours, theirs, ignoring)
            return _print_differences(compared, options, f"{first} and {second}")
    except CassetteError as error:
        raise CommandError(str(error)) from error


def _take_files(options: DiffOptions, count: int, expected: str) -> tuple[Path, ...]:
    if len(options.files) != count:
        raise OptionError(f"expected {expected}, found {len(options.files)}")
    return options.files


def _diff_for_git(options: DiffOptions, ignoring: IgnoreRules) -> int:
    """Compare the two versions of a file, as the external diff of git.

    git passes its path, and file, hash and mode of the old version and of the new one; the file is
    /dev/null if there is no such version. It takes any exit code but 0 for a failure.
    """
    if len(options.files) not in _GIT_ARGUMENTS:
        found = len(options.files)
        text = f"--git is for git, which passes 7 arguments, found {found}: leave it out"
        raise OptionError(text)
    path, old, new = options.files[0], options.files[1], options.files[4]
    click.echo(f"mesotape diff a/{path} b/{path}")
    for version, text in ((old, "new cassette"), (new, "deleted cassette")):
        if version == Path(os.devnull):
            click.echo(text)
            return 0
    try:
        with (
            Cassette.open(old, with_parts=False) as ours,
            Cassette.open(new, with_parts=False) as theirs,
        ):
            compared = _compare(ours, theirs, ignoring, names=(f"a/{path}", f"b/{path}"))
            _print_differences(compared, options, None)
            click.echo(summary(compared.tally))
    except CassetteError as error:  # A failure would end git before the files that follow.
        click.echo(f"cannot be compared: {error}")
    return 0


def _diff_against(url: str, options: DiffOptions, ignoring: IgnoreRules) -> int:
    """Send the calls that only read to a server, and compare its answers."""
    from .live_answers import LiveServer, record_answers

    (path,) = _take_files(options, 1, "one cassette with --against")
    server = LiveServer(url, options.ca, options.insecure)
    with tempfile.TemporaryDirectory() as folder, Cassette.open(path) as recorded:
        numbers = select_reads(recorded)
        answers = Path(folder) / "answers.yaml"
        record_answers(recorded, numbers, server, answers)
        with Cassette.open(answers) as live:
            compared = _compare(recorded, live, ignoring, (None, url), frozenset(numbers))
            return _print_differences(compared, options, f"{path} and {url}")


def _compare(
    ours: Cassette,
    theirs: Cassette,
    ignoring: IgnoreRules,
    names: tuple[str | None, str | None] = (None, None),
    numbers: frozenset[int] | None = None,
) -> Comparison:
    total = ours.length_bytes + theirs.length_bytes
    shown_names = [name or each.path for name, each in zip(names, (ours, theirs), strict=True)]
    with progress(f"comparing {shown_names[0]} and {shown_names[1]}", total) as shown:
        return Comparison(ours, theirs, ignoring, shown.advance, names=names, numbers=numbers)


def _print_differences(compared: Comparison, options: DiffOptions, names: str | None) -> int:
    """Print the differences, and a summary of what `names` says. Return the exit code."""
    print_difference = _printer(options)
    for difference in compared.differences():
        print_difference(difference)
    tally = compared.tally
    if options.form == "json":
        print_json({"compared": tally})
    if names is not None and (tally.differences or options.form == "text"):
        print_to_stderr(f"{names}: {summary(tally)}")
    return EXIT_DIFFERENT if tally.differences else 0


def _printer(options: DiffOptions) -> Callable[[RecordingDifference], None]:
    match options.form:
        case "json":
            return print_json
        case "github":
            is_live = options.against is not None
            return lambda each: click.echo(
                annotation(each, each.first if is_live and each.first else each.place)
            )
        case "text":
            return _print_in_colors if _shows_colors() else _print_plainly


def _print_in_colors(difference: RecordingDifference) -> None:
    click.echo(colorize_report(report_lines(difference)), color=True)


def _print_plainly(difference: RecordingDifference) -> None:
    for line in report_lines(difference):
        click.echo(escape_line("".join(text for text, _ in line)))


def _shows_colors() -> bool:
    """Return whether stdout is a terminal, or the pager of git, and colours are allowed."""
    is_shown = sys.stdout.isatty() or os.environ.get("GIT_PAGER_IN_USE") == "true"
    return is_shown and allows_colors()
