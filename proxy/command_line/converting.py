"""The commands that convert recordings: their options, and the texts of `--help`."""

from typing import Any

import click

from ..arguments.command_help import DocumentedCommand, option_group
from ..arguments.completion import CASSETTE_PATH_TYPE
from ..arguments.path_type import PATH_TYPE
from ..arguments.shared_options import json_option, max_body_option, redaction_options
from ..arguments.value_types import API_TYPE, SERVER_TYPE
from ..commands.console import check_platform, importing


@click.command(
    cls=DocumentedCommand,
    section="Convert recordings",
    examples=(
        "mesotape export cassette.yaml -o cassette.har",
        "mesotape export cassette.yaml -o stream.recordio --exchange 1",
        "mesotape export recordings/ -o recordings.parquet",
    ),
    page="docs/formats.md#export",
)
@click.argument("cassettes", nargs=-1, required=True, type=CASSETTE_PATH_TYPE)
@option_group(
    "Output",
    click.option(
        "-o", "--output", type=PATH_TYPE, required=True, help="The file to write; - is stdout."
    ),
    click.option(
        "--format",
        "format_name",
        type=click.Choice(["har", "jsonl", "recordio", "flow", "parquet"]),
        help="Format of the file, if its name does not tell.",
    ),
    max_body_option(help="Leave out longer bodies in har and flow, which hold them whole."),
    json_option,
)
@option_group(
    "Stream for recordio",
    click.option(
        "--exchange", type=click.IntRange(1), metavar="NUMBER", help="Exchange of the stream."
    ),
    click.option(
        "--side",
        type=click.Choice(["server", "client"]),
        default="server",
        show_default=True,
        help="Sender of the stream.",
    ),
)
def export(**options: Any) -> int:
    """Write a cassette as HAR, JSON lines, a flow file of mitmproxy, a raw stream, or tables.

    The suffix of the file decides: .har, .jsonl, .flow, or .recordio for the raw records of one
    stream. With .parquet, the tables of all CASSETTES, and of those in folders, are written to a
    new folder. What the format cannot hold is listed on stderr. The exit code is 1 if nothing was
    written, else 0.
    """
    check_platform("export")
    with importing():
        from ..cassette_tools.export import ExportOptions, export

    return export(ExportOptions(**options))


@click.command(
    "import",
    cls=DocumentedCommand,
    section="Convert recordings",
    examples=(
        "mesotape import browser.har -o cassette.yaml --upstream http://master:5050",
        "mesotape import master.pcap -o cassette.yaml --upstream http://10.0.0.1:5050",
        "mesotape import stream.bin -o cassette.yaml --api scheduler",
    ),
    page="docs/formats.md#import",
)
@click.argument("file", type=PATH_TYPE)
@option_group(
    "Input",
    click.option(
        "--format",
        "format_name",
        type=click.Choice(["har", "jsonl", "flow", "vcr", "pcap", "http", "recordio"]),
        help="Format of the file, if its contents do not tell.",
    ),
    click.option(
        "--server",
        type=SERVER_TYPE,
        help="Kind of the server; selects the schema of /api/v1.  [default: master]",
    ),
    click.option("--upstream", metavar="URL", help="Keep only requests to this server."),
)
@option_group(
    "Raw bytes",
    click.option(
        "--api",
        type=API_TYPE,
        help="API of the stream, if its records do not tell.",
    ),
    click.option(
        "--request",
        metavar="JSON",
        help="Call that the stream answered.  [default: one that has a stream]",
    ),
)
@redaction_options
@option_group(
    "Output",
    click.option("-o", "--output", type=PATH_TYPE, required=True, help="The cassette to write."),
    max_body_option(help="Leave out longer bodies and records."),
    json_option,
)
def import_file(**options: Any) -> int:
    """Write a HAR, a flow file, a packet capture, HTTP, or a raw stream as a cassette.

    Cassettes of vcrpy and JSON lines of mesotape export are read, too. Secrets are replaced as in a
    recording. What is not in the file, and was made up, is listed on stderr. The exit code is 1 if
    nothing was written, or a secret is left, else 0.
    """
    check_platform("import")
    with importing():
        from ..cassette_tools.import_file import ImportOptions, import_file

    return import_file(ImportOptions(**options))


COMMANDS = (export, import_file)
"""All of this file, for the command line."""
