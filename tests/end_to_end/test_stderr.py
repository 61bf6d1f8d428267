"""Messages to a stderr that nobody reads, that is slow, closed or full."""

import http.client
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.cassette_contents import kept, notes
from support.commands import MESOTAPE, running
from support.paths import ROOT
from support.sockets import Upstream, answer, connect, post

SAMPLE = ROOT / "cassettes" / "samples" / "master.yaml"
MISSES = 400
"""Reports of misses of about 500 bytes: several times what a pipe holds."""


def miss(command, count=MISSES):
    """Make calls that were not recorded; all are to be answered."""
    connection = http.client.HTTPConnection(*command.address, timeout=20)
    for number in range(count):
        connection.request("GET", f"/state?number={number}&x={'x' * 300}")
        response = connection.getresponse()
        assert (response.status, bool(response.read())) == (501, True)
    connection.close()


def test_a_stderr_that_nobody_reads_stops_no_replay():
    with running("replay", SAMPLE) as command:
        miss(command)
        command.process.send_signal(2)
        assert command.process.wait(timeout=20) == 3
        assert "no recorded answer" in command.process.stderr.read()


def test_a_slow_reader_of_stderr_gets_all_messages():
    with running("replay", SAMPLE) as command:
        miss(command)
        assert command.stop() == 3
        assert command.said.count("/state?number=") >= MISSES
        assert command.said.endswith(f"1 served, {MISSES} missed, 7 unused\n") or (
            f"{MISSES} missed" in command.said.splitlines()[-1]
        )


def test_dropped_messages_are_counted_where_they_are_missing():
    with running("replay", SAMPLE) as command:
        miss(command, 4000)
        assert command.stop() == 3
        assert "messages were dropped here: stderr was not read" in command.said
        assert "4000 missed" in command.said.splitlines()[-1]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_behind_stderr_stops_no_replay():
    with open("/dev/full", "w") as full, running("replay", SAMPLE, stderr=full) as command:
        miss(command, 3)
        assert command.stop() == 3


def test_a_closed_stderr_stops_no_replay():
    read, write = os.pipe()
    os.close(read)
    with running("replay", SAMPLE, stderr=write) as command:
        os.close(write)
        miss(command, 3)
        assert command.stop() == 3


def test_without_stderr_messages_do_not_go_to_stdout(tmp_path):
    command = f"exec {sys.executable} -m mesotape.proxy.cli replay {tmp_path}/none.yaml 2>&-"
    done = subprocess.run(["sh", "-c", command], stdout=subprocess.PIPE, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (1, b"")


@pytest.mark.parametrize("place", ["closed", "/dev/full"])
def test_a_stderr_that_cannot_be_written_does_not_touch_recorded_traffic(place, tmp_path):
    path = tmp_path / "a.yaml"
    how = {"stderr": subprocess.DEVNULL, "preexec_fn": lambda: os.close(2)}
    with open("/dev/full", "w") as full, Upstream() as upstream:
        how = how if place == "closed" else {"stderr": full}
        with running("record", upstream.url, "-o", path, **how) as recorder:
            for _ in range(3):
                with connect(recorder.address) as client:
                    client.send(b"GARBAGE\r\n\r\n")  # is reported on stderr
                    assert client.rest().startswith(b"HTTP/1.1 400 ")
                with connect(recorder.address) as client:
                    client.send(post(b"{}"))
                    with upstream.accept() as server:
                        server.message()
                        server.send(answer(b"{}"))
                        assert client.message() == answer(b"{}")
            assert recorder.stop() == 0
    assert len(kept(path)) == 3
    assert len(notes(path)) == 3


PRINTING = {
    "--help": 1,
    "replay --list-faults": 1,
    "completion fish": 1,
    f"validate --json {SAMPLE}": 1,
    f"export {SAMPLE} --format jsonl -o -": 1,
    f"inspect --summary {SAMPLE}": 1,
    f"inspect {SAMPLE}": 0,
}
"""Commands that print, with their exit codes if nobody reads that."""


@pytest.mark.parametrize(("line", "code"), PRINTING.items())
def test_a_command_ends_quietly_when_its_reader_closes_the_pipe(line: str, code: int) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    done = subprocess.run(
        [*MESOTAPE, *line.split()], stdout=theirs, stderr=subprocess.PIPE, check=False
    )
    os.close(theirs)
    assert (done.stderr, done.returncode) == (b"", code)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("line", ["--help", f"validate --json {SAMPLE}", f"inspect {SAMPLE}"])
def test_output_that_cannot_be_written_is_an_error_of_one_line(line: str) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*MESOTAPE, *line.split()], stdout=full, stderr=subprocess.PIPE, check=False
        )
    lines = done.stderr.decode().splitlines()
    assert [line.split(" cannot ")[1:] for line in lines] == [
        ["be written: No space left on device"]
    ]
    assert done.returncode == 1
