"""The commands about this installation: their options, and the texts of `--help`."""

from typing import Any

import click

from ..arguments.command_help import DocumentedCommand, option_group
from ..arguments.shared_options import json_option
from ..commands.console import importing


@click.command(
    cls=DocumentedCommand,
    section="This installation",
    examples=("mesotape doctor", "mesotape doctor --json"),
    page="README.md#install",
)
@option_group("Output", json_option)
def doctor(*, as_json: bool) -> int:
    """Print versions and extras, and what is wrong with the environment.

    The exit code is 1 if something cannot work, else 0.
    """
    with importing():
        from ..installation.doctor import doctor

    return doctor(as_json=as_json)


@click.command(
    cls=DocumentedCommand,
    section="This installation",
    examples=(
        "mesotape completion bash > ~/.local/share/bash-completion/completions/mesotape",
        "mesotape completion fish > ~/.config/fish/completions/mesotape.fish",
    ),
    page="README.md#install",
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: Any) -> int:
    """Print a script that completes command lines in SHELL.

    It completes commands, options, cassettes, paces, rules, faults, and types of calls and events.
    In bash, `source <(mesotape completion bash)` loads it; in zsh, the same with zsh in .zshrc,
    after compinit.
    """
    from ..installation.completion import print_completion

    return print_completion(click.get_current_context().find_root().command, shell)


COMMANDS = (doctor, completion)
"""All of this file, for the command line."""
