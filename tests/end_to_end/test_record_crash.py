import fcntl
import os
import random
import resource
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.cassette_contents import kept, notes, wire
from support.commands import Running, running
from support.recorded_stream import GOES_ON, RecordedStream, writer_of
from support.sockets import (
    Upstream,
    Wire,
    answer,
    connect,
    eventually,
    post,
)

from mesotape.cassettes.storage.reader import Cassette

HEALTH = b'{"type":"GET_HEALTH"}'


def wait_for_the_writer(path: Path) -> None:
    """Wait until no process holds the lock of the cassette."""

    def is_free() -> bool:
        fd = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(fd)
        return True

    eventually(is_free, "end of the writer")


@pytest.mark.parametrize("seed", range(int(os.environ.get("MESOTAPE_KILLS", "8"))))
def test_a_killed_recorder_loses_at_most_the_last_flush(tmp_path: Path, seed: int) -> None:
    chance, path = random.Random(seed), tmp_path / "cassette.yaml"
    with Upstream() as upstream, running("record", upstream.url, "-o", path) as recorder:
        busy = RecordedStream(upstream, recorder)
        busy.send_bursts(chance, 200)
        recorder.process.kill()
        recorder.wait()
        busy.close()
        wait_for_the_writer(path)
    (one,) = kept(path) or [None]
    records = one.records if one is not None else []
    assert records == busy.sent[: len(records)]
    assert len(records) >= busy.flushed
    if one is not None:  # It has no end if the head of its response was lost.
        assert (one.end or one.exchange.response).cause == "stopped"
    assert notes(path) == [("the recorder ended without being stopped", None)]


@pytest.mark.parametrize("seed", range(int(os.environ.get("MESOTAPE_KILLS", "4"))))
def test_after_a_kill_of_the_writer_or_both_the_cassette_loads(tmp_path: Path, seed: int) -> None:
    chance, path = random.Random(seed), tmp_path / "cassette.yaml"
    with Upstream() as upstream, running("record", upstream.url, "-o", path) as recorder:
        busy = RecordedStream(upstream, recorder)
        busy.send_bursts(chance, 100)
        writer = writer_of(recorder)
        if seed % 2:
            recorder.process.kill()
        os.kill(writer, signal.SIGKILL)
        if not seed % 2:
            busy.send(50)
            busy.receive()
            assert next_error(recorder).startswith(f"mesotape: {path}: recording stopped: ")
            assert next_error(recorder) == f"mesotape: {path}: recording goes on\n"
            busy.send(50)
            busy.receive()
        assert recorder.stop() == (-signal.SIGKILL if seed % 2 else 1)
        busy.close()
        wait_for_the_writer(path)
    records = [record for one in kept(path) for record in one.records]
    if seed % 2 or not kept(path):
        assert records == busy.sent[: len(records)]
        return
    sent = iter(busy.sent)
    assert all(record in sent for record in records)  # All are in order.
    assert records[-50:] == busy.sent[-50:]


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[tuple[Upstream, Running, RecordedStream]]:
    """A stream of which something is on disk."""
    path = tmp_path / "cassette.yaml"
    with Upstream() as upstream, running("record", upstream.url, "-o", path) as recorder:
        busy = RecordedStream(upstream, recorder)
        busy.send(50)
        busy.receive()
        eventually(lambda: kept(path) and len(kept(path)[0].events) == 50, "events on disk")
        yield upstream, recorder, busy
        busy.close()


def assert_the_traffic_goes_on(upstream: Upstream, recorder: Running, busy: RecordedStream) -> None:
    busy.send(50)
    busy.receive()
    with connect(recorder.address) as client:
        client.send(post(HEALTH))
        with upstream.accept() as server:
            server.message()
            server.send(answer(b"{}"))
            assert client.message().endswith(b"{}")


def next_error(recorder: Running) -> str:
    """Wait for what is said while the recorder runs."""
    assert recorder.process.stderr is not None
    return recorder.process.stderr.readline()


KILLED = "the writer process has ended"


def kill_writer(recorder: Running) -> list[str]:
    """Kill the writer, and return what is said of it until recording goes on, or not any more."""
    os.kill(writer_of(recorder), signal.SIGKILL)
    said = [next_error(recorder)]
    if "times" not in said[0]:
        said.append(next_error(recorder))
    return said


