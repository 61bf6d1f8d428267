import gzip
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from support.commands import run
from support.mitmdump import MITMDUMP
from support.paths import ROOT

SAMPLE = ROOT / "cassettes" / "samples" / "master.yaml"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(SAMPLE, tmp_path / "c.yaml")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        ("c.yaml -o c.txt", 2,
         "c.txt: expected a name that ends in .har, .jsonl, .ndjson, .recordio, .bin, "
         ".flow, .flows, .mitm, .parquet, or --format"),
        ("c.yaml -o c.yaml --format jsonl", 1,
         "c.yaml: is a cassette that is read: choose another file; nothing was written"),
        ("none.yaml -o c.har", 1, "none.yaml: there is no such file; nothing was written"),
        ("c.yaml -o none/c.har", 1, "none/c.har: cannot be written: No such file or directory"),
        ("c.yaml -o c.har --exchange 1", 2, "--exchange is for --format recordio, found har"),
        ("c.yaml -o c.bin --exchange 99", 1,
         "c.yaml: there is no exchange 99; the last is 7; nothing was written"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(arguments: str, code: int, text: str, folder: Path) -> None:
    done = run("export", *arguments.split(), cwd=folder)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", f"mesotape: {text}\n")
    assert [path.name for path in folder.iterdir()] == ["c.yaml"]
    assert (folder / "c.yaml").read_bytes() == SAMPLE.read_bytes()


def test_a_wrong_body_leaves_the_old_file(folder: Path) -> None:
    text = SAMPLE.read_text().replace('"type": "HEARTBEAT"', '"type": HEARTBEAT', 1)
    (folder / "c.yaml").write_text(text)
    (folder / "c.jsonl").write_text("old")
    done = run("export", "c.yaml", "-o", "c.jsonl", cwd=folder)
    assert done.returncode == 1
    assert done.stderr.startswith("mesotape: c.yaml:")
    assert "a body is not JSON" in done.stderr
    assert (folder / "c.jsonl").read_text() == "old"
    assert sorted(path.name for path in folder.iterdir()) == ["c.jsonl", "c.yaml"]


def test_stdout_and_compressed_files_have_the_same_lines(folder: Path) -> None:
    printed = run("export", "c.yaml", "-o", "-", "--format", "jsonl", cwd=folder).stdout
    assert run("export", "c.yaml", "-o", "c.jsonl.gz", cwd=folder).returncode == 0
    assert gzip.decompress((folder / "c.jsonl.gz").read_bytes()).decode() == printed
    assert (folder / "c.jsonl.gz").stat().st_mode & 0o777 == 0o600


def test_the_losses_are_listed_in_json(folder: Path) -> None:
    done = run("export", "c.yaml", "-o", "c.bin", "--exchange", "1", "--json", cwd=folder)
    assert json.loads(done.stdout) == {
        "file": "c.bin",
        "format": "recordio",
        "losses": [
            {"text": "heads, times and HTTP chunks", "count": 0, "exchanges": []},
            {"text": "6 other exchanges", "count": 0, "exchanges": []},
        ],
    }


@pytest.mark.parametrize("name", ["c.har", "c.flow"])
def test_a_body_over_the_limit_is_left_out(name: str, folder: Path) -> None:
    done = run("export", "c.yaml", "-o", name, "--max-body", "1K", cwd=folder)
    assert done.returncode == 0
    text = f"mesotape: {name}: left out: bodies of which each is longer than 1024 bytes"
    assert done.stderr.startswith(f"{text} (--max-body) (exchanges 1, ")


def test_mitmdump_reads_the_flow_file(folder: Path) -> None:
    assert run("export", "c.yaml", "-o", "c.flow", cwd=folder).returncode == 0
    command = [MITMDUMP, "-nr", "c.flow", "--flow-detail", "1"]
    read = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    assert read.stdout.count("POST http://") == 7
    assert read.stdout.count("<< 200 OK") == 7


def test_a_document_that_was_cut_off_is_named(folder: Path) -> None:
    with (folder / "c.yaml").open("a") as file:
        file.write("---\nnote: half")
    done = run("export", "c.yaml", "-o", "c.jsonl", cwd=folder)
    assert done.returncode == 0
    assert done.stderr.startswith("mesotape: c.yaml:")
    assert done.stderr.count("\n") == 1


def test_a_cassette_in_parts_is_one_file(folder: Path) -> None:
    text = (folder / "c.yaml").read_text()
    head, end, rest = text.partition("\n...\n")
    (folder / "c.yaml").write_text(head + end)
    (folder / "c.2.yaml").write_text(f"{head}\npart: 2{end}{rest}")
    assert run("export", "c.yaml", "-o", "c.jsonl", cwd=folder).returncode == 0
    assert run("export", SAMPLE, "-o", "whole.jsonl", cwd=folder).returncode == 0
    assert (folder / "c.jsonl").read_text() == (folder / "whole.jsonl").read_text()
