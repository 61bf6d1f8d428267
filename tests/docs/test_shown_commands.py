"""Each `mesotape` command that a page shows has options that the command knows."""

import re
import shlex

import click
import pytest
from support.paths import ROOT

from mesotape.proxy.cli import cli

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SHOWN = re.compile(
    r"(?:^ {4,}|^ *- (?:run: )?|^ *\$ |`)(?:\S*bin/)?mesotape ((?:[^\n`\\]|\\\n)+)",
    re.MULTILINE,
)
ENDS = {"|", ";", "&", "&&", ">", ">>", "2>"}


def shown_commands(text: str) -> list[list[str]]:
    """Return the words after `mesotape` of each command in blocks of code and in sentences."""
    found = []
    for line in SHOWN.findall(text):
        try:
            words = shlex.split(line.replace("\\\n", " "), comments=True)
        except ValueError:  # a string that goes on in the next lines
            continue
        end = next((place for place, word in enumerate(words) if word in ENDS), len(words))
        if words and words[0].islower():  # not --help, COMMAND
            found.append(words[:end])
    return found


COMMANDS = {page.name: shown_commands(page.read_text()) for page in PAGES}


def test_there_are_many() -> None:
    assert sum(map(len, COMMANDS.values())) > 150


@pytest.mark.parametrize("page", [name for name, shown in COMMANDS.items() if shown])
def test_the_options_of_the_commands_of_a_page_exist(page: str) -> None:
    for name, *words in COMMANDS[page]:
        assert name in cli.commands, f"{page}: mesotape {shlex.join([name, *words])}"
        command = cli.commands[name]
        context = click.Context(command, info_name=name)
        try:
            command.make_parser(context).parse_args(list(words))
        except click.NoSuchOption as error:
            pytest.fail(f"{page}: mesotape {shlex.join([name, *words])}: {error.format_message()}")
        except click.BadOptionUsage:
            pass  # "`--pace`" without its value, in a sentence
