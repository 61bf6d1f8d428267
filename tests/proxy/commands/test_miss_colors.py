"""Misses on a terminal are in colour; elsewhere they are plain text."""

import http.client
import os
import pty
import re

import pytest
from support.commands import running
from support.paths import ROOT
from support.playback_cassettes import play as play
from support.typical_misses import TYPICAL, typical_report

from mesotape.cassettes.matching.misses import Difference
from mesotape.proxy.commands import miss_colors
from mesotape.proxy.commands.messages import messages
from mesotape.proxy.commands.miss_colors import colorize_report

COLOR = re.compile(r"\x1b\[[0-9;]*m")
SAMPLE = ROOT / "cassettes" / "samples" / "master.yaml"
BOLD, DIM, RED, GREEN, CYAN = (f"\x1b[{code}m" for code in (1, 2, 31, 32, 36))
BOLD_RED, BOLD_YELLOW, DIM_CYAN, OFF = (f"\x1b[{code}m" for code in ("1;31", "1;33", "2;36", 0))


@pytest.mark.parametrize("name", TYPICAL)
def test_colours_change_no_character(play, name):
    report = typical_report(play, name)
    assert COLOR.sub("", colorize_report(report.report_lines())) == str(report)


def test_recorded_values_are_red_and_received_ones_green(play):
    text = colorize_report(typical_report(play, "other-ids").report_lines())
    assert (
        f'{BOLD}accept.offer_ids[0].value: {OFF}{RED}"b5ed-O6"{OFF}{DIM} → {OFF}'
        f'{GREEN}"b5ed-O7"{OFF}'
    ) in text


def test_a_value_that_looks_like_a_difference_keeps_its_colour():
    difference = Difference("a", "x: y → z", None)
    text = colorize_report([difference.report_line()])
    assert text == (f"{BOLD}a: {OFF}{RED}x: y → z{OFF}{DIM} → {OFF}{GREEN}(absent){OFF}")


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("other-ids", f"{BOLD_RED}no recorded answer:{OFF}"),
        ("other-ids", f"{CYAN}  nearest: exchange 2, scheduler call ACCEPT{OFF}"),
        ("other-ids", f"{BOLD_YELLOW}  what to do:{OFF}"),
        ("other-ids", f"{BOLD_YELLOW}  or:{OFF}"),
        ("already-played", f"{DIM_CYAN}  nearest: exchange 1, scheduler call DECLINE, already"),
        ("refused", f"{BOLD_YELLOW}refused as Mesos does,{OFF}"),
        ("refused", f"  {BOLD_RED}no recorded answer:{OFF}"),
    ],
)
def test_a_line_starts_with_a_label_in_colour(play, name, start):
    lines = colorize_report(typical_report(play, name).report_lines()).split("\n")
    assert any(line.startswith(start) for line in lines)


def test_other_notes_have_no_colour(monkeypatch, capsys):
    monkeypatch.setattr(miss_colors, "is_colorful", lambda: True)
    miss_colors.report_note("exchange 4: left out in the other encoding: 7")
    messages.flush()
    assert capsys.readouterr().err == ("mesotape: exchange 4: left out in the other encoding: 7\n")


def terminal_output(**environment):
    """Return what a replay with a miss writes to a terminal."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "200", **environment}
    env = {name: value for name, value in env.items() if value is not None}
    output = b""
    with running("replay", SAMPLE, stderr=theirs, env=env) as player:
        os.close(theirs)
        connection = http.client.HTTPConnection(*player.address, timeout=30)
        connection.request("GET", "/never-recorded-plain?x=1", headers={"Host": "x"})
        connection.getresponse().read()
        connection.close()
        while b"what to do:" not in output:
            piece = os.read(ours, 65536)
            assert piece, output
            output += piece
        player.process.send_signal(2)
        with open(ours, "rb", buffering=0) as rest:
            try:
                while piece := rest.read(65536):
                    output += piece
            except OSError:
                pass  # The terminal closes with its last writer.
        player.wait()
    return output.decode()


def test_a_miss_on_a_terminal_is_in_colour():
    assert "\x1b[1;31m" in terminal_output(NO_COLOR=None)


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb", "NO_COLOR": None}])
def test_no_color_and_a_dumb_terminal_turn_colours_off(environment):
    assert "\x1b[1;31m" not in terminal_output(**environment)


def test_without_a_terminal_there_is_no_colour():
    with running("replay", SAMPLE) as player:
        connection = http.client.HTTPConnection(*player.address, timeout=30)
        connection.request("GET", "/never-recorded-plain")
        connection.getresponse().read()
        connection.close()
    assert "no recorded answer" in player.said
    assert "\x1b" not in player.said