def test_another_writer_goes_on_after_one_was_killed(
    busy: tuple[Upstream, Running, RecordedStream], tmp_path: Path
) -> None:
    upstream, recorder, stream = busy
    path = tmp_path / "cassette.yaml"
    gone = RecordedStream(upstream, recorder)
    gone.send(1)
    gone.receive()
    eventually(lambda: len(kept(path)) == 2 and kept(path)[1].events, "the second stream")
    writer = writer_of(recorder)
    os.kill(writer, signal.SIGSTOP)  # so that it does not record the end
    gone.close()
    os.kill(writer, signal.SIGKILL)
    assert next_error(recorder) == f"mesotape: {path}: recording stopped: {KILLED}; {GOES_ON}\n"
    assert next_error(recorder) == f"mesotape: {path}: recording goes on\n"
    assert_the_traffic_goes_on(upstream, recorder, stream)
    assert recorder.stop() == 1
    assert recorder.said.startswith("mesotape: recorded ")
    one, ended, unary = kept(path)
    assert one.records == stream.sent
    assert [event.event for event in one.events] == list(range(1, 101))
    assert one.end is not None
    assert ended.end is not None
    assert ended.records == gone.sent
    assert wire(unary.exchange.response) == b"{}"
    (general, _), *others = notes(path)
    assert general.startswith("the process that wrote the cassette was killed: traffic from ")
    assert ("events may be missing here", 1) in others
    with Cassette.open(path) as cassette:
        assert cassette.is_regular
        assert not cassette.warnings


def test_a_writer_that_is_killed_again_and_again_is_given_up(
    busy: tuple[Upstream, Running, RecordedStream], tmp_path: Path
) -> None:
    upstream, recorder, stream = busy
    path = tmp_path / "cassette.yaml"
    for _ in range(3):
        assert len(kill_writer(recorder)) == 2
    (said,) = kill_writer(recorder)
    assert said == f"mesotape: {path}: recording stopped: {KILLED} 4 times; {GOES_ON}\n"
    assert_the_traffic_goes_on(upstream, recorder, stream)
    assert recorder.stop() == 1
    assert "Traceback" not in recorder.said
    (one,) = kept(path)
    assert one.records[:50] == stream.sent[:50]


@pytest.mark.parametrize("change", [Path.unlink, lambda path: path.rename(f"{path}.old")])
def test_a_killed_writer_is_not_replaced_if_the_file_is_gone(
    busy: tuple[Upstream, Running, RecordedStream],
    tmp_path: Path,
    change: Callable[[Path], object],
) -> None:
    upstream, recorder, stream = busy
    path = tmp_path / "cassette.yaml"
    os.kill(writer_of(recorder), signal.SIGSTOP)  # so that it does not notice
    change(path)
    os.kill(writer_of(recorder), signal.SIGKILL)
    assert KILLED in next_error(recorder)
    text = "cannot be continued: the file was renamed, removed or replaced"
    assert next_error(recorder).startswith(f"mesotape: {path}: recording stopped: {path}: {text}")
    assert_the_traffic_goes_on(upstream, recorder, stream)
    assert recorder.stop() == 1
    assert not path.exists()


def test_with_fail_closed_the_proxy_ends_when_recording_stops(tmp_path: Path) -> None:
    path = tmp_path / "cassette.yaml"
    with (
        Upstream() as upstream,
        running("record", upstream.url, "-o", path, "--fail-closed") as recorder,
    ):
        stream = RecordedStream(upstream, recorder)
        os.kill(writer_of(recorder), signal.SIGKILL)
        assert stream.client.rest() == b""
        assert recorder.wait() == 1
        stream.close()
    assert "recording stopped" in recorder.said
    assert "Traceback" not in recorder.said


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux limits other processes")
def test_on_a_full_disk_the_recorder_says_so_and_the_traffic_goes_on(
    busy: tuple[Upstream, Running, RecordedStream], tmp_path: Path
) -> None:
    upstream, recorder, stream = busy
    path = tmp_path / "cassette.yaml"
    full = path.stat().st_size + 1000
    resource.prlimit(writer_of(recorder), resource.RLIMIT_FSIZE, (full, full))
    stream.send(1000)
    stream.receive()
    said = next_error(recorder)
    assert said == f"mesotape: {path}: recording stopped: File too large; {GOES_ON}\n"
    assert_the_traffic_goes_on(upstream, recorder, stream)
    assert recorder.stop() == 1
    assert recorder.said.startswith("mesotape: recorded 1 exchange, ")
    assert recorder.said.count("\n") == 1
    (one,) = kept(path)
    assert one.records == stream.sent[: len(one.records)]
    assert len(one.records) >= 50


def test_a_cassette_that_was_cut_off_is_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "cassette.yaml"
    bodies: list[bytes] = []
    for number in range(2):
        with (
            Upstream() as upstream,
            running("record", upstream.url, "-o", path, "--append") as recorder,
            connect(recorder.address) as client,
        ):
            exchange(upstream, client, b'{"number":%d}' % number)
            assert recorder.stop() == 0
        bodies.append(b'{"number":%d}' % number)
        if number:
            assert recorder.said.startswith(f"mesotape: warning: {path}:")
        with path.open("a") as file:
            file.write("---\nexchange: 9\nat: 1.00")
    assert [wire(one.exchange.response) for one in kept(path)] == bodies


def exchange(upstream: Upstream, client: Wire, body: bytes) -> None:
    client.send(post(HEALTH))
    with upstream.accept() as server:
        server.message()
        server.send(answer(body, b"Content-Type: application/json"))
        client.message()
