"""docs/troubleshooting.md quotes what the commands print."""

import re
import socket
import sys
from pathlib import Path

import pytest
from support.commands import run
from support.paths import ROOT

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text()
REPLAY = ("replay", "cassette.yaml")
RECORD = ("record", "http://master.example:5050", "-o", "cassette.yaml")
CALL = "import os, urllib.request as u; u.urlopen(os.environ['MESOTAPE_URL'] + '/version')"
SYMPTOMS = {
    "cassette.yaml: already exists": RECORD,
    "nothing.yaml: there is no such file": ("replay", "nothing.yaml"),
    "format 2 is newer than this mesotape reads (1)": ("validate", "newer.yaml"),
    "unknown key": ("validate", "unknown.yaml"),
    "there is no end mark": ("validate", "torn.yaml"),
    "no requests arrived": (*REPLAY, "--", "true"),
    "no exchange was used": (*REPLAY, "--", "true"),
    "no recorded answer": (*REPLAY, "--", sys.executable, "-c", CALL),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    sample = (ROOT / "cassettes" / "samples" / "master.yaml").read_text()
    (tmp_path / "cassette.yaml").write_text(sample)
    (tmp_path / "newer.yaml").write_text(sample.replace("mesotape: 1", "mesotape: 2", 1))
    (tmp_path / "torn.yaml").write_text(sample[:20_000])
    (tmp_path / "unknown.yaml").write_text(sample.replace("server:", "color: red\nserver:", 1))
    return tmp_path


@pytest.mark.parametrize("symptom", SYMPTOMS)
def test_a_symptom_is_what_the_command_prints(symptom: str, folder: Path) -> None:
    done = run(*SYMPTOMS[symptom], cwd=folder)
    assert f"`{symptom}`" in PAGE
    assert symptom in done.stdout + done.stderr
    assert done.returncode != 0


def test_a_port_in_use_is_told_as_the_page_quotes_it(folder: Path) -> None:
    (symptom,) = re.findall(r"`(cannot listen on .*)` \|", PAGE)
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        done = run(*REPLAY, "--listen", address, cwd=folder)
    assert symptom.replace("127.0.0.1:5050", address) in done.stderr
