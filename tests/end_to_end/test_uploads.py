"""Bodies of requests pass as they come, whatever their framing."""

import os
from pathlib import Path

from support.cassette_contents import kept, wire
from support.commands import running
from support.sockets import LAST_CHUNK, Upstream, answer, chunk, connect, post

MIB = 1 << 20


def resident_bytes(pid: int) -> int:
    pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def test_an_upload_with_a_length_arrives_before_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    body = bytes(range(256)) * 1000
    with (
        Upstream() as upstream,
        running("record", upstream.url, "-o", path) as recorder,
        connect(recorder.address) as client,
    ):
        request = post(body)
        client.send(request[: -len(body)])
        with upstream.accept() as server:
            server.until(b"\r\n\r\n")
            for begin in range(0, len(body), 100_000):
                piece = body[begin : begin + 100_000]
                client.send(piece)
                assert server.exactly(len(piece)) == piece
            server.send(answer(b"{}"))
            assert client.message() == answer(b"{}")
    assert recorder.code == 0
    (one,) = kept(path)
    assert wire(one.exchange.request) == body


def test_requests_that_are_not_recorded_pass_as_they_come(tmp_path: Path) -> None:
    actor = (
        b"POST /master/x HTTP/1.1\r\nHost: a\r\nLibprocess-From: x(1)@127.0.0.1:1\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )
    with (
        Upstream() as upstream,
        running("record", upstream.url, "-o", tmp_path / "a.yaml") as recorder,
        connect(recorder.address) as client,
    ):
        client.send(actor)
        with upstream.accept() as server:
            server.until(b"\r\n\r\n")
            client.send(chunk(b"one"))
            server.until(chunk(b"one"))
            client.send(LAST_CHUNK)
            server.until(LAST_CHUNK)
            server.send(answer(b"{}"))
            client.message()


def test_a_large_upload_is_not_held_in_the_proxy(tmp_path: Path) -> None:
    with (
        Upstream() as upstream,
        running("record", upstream.url, "-o", tmp_path / "a.yaml", "--only-v1") as recorder,
        connect(recorder.address) as client,
    ):
        client.send(post(b"", path=b"/upload").replace(b"th: 0", b"th: %d" % (64 * MIB)))
        with upstream.accept() as server:
            server.until(b"\r\n\r\n")
            before = resident_bytes(recorder.process.pid)
            for _ in range(64):
                client.send(bytes(MIB))
                server.exactly(MIB)
            assert resident_bytes(recorder.process.pid) - before < 32 * MIB
            server.send(answer(b"{}"))
            assert client.message() == answer(b"{}")
