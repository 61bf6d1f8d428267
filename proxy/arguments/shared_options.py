"""Options that commands share, and a command that takes another one after `--`."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ...proto.http.address import LOOPBACK
from ..commands.console import rules_of_options
from .command_help import DocumentedCommand, option_group
from .completion import complete_call_types, complete_event_types, complete_redaction_rules
from .path_type import PATH_TYPE
from .value_types import AddressType, SizeType

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")

output_of_cassette = option_group(
    "Output",
    click.option("-o", "--output", type=PATH_TYPE, required=True, help="Write to this file."),
    json_option,
)
"""The options of a command that writes one file."""

call_option = functools.partial(
    click.option,
    "--call",
    "calls",
    multiple=True,
    metavar="TYPE",
    shell_complete=complete_call_types,
)
type_option = functools.partial(
    click.option,
    "--type",
    "types",
    multiple=True,
    metavar="TYPE",
    shell_complete=complete_event_types,
)
max_body_option = functools.partial(
    click.option, "--max-body", type=SizeType(), default="128M", show_default=True
)
"""Options of several commands, which give `help`."""

listen_options = option_group(
    "Listening",
    click.option(
        "--listen",
        type=AddressType(),
        default=str(LOOPBACK),
        show_default=True,
        help="Address to listen on; port 0 selects a free one.",
    ),
    click.option("--tls-cert", type=PATH_TYPE, help="Serve TLS with this certificate (PEM)."),
    click.option("--tls-key", type=PATH_TYPE, help="Private key (PEM) of --tls-cert."),
    click.option(
        "--end-with-parent/--stay",
        default=None,
        help="End when the parent process ends, or continue without it.",
    ),
)
"""The options of every command that listens."""

server_output_options = option_group(
    "Output",
    click.option(
        "--ready-file", type=PATH_TYPE, help="Write the address to this file when listening."
    ),
    click.option("-q", "--quiet", is_flag=True, help="Print only warnings, misses and errors."),
    json_option,
)
"""What every command that listens prints."""

no_redact_option = click.option(
    "--no-redact",
    multiple=True,
    metavar="ID",
    shell_complete=complete_redaction_rules,
    help="Leave out a rule of redaction.",
)
redact_data_option = click.option(
    "--redact-data", is_flag=True, help="Replace all opaque data, not only secrets in it."
)
"""What changes the rules by which a recording is redacted."""

_redaction_options = option_group(
    "Redaction",
    click.option(
        "--redact-rules",
        type=PATH_TYPE,
        metavar="FILE",
        help="Add own rules (YAML).",
    ),
    no_redact_option,
    redact_data_option,
)


def redaction_options(command: Callable[..., int]) -> Callable[..., int]:
    """Add the options for the rules of redaction; the command gets them as `rules`."""

    @functools.wraps(command)
    def with_rules(
        *, redact_rules: Path | None, no_redact: tuple[str, ...], redact_data: bool, **options: Any
    ) -> int:
        rules = rules_of_options(redact_rules, no_redact, empties_data=redact_data)
        return command(rules=rules, **options)

    return _redaction_options(with_rules)


class CommandWithChild(DocumentedCommand):
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
