"""The options of `mesotape inspect`."""

import click

from .shared_options import option_group

inspect_options = option_group(
    click.option(
        "--follow", is_flag=True, help="Print events as they arrive; SOURCE is a URL or -."
    ),
    click.option(
        "--server",
        type=click.Choice(["master", "agent"]),
        help="Kind of server that sent raw bytes.",
    ),
    click.option(
        "--api",
        type=click.Choice(["master", "agent", "scheduler", "executor", "resource_provider"]),
        help="API that raw bytes belong to.",
    ),
    click.option("--message", help="Message type of raw records, like mesos.v1.master.Event."),
    click.option(
        "--encoding",
        type=click.Choice(["json", "protobuf"]),
        help="Encoding of raw bytes, or to request.",
    ),
    click.option(
        "--max-record",
        type=click.IntRange(1),
        default=1 << 27,
        show_default=True,
        help="Longest record in bytes; a larger length is an error.",
    ),
    click.option("--call", "calls", multiple=True, help="Only rows of calls of this type."),
    click.option("--type", "types", multiple=True, help="Only events of this type."),
    click.option(
        "--since", type=float, help="Only rows from this time on, in seconds of the recording."
    ),
    click.option(
        "--until", type=float, help="Only rows up to this time, in seconds of the recording."
    ),
    click.option("--client", help="Only rows of this client: its number or address."),
    click.option("--text", help="Only rows that contain this text."),
    click.option("--bad", is_flag=True, help="Only rows with warnings or malformed data."),
    click.option(
        "--show",
        type=click.IntRange(1),
        multiple=True,
        help="Print the row with this number in full.",
    ),
    click.option("--summary", is_flag=True, help="Print only the summary."),
    click.option("--tls-ca", type=click.Path(), help="Trust this CA (PEM)."),
    click.option("--insecure", is_flag=True, help="Do not verify the server's certificate."),
    click.option("--json", "as_json", is_flag=True, help="Print JSON."),
)
"""What the source is, and which rows are shown."""
