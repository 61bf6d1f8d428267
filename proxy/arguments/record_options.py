"""The options of `mesotape record`."""

import click

from .command_help import option_group, option_groups
from .path_type import PATH_TYPE
from .value_types import SERVER_TYPE, SizeType

record_options = option_groups(
    option_group(
        "Cassette",
        click.option(
            "-o",
            "--output",
            type=click.Path(),
            required=True,
            help="The cassette to write, or FOLDER/ for a new name in it by server and time.",
        ),
        click.option(
            "--overwrite", "existing", flag_value="overwrite", help="Replace the cassette."
        ),
        click.option("--append", "existing", flag_value="append", help="Append to the cassette."),
    ),
    option_group(
        "What is recorded",
        click.option(
            "--server",
            type=SERVER_TYPE,
            default="master",
            show_default=True,
            help="Kind of UPSTREAM; selects the schema of /api/v1.",
        ),
        click.option("--only-v1", is_flag=True, help="Record only the v1 APIs, no other paths."),
        click.option(
            "--max-body",
            type=SizeType(),
            default="16M",
            show_default=True,
            help="Leave out longer bodies and records.",
        ),
    ),
)
"""The cassette, and what goes into it."""

proxy_options = option_groups(
    option_group(
        "Upstream",
        click.option("--keep-host", is_flag=True, help="Do not rewrite the Host header."),
        click.option("--upstream-ca", type=PATH_TYPE, help="Trust this CA (PEM) for UPSTREAM."),
        click.option(
            "--client-cert", type=PATH_TYPE, help="Client certificate and key (PEM) for UPSTREAM."
        ),
        click.option("--insecure", is_flag=True, help="Do not verify UPSTREAM's certificate."),
    ),
    option_group(
        "Proxy",
        click.option(
            "--mode",
            metavar="MODE",
            help="A mode of mitmproxy instead of UPSTREAM: regular, socks5, …",
        ),
        click.option(
            "--set",
            "settings",
            multiple=True,
            metavar="NAME=VALUE",
            help="Set an option of mitmproxy.",
        ),
        click.option(
            "--max-head",
            type=SizeType(),
            default="1M",
            show_default=True,
            help="Largest head of a request or response.",
        ),
        click.option("--fail-closed", is_flag=True, help="Stop the proxy if recording fails."),
    ),
)
"""How the proxy reaches its upstream, and how it works."""

limit_options = option_groups(
    option_group(
        "Limits",
        click.option(
            "--duration",
            type=click.FloatRange(min=0, min_open=True),
            metavar="SECONDS",
            help="Stop after this time.",
        ),
        click.option(
            "--max-events",
            type=click.IntRange(min=1),
            metavar="COUNT",
            help="Stop after this many events.",
        ),
        click.option("--max-size", type=SizeType(), help="Continue in another file at this size."),
        click.option(
            "--min-free",
            type=SizeType(),
            help="Pause while less space is free on the disk.  [default: 64M, at most 5%]",
        ),
    ),
    option_group(
        "Disk",
        click.option(
            "--flush-interval",
            type=click.FloatRange(min=0.001, max=60),
            metavar="SECONDS",
            default=0.25,
            show_default=True,
            help="How long data may wait for more before it is written.",
        ),
        click.option(
            "--sync",
            type=click.Choice(["never", "end", "always"]),
            default="never",
            show_default=True,
            help="When to wait until the recording is on the disk (fsync).",
        ),
    ),
)
"""What bounds a recording, and when it reaches the disk."""
