"""The commands for written cassettes: their options, and the texts of `--help`."""

from typing import Any

import click

from .arguments.command_help import DocumentedCommand, option_group
from .arguments.completion import CASSETTE_PATH_TYPE
from .arguments.ignore_options import ignore_options
from .arguments.path_type import PATH_TYPE
from .arguments.shared_options import redaction_options
from .commands.console import check_platform, importing

json_output = option_group(
    "Output", click.option("--json", "as_json", is_flag=True, help="Print JSON.")
)


@click.command(
    cls=DocumentedCommand,
    section="Look at recordings",
    examples=(
        "mesotape query cassette.yaml 'SELECT type, count(*) FROM events GROUP BY type'",
        "mesotape query recordings/ --csv 'SELECT * FROM tasks' > tasks.csv",
    ),
    page="docs/query.md",
)
@click.argument("cassettes", nargs=-1, required=True, type=CASSETTE_PATH_TYPE)
@click.argument("sql")
@option_group(
    "Output",
    click.option("--json", "as_json", is_flag=True, help="Print JSON, an object per row."),
    click.option("--csv", "as_csv", is_flag=True, help="Print CSV."),
)
@option_group(
    "Permissions",
    click.option("--external-access", is_flag=True, help="Let the SQL use files and the network."),
)
def query(**options: Any) -> int:
    """Ask CASSETTES in SQL, the dialect of DuckDB, and print the rows of the result.

    CASSETTES are files, or folders with cassettes. The tables are exchanges, events, tasks, agents,
    offers and problems; `DESCRIBE events` lists the columns of one.
    """
    check_platform("query")
    with importing():
        from .cassette_tools.query import QueryOptions, query

    return query(QueryOptions(**options))


@click.command(
    cls=DocumentedCommand,
    section="Check and change cassettes",
    examples=("mesotape validate cassette.yaml", "mesotape validate cassette.yaml --fix --backup"),
    page="docs/inspect.md#validate",
)
@click.argument("files", nargs=-1, required=True, type=CASSETTE_PATH_TYPE)
@option_group(
    "Changes",
    click.option("--fix", is_flag=True, help="Correct numbers; remove an unfinished document."),
    click.option("--backup", is_flag=True, help="Keep a copy of the original file, as .bak."),
)
@json_output
def validate(**options: Any) -> int:
    """Check cassettes, and list every problem with file and line.

    The exit code is 0 if all are sound, 4 if there are only warnings, else 5.
    """
    check_platform("validate")
    with importing():
        from .cassette_tools.validate import ValidateOptions, validate

    return validate(ValidateOptions(**options))


@click.command(
    cls=DocumentedCommand,
    section="Check and change cassettes",
    examples=("mesotape scan cassette.yaml", "mesotape scan tests/cassettes --json"),
    page="docs/security.md#cassettes-that-are-already-written",
)
@click.argument("files", nargs=-1, required=True, type=CASSETTE_PATH_TYPE)
@redaction_options
@json_output
def scan(**options: Any) -> int:
    """List the secrets in cassettes, with place and rule, never the values.

    FILES are cassettes, or folders with cassettes. The exit code is 11 if there are secrets, else 1
    if something could not be read, else 0.
    """
    check_platform("scan")
    with importing():
        from .cassette_tools.scan import ScanOptions, scan

    return scan(ScanOptions(**options))


@click.command(
    cls=DocumentedCommand,
    section="Check and change cassettes",
    examples=("mesotape redact cassette.yaml -o shared.yaml", "mesotape redact tests --check"),
    page="docs/security.md#cassettes-that-are-already-written",
)
@click.argument("files", nargs=-1, required=True, type=CASSETTE_PATH_TYPE)
@redaction_options
@option_group(
    "Output",
    click.option(
        "-o", "--output", type=PATH_TYPE, help="Write to this file; FILES is one cassette."
    ),
    click.option("--check", "is_check", is_flag=True, help="Change nothing; list like scan."),
    click.option("--json", "as_json", is_flag=True, help="Print JSON, with --check."),
)
def redact(**options: Any) -> int:
    """Replace the secrets in cassettes by placeholders.

    FILES are cassettes, or folders with cassettes. The new file replaces the old one at once, and
    plays for clients that send the real secrets, or others. The exit code is 1 if something could
    not be redacted, else 0; with --check, that of scan.
    """
    check_platform("redact")
    with importing():
        from .cassette_tools.redact import RedactOptions, redact

    return redact(RedactOptions(**options))


@click.command(
    cls=DocumentedCommand,
    section="Check and change cassettes",
    examples=(
        "mesotape diff old.yaml new.yaml",
        "mesotape diff old.yaml --against http://master.example:5050 --ignore timestamps",
    ),
    page="docs/diff.md",
)
@click.argument("files", nargs=-1, required=True, type=CASSETTE_PATH_TYPE, metavar="FIRST [SECOND]")
@option_group(
    "What is compared",
    *ignore_options("Do not compare a value"),
    click.option(
        "--against",
        metavar="URL",
        help="Send the calls of FIRST that only read to a server, and compare its answers.",
    ),
    click.option("--tls-ca", "ca", type=click.Path(), help="Trust this CA (PEM)."),
    click.option("--insecure", is_flag=True, help="Do not verify the server's certificate."),
)
@option_group(
    "Output",
    click.option("--json", "as_json", is_flag=True, help="Print JSON; short for --format json."),
    click.option(
        "--format",
        "form",
        type=click.Choice(["text", "json", "github"]),
        default="text",
        show_default=True,
        help="For people, programs, or the annotations of a pull request.",
    ),
    click.option("--git", "is_git", is_flag=True, help="Run as the external diff of git."),
)
def diff(*, as_json: bool, **options: Any) -> int:
    """Compare two recordings by meaning, whatever their ids, times and encodings.

    Calls that are new, missing or answered differently, and events of streams, with the fields that
    differ. The exit code is 0 if there are no differences, 12 if there are any, else 1 or 2.
    """
    check_platform("diff")
    with importing():
        from .diff.command import DiffOptions, diff

    if as_json:
        options["form"] = "json"
    return diff(DiffOptions(**options))


COMMANDS = (query, validate, scan, redact, diff)
"""All of this file, for the command line."""
