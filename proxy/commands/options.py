"""Options that commands share, and options that need more than a value."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ...proto.http.address import LOOPBACK
from .console import AddressType

PATH_TYPE = click.Path(path_type=Path)


def server_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of every command that listens."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON."),
        click.option(
            "--ready-file", type=PATH_TYPE, help="Write the address to this file when listening."
        ),
        click.option("--tls-key", type=PATH_TYPE, help="Private key (PEM) of --tls-cert."),
        click.option("--tls-cert", type=PATH_TYPE, help="Serve TLS with this certificate (PEM)."),
        click.option(
            "--listen",
            type=AddressType(),
            default=str(LOOPBACK),
            show_default=True,
            help="Address to listen on; port 0 selects a free one.",
        ),
    ):
        command = option(command)
    return command


def list_ignores(context: click.Context, _: click.Parameter, asked: bool) -> None:
    """Print the names that --ignore accepts, and exit."""
    if not asked:
        return
    from ...cassettes.matching.ignore_rules import NAMED_RULES

    for name, rule in NAMED_RULES.items():
        click.echo(f"{name:<22}{rule[0]}")
    context.exit()


def list_faults(context: click.Context, _: click.Parameter, asked: bool) -> None:
    """Print the table of faults, and exit."""
    if not asked:
        return
    from .fault_table import print_fault_table

    print_fault_table()
    context.exit()


class CommandWithChild(click.Command):
    """A command that takes another command line, unparsed, after `--`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Split off the words after `--`."""
        command: list[str] = []
        if "--" in args:
            at = args.index("--")
            args, command = args[:at], args[at + 1 :]
            if not command:
                raise click.UsageError("expected a command after --", ctx)
        rest = super().parse_args(ctx, args)
        ctx.params["command"] = tuple(command)
        return rest

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Add the command to the usage line."""
        return [*super().collect_usage_pieces(ctx), "[-- COMMAND [ARGS]...]"]


end_with_parent = click.option(
    "--end-with-parent/--stay",
    default=None,
    help="End when the parent process ends, or continue without it.",
)
