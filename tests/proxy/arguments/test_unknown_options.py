"""What a command says about an option that it does not have."""

import sys

import click
import pytest

from mesotape.proxy import cli
from mesotape.proxy.arguments.unknown_options import COMMANDS_IN_OTHER_TOOLS, NAMES_IN_OTHER_TOOLS

SEE = "See mesotape"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            "record --upstream URL",
            f"'--upstream'. Did you mean the argument UPSTREAM? {SEE} record",
        ),
        ("record --port=5050", f"'--port'. Did you mean --listen? {SEE} record --help"),
        ("replay -p5050 c.yaml", f"'-p'. Did you mean --listen? {SEE} replay"),
        ("replay --host 0.0.0.0", f"'--host'. Did you mean --listen? {SEE} replay"),
        ("record --record-mode once", f"'--record-mode'. Did you mean --append? {SEE}"),
        ("replay --record-mode once", f"'--record-mode'. Did you mean --record-misses? {SEE}"),
        ("inspect --format json", f"'--format'. Did you mean --json? {SEE}"),
        ("import --cassette c.yaml", f"'--cassette'. Did you mean the argument FILE? {SEE}"),
        ("query --cassette c.yaml", f"'--cassette'. Did you mean the argument CASSETTES? {SEE}"),
        ("replay --pcae fast", f"'--pcae'. Did you mean --pace? {SEE}"),
        ("-v", f"'-v'. Did you mean --version? {SEE} --help"),
        ("completion --host h", "'--host'; see mesotape completion --help"),
        ("replay --stays", "'--stays'. Did you mean --stay? "),
        ("recrod", f"No such command 'recrod'. Did you mean record? {SEE} --help"),
        ("serve c.yaml", f"No such command 'serve'. Did you mean replay? {SEE} --help"),
        ("frobnicate", "No such command 'frobnicate'; see mesotape --help"),
        ("completion", "Choose from: bash, zsh, fish; see mesotape completion --help"),
        ("diff a b --against", "mesotape: Option '--against' requires an argument"),
        ("query c.yaml", "mesotape: c.yaml: expected CASSETTES, and then the SQL"),
    ],
)
def test_an_unknown_option_is_answered_by_the_one_that_is_meant(
    arguments: str,
    text: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["mesotape", *arguments.split()])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert text in capfd.readouterr().err


def test_the_options_that_are_suggested_exist() -> None:
    known = {"--version"}
    for command in cli.cli.commands.values():
        for param in command.params:
            known.update(param.opts)
            if isinstance(param, click.Argument):
                known.add((param.metavar or param.human_readable_name).strip("[]."))
    suggested = {name for names in NAMES_IN_OTHER_TOOLS.values() for name in names}
    assert suggested <= known
    assert {*COMMANDS_IN_OTHER_TOOLS} <= {*cli.cli.commands, "--version"}
