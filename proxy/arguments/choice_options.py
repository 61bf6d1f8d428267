"""The options that choose a part of a cassette."""

import functools
from collections.abc import Callable
from math import inf
from typing import Any

import click

from ..commands.console import OptionError
from .command_help import option_group
from .shared_options import call_option, type_option

_SECONDS = click.FloatRange(min=0)

_choice_options = option_group(
    "What to keep",
    click.option(
        "--since",
        metavar="SECONDS",
        type=_SECONDS,
        help="From this time of the recording on, in seconds.",
    ),
    click.option(
        "--until",
        metavar="SECONDS",
        type=_SECONDS,
        help="Up to this time, in seconds.",
    ),
    click.option(
        "--client",
        "clients",
        metavar="NUMBER|ADDRESS",
        multiple=True,
        help="Of this client.",
    ),
    click.option(
        "--party",
        "parties",
        multiple=True,
        metavar="NAME",
        help="Of this party, like framework, or `framework ID`.",
    ),
    call_option(help="Calls of this type; or requests for a path."),
    type_option(help="Events of this type."),
    click.option(
        "--server",
        "servers",
        multiple=True,
        metavar="HOST:PORT",
        help="Sent to this server, or to this actor, like `slave(1)`.",
    ),
    click.option(
        "--first-state",
        is_flag=True,
        help="Move the state in SUBSCRIBED of a master on to the time of --since.",
    ),
)


def choice_options(command: Callable[..., int]) -> Callable[..., int]:
    """Add these options; the command gets them as `choice`."""

    @functools.wraps(command)
    def with_choice(
        *,
        since: float | None,
        until: float | None,
        clients: tuple[str, ...],
        parties: tuple[str, ...],
        calls: tuple[str, ...],
        types: tuple[str, ...],
        servers: tuple[str, ...],
        first_state: bool,
        **options: Any,
    ) -> int:
        from ...cassettes.cutting.choice import Choice

        if first_state and since is None:
            raise OptionError("--first-state: give --since, the time of the state")
        if since is until is None and not any((clients, parties, calls, types, servers)):
            text = "nothing says what to keep: give --since, --until, --party or another"
            raise OptionError(text)
        choice = Choice(
            since=since or 0.0,
            until=inf if until is None else until,
            clients=clients,
            parties=parties,
            calls=calls,
            types=types,
            servers=servers,
            first_state=first_state,
        )
        return command(choice=choice, **options)

    return _choice_options(with_choice)
