"""`mesotape merge`, as a user runs it."""

import gzip
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


@pytest.mark.parametrize("suffix", [".yaml", ".yaml.gz"])
def test_parts_in_a_folder_belong_to_their_first(suffix: str, folder: Path) -> None:
    first = folder / "in" / "scheduler-json-execute.yaml"
    text = first.read_text()
    header = text[: text.index("...\n")]
    parts = {"c": text, "c.2": f"{header}part: 2\n...\n", "alone.3": f"{header}part: 3\n...\n"}
    for name, content in parts.items():
        data = content.encode()
        path = folder / "in" / f"{name}{suffix}"
        path.write_bytes(gzip.compress(data) if suffix.endswith("gz") else data)
    found = run("merge", "in", "-o", "out.yaml", cwd=folder)
    assert found.stderr.startswith(f"mesotape: in/alone.3{suffix}: is part 3 of a cassette")
    (folder / "in" / f"alone.3{suffix}").unlink()
    assert "of 3 cassettes" in run("merge", "in", "-o", "out.yaml", cwd=folder).stderr


ERRORS = [
    (("in/master-redirect.yaml",), 2, "expected two or more cassettes, found 1"),
    (("in", "no.yaml"), 1, "no.yaml: there is no such file"),
]


@pytest.mark.parametrize(("words", "code", "text"), ERRORS, ids=[each[2] for each in ERRORS])
def test_an_error_is_one_line(words: tuple[str, ...], code: int, text: str, folder: Path) -> None:
    done = run("merge", *words, "-o", "out.yaml", cwd=folder)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(f"mesotape: {text}")
    assert done.stderr.count("\n") == 1
