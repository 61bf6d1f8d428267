"""`mesotape merge`, as a user runs it."""

import json
from pathlib import Path

import pytest
from support.commands import run
from support.cut_cassettes import captured


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    for name in ("scheduler-json-execute", "master-redirect"):
        captured(name, tmp_path / "in")
    return tmp_path


def test_the_cassettes_of_a_folder_are_merged(folder: Path) -> None:
    done = run("merge", "in", "-o", "out.yaml", cwd=folder)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("mesotape: out.yaml: ")
    assert done.stderr.count("\n") == 1
    printed = json.loads(run("merge", "in", "-o", "2.yaml", "--json", cwd=folder).stdout)
    assert printed["cassettes"] == 2
    assert f"{printed['exchanges']} exchanges of 2 cassettes" in done.stderr
    assert run("validate", "out.yaml", cwd=folder).returncode == 0


ERRORS = [
    (("in/master-redirect.yaml",), "expected two or more cassettes, found 1"),
    (("in", "no.yaml"), "no.yaml: there is no such file"),
]


@pytest.mark.parametrize(("words", "text"), ERRORS, ids=[each[1] for each in ERRORS])
def test_an_error_is_one_line(words: tuple[str, ...], text: str, folder: Path) -> None:
    done = run("merge", *words, "-o", "out.yaml", cwd=folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"mesotape: {text}")
    assert done.stderr.count("\n") == 1
