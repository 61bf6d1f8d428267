"""The example of docs/diff.md prints what is shown, and its commands are accepted."""

import re
import shlex
import subprocess

import pytest
from support.commands import MESOTAPE, run, running
from support.paths import ROOT

PAGE = (ROOT / "docs" / "diff.md").read_text()
(CASSETTE,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
(SESSION,) = re.findall(r"^```console\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
COMMANDS = re.findall(r"^    mesotape (diff .*)$", PAGE, re.MULTILINE)


@pytest.fixture
def folder(tmp_path):
    for name in ("old.yaml", "new.yaml"):
        (tmp_path / name).write_text(CASSETTE)
    return tmp_path


def test_the_session_prints_what_is_shown(folder):
    mesotape = shlex.join(map(str, MESOTAPE))
    commands = "\n".join(re.findall(r"^\$ (.*)$", SESSION, re.MULTILINE))
    script = f'mesotape() {{ {mesotape} "$@" 2>&1; }}\n{commands}\n'
    done = subprocess.run(
        ["sh", "-c", script], cwd=folder, capture_output=True, text=True, check=True
    )
    assert done.stdout == re.sub(r"^\$ .*\n", "", SESSION, flags=re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_compare(command, folder):
    with running("replay", folder / "old.yaml") as server:
        words = shlex.split(command.replace("http://master.example:5050", server.url))
        done = run(*words, cwd=folder)
    assert (done.returncode, done.stdout) == (0, "")
