"""`mesotape rename`, as a user runs it."""

import json
from pathlib import Path

import pytest
from support.commands import run
from support.cut_cassettes import captured


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    captured("executor-api", tmp_path).rename(tmp_path / "a.yaml")
    return tmp_path


def test_what_is_left_is_listed(folder: Path) -> None:
    done = run("rename", "a.yaml", "-o", "out.yaml", cwd=folder)
    assert done.returncode == 4
    lines = done.stderr.splitlines()
    assert lines[0].startswith("mesotape: out.yaml: agent 1, container 6, framework 4, ")
    assert lines[1] == "mesotape: a.yaml:29: an old name is left in bytes that are no text"
    assert lines[11:] == ["mesotape: 23 more documents have an old name in bytes that are no text"]


def test_json_has_the_counts(folder: Path) -> None:
    done = run("rename", "a.yaml", "-o", "out.yaml", "--no-ids", "--no-times", "--json", cwd=folder)
    assert json.loads(done.stdout) == {
        "file": "out.yaml",
        "counts": {},
        "moved_seconds": 0,
        "left": [],
        "warnings": [],
    }


ERRORS = [
    (("no.yaml", "-o", "out.yaml"), "no.yaml: there is no such file"),
    (("a.yaml", "-o", "a.yaml"), "a.yaml: is a cassette that is read: choose another file"),
    (("a.yaml", "-o", "no/out.yaml"), "no/out.yaml: cannot be written: No such file"),
]


@pytest.mark.parametrize(("words", "text"), ERRORS, ids=[each[1] for each in ERRORS])
def test_an_error_is_one_line(words: tuple[str, ...], text: str, folder: Path) -> None:
    done = run("rename", *words, cwd=folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"mesotape: {text}")
    assert done.stderr.count("\n") == 1
