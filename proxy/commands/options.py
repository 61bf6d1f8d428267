"""Options that commands share, and options that need more than a value."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ...proto.http.address import LOOPBACK
from .console import AddressType, CommandError, SizeType

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


def limit_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that bound a recording, and say when it reaches the disk."""
    for option in (
        click.option(
            "--sync",
            type=click.Choice(["never", "end", "always"]),
            default="never",
            show_default=True,
            help="When to wait until the recording is on the disk (fsync).",
        ),
        click.option(
            "--flush-interval",
            type=click.FloatRange(min=0.001, max=60),
            default=0.05,
            show_default=True,
            help="Seconds between two writes, which a crash may lose.",
        ),
        click.option(
            "--min-free",
            type=SizeType(),
            help="Pause while less space is free on the disk.  [default: 64M, at most 5%]",
        ),
        click.option("--max-size", type=SizeType(), help="Continue in another file at this size."),
        click.option("--max-events", type=click.IntRange(min=1), help="Stop after so many events."),
        click.option(
            "--duration",
            type=click.FloatRange(min=0, min_open=True),
            help="Stop after so many seconds.",
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


def redaction_options(command: Callable[..., int]) -> Callable[..., int]:
    """Add the options for the rules of redaction; the command gets them as `rules`."""

    @functools.wraps(command)
    def with_rules(
        *, redact_rules: Path | None, no_redact: tuple[str, ...], redact_data: bool, **options: Any
    ) -> int:
        from ...cassettes.scanning.rule_files import RuleFileError, select_rules

        try:
            rules = select_rules(redact_rules, no_redact, empties_data=redact_data)
        except ValueError as error:
            option = "" if isinstance(error, RuleFileError) else "--no-redact: "
            raise CommandError(f"{option}{error}") from error
        return command(rules=rules, **options)

    for option in (
        click.option(
            "--redact-data", is_flag=True, help="Replace all opaque data, not only secrets in it."
        ),
        click.option(
            "--no-redact", multiple=True, metavar="ID", help="Leave out a rule of redaction."
        ),
        click.option(
            "--redact-rules",
            type=PATH_TYPE,
            metavar="FILE",
            help="Add own rules (YAML).",
        ),
    ):
        with_rules = option(with_rules)
    return with_rules


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
