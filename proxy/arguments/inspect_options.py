"""The options of `mesotape inspect`."""

import click

from .command_help import option_group, option_groups
from .shared_options import call_option, type_option
from .value_types import API_TYPE, SERVER_TYPE

inspect_options = option_groups(
    option_group(
        "Which rows",
        call_option(help="Only rows of these calls."),
        type_option(help="Only these events."),
        click.option(
            "--since",
            type=float,
            metavar="SECONDS",
            help="Only rows from this time of the recording on.",
        ),
        click.option(
            "--until",
            type=float,
            metavar="SECONDS",
            help="Only rows up to this time of the recording.",
        ),
        click.option(
            "--client",
            metavar="NUMBER|ADDRESS",
            help="Only rows of this client.",
        ),
        click.option("--text", help="Only rows that contain this text."),
        click.option("--bad", is_flag=True, help="Only rows with warnings or malformed data."),
        click.option(
            "--show",
            type=click.IntRange(1),
            multiple=True,
            metavar="NUMBER",
            help="Print the row with this number in full.",
        ),
    ),
    option_group(
        "Raw bytes of a stream",
        click.option(
            "--server",
            type=SERVER_TYPE,
            help="Kind of server that sent them.",
        ),
        click.option(
            "--api",
            type=API_TYPE,
            help="API that they belong to.",
        ),
        click.option(
            "--message", metavar="TYPE", help="Type of the records, like mesos.v1.master.Event."
        ),
        click.option(
            "--encoding",
            type=click.Choice(["json", "protobuf"]),
            help="Encoding of the records, or to request from a running master.",
        ),
        click.option(
            "--max-record",
            type=click.IntRange(1),
            metavar="BYTES",
            default=1 << 27,
            show_default=True,
            help="Longest record; a larger length is an error.",
        ),
    ),
    option_group(
        "A running master",
        click.option(
            "--follow", is_flag=True, help="Print events as they arrive; SOURCE is a URL or -."
        ),
        click.option("--tls-ca", type=click.Path(), help="Trust this CA (PEM)."),
        click.option("--insecure", is_flag=True, help="Do not verify the server's certificate."),
    ),
    option_group(
        "Output",
        click.option(
            "--no-pager", is_flag=True, help="Do not page on a terminal; PAGER names the pager."
        ),
        click.option("--summary", is_flag=True, help="Print only the summary."),
        click.option("--json", "as_json", is_flag=True, help="Print JSON."),
    ),
)
"""What the source is, and which rows are shown."""
