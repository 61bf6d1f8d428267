"""`mesotape validate`: report every problem of cassettes, and repair a damaged tail."""

from pathlib import Path

import click
import msgspec
from msgspec import Struct

from ...cassettes.storage.repair import cut_damaged_tail
from ...cassettes.storage.validation import validate_cassette
from .console import EXIT_FAILURE, EXIT_MALFORMED, CommandError, print_to_stderr


class ValidateOptions(Struct, frozen=True, kw_only=True):
    """The options of `mesotape validate`."""

    files: tuple[Path, ...]
    fix: bool = False
    backup: bool = False
    as_json: bool = False


def validate(options: ValidateOptions) -> int:
    """Check the cassettes. Return the exit code; raises CommandError."""
    wrong = unread = 0
    for path in options.files:
        if not path.is_file():
            print_to_stderr(f"{path}: there is no such file")
            unread += 1
            continue
        cut_off = _repair(path, backup=options.backup) if options.fix else 0
        problems = validate_cassette(path)
        wrong += bool(problems)
        _print_result(path, problems, cut_off, as_json=options.as_json)
    if unread:
        return EXIT_FAILURE
    return EXIT_MALFORMED if wrong else 0


def _repair(path: Path, *, backup: bool) -> int:
    try:
        return cut_damaged_tail(path, backup=backup)
    except OSError as error:
        raise CommandError(f"{path}: cannot be repaired: {error.strerror or error}") from error


def _print_result(path: Path, problems: list[str], cut_off: int, *, as_json: bool) -> None:
    if as_json:
        result = {"file": str(path), "problems": problems, "cut_off": cut_off}
        click.echo(msgspec.json.encode(result))
        return
    if cut_off:
        click.echo(f"{path}: cut off {cut_off} bytes after the last whole document")
    for problem in problems:
        click.echo(problem)
