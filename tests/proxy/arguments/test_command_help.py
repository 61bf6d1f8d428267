"""`--help` of every command, as a reader with 80 columns sees it."""

import itertools
import re
import shlex

import click
import pytest
from support.paths import ROOT

from mesotape.proxy.arguments.command_help import (
    DocumentedCommand,
    DocumentedGroup,
    group_title,
    option_group,
)
from mesotape.proxy.cli import cli

assert isinstance(cli, DocumentedGroup)
COMMANDS = cli.commands
EACH_COMMAND = pytest.mark.parametrize("name", COMMANDS)


def context(command: click.Command, width: int = 80) -> click.Context:
    parent = click.Context(cli, info_name="mesotape", **cli.context_settings)
    return command.context_class(
        command, parent, info_name=command.name, terminal_width=width, max_content_width=width
    )


def anchors(page: str) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", (ROOT / page).read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def words_of(example: str) -> list[str]:
    """Return the words after `mesotape` in an example, without pipes and redirections."""
    words = shlex.split(example, comments=True)
    after = words[words.index("mesotape") + 1 :]
    return list(itertools.takewhile(lambda word: word not in ("|", ">"), after))


@EACH_COMMAND
def test_every_option_is_in_a_group(name: str) -> None:
    command = COMMANDS[name]
    assert isinstance(command, DocumentedCommand), "pass cls=DocumentedCommand to @click.command"
    loose = [
        each.opts[-1]
        for each in command.params
        if isinstance(each, click.Option) and group_title(each) is None
    ]
    assert loose == [], "declare it in @option_group(title, …) of arguments/command_help.py"


@EACH_COMMAND
def test_there_are_two_examples_that_parse(name: str) -> None:
    command = COMMANDS[name]
    assert isinstance(command, DocumentedCommand)
    assert len(command.examples) >= 2
    for example in command.examples:
        first, *arguments = words_of(example)
        assert first == name, example
        command.make_context(name, arguments, parent=click.Context(cli, info_name="mesotape"))


@pytest.mark.parametrize("name", ["mesotape", *COMMANDS])
def test_the_page_of_the_link_exists(name: str) -> None:
    command = COMMANDS.get(name, cli)
    assert isinstance(command, (DocumentedCommand, DocumentedGroup))
    page, _, anchor = command.page.partition("#")
    assert (ROOT / page).is_file(), command.page
    assert not anchor or anchor in anchors(page), command.page


@EACH_COMMAND
def test_the_help_fits_into_80_columns(name: str) -> None:
    command = COMMANDS[name]
    lines = command.get_help(context(command)).splitlines()
    assert [line for line in lines if len(line) > 80 and "https://" not in line] == []


@pytest.mark.parametrize("width", [60, 80])
@EACH_COMMAND
def test_no_option_or_default_is_divided(name: str, width: int) -> None:
    text = COMMANDS[name].get_help(context(COMMANDS[name], width))
    assert re.findall(r"--[a-z-]+-\n|\[(?:default|at least)[^]]{0,9}\n|\w-\n", text) == []
    assert text.isascii() or not set(text) & {"\N{NON-BREAKING HYPHEN}", "\N{NO-BREAK SPACE}"}
    assert "x>=" not in text


def test_no_summary_of_a_command_is_cut() -> None:
    text = " ".join(cli.get_help(context(cli)).split())
    for name, command in COMMANDS.items():
        summary = " ".join((command.help or "").split("\n\n")[0].split())
        assert f"{name} {summary.split('. ')[0]}" in text, name


def test_groups_with_one_title_become_one() -> None:
    @click.command(
        cls=DocumentedCommand, section="Look at recordings", examples=("a", "b"), page="README.md"
    )
    @option_group("First", click.option("--one", help="Number one."))
    @option_group("Second", click.option("--two", help="Number two."))
    @option_group("First", click.option("--three", help="Number three."))
    def counting(**options: str) -> None:
        """Count."""

    assert counting.get_help(context(counting)) == (
        "Usage: mesotape counting [OPTIONS]\n"
        "\n"
        "  Count.\n"
        "\n"
        "First:\n"
        "  --one TEXT    Number one.\n"
        "  --three TEXT  Number three.\n"
        "\n"
        "Second:\n"
        "  --two TEXT    Number two.\n"
        "\n"
        "Help:\n"
        "  -h, --help    Show this message and exit.\n"
        "\n"
        "Examples:\n"
        "  a\n"
        "  b\n"
        "\n"
        "Documentation: https://github.com/mesotape/mesotape/blob/main/README.md"
    )
