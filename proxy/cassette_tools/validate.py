"""`mesotape validate`: report every problem of cassettes, and repair a damaged tail."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click
import msgspec
from msgspec import Struct

from ...cassettes.format.documents import CassetteError
from ...cassettes.storage.new_file import locked
from ...cassettes.storage.reader import Cassette
from ...cassettes.storage.repair import cut_damaged_tail
from ...cassettes.validation.findings import CassetteFinding
from ...cassettes.validation.fixing import FixResult, fix_numbers
from ...cassettes.validation.judge import find_problems
from ...proto.counted import counted
from ...proto.shown_text import escape_line
from ..commands.console import (
    EXIT_FAILURE,
    EXIT_MALFORMED,
    EXIT_WARNINGS,
    CommandError,
    print_json,
    print_to_stderr,
)
from ..terminal.progress import progress
from .cassette_files import find_cassettes


class ValidateOptions(Struct, frozen=True, kw_only=True):
    """The options of `mesotape validate`."""

    files: tuple[Path, ...]
    fix: bool = False
    backup: bool = False
    as_json: bool = False


def validate(options: ValidateOptions) -> int:
    """Check the cassettes. Return the exit code; raises CommandError."""
    worst = unread = 0
    for path in _cassettes(options.files):
        if isinstance(path, CommandError):
            print_to_stderr(str(path))
            unread += 1
            continue
        cut_off = 0
        if options.fix and path.is_file():
            cut_off, fixed = _repair(path, backup=options.backup)
            changes = fixed.changes
            if fixed.reason is not None:
                print_to_stderr(f"{path}: not fixed: {fixed.reason}")
            if not options.as_json:
                for change in changes:
                    click.echo(escape_line(change))
        findings = _find_problems(path)
        if isinstance(findings, str):
            worst = EXIT_MALFORMED
            _print_result(path, [findings], [], cut_off, as_json=options.as_json)
            continue
        worst = max(worst, _exit_code(findings))
        problems = [each.describe(path) for each in findings]
        _print_result(path, problems, findings, cut_off, as_json=options.as_json)
    return EXIT_FAILURE if unread else worst


def _cassettes(paths: Iterable[Path]) -> Iterator[Path | CommandError]:
    """Iterate over files, over the cassettes in folders, and over what is neither."""
    for path in paths:
        try:
            yield from find_cassettes([path])
        except CommandError as error:
            yield error


def _find_problems(path: Path) -> list[CassetteFinding] | str:
    """Return the findings, or the reason why it is no cassette."""
    try:
        with (
            Cassette.open(path, lenient=True, may_grow=True) as cassette,
            progress(f"validating {path}", cassette.length_bytes) as shown,
        ):
            return find_problems(cassette, shown.advance)
    except CassetteError as error:
        return str(error)


def _exit_code(findings: list[CassetteFinding]) -> int:
    if all(each.level == "warning" for each in findings):
        return EXIT_WARNINGS if findings else 0
    return EXIT_MALFORMED


def _repair(path: Path, *, backup: bool) -> tuple[int, FixResult]:
    """Cut off a damaged tail, and correct numbers; return the bytes cut off, and the changes."""
    try:
        with locked(path):
            cut_off = cut_damaged_tail(path, backup=backup)
            return cut_off, fix_numbers(path, backup=backup and not cut_off)
    except CassetteError as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"{path}: cannot be repaired: {error.strerror or error}") from error


def _print_result(
    path: Path,
    problems: list[str],
    findings: list[CassetteFinding],
    cut_off: int,
    *,
    as_json: bool,
) -> None:
    if as_json:
        result: dict[str, Any] = {"file": str(path), "problems": problems, "cut_off": cut_off}
        result["findings"] = [
            {**msgspec.to_builtins(each), "level": each.level} for each in findings
        ]
        print_json(result)
        return
    if cut_off:
        click.echo(f"{path}: cut off {counted(cut_off, 'byte')} after the last whole document")
    for problem in problems:
        click.echo(escape_line(problem))
