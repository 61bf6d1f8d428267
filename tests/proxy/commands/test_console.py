"""What all commands print."""

import json

import pytest

from mesotape.proxy.commands.console import print_json


def test_json_stays_json_whatever_it_quotes(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"file": "a\x1b\x85\u202e.yaml"}
    print_json(value)
    printed = capsys.readouterr().out
    assert printed.isascii()
    assert json.loads(printed) == value
