"""The option for values that are left out when requests or recordings are compared."""

from collections.abc import Callable
from typing import Any

import click

from .completion import complete_ignores


def _list_ignores(context: click.Context, _: click.Parameter, asked: bool) -> None:
    """Print the names that --ignore accepts, and exit."""
    if not asked:
        return
    from ...cassettes.matching.ignore_rules import NAMED_RULES

    for name, rule in NAMED_RULES.items():
        click.echo(f"{name:<22}{rule[0]}")
    context.exit()


def ignore_options(effect: str) -> tuple[Callable[[Any], Any], ...]:
    """Return --ignore, with its effect in the help, and the option that lists the names."""
    return (
        click.option(
            "--ignore",
            multiple=True,
            shell_complete=complete_ignores,
            metavar="RULE",
            help=f"{effect}: TYPE:path of a field, query.NAME, or a listed name.",
        ),
        click.option(
            "--list-ignores",
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_list_ignores,
            help="List the names for --ignore.",
        ),
    )
