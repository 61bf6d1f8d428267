"""What all commands print."""

import json
import os
import sys
import threading
from pathlib import Path

import pytest

from mesotape.proxy.commands.console import print_json, write_file_atomically
from mesotape.proxy.commands.messages import open_standard_files


def test_json_stays_json_whatever_it_quotes(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"file": "a\x1b\x85\u202e.yaml"}
    print_json(value)
    printed = capsys.readouterr().out
    assert printed.isascii()
    assert json.loads(printed) == value


def test_a_pipe_is_written_to_and_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "receipt"
    os.mkfifo(pipe)
    found = list[str]()
    reader = threading.Thread(target=lambda: found.append(pipe.read_text()), daemon=True)
    reader.start()
    write_file_atomically(pipe, "text")
    reader.join(10)
    assert (found, list(tmp_path.iterdir()), pipe.is_fifo()) == (["text"], [pipe], True)


def test_a_closed_stdin_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    open_standard_files()
    with sys.stdin as opened:
        assert opened.buffer.read() == b""
