import contextlib
import json
import os
import pty
import re
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from support.commands import MESOTAPE, running
from support.paths import ROOT
from support.sockets import PATIENCE_SECONDS, connect, get, post

SAMPLE = ROOT / "cassettes" / "samples" / "master.yaml"
CASSETTE = """---
mesotape: 1
server: master
recorded_at: 2026-11-22T12:18:29.104233Z
...
"""


@contextlib.contextmanager
def on_terminal(
    *arguments: str | Path, columns: int
) -> Iterator[tuple["subprocess.Popen[str]", int, tuple[str, int]]]:
    """Run a command that listens, with a terminal as stderr: the process, terminal and address."""
    screen, terminal = pty.openpty()
    process = subprocess.Popen(
        [*MESOTAPE, *arguments],
        stdout=subprocess.PIPE,
        stderr=terminal,
        text=True,
        env=os.environ | {"TERM": "xterm", "COLUMNS": str(columns), "NO_COLOR": "1"},
    )
    try:
        os.close(terminal)
        assert process.stdout is not None
        *_, (host, port) = re.findall(r"http://([0-9.]+):([0-9]+)\s", process.stdout.readline())
        yield process, screen, (host, int(port))
    finally:
        process.kill()
        process.communicate()
        os.close(screen)


def read_until(fd: int, mark: bytes) -> bytes:
    said, deadline = b"", time.monotonic() + PATIENCE_SECONDS
    while mark not in said:
        assert time.monotonic() < deadline, said  # the counts are drawn again and again
        readable, _, _ = select.select([fd], [], [], PATIENCE_SECONDS)
        assert readable, said
        said += os.read(fd, 65536)
    return said


def test_a_replay_on_a_terminal_has_a_panel_below_its_messages(
    tmp_path: Path,
) -> None:
    path = tmp_path / "cassette.yaml"
    path.write_text(CASSETTE)
    with on_terminal("replay", path, columns=200) as (process, screen, address):
        assert b"0 served, 0.0/s  0 missed  0 events, 0.0/s  0 held" in read_until(screen, b"held")
        with connect(address) as client:
            client.send(get(b"/version"))
            client.message()
        said = read_until(screen, b"no recorded answer: GET /version")
        assert re.search(rb"(\n|\x1b\[2K)mesotape: no recorded answer", said), said
        read_until(screen, b"0 served, 0.0/s  1 missed")
        process.send_signal(signal.SIGINT)
        read_until(screen, b"mesotape: replayed: 0 served, 1 missed, 0 unused")
        rest, _ = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 3
        assert rest == ""


def test_a_recording_on_a_terminal_shows_its_open_streams(tmp_path: Path) -> None:
    with (
        running("replay", SAMPLE, "--pace", "instant") as cluster,
        on_terminal("record", cluster.url, "-o", tmp_path / "c.yaml", columns=120) as (
            process,
            screen,
            address,
        ),
    ):
        with connect(address) as client:
            client.send(post(b'{"type":"SUBSCRIBE"}', b"Accept: application/json"))
            read_until(screen, b"18  AGENT_REMOVED")
        process.send_signal(signal.SIGINT)
        read_until(screen, b"mesotape: recorded 1 exchange, 18 events")
        process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 0


def test_a_quiet_command_prints_only_what_is_wrong(tmp_path: Path) -> None:
    path, recorded = tmp_path / "cassette.yaml", tmp_path / "recorded.yaml"
    path.write_text(CASSETTE)
    with running("replay", path, "--quiet") as player:
        with running("record", player.url, "-o", recorded, "-q") as recorder:
            pass
        with connect(player.address) as client:
            client.send(get(b"/version"))
            client.message()
    assert (recorder.code, recorder.out, recorder.said) == (0, "", "")
    assert (player.code, player.out) == (3, "")
    assert player.said.startswith("mesotape: no recorded answer: GET /version")
    assert "replayed" not in player.said


def test_quiet_json_is_printed(tmp_path: Path) -> None:
    path = tmp_path / "cassette.yaml"
    path.write_text(CASSETTE)
    with running("replay", path, "--quiet", "--json") as player:
        pass
    ready, counts = (json.loads(line) for line in player.out.splitlines())
    assert ready == {"ready": player.url}
    assert counts["served"] == 0
