"""docs/commands.md has every command and every exit code."""

import re

from support.paths import ROOT

from mesotape.proxy.arguments.command_help import SECTIONS
from mesotape.proxy.cli import cli
from mesotape.proxy.commands import console

PAGE = (ROOT / "docs" / "commands.md").read_text()


def rows(title: str) -> list[list[str]]:
    section = PAGE.partition(f"\n{title}\n")[2].partition("\n## ")[0]
    lines = re.findall(r"^\| (.*) \|$", section, re.MULTILINE)
    return [line.split(" | ") for line in lines[1:] if not line.startswith("---")]


def test_the_table_lists_the_commands_as_the_help_does() -> None:
    commands = sorted(cli.commands.values(), key=lambda each: SECTIONS.index(each.section))
    summaries = [(each.help or "").partition("\n\n")[0].replace("\n", " ") for each in commands]
    lines = re.findall(r"^\| `(\w+)` \| (.*) \| \[.*\]\((.*)\) \|$", PAGE, re.MULTILINE)
    assert lines == [
        (each.name, summary, each.page.removeprefix("docs/").replace("README", "../README"))
        for each, summary in zip(commands, summaries, strict=True)
    ]


def test_the_exit_codes_are_those_of_the_code() -> None:
    codes = {value for name, value in vars(console).items() if name.startswith("EXIT_")}
    told = [row[0] for row in rows("## Exit codes")]
    assert told == ["0", *map(str, sorted(codes)), "126, 127", "that of the command"]


def test_the_commands_of_an_exit_code_exist() -> None:
    named = set(re.findall(r"`([a-z]+)", "".join(row[2] for row in rows("## Exit codes"))))
    assert named <= set(cli.commands)
