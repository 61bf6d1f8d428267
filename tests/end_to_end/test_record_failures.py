"""A full disk, a file that is gone, signals: traffic goes on, and nothing is lost quietly."""

import contextlib
import os
import random
import resource
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.cassette_contents import kept, notes
from support.commands import MESOTAPE, Running, run, running
from support.recorded_stream import GOES_ON, RecordedStream, writer_of
from support.sockets import PATIENCE_SECONDS, Upstream, answer, connect, eventually, get

from mesotape.cassettes.recording.output_file import RESERVED_BYTES
from mesotape.cassettes.storage.reader import Cassette

NEEDS_PRLIMIT = pytest.mark.skipif(
    not hasattr(resource, "prlimit"), reason="only Linux limits other processes"
)


class Session:
    """A recorder, and a stream through it of which something is on disk."""

    def __init__(self, upstream: Upstream, recorder: Running, path: Path) -> None:
        self.upstream, self.recorder, self.path = upstream, recorder, path
        self.stream = RecordedStream(upstream, recorder)
        self.pass_events(50)
        eventually(lambda: kept(path) and len(kept(path)[0].events) == 50, "events on disk")

    def pass_events(self, count: int) -> None:
        self.stream.send(count)
        self.stream.receive()

    def next_message(self) -> str:
        """Wait for the next line on stderr while the recorder runs."""
        stderr = self.recorder.process.stderr
        assert stderr is not None
        readable, _, _ = select.select([stderr], [], [], PATIENCE_SECONDS)
        assert readable, "nothing was said"
        return stderr.readline().removeprefix(f"mesotape: {self.path}: ").removesuffix("\n")

    def limit_file_size(self, size: int) -> None:
        """Set the soft limit, which includes the reserve."""
        hard = resource.RLIM_INFINITY
        resource.prlimit(writer_of(self.recorder), resource.RLIMIT_FSIZE, (size, hard))


@contextlib.contextmanager
def session(path: Path, *options: str) -> Iterator[Session]:
    command = ["record", "-o", path, *options]
    with Upstream() as upstream, running(*command, upstream.url) as recorder:
        one = Session(upstream, recorder, path)
        yield one
        one.stream.close()


def assert_is_sound(path: Path) -> None:
    with Cassette.open(path) as cassette:
        assert cassette.is_regular
        assert not cassette.warnings


def remove(path: Path) -> None:
    path.unlink()


def truncate(path: Path) -> None:
    os.truncate(path, 100)


def add(path: Path) -> None:
    with path.open("a") as file:
        file.write("mine\n")


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (remove, "the file was removed"),
        (truncate, "the file was truncated, from "),
        (add, "another process wrote 5 bytes into the file"),
    ],
)
def test_a_file_that_was_damaged_ends_the_recording_within_a_second(
    tmp_path: Path, damage: Callable[[Path], None], text: str
) -> None:
    with session(tmp_path / "c.yaml") as one:
        damage(one.path)
        said = one.next_message()
        assert said.startswith(f"recording stopped: {text}")
        assert said.endswith(f"; {GOES_ON}")
        one.pass_events(10)
        assert one.recorder.stop() == 1
    assert "Traceback" not in one.recorder.said


def test_a_file_that_was_renamed_is_told_and_has_all(tmp_path: Path) -> None:
    with session(tmp_path / "c.yaml") as one:
        moved = one.path.rename(tmp_path / "moved.yaml")
        assert one.next_message().startswith("the file was renamed; the recording goes on in it")
        one.pass_events(10)
        assert one.recorder.stop() == 1
    (exchange,) = kept(moved)
    assert exchange.records == one.stream.sent
    assert not one.path.exists()


@NEEDS_PRLIMIT
def test_when_there_is_space_again_the_recording_goes_on(tmp_path: Path) -> None:
    with session(tmp_path / "c.yaml") as one:
        one.limit_file_size(one.path.stat().st_size + RESERVED_BYTES + 1000)
        one.pass_events(100)
        assert one.next_message() == f"recording stopped: File too large; {GOES_ON}"
        # The tape ends with what fits: it can be played.
        (full,) = kept(one.path)
        assert full.records == one.stream.sent[: len(full.records)]
        assert len(full.records) > 50
        assert full.end is not None
        assert full.end.cause == "stopped"
        assert ("recording stopped: File too large", None) in notes(one.path)
        assert_is_sound(one.path)
        one.pass_events(50)
        one.limit_file_size(resource.RLIM_INFINITY)
        assert one.next_message() == "recording goes on"
        one.pass_events(50)
        with connect(one.recorder.address) as client:
            client.send(get(b"/after"))
            with one.upstream.accept() as server:
                server.message()
                server.send(answer(b"{}"))
                client.message()
        assert one.recorder.stop() == 1
    stream, after = kept(one.path)
    sent = iter(one.stream.sent)
    assert all(record in sent for record in stream.records)  # All are in order.
    assert stream.records[-50:] == one.stream.sent[-50:]
    assert after.exchange.request.path == "/after"
    lost = [text for text, _ in notes(one.path)]
    assert lost[0].startswith("not recorded for ")
    assert_is_sound(one.path)


