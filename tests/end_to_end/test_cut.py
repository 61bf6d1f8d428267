"""`mesotape cut`, as a user runs it."""

import json
from pathlib import Path

import pytest
from support.commands import run
from support.cut_cassettes import captured

CUT = ("cut", "sched.yaml", "-o", "out.yaml")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    captured("scheduler-json-pymesos", tmp_path).rename(tmp_path / "sched.yaml")
    return tmp_path


def test_json_has_the_counts(folder: Path) -> None:
    done = run(*CUT, "--call", "KILL", "--json", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {
        "file": "out.yaml",
        "exchanges": 6,
        "chosen_exchanges": 1,
        "all_exchanges": 28,
        "events": 9,
        "chosen_events": 0,
        "all_events": 27,
        "warnings": [],
    }
    assert run("validate", "out.yaml", cwd=folder).returncode == 0


def test_since_0_chooses_all(folder: Path) -> None:
    done = run(*CUT, "--since", "0", cwd=folder)
    assert (done.returncode, done.stdout) == (0, "")
    assert "28 of 28 exchanges and 27 of 27 events, 0 of them only because" in done.stderr
    assert 'note: "cut from sched.yaml: --since 0"\n' in (folder / "out.yaml").read_text()


ERRORS = [
    (CUT, 2, "nothing says what to keep: give --since, --until, --party or another"),
    ((*CUT, "--first-state"), 2, "--first-state: give --since, the time of the state"),
    ((*CUT, "--call", "NOPE"), 9, "sched.yaml: nothing is chosen by --call NOPE; nothing was writ"),
    ((*CUT, "--party", "me"), 9, "sched.yaml: nothing is chosen by --party me; the parties are op"),
    (("cut", "no.yaml", "-o", "out.yaml", "--since", "1"), 1, "no.yaml: there is no such file"),
    (("cut", "sched.yaml", "-o", "sched.yaml", "--since", "1"), 1, "sched.yaml: is a cassette"),
    (("cut", "sched.yaml", "-o", "no/o.yaml", "--since", "1"), 1, "no/o.yaml: cannot be written"),
]


@pytest.mark.parametrize(("words", "code", "text"), ERRORS, ids=[each[2] for each in ERRORS])
def test_an_error_is_one_line(words: tuple[str, ...], code: int, text: str, folder: Path) -> None:
    done = run(*words, cwd=folder)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(f"mesotape: {text}")
    assert done.stderr.count("\n") == 1
    assert not (folder / "out.yaml").exists()
