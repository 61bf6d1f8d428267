"""What a shell completes: by click's protocol, and in the shells that are on the machine."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.paths import ROOT

from mesotape.proxy.cli import cli
from mesotape.proxy.installation.completion import VARIABLE, BashCompletion, join_cut_words

COMPLETED = {
    "": {"record", "replay", "completion"},
    "rep": {"replay", "report"},
    "replay --pa": {"--pace"},
    "replay c.yaml --pace ": {"recorded", "every:0.1", "instant", "step"},
    "replay c.yaml --causality=p": {"party"},
    "replay c.yaml --ignore off": {"offer-ids"},
    "replay c.yaml --fault cut-": {"cut-length", "cut-record", "cut-answer"},
    "replay c.yaml --fault ACCEPT": {"ACCEPT:", "ACCEPT_INVERSE_OFFERS:"},
    "replay c.yaml --fault ACCEPT:cut-": {
        "ACCEPT:cut-length",
        "ACCEPT:cut-record",
        "ACCEPT:cut-answer",
    },
    "replay c.yaml --repeat GET_HEALTH=": {
        "GET_HEALTH=last",
        "GET_HEALTH=cycle",
        "GET_HEALTH=never",
    },
    "replay c.yaml --require a": {"any", "all"},
    "inspect c.yaml --call KILL_N": {"KILL_NESTED_CONTAINER"},
    "inspect c.yaml --type TASK_A": {"TASK_ADDED"},
    "record http://m:5050 --no-redact url-": {"url-password", "url-query"},
    "completion ": {"bash", "zsh", "fish"},
}
"""What is typed, and what is offered, or some of that if nothing is typed."""


def completed(typed: str) -> set[str]:
    *words, last = typed.split(" ")
    found = BashCompletion(cli, {}, "mesotape", VARIABLE).get_completions(words, last)
    return {item.value for item in found if item.type == "plain"}


@pytest.mark.parametrize(("typed", "offered"), COMPLETED.items())
def test_values_are_completed(typed: str, offered: set[str]) -> None:
    found = completed(typed)
    assert (found >= offered) if not typed else (found == offered)


@pytest.mark.parametrize("command", ["replay", "validate", "scan", "redact"])
def test_cassettes_are_completed(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.yaml", "ab.yaml.gz", "a.txt", "b.yml"):
        Path(name).touch()
    assert completed(f"{command} a") == {"a.yaml", "ab.yaml.gz"}
    assert completed(f"{command} ./") == {"./a.yaml", "./ab.yaml.gz", "./b.yml"}
    assert completed(f"{command} missing/") == set()


@pytest.mark.parametrize(
    ("words", "joined"),
    [
        (["replay", "--fault", "ACCEPT", ":", "5"], ["replay", "--fault", "ACCEPT:5"]),
        (["--fault", "ACCEPT", ":"], ["--fault", "ACCEPT:"]),
        (["--pace", "=", "in"], ["--pace=in"]),
        (["--listen", "127.0.0.1", ":", "5050", ""], ["--listen", "127.0.0.1:5050", ""]),
    ],
)
def test_words_that_bash_cuts_are_joined(words: list[str], joined: list[str]) -> None:
    assert join_cut_words(words) == joined


def in_shell(shell: str, typed: list[str]) -> list[str]:
    """Return what a shell completes after a script of `mesotape completion` was loaded."""
    path = shutil.which(shell)
    if path is None:
        pytest.skip(f"{shell} is not on this machine")
    if shell == "bash":
        script = (
            f"source <(mesotape completion bash); COMP_WORDS=({shlex.join(typed)});"
            f" COMP_CWORD={len(typed) - 1}; compopt() {{ :; }};"
            ' _mesotape_completion mesotape; printf "%s\\n" "${COMPREPLY[@]}"'
        )
        words = [path, "--norc", "-c", script]
    else:
        line = "".join(typed)
        script = f"mesotape completion fish | source; complete -C {shlex.quote(line)}"
        words = [path, "--no-config", "-c", script]
    folder = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        words,
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT / "cassettes" / "samples",
        env=os.environ | {"PATH": folder},
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_bash_completes_a_fault() -> None:
    typed = ["mesotape", "replay", "master.yaml", "--fault", "ACCEPT", ":", "lost-c"]
    assert in_shell("bash", typed) == ["lost-call"]


def test_fish_completes_a_cassette() -> None:
    assert in_shell("fish", ["mesotape replay mas"]) == ["master.yaml"]


def test_fish_completes_a_value_joined_to_its_option() -> None:
    assert in_shell("fish", ["mesotape replay c.yaml --pace=st"]) == ["--pace=step"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell_is_printed(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["completion", shell], standalone_mode=False) == 0
    script = capsys.readouterr().out
    assert f"{VARIABLE}={shell}_complete" in script
