"""The examples of the control API and of the player in docs/control.md work as shown."""

import re
import shlex
import subprocess

import pytest
from support.commands import running
from support.paths import ROOT

PAGE = (ROOT / "docs" / "control.md").read_text()
REPLAY = (ROOT / "docs" / "replay.md").read_text()


def blocks(language):
    """The code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    (cassette,) = re.findall(r"^```yaml\n(.*?)^```$", REPLAY, re.DOTALL | re.MULTILINE)
    (tmp_path / "cassette.yaml").write_text(cassette)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path


def test_the_session_works_as_shown():
    (session,) = blocks("sh")
    (start, ready), *steps = (
        step.partition("\n")[::2] for step in re.split(r"^\$ ", session, flags=re.MULTILINE)[1:]
    )
    *command, _ = shlex.split(start)
    options = [re.sub(r"127\.0\.0\.1:505\d", "127.0.0.1:0", word) for word in command[1:]]
    with running(*options) as replay:
        url, token = replay.control
        real = {"http://127.0.0.1:5050": replay.url, "http://127.0.0.1:5051": url, "TOKEN": token}
        script, expected = "", ""
        for line, shown in steps:
            script, expected = f"{script}{line}\n", expected + shown
        done = subprocess.run(
            ["bash", "-c", replaced(script, real)], capture_output=True, text=True, check=True
        )
        assert (done.stdout.rstrip("\n"), done.stderr) == (expected.rstrip("\n"), "")
        assert replay.stop() == 0
    assert replay.out == replaced(ready, real)


def test_the_example_in_python_works():
    (example,) = blocks("python")
    exec(compile(example, "docs/control.md", "exec"), {})


def replaced(text, real):
    for shown, actual in real.items():
        text = text.replace(shown, actual)
    return text
