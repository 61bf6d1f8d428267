"""The progress of reading cassettes, on a terminal."""

import fcntl
import os
import struct
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.cells import cell_len
from support.paths import ROOT

from mesotape.proxy.cli import cli
from mesotape.proxy.terminal import progress
from mesotape.proxy.terminal.progress import ReadingProgress

CASSETTE = ROOT / "cassettes/samples/master.yaml"
CLEAR = "\r\x1b[K"
COMMANDS = (
    "inspect IN --summary",
    "inspect IN",
    "validate IN",
    "scan IN",
    "redact IN -o OUT.yaml",
    "cut IN -o OUT.yaml --since 0.1",
    "merge IN IN -o OUT.yaml",
    "rename IN -o OUT.yaml",
    "report IN -o OUT.html",
    "diff IN IN",
    "export IN -o OUT.har",
    "export IN -o OUT.jsonl",
    "export IN -o OUT.recordio --exchange 1",
    "import OUT.jsonl -o OUT2.yaml",
)


class Terminal:
    """Stands for stderr: a terminal with some columns; `drawn` is what was written to it."""

    def __init__(self, columns: int) -> None:
        self.master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.stderr = os.fdopen(slave, "w")

    def drawn(self) -> str:
        self.stderr.close()
        data = b""
        try:
            while piece := os.read(self.master, 4096):
                data += piece
        except OSError:  # All was read.
            pass
        os.close(self.master)
        return data.decode()


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(progress, "_SHOWN_AFTER_SECONDS", 0.0)
    monkeypatch.setattr(progress, "_SHOWN_EVERY_SECONDS", 60.0)
    monkeypatch.delenv("TERM", raising=False)
    return


def test_nothing_stays_of_a_file_after_a_short_one(at_once, monkeypatch) -> None:
    terminal = Terminal(80)
    monkeypatch.setattr(sys, "stderr", terminal.stderr)
    shown = ReadingProgress()
    shown.advance(Path("long.yaml"), 50)
    monkeypatch.setattr(progress, "_SHOWN_AFTER_SECONDS", 60.0)
    shown.advance(Path("short.yaml"), 50)
    shown.clear()
    assert terminal.drawn() == f"{CLEAR}reading long.yaml: 50 %{CLEAR}"


@pytest.mark.parametrize("columns", [0, 1, 12, 40, 80])
@pytest.mark.parametrize(
    "name",
    ["short.yaml", "long" * 30 + ".yaml", "\N{CJK UNIFIED IDEOGRAPH-4E2D}" * 60, "a\x1b[2J\nb"],
)
def test_a_line_never_wraps(name, columns, at_once, monkeypatch) -> None:
    terminal = Terminal(columns)
    monkeypatch.setattr(sys, "stderr", terminal.stderr)
    shown = ReadingProgress()
    shown.advance(Path(name), 7)
    _, line = terminal.drawn().split(CLEAR)
    assert line.endswith(" 7 %")
    assert cell_len(line) < max(columns or 80, 13)
    assert "\x1b" not in line
    assert "\n" not in line


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_shows_its_progress_and_removes_it(
    command, at_once, monkeypatch, tmp_path_factory
) -> None:
    folder = tmp_path_factory.getbasetemp() / "progress"
    folder.mkdir(exist_ok=True)
    monkeypatch.chdir(folder)
    terminal = Terminal(80)
    words = [word.replace("IN", str(CASSETTE)) for word in command.split()]
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", terminal.stderr)
        cli.main(words, standalone_mode=False)
    drawn = terminal.drawn()
    assert " %" in drawn
    assert drawn.count(" %") < drawn.count(CLEAR)
