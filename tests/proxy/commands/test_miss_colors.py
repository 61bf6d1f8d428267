"""Misses on a terminal: in colour where one can see it, and nothing but the text elsewhere."""

import http.client
import os
import pty
import re

import pytest
from support.commands import running
from support.paths import DATA, ROOT

from mesotape.proxy.commands.miss_colors import colorize_miss

GOLDEN = sorted((DATA / "misses").glob("*.txt"))
COLOR = re.compile(r"\x1b\[[0-9;]*m")
SAMPLE = ROOT / "cassettes" / "samples" / "master.yaml"
RED, GREEN = "\x1b[31m", "\x1b[32m"


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_colours_change_no_character(path):
    text = path.read_text().rstrip("\n")
    assert COLOR.sub("", colorize_miss(text)) == text


def test_what_was_recorded_is_red_and_what_came_is_green():
    text = (GOLDEN[0].parent / "other-ids.txt").read_text()
    assert f'{RED}"b5ed-O6"' in colorize_miss(text)
    assert f'{GREEN}"b5ed-O7"' in colorize_miss(text)


def test_other_texts_have_no_colour():
    assert colorize_miss("exchange 4: left out in the other encoding: 7") == (
        "exchange 4: left out in the other encoding: 7"
    )


def told(**environment):
    """What a replay says of a miss on a terminal."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "200", **environment}
    env = {name: value for name, value in env.items() if value is not None}
    said = b""
    with running("replay", SAMPLE, stderr=theirs, env=env) as player:
        os.close(theirs)
        connection = http.client.HTTPConnection(*player.address, timeout=30)
        connection.request("GET", "/never-recorded-plain?x=1", headers={"Host": "x"})
        connection.getresponse().read()
        connection.close()
        while b"what to do:" not in said:
            piece = os.read(ours, 65536)
            assert piece, said
            said += piece
        player.process.send_signal(2)
        with open(ours, "rb", buffering=0) as rest:
            try:
                while piece := rest.read(65536):
                    said += piece
            except OSError:
                pass  # The terminal is gone with the last who wrote to it.
        player.wait()
    return said.decode()


def test_a_miss_on_a_terminal_is_in_colour():
    assert "\x1b[1;31m" in told(NO_COLOR=None)


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb", "NO_COLOR": None}])
def test_who_wants_no_colour_gets_none(environment):
    assert "\x1b[1;31m" not in told(**environment)


def test_elsewhere_there_is_no_colour():
    with running("replay", SAMPLE) as player:
        connection = http.client.HTTPConnection(*player.address, timeout=30)
        connection.request("GET", "/never-recorded-plain")
        connection.getresponse().read()
        connection.close()
    assert "no recorded answer" in player.said
    assert "\x1b" not in player.said
