"""The commands that look at recordings: their options, and the texts of `--help`."""

from typing import Any

import click

from ..arguments.command_help import DocumentedCommand, option_group
from ..arguments.completion import CASSETTE_PATH_TYPE
from ..arguments.ignore_options import ignore_options
from ..arguments.inspect_options import inspect_options
from ..arguments.path_type import PATH_TYPE
from ..arguments.shared_options import output_of_cassette
from ..commands.console import OptionError, check_platform, importing


@click.command(
    cls=DocumentedCommand,
    section="Look at recordings",
    examples=(
        "mesotape inspect cassette.yaml --call ACCEPT",
        "curl -sN http://master:5050/api/v1 -d @subscribe.json | mesotape inspect -",
    ),
    page="docs/inspect.md",
)
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@inspect_options
def inspect(**options: Any) -> int:
    """List the contents of SOURCE, and report what is broken.

    SOURCE is a cassette, the raw bytes of a stream (- is stdin), the same inside HTTP as curl --raw
    prints it, a flow file of mitmproxy, or the URL of a running master.

    The exit code is 0 if all is clean, 4 if there are warnings, 5 if something is malformed, 9 if a
    filter matches no row, and 10 if SOURCE is empty or of another kind.
    """
    check_platform("inspect")
    with importing():
        from ..inspect.command import inspect
        from ..inspect.options import InspectOptions

    return inspect(InspectOptions(**options))


@click.command(
    cls=DocumentedCommand,
    section="Look at recordings",
    examples=(
        "mesotape query cassette.yaml 'SELECT type, count(*) FROM events GROUP BY type'",
        "mesotape query recordings/ --csv 'SELECT * FROM tasks' > tasks.csv",
    ),
    page="docs/query.md",
)
@click.argument("cassettes", nargs=-1, metavar="CASSETTES...", type=CASSETTE_PATH_TYPE)
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
    if not options["cassettes"]:
        raise OptionError(f"{options['sql']}: expected CASSETTES, and then the SQL")
    check_platform("query")
    with importing():
        from ..cassette_tools.query import QueryOptions, query

    return query(QueryOptions(**options))


@click.command(
    cls=DocumentedCommand,
    section="Look at recordings",
    examples=(
        "mesotape diff old.yaml new.yaml",
        "mesotape diff old.yaml --against http://master:5050 --ignore timestamps",
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
        help="For people, programs, or the annotations of a pull request.  [default: text]",
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
        from ..diff.command import DiffOptions, diff

    if as_json and options["form"] not in (None, "json"):
        raise OptionError(
            f"--json and --format {options['form']} exclude each other: leave out one"
        )
    options["form"] = "json" if as_json else options["form"] or "text"
    return diff(DiffOptions(**options))


@click.command(
    cls=DocumentedCommand,
    section="Look at recordings",
    examples=(
        "mesotape report hour.yaml -o report.html",
        "mesotape report test.yaml -o report.html --receipt receipt.json",
    ),
    page="docs/report.md",
)
@click.argument("cassettes", nargs=-1, required=True, type=CASSETTE_PATH_TYPE)
@option_group(
    "Input", click.option("--receipt", type=PATH_TYPE, help="Lay the receipt of a replay over it.")
)
@output_of_cassette
def report(**options: Any) -> int:
    """Write a page with a timeline of cassettes, for a browser.

    CASSETTES are files, or folders with cassettes. The page is one file and needs no network.
    """
    check_platform("report")
    with importing():
        from ..cassette_tools.report import ReportOptions, report

    return report(ReportOptions(**options))


COMMANDS = (inspect, query, diff, report)
"""All of this file, for the command line."""
