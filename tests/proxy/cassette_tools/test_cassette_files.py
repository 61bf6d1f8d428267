"""The progress of reading cassettes, on a terminal."""

import sys
from pathlib import Path

import pytest

from mesotape.proxy.cassette_tools import cassette_files
from mesotape.proxy.cassette_tools.cassette_files import ReadingProgress


def test_nothing_stays_of_a_cassette_after_a_short_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    shown = ReadingProgress(lambda path: 100)
    monkeypatch.setattr(cassette_files, "_SHOWN_AFTER_SECONDS", 0.0)
    shown.advance(Path("long.yaml"), 50)
    monkeypatch.setattr(cassette_files, "_SHOWN_AFTER_SECONDS", 60.0)
    shown.advance(Path("short.yaml"), 50)
    shown.clear()
    assert capsys.readouterr().err == "\r\x1b[Kreading long.yaml: 50 %\r\x1b[K"
