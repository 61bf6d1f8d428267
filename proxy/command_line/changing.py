"""The commands that check and change cassettes: their options, and the texts of `--help`."""

from typing import Any

import click

from ..arguments.choice_options import choice_options
from ..arguments.command_help import DocumentedCommand, option_group
from ..arguments.completion import CASSETTE_PATH_TYPE
from ..arguments.path_type import PATH_TYPE
from ..arguments.shared_options import json_option, output_of_cassette, redaction_options
from ..commands.console import check_platform, importing


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
@option_group("Output", json_option)
def validate(**options: Any) -> int:
    """Check cassettes, and list every problem with file and line.

    FILES are cassettes, or folders with cassettes. The exit code is 0 if all are sound, 4 if there
    are only warnings, else 5.
    """
    check_platform("validate")
    with importing():
        from ..cassette_tools.validate import ValidateOptions, validate

    return validate(ValidateOptions(**options))


@click.command(
    cls=DocumentedCommand,
    section="Check and change cassettes",
    examples=("mesotape scan cassette.yaml", "mesotape scan tests/cassettes --json"),
    page="docs/security.md#cassettes-that-are-already-written",
)
@click.argument("files", nargs=-1, required=True, type=CASSETTE_PATH_TYPE)
@redaction_options
@option_group("Output", json_option)
def scan(**options: Any) -> int:
    """List the secrets in cassettes, with place and rule, never the values.

    FILES are cassettes, or folders with cassettes. The exit code is 11 if there are secrets, else 1
    if something could not be read, else 0.
    """
    check_platform("scan")
    with importing():
        from ..cassette_tools.scan import ScanOptions, scan

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
    json_option,
)
def redact(**options: Any) -> int:
    """Replace the secrets in cassettes by placeholders.

    FILES are cassettes, or folders with cassettes. The new file replaces the old one at once, and
    plays for clients that send the real secrets, or others. The exit code is 1 if something could
    not be redacted, else 0; with --check, that of scan.
    """
    check_platform("redact")
    with importing():
        from ..cassette_tools.redact import RedactOptions, redact

    return redact(RedactOptions(**options))


@click.command(
    cls=DocumentedCommand,
    section="Check and change cassettes",
    examples=(
        "mesotape cut hour.yaml -o minute.yaml --since 60 --until 120",
        "mesotape cut hour.yaml -o kill.yaml --party framework --call KILL",
    ),
    page="docs/edit.md#cut",
)
@click.argument("file", type=CASSETTE_PATH_TYPE)
@choice_options
@output_of_cassette
def cut(**options: Any) -> int:
    """Write a part of a cassette, with what it needs to play.

    Each option chooses exchanges or events; one with several values any of these, and several
    options what fits all. The calls and events that the chosen ones need are kept, too. The exit
    code is 9 if nothing is chosen.
    """
    check_platform("cut")
    with importing():
        from ..cassette_tools.cut import CutOptions, cut

    return cut(CutOptions(**options))


@click.command(
    cls=DocumentedCommand,
    section="Check and change cassettes",
    examples=(
        "mesotape merge master1.yaml master2.yaml -o masters.yaml",
        "mesotape merge recordings/2026-11-30 -o day.yaml.gz",
    ),
    page="docs/edit.md#merge",
)
@click.argument("files", nargs=-1, required=True, type=CASSETTE_PATH_TYPE)
@output_of_cassette
def merge(**options: Any) -> int:
    """Write one cassette from those of several recorders, in the order of time.

    FILES are cassettes, or folders with cassettes, all of masters or all of agents.
    """
    check_platform("merge")
    with importing():
        from ..cassette_tools.merge import MergeOptions, merge

    return merge(MergeOptions(**options))


@click.command(
    cls=DocumentedCommand,
    section="Check and change cassettes",
    examples=(
        "mesotape rename cut.yaml -o tests/cassettes/kill.yaml",
        "mesotape rename cut.yaml -o kill.yaml --no-hosts --no-times",
    ),
    page="docs/edit.md#rename",
)
@click.argument("file", type=CASSETTE_PATH_TYPE)
@option_group(
    "What to rename",
    click.option("--ids/--no-ids", default=True, help="Ids: framework-1, offer-3."),
    click.option("--hosts/--no-hosts", default=True, help="Hosts: host-1.example, 192.0.2.1."),
    click.option("--times/--no-times", default=True, help="Times: from 2000-01-01 on."),
)
@output_of_cassette
def rename(**options: Any) -> int:
    """Write a cassette with readable ids, hosts and times.

    A name is the same in JSON and protobuf, in paths and in headers. The exit code is 4 if an old
    name is left in bytes that are no text.
    """
    check_platform("rename")
    with importing():
        from ..cassette_tools.rename import RenameOptions, rename

    return rename(RenameOptions(**options))


COMMANDS = (validate, scan, redact, cut, merge, rename)
"""All of this file, for the command line."""
