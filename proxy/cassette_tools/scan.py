"""`mesotape scan`: list the secrets of cassettes, without showing them."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click
from msgspec import Struct

from ...cassettes.format.documents import CassetteError
from ...cassettes.redaction.redactor import Redactor
from ...cassettes.redaction.rules import RuleSet, counts_text
from ...cassettes.scanning.secret_findings import SecretFinding, find_secrets
from ...cassettes.storage.reader import Cassette
from ...proto.counted import counted
from ..commands.console import EXIT_FAILURE, EXIT_SECRETS, print_json, print_to_stderr
from ..terminal.progress import progress
from .cassette_files import find_cassettes


class ScanOptions(Struct, frozen=True, kw_only=True):
    """The options of `mesotape scan`."""

    files: tuple[Path, ...]
    rules: RuleSet
    as_json: bool = False


def scan(options: ScanOptions) -> int:
    """List the secrets. Return the exit code; raises CommandError."""
    counts = Counter[str]()
    cassettes, with_secrets, has_errors = 0, set[Path](), False
    for path in find_cassettes(options.files):
        cassettes += 1
        for found in scan_file(path, options.rules):
            if isinstance(found, CassetteError):
                print_to_stderr(str(found))
                has_errors = True
            else:
                counts[found.rule] += found.count
                with_secrets.add(path)
                print_finding(found, as_json=options.as_json)
    number = counted(cassettes, "cassette")
    if counts:
        found_text = f"secrets in {len(with_secrets)} of {number}: {counts_text(counts)}"
        print_to_stderr(found_text)
        return EXIT_SECRETS
    if has_errors:
        return EXIT_FAILURE
    print_to_stderr(f"no secrets in {number}")
    return 0


def scan_file(path: Path, rules: RuleSet) -> Iterator[SecretFinding | CassetteError]:
    """Iterate over the secrets of a cassette, and over what could not be read as one."""
    try:
        with (
            Cassette.open(path, lenient=True, may_grow=True) as cassette,
            progress(f"scanning {path}", cassette.length_bytes) as shown,
        ):
            for found in find_secrets(cassette, Redactor(rules), shown.advance):
                shown.clear()
                yield found
    except CassetteError as error:
        yield error


def print_finding(finding: SecretFinding, *, as_json: bool) -> None:
    """Print a finding as a line, or as an object of JSON."""
    if as_json:
        print_json(finding)
    else:
        click.echo(str(finding))
