"""Memory of the two processes of a recorder, whatever passes."""

import resource
import threading
from collections.abc import Iterator
from pathlib import Path

import brotli
import pytest
from support.commands import Running, running
from support.recorded_stream import writer_of
from support.sockets import LAST_CHUNK, SUBSCRIBE, Upstream, chunk, connect, eventually, get, post

MIB = 1 << 20
PEAK_BYTES = 300 * MIB

pytestmark = pytest.mark.skipif(
    not hasattr(resource, "prlimit"), reason="only Linux tells the peak of another process"
)


def peak_bytes(pid: int) -> int:
    """The most memory that a process ever had."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (peak,) = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return int(peak) * 1024


def pieces(size: int) -> Iterator[bytes]:
    block = b'{"type":"TASK_ADDED","task_added":{"task":{"name":"web"}}},' * 2000
    for begin in range(0, size, len(block)):
        yield block[: size - begin]


def answer_large(upstream: Upstream, size: int, *, is_record: bool) -> None:
    with upstream.accept() as server:
        server.message()
        server.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
        if not is_record:
            server.send(b"Content-Length: %d\r\n\r\n" % size)
            for piece in pieces(size):
                server.send(piece)
            return
        server.send(b"Transfer-Encoding: chunked\r\n\r\n", chunk(b"%d\n" % size))
        for piece in pieces(size):
            server.send(chunk(piece))
        server.send(LAST_CHUNK)


def receive(recorder: Running, call: bytes, size: int) -> None:
    with connect(recorder.address) as client:
        client.send(call)
        client.until(b"\r\n\r\n")
        left = size
        while left > 0:
            left -= len(client.exactly(min(left, 1 << 16)))


@pytest.mark.parametrize("is_record", [False, True])
def test_a_large_answer_passes_is_omitted_and_is_refused_by_a_replay(
    tmp_path: Path, *, is_record: bool
) -> None:
    path, size = tmp_path / "cassette.yaml", 100 * MIB
    call = post(SUBSCRIBE) if is_record else get(b"/large")
    with Upstream() as upstream, running("record", upstream.url, "-o", path) as recorder:
        writer = writer_of(recorder)
        arguments = {"target": answer_large, "args": (upstream, size)}
        sending = threading.Thread(**arguments, kwargs={"is_record": is_record})
        sending.start()
        receive(recorder, call, size)
        sending.join()
        peak = peak_bytes(recorder.process.pid) + peak_bytes(writer)
    assert recorder.code == 0
    assert peak < PEAK_BYTES
    text = path.read_bytes()
    assert len(text) < MIB
    assert b"omitted: " in text
    assert b"bodies are recorded up to 16777216 bytes" in text
    with running("replay", path) as player, connect(player.address) as client:
        client.send(call)
        got = client.rest() if is_record else client.message()
        player.stop()
    if not is_record:
        assert got.startswith(b"HTTP/1.1 500 ")
    assert player.code != 0
    assert "omitted: the body was not recorded (" in player.said
    assert "record again with a larger --max-body" in player.said


def test_a_body_that_unpacks_to_256_mib_takes_no_memory(tmp_path: Path) -> None:
    path, body = tmp_path / "cassette.yaml", brotli.compress(bytes(256 * MIB), quality=1)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: %d\r\n\r\n" % len(body)
    with Upstream() as upstream, running("record", upstream.url, "-o", path) as recorder:
        with connect(recorder.address) as client:
            client.send(get(b"/bomb"))
            with upstream.accept() as server:
                server.message()
                server.send(head + body)
            assert client.message().endswith(body)
        eventually(lambda: b"/bomb" in path.read_bytes(), "the exchange")
        peak = peak_bytes(recorder.process.pid) + peak_bytes(writer_of(recorder))
    assert peak < PEAK_BYTES
    assert b"Content-Encoding is br, and the body grows over 16777216 bytes" in path.read_bytes()


def test_the_limit_can_be_set(tmp_path: Path) -> None:
    path = tmp_path / "cassette.yaml"
    with (
        Upstream() as upstream,
        running("record", upstream.url, "-o", path, "--max-body", "1K") as recorder,
    ):
        sending = threading.Thread(
            target=answer_large, args=(upstream, 1025), kwargs={"is_record": False}
        )
        sending.start()
        receive(recorder, get(b"/large"), 1025)
        sending.join()
    assert b'omitted: "1025 bytes, SHA-256 ' in path.read_bytes()
