"""The commands that make a cassette of cassettes: their options, and the texts of `--help`."""

from typing import Any

import click

from .arguments.choice_options import choice_options
from .arguments.command_help import DocumentedCommand, option_group
from .arguments.completion import CASSETTE_PATH_TYPE
from .arguments.path_type import PATH_TYPE
from .commands.console import check_platform, importing

output_of_cassette = option_group(
    "Output",
    click.option("-o", "--output", type=PATH_TYPE, required=True, help="Write to this file."),
    click.option("--json", "as_json", is_flag=True, help="Print JSON."),
)


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
        from .cassette_tools.cut import CutOptions, cut

    return cut(CutOptions(**options))


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
        from .cassette_tools.rename import RenameOptions, rename

    return rename(RenameOptions(**options))


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
        from .cassette_tools.merge import MergeOptions, merge

    return merge(MergeOptions(**options))


@click.command(
    cls=DocumentedCommand,
    section="Check and change cassettes",
    examples=(
        "mesotape report hour.yaml -o report.html",
        "mesotape report test.yaml -o report.html --receipt receipt.json",
    ),
    page="docs/report.md",
)
@click.argument("cassettes", nargs=-1, required=True, type=CASSETTE_PATH_TYPE)
@click.option("--receipt", type=PATH_TYPE, help="Lay the receipt of a replay over it.")
@output_of_cassette
def report(**options: Any) -> int:
    """Write a page with a timeline of cassettes, for a browser.

    CASSETTES are files, or folders with cassettes. The page is one file and needs no network.
    """
    check_platform("report")
    with importing():
        from .cassette_tools.report import ReportOptions, report

    return report(ReportOptions(**options))


COMMANDS = (cut, merge, rename, report)
"""All of this file, for the command line."""
