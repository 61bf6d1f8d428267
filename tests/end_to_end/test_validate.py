"""`mesotape validate`: everything at once, the mending of a tail, the hook, and the schema."""

import fcntl
import gzip
import json
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from support.commands import run
from support.paths import DATA, ROOT
from support.verdicts import validate_cassette

from mesotape.cassettes.storage.reader import Cassette
from mesotape.cassettes.storage.repair import cut_damaged_tail

GOLDEN = DATA / "golden.yaml"
WHOLE = GOLDEN.read_bytes()
MARKS = [0, *(found.end() for found in re.finditer(rb"^\.\.\.\n", WHOLE, re.MULTILINE))]
TORN = b"---\nevent: 9\nof: 1\nat: 40.0\njson: |-\n  {\n"


def test_all_problems_of_all_files_are_reported(tmp_path: Path) -> None:
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    one.write_bytes(WHOLE + b"---\nevent: 9\nof: 7\nat: 40.0\n...\n---\nexchange: x\n...\n")
    two.write_bytes(WHOLE + TORN)
    done = run("validate", one, two, GOLDEN)
    assert done.returncode == 5
    lines = done.stdout.splitlines()
    assert len(lines) == 3
    line = WHOLE.count(b"\n") + 2
    text = "stream of exchange 7: there is no exchange 7; delete its events and its end"
    assert f"{one}:{line}: {text}" in lines
    assert any(text.startswith(f"{one}:{line + 5}: ") for text in lines)
    assert any(text.startswith(f"{two}:{line - 1}: there is no end mark") for text in lines)
    of_folder = run("validate", tmp_path)
    assert (of_folder.returncode, of_folder.stdout.splitlines()) == (5, lines)


def test_a_valid_cassette_gives_exit_code_0_and_no_output() -> None:
    done = run("validate", GOLDEN)
    assert (done.returncode, done.stdout) == (0, "")
    done = run("validate", "--json", GOLDEN)
    assert json.loads(done.stdout) == {
        "file": str(GOLDEN),
        "problems": [],
        "cut_off": 0,
        "findings": [],
    }


def test_a_missing_file_is_a_failure_and_the_others_are_checked(tmp_path: Path) -> None:
    torn = tmp_path / "torn.yaml"
    torn.write_bytes(WHOLE + TORN)
    done = run("validate", tmp_path / "none.yaml", torn)
    assert done.returncode == 1
    assert "there is no such file" in done.stderr
    assert "there is no end mark" in done.stdout


@given(st.integers(MARKS[1], len(WHOLE)))
@settings(max_examples=150, deadline=None)
def test_repair_keeps_whole_documents_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "cut.yaml"
    path.write_bytes(WHOLE[:cut])
    sound = max(mark for mark in MARKS if mark <= cut)
    # A cut right before a last newline leaves an end mark that counts.
    sound = cut if cut + 1 in MARKS else sound
    assert cut_damaged_tail(path) == cut - sound
    assert path.read_bytes() == WHOLE[:sound]
    assert cut_damaged_tail(path) == 0
    with Cassette.open(path) as cassette:
        assert not cassette.warnings


@pytest.mark.parametrize(
    "tail", [TORN, b"\0" * 4096, b"garbage", b"---\n", b"---\nnote: x\nat: 1\n..", b"\xff\xfe"]
)
def test_a_damaged_tail_is_cut_off(tail: bytes, tmp_path: Path) -> None:
    path = tmp_path / "torn.yaml"
    path.write_bytes(WHOLE + tail)
    done = run("validate", "--fix", path)
    assert done.stdout == f"{path}: cut off {len(tail)} bytes after the last whole document\n"
    assert done.returncode == 0
    assert path.read_bytes() == WHOLE
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "more",
    [
        b"",
        b"# a comment\n\n",
        b"---\nevent: 9\nof: 7\nat: 40.0\n...\n",
        TORN + b"---\nnote: appended\nat: 41.0\n...\n",
    ],
)
def test_a_cassette_without_a_damaged_tail_is_not_touched(more: bytes, tmp_path: Path) -> None:
    path = tmp_path / "same.yaml"
    path.write_bytes(WHOLE + more)
    before = path.stat().st_mtime_ns
    run("validate", "--fix", path)
    assert path.read_bytes() == WHOLE + more
    assert path.stat().st_mtime_ns == before


def test_a_file_that_is_no_cassette_is_not_touched(tmp_path: Path) -> None:
    for data in (b"", b"hello\n", b"---\nmesotape: 1\n"):
        path = tmp_path / "other.yaml"
        path.write_bytes(data)
        assert run("validate", "--fix", path).returncode == 5
        assert path.read_bytes() == data


def test_a_backup_is_kept_only_if_it_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "torn.yaml"
    path.write_bytes(WHOLE + TORN)
    run("validate", "--fix", "--backup", path)
    assert (tmp_path / "torn.yaml.bak").read_bytes() == WHOLE + TORN
    assert path.read_bytes() == WHOLE


@pytest.mark.parametrize("cut", [0, 1, 9, 200])
def test_a_compressed_cassette_is_repaired_too(cut: int, tmp_path: Path) -> None:
    path = tmp_path / "torn.yaml.gz"
    packed = gzip.compress(WHOLE + TORN, mtime=0)
    path.write_bytes(packed[: len(packed) - cut])
    cut_damaged_tail(path)
    with Cassette.open(path) as cassette:
        assert not cassette.warnings
    assert WHOLE.startswith(gzip.decompress(path.read_bytes()))


def test_a_cassette_that_is_being_recorded_is_not_repaired(tmp_path: Path) -> None:
    path = tmp_path / "torn.yaml"
    path.write_bytes(WHOLE + TORN)
    with path.open("rb") as file:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX)
        done = run("validate", "--fix", path)
    assert done.returncode == 1
    assert done.stderr == f"mesotape: {path}: a recorder is writing to it: stop it first\n"
    assert path.read_bytes() == WHOLE + TORN


def test_the_hook_runs_the_command() -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert hook["entry"] == "mesotape validate"
    assert hook["language"] == "python"
    assert re.search(hook["files"], "tests/cassettes/master.yaml")
    assert re.search(hook["files"], "cassettes/master.yaml.gz")
    assert not re.search(hook["files"], ".github/workflows/ci.yaml")


def test_a_header_comment_for_editors_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "edited.yaml"
    path.write_bytes(b"# yaml-language-server: $schema=../cassettes/cassette.schema.json\n" + WHOLE)
    assert validate_cassette(path) == []
    assert cut_damaged_tail(path) == 0
