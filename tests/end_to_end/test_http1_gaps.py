"""Parts of HTTP/1 that mitmproxy lacks pass through the recorder, alone and as a script."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from support.cassette_contents import kept_of, notes, wire
from support.commands import running
from support.mitmdump import listening, mitmdump
from support.sockets import (
    STREAMING,
    SUBSCRIBE,
    Upstream,
    answer,
    chunk,
    connect,
    get,
    post,
    record,
)

TRAILERS = b"0\r\nX-Checksum: abc\r\nx-sum: 1\r\n\r\n"
CHUNKED_POST = (
    b"POST /api/v1 HTTP/1.1\r\nHost: master.example:5050\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
OK = answer(b"{}")
CALL = b'{"type":"GET_HEALTH"}'


class Proxy(NamedTuple):
    """A proxy that records, its upstream and its cassette."""

    upstream: Upstream
    address: tuple[str, int]
    path: Path


@pytest.fixture(scope="module", params=["record", "mitmdump"])
def proxy(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    folder = tmp_path_factory.mktemp("gaps")
    path = folder / "cassette.yaml"
    with Upstream() as upstream:
        if request.param == "record":
            with running("record", upstream.url, "-o", path) as recorder:
                yield Proxy(upstream, recorder.address, path)
                assert recorder.stop() == 0
                said = recorder.said
        else:
            with mitmdump(folder, upstream, f"mesotape_cassette={path}") as dump:
                yield Proxy(upstream, listening(dump), path)
                assert dump.stop() == 0
                said = dump.said
    assert "crashed" not in said
    assert "Traceback" not in said


def notes_of(proxy: Proxy, peer: str, count: int) -> list[str]:
    numbers = [one.exchange.exchange for one in kept_of(proxy.path, peer, count)]
    return [text for text, number in notes(proxy.path) if number in numbers]


def test_trailers_of_a_response_pass(proxy: Proxy) -> None:
    sent = STREAMING + chunk(b'{"a":1}') + TRAILERS
    with connect(proxy.address) as client:
        client.send(get(b"/state"))
        with proxy.upstream.accept() as server:
            server.message()
            server.send(sent)
            assert client.until(TRAILERS) == sent
            client.send(get(b"/version"))
            server.message()
            server.send(OK)
            assert client.message() == OK
        text = "trailers after the response (X-Checksum, x-sum) passed, and are not recorded"
        assert notes_of(proxy, client.name, 2) == [text]


def test_trailers_of_a_stream_pass(proxy: Proxy) -> None:
    with connect(proxy.address) as client:
        client.send(post(SUBSCRIBE))
        with proxy.upstream.accept() as server:
            server.message()
            server.send(STREAMING, record(b"{}"))
            client.until(record(b"{}"))
            for byte in TRAILERS:
                server.send(bytes([byte]))
            client.until(TRAILERS)
        (one,) = kept_of(proxy.path, client.name)
        assert one.records == [b"{}"]
        assert one.end is not None
        assert one.end.cause == "server"
        assert len(notes_of(proxy, client.name, 1)) == 1


def test_trailers_of_a_request_pass(proxy: Proxy) -> None:
    sent = chunk(CALL) + TRAILERS
    with connect(proxy.address) as client:
        client.send(CHUNKED_POST, sent)
        with proxy.upstream.accept() as server:
            server.message()
            assert server.until(TRAILERS) == sent
            server.send(OK)
            assert client.message() == OK
            client.send(CHUNKED_POST, sent)
            server.message()
            assert server.until(TRAILERS) == sent
            server.send(OK)
            assert client.message() == OK
        kept = kept_of(proxy.path, client.name, 2)
        assert [wire(one.exchange.request) for one in kept] == [CALL, CALL]
        text = "trailers after the request (X-Checksum, x-sum) passed, and are not recorded"
        assert notes_of(proxy, client.name, 2) == [text, text]


@pytest.mark.parametrize(
    ("interim", "statuses"),
    [
        ([HINTS], ["103 Early Hints"]),
        ([CONTINUE + HINTS], ["100 Continue", "103 Early Hints"]),
        ([b"HTTP/1.1 10", b"2 Processing\r\nA: b\r", b"\n\r\n"], ["102 Processing"]),
        ([b"HTTP/1.1 199\r\n\r\n"], ["199"]),
    ],
)
def test_1xx_passes_before_the_response(
    proxy: Proxy, interim: list[bytes], statuses: list[str]
) -> None:
    with connect(proxy.address) as client:
        client.send(post(CALL))
        with proxy.upstream.accept() as server:
            server.message()
            for part in interim:
                server.send(part)
            assert client.exactly(len(b"".join(interim))) == b"".join(interim)
            server.send(OK)
            assert client.message() == OK
            client.send(post(CALL))
            server.message()
            server.send(b"".join(interim) + OK)
            client.exactly(len(b"".join(interim)))
            assert client.message() == OK
        kept = kept_of(proxy.path, client.name, 2)
        assert [one.exchange.response.status for one in kept] == [200, 200]
        end = "before its response: it passed, and is not recorded"
        assert notes_of(proxy, client.name, 2) == [
            f"the upstream sent {status} {end}" for status in [*statuses, *statuses]
        ]


def test_a_client_of_http_1_0_gets_no_1xx(proxy: Proxy) -> None:
    with connect(proxy.address) as client:
        client.send(b"GET /version HTTP/1.0\r\n\r\n")
        with proxy.upstream.accept() as server:
            server.message()
            server.send(HINTS + OK)
            assert client.message() == OK


def test_an_upstream_that_ends_after_1xx_is_a_502(proxy: Proxy) -> None:
    with connect(proxy.address) as client:
        client.send(get(b"/version"))
        with proxy.upstream.accept() as server:
            server.message()
            server.send(HINTS)
            assert client.message() == HINTS
        assert client.until(b"\r\n").startswith(b"HTTP/1.1 502 ")


@pytest.mark.parametrize("empty", [b"\r\n", b"\n", b"\r\n\r\n", b"\n\r\n\n", b"\r"])
def test_empty_lines_before_a_request_or_response_are_skipped(proxy: Proxy, empty: bytes) -> None:
    with connect(proxy.address) as client:
        client.send(empty)
        client.send(post(CALL), empty, post(CALL), empty)
        with proxy.upstream.accept() as server:
            for _ in range(2):
                assert server.message().startswith(b"POST /api/v1 HTTP/1.1\r\n")
                server.send(empty)
                server.send(empty, OK)
                assert client.message() == OK
        kept = kept_of(proxy.path, client.name, 2)
        assert [wire(one.exchange.request) for one in kept] == [CALL, CALL]


def test_an_unreachable_upstream_is_a_502_also_after_the_proxy_has_sent_100(tmp_path: Path) -> None:
    with (
        Upstream(listens=False) as upstream,
        running("record", upstream.url, "-o", tmp_path / "cassette.yaml") as recorder,
        connect(recorder.address) as client,
    ):
        client.send(post(CALL, b"Expect: 100-continue").removesuffix(CALL))
        assert client.message() == CONTINUE
        client.send(CALL)
        assert client.until(b"\r\n").startswith(b"HTTP/1.1 502 ")
