"""What a client gets from the proxy in place of the upstream's answer is noted and counted."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from support.cassette_contents import kept, kept_of, notes
from support.commands import Running, running
from support.sockets import (
    Upstream,
    answer,
    chunk,
    connect,
    eventually,
    get,
    post,
)

HEALTH = b'{"type":"GET_HEALTH"}'
CHUNKED = b"POST /api/v1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


class Case(NamedTuple):
    """`answered` is what the upstream sends before it closes; None if the request is refused."""

    request: bytes
    answered: bytes | None
    status: bytes
    note: str


CASES = {
    "closes": Case(
        post(HEALTH), b"", b"502", "the upstream closed the connection without an answer;"
    ),
    "closes-in-the-head": Case(
        post(HEALTH), b"HTTP/1.1 200 O", b"502", "the upstream's answer is not valid HTTP: "
    ),
    "is-not-http": Case(
        post(HEALTH), b"nonsense\r\n\r\n", b"502", "the upstream's answer is not valid HTTP: "
    ),
    "has-two-lengths": Case(
        post(HEALTH),
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        b"502",
        "the upstream's answer is not valid HTTP: Received ",
    ),
    "request-line": Case(b"nonsense\r\n\r\n", None, b"400", "a request was refused by the proxy: "),
    "request-header": Case(
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n", None, b"400", "a request was refused by the proxy: "
    ),
    "request-lengths": Case(
        CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Length: 1\r\n\r\n"),
        None,
        b"400",
        "a request was refused by the proxy: Received ",
    ),
    "request-length": Case(
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
        None,
        b"400",
        "a request was refused by the proxy: ",
    ),
}


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        yield server


class Recorded(NamedTuple):
    path: Path
    recorder: Running


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[Recorded]:
    path = tmp_path_factory.mktemp("recorded") / "cassette.yaml"
    with running("record", upstream.url, "-o", path) as recorder:
        yield Recorded(path, recorder)


@pytest.mark.parametrize("name", CASES)
def test_the_note_says_what_the_client_got_and_why(
    upstream: Upstream, recorded: Recorded, name: str
) -> None:
    case = CASES[name]
    before = len(notes(recorded.path))
    with connect(recorded.recorder.address) as client:
        client.send(case.request)
        if case.answered is not None:
            with upstream.accept() as server:
                server.message()
                server.send(case.answered)
        assert client.rest().startswith(b"HTTP/1.1 %b " % case.status)
        text, number = eventually(lambda: notes(recorded.path)[before:], "note")[0]
        assert text.startswith(case.note)
        assert text.endswith(f"; the client got {case.status.decode()} from the proxy")
        assert len(notes(recorded.path)[before:]) == 1
        if case.answered is not None:
            (one,) = kept_of(recorded.path, client.name)
            assert number == one.exchange.exchange
            assert one.exchange.response.status is None
            assert one.exchange.response.cause == "server-cut"


def test_a_broken_chunk_of_a_request_closes_the_connection(
    upstream: Upstream, recorded: Recorded
) -> None:
    before = len(notes(recorded.path))
    with connect(recorded.recorder.address) as client:
        client.send(CHUNKED, chunk(b"ab"))
        with upstream.accept() as server:
            server.until(chunk(b"ab"))
            client.send(b"no length\r\n")
            assert client.rest() == b""
    text, _ = eventually(lambda: notes(recorded.path)[before:], "note")[0]
    assert text.startswith("a request was refused by the proxy: HTTP/1 protocol error: illegal ")
    assert text.endswith("; the proxy closed the client's connection")


def test_each_kind_is_reported_once_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "cassette.yaml"
    with (
        Upstream(listens=False) as upstream,
        running("record", upstream.url, "-o", path) as recorder,
    ):
        for _ in range(3):
            with connect(recorder.address) as client:
                client.send(post(HEALTH))
                assert client.message().startswith(b"HTTP/1.1 502 ")
        with connect(recorder.address) as client:
            client.send(b"nonsense\r\n\r\n")
            assert client.rest().startswith(b"HTTP/1.1 400 ")
        upstream.listen()
        with connect(recorder.address) as client:
            client.send(get(b"/version"))
            with upstream.accept() as server:
                server.message()
                server.send(answer(b"{}"))
                client.message()
        assert recorder.stop() == 0
    assert len(kept(path)) == 4
    assert len(notes(path)) == 4
    first, second, *counts, recorded = recorder.said.splitlines()
    assert "the upstream could not be reached: " in first
    assert "a request was refused by the proxy: " in second
    assert [line.removeprefix("mesotape: ") for line in counts] == [
        "502 upstream unreachable: 3 times",
        "400 request refused: 1 time",
    ]
    assert "recorded 4 exchanges" in recorded