@NEEDS_PRLIMIT
@pytest.mark.parametrize("seed", range(int(os.environ.get("MESOTAPE_FULL_DISKS", "3"))))
def test_a_disk_that_is_full_at_random(tmp_path: Path, seed: int) -> None:
    chance, path = random.Random(seed), tmp_path / "c.yaml"
    with session(path) as one:
        one.limit_file_size(path.stat().st_size + RESERVED_BYTES + chance.randrange(20_000))
        for _ in range(40):
            one.pass_events(chance.randrange(1, 40))
        said = one.next_message()
        assert said == f"recording stopped: File too large; {GOES_ON}"
        assert one.recorder.stop() == 1
    (stream,) = kept(path)
    assert stream.records == one.stream.sent[: len(stream.records)]
    assert stream.end is not None
    assert_is_sound(path)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_both_processes_is_a_clean_end(tmp_path: Path, number: signal.Signals) -> None:
    with session(tmp_path / "c.yaml") as one:
        one.pass_events(50)
        os.kill(writer_of(one.recorder), number)
        one.pass_events(50)
        os.kill(writer_of(one.recorder), number)
        assert one.recorder.stop(number) == 0, one.recorder.said
    (stream,) = kept(one.path)
    assert stream.records == one.stream.sent
    assert not notes(one.path)


def test_a_blocked_writer_does_not_keep_the_recorder_from_ending(tmp_path: Path) -> None:
    with session(tmp_path / "c.yaml") as one:
        writer = writer_of(one.recorder)
        os.kill(writer, signal.SIGSTOP)
        one.pass_events(50)
        begun = time.monotonic()
        assert one.recorder.stop(signal.SIGTERM) == 1
        assert "the writer process does not react" in one.recorder.said
        assert time.monotonic() - begun < PATIENCE_SECONDS
        os.kill(writer, signal.SIGCONT)
        eventually(lambda: len(kept(one.path)[0].records) == 100, "all that reached the writer")
    assert kept(one.path)[0].records == one.stream.sent


def test_nothing_is_lost_while_the_disk_is_frozen(tmp_path: Path) -> None:
    with session(tmp_path / "c.yaml") as one:
        writer = writer_of(one.recorder)
        os.kill(writer, signal.SIGSTOP)
        for _ in range(40):  # more than fits into the pipe
            one.pass_events(1000)
        os.kill(writer, signal.SIGCONT)
        assert one.recorder.stop(signal.SIGTERM) == 0, one.recorder.said
    (stream,) = kept(one.path)
    assert stream.records == one.stream.sent
    assert not notes(one.path)


FREEZES = """
import os, signal, sys

read = os.read

def read_and_stop(fd, size):
    os.read = read
    data = read(fd, size)
    os.kill(os.getpid(), signal.SIGSTOP)
    return data

if any("writer_main" in word for word in sys.orig_argv):
    os.read = read_and_stop
"""
"""Stops the writer when it is told to open the cassette."""


def state_of(pid: str) -> str:
    """Return the letter of the state of a process, "" if there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize("existing", [[], ["--overwrite"], ["--append"]])
def test_signals_work_while_the_cassette_cannot_be_opened(
    tmp_path: Path, existing: list[str]
) -> None:
    (tmp_path / "sitecustomize.py").write_text(FREEZES)
    path = tmp_path / "c.yaml"
    if existing:
        path.write_text(OLD)
    command = [*MESOTAPE, "record", "http://127.0.0.1:1", "-o", str(path), *existing]
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        listed = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        (writer,) = eventually(lambda: listed.read_text().split(), "the writer")
        eventually(lambda: state_of(writer) == "T", "its stop")
        begun = time.monotonic()
        process.terminate()
        _, said = process.communicate(timeout=PATIENCE_SECONDS)
        assert time.monotonic() - begun < PATIENCE_SECONDS
    assert process.returncode == 1
    text = "the cassette was not opened before the signal to stop: is the disk blocked?"
    assert said == f"mesotape: {text}\n"
    os.kill(int(writer), signal.SIGCONT)
    eventually(lambda: state_of(writer) in ("", "Z"), "the end of the writer")
    assert (path.read_text() if path.exists() else None) == (OLD if existing else None)


OLD = "---\nmesotape: 1\nserver: master\nrecorded_at: 2026-11-22T00:00:00Z\nupstream: old\n...\n"


def test_overwriting_replaces_the_cassette_with_the_first_traffic(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(OLD)
    with Upstream() as upstream, running("record", upstream.url, "-o", path, "--overwrite") as one:
        assert path.read_text() == OLD
        stream = RecordedStream(upstream, one)
        eventually(lambda: path.read_text() != OLD, "the new cassette")
        assert len(kept(path)) == 1
        stream.close()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_an_overwriting_without_traffic(tmp_path: Path, number: signal.Signals) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(OLD)
    with running("record", "http://127.0.0.1:1", "-o", path, "--overwrite") as one:
        one.stop(number)
        eventually(lambda: list(tmp_path.iterdir()) == [path], "end of the writer")
    with Cassette.open(path) as cassette:
        assert cassette.header.upstream == "http://127.0.0.1:1"


@pytest.mark.parametrize("existing", [[], ["--overwrite"], ["--append"]])
@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (["--ready-file", "{folder}"], 1),
        (["--set", "nonsense=1"], 2),
        (["--listen", "192.0.2.1:80"], 1),
    ],
    ids=["ready-file", "option", "address"],
)
def test_a_start_that_fails_leaves_no_file_and_changes_none(
    tmp_path: Path, wrong: list[str], code: int, existing: list[str]
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    path = tmp_path / "c.yaml"
    if existing:
        path.write_text(OLD)
    words = [each.format(folder=folder) for each in wrong]
    done = run("record", "http://127.0.0.1:1", "-o", path, *words, *existing)
    assert done.returncode == code
    assert done.stderr.count("\n") == 1
    assert (path.read_text() if path.exists() else None) == (OLD if existing else None)
    assert set(tmp_path.iterdir()) == ({path, folder} if existing else {folder})
