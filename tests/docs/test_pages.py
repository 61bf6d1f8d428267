"""The commands that README.md and docs/record.md show do what is said there."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from support.commands import running
from support.mitmdump import Mitmdump, listening
from support.paths import ROOT
from support.sockets import connect, post

from mesotape.cassettes.storage.reader import Cassette

COMMAND = re.compile(r"^    ((?:mesotape|mitmdump) (?:.*\\\n)*.*)$", re.MULTILINE)
SAMPLE = ROOT / "cassettes" / "samples" / "master.yaml"


def shown(page: str, name: str) -> list[list[str]]:
    """The commands of a page that begin with `name`, cut into words."""
    found = COMMAND.findall((ROOT / page).read_text())
    words = [shlex.split(text.replace("\\\n", " "), comments=True) for text in found]
    return [command for command in words if " ".join(command).startswith(name)]


def here(words: list[str], url: str, cassette: Path) -> list[str]:
    """The same command with the addresses and files of this test."""
    replaced = {
        "http://master.example:5050": url,
        "127.0.0.1:5050": "127.0.0.1:0",
        "cassette.yaml": str(cassette),
    }
    return [replaced.get(word, word) for word in words]


def call_answered(address: tuple[str, int]) -> bool:
    """Send a call that the sample has an answer for."""
    with connect(address) as client:
        client.send(post(b'{"type":"GET_AGENTS"}', b"Accept: application/json"))
        return client.message().startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("page", ["README.md", "docs/record.md"])
def test_the_record_commands_record(page: str, tmp_path: Path) -> None:
    with running("replay", SAMPLE) as cluster:
        for number, command in enumerate(shown(page, "mesotape record")):
            cassette = tmp_path / f"cassette-{number}.yaml"
            words = here(command[1:], cluster.url, cassette)
            if "--listen" not in words:
                words += ["--listen", "127.0.0.1:0"]
            with running(*words, cwd=tmp_path) as recorder:
                assert call_answered(recorder.address)
            assert recorder.code == 0
            with Cassette.open(cassette) as recorded:
                assert len(recorded) == 1


def test_the_replay_command_replays() -> None:
    (command,) = shown("README.md", "mesotape replay")
    with running(*here(command[1:], "", SAMPLE)) as player:
        assert call_answered(player.address)


def test_the_mitmdump_command_records(tmp_path: Path) -> None:
    (command,) = shown("docs/record.md", "mitmdump")
    cassette = tmp_path / "cassette.yaml"
    with running("replay", SAMPLE) as cluster:
        text = " ".join(f'"{word}"' if "$(" in word else word for word in command)
        text = text.replace("http://master.example:5050@127.0.0.1:5050", f"{cluster.url}@0")
        text = text.replace("cassette.yaml", str(cassette)).replace("@0", "@127.0.0.1:0")
        process = subprocess.Popen(
            ["sh", "-c", f"exec {text}"],
            stdout=subprocess.PIPE,
            env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        )
        recorder = Mitmdump(process)
        assert call_answered(listening(recorder))
        assert recorder.stop() == 0
    with Cassette.open(cassette) as recorded:
        assert len(recorded) == 1
