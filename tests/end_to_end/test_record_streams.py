import gzip
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import brotli
import pytest
from support.cassette_contents import kept, kept_of, notes, wire
from support.commands import Running, running
from support.sockets import (
    LAST_CHUNK,
    STREAMING,
    SUBSCRIBE,
    Upstream,
    Wire,
    answer,
    chunk,
    connect,
    eventually,
    get,
    post,
    record,
)

HEALTH = b'{"type":"GET_HEALTH"}'
HEALTHY = b'{"type":"GET_HEALTH","get_health":{"healthy":true}}'


class Recorded(NamedTuple):
    """A running recorder, what it stands in front of, and its cassette."""

    upstream: Upstream
    recorder: Running
    path: Path


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    path = tmp_path_factory.mktemp("recorded") / "cassette.yaml"
    with Upstream() as upstream, running("record", upstream.url, "-o", path) as recorder:
        yield Recorded(upstream, recorder, path)
        assert recorder.stop() == 0, recorder.said
        assert "Traceback" not in recorder.said


@pytest.fixture
def client(recorded: Recorded) -> Iterator[Wire]:
    with connect(recorded.recorder.address) as client:
        yield client


def heartbeat(number: int) -> bytes:
    return b'{"type":"HEARTBEAT","number":%d}' % number


def test_every_event_passes_before_the_next_is_sent_and_is_replayed(tmp_path: Path) -> None:
    path = tmp_path / "cassette.yaml"
    events = [heartbeat(number) for number in range(20)]
    with (
        Upstream() as upstream,
        running("record", upstream.url, "-o", path) as recorder,
        connect(recorder.address) as client,
    ):
        client.send(post(SUBSCRIBE))
        with upstream.accept() as server:
            server.message()
            server.send(STREAMING)
            client.until(b"\r\n\r\n")
            for event in events:
                server.send(record(event))
                client.until(event)
            assert recorder.stop(signal.SIGINT) == 0, recorder.said
            assert not client.rest().endswith(LAST_CHUNK)
    (one,) = kept(path)
    assert one.records == events
    assert one.end is not None
    assert one.end.cause == "stopped"

    with (
        running("replay", path, "--pace", "instant") as player,
        connect(player.address) as client,
        connect(player.address) as other,
    ):
        client.send(post(SUBSCRIBE))
        for event in events:
            client.until(event)
        client.until(b"\r\n")
        other.send(get(b"/version"))
        other.message()
        assert client.is_quiet()
        assert player.stop() == 3
        assert client.rest() == b""


def by_fin(server: Wire, _: Wire) -> None:
    server.send(b"30\r\n24\n{")
    server.close()


def by_reset(server: Wire, _: Wire) -> None:
    server.reset()


def by_leaving(_: Wire, client: Wire) -> None:
    client.close()


def by_a_reset_of_the_client(_: Wire, client: Wire) -> None:
    client.reset()


def by_broken_chunks(server: Wire, _: Wire) -> None:
    server.send(b"zz\r\n")


def by_the_last_chunk(server: Wire, client: Wire) -> None:
    server.send(LAST_CHUNK)
    client.until(LAST_CHUNK)


@pytest.mark.parametrize(
    ("end", "cause"),
    [
        (by_fin, "server-cut"),
        (by_reset, "server-cut"),
        (by_leaving, "client"),
        (by_a_reset_of_the_client, "client"),
        (by_broken_chunks, "malformed"),
        (by_the_last_chunk, "server"),
    ],
)
def test_a_stream_ends_in_the_cassette_as_it_did_on_the_wire(
    recorded: Recorded, client: Wire, end, cause: str
) -> None:
    peer = client.name
    client.send(post(SUBSCRIBE))
    server = recorded.upstream.accept()
    server.message()
    server.send(STREAMING, record(heartbeat(1)))
    client.until(heartbeat(1))
    end(server, client)
    (one,) = kept_of(recorded.path, peer)
    assert one.end is not None
    assert one.end.cause == cause
    assert one.records[0] == heartbeat(1)
    server.close()
    if end is not by_the_last_chunk and not cause.startswith("client"):
        assert not client.rest().endswith(LAST_CHUNK)


def test_gzip_is_undone_in_the_cassette_alone(recorded: Recorded, client: Wire) -> None:
    packed = gzip.compress(HEALTHY)
    sent = answer(packed, b"Content-Type: application/json", b"Content-Encoding: gzip")
    client.send(post(HEALTH, b"Accept-Encoding: gzip"))
    with recorded.upstream.accept() as server:
        server.message()
        server.send(sent)
        assert client.message() == sent
        (one,) = kept_of(recorded.path, client.name)
    assert one.exchange.response.json is not None
    assert wire(one.exchange.response) == HEALTHY
    assert one.exchange.response.headers["Content-Encoding"] == "gzip"


def test_brotli_is_kept_as_it_came(recorded: Recorded, client: Wire) -> None:
    packed = brotli.compress(b"a body that is no JSON" * 10)
    client.send(get(b"/files/read", b"Accept-Encoding: br"))
    with recorded.upstream.accept() as server:
        server.message()
        server.send(answer(packed, b"Content-Type: text/plain", b"Content-Encoding: br"))
        assert client.message().endswith(packed)
        (one,) = kept_of(recorded.path, client.name)
    assert one.exchange.response.base64 == packed


def test_chunks_that_are_no_records_are_kept_as_chunks(recorded: Recorded, client: Wire) -> None:
    client.send(get(b"/files/download?path=/x"))
    with recorded.upstream.accept() as server:
        server.message()
        server.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in (b"one", b"\xff\x00", b"three\n"):
            server.send(chunk(piece))
            client.until(chunk(piece))
        server.send(LAST_CHUNK)
        client.until(LAST_CHUNK)
        (one,) = kept_of(recorded.path, client.name)
    assert one.exchange.response.stream == "chunks"
    assert one.records == [b"one", b"\xff\x00", b"three\n"]
    assert one.end is not None
    assert one.end.cause == "server"


def test_an_upstream_that_is_down_is_a_502_and_the_next_call_is_recorded(tmp_path: Path) -> None:
    path = tmp_path / "cassette.yaml"
    with (
        Upstream(listens=False) as upstream,
        running("record", upstream.url, "-o", path) as recorder,
        connect(recorder.address) as early,
        connect(recorder.address) as late,
    ):
        early.send(post(HEALTH))
        assert early.message().startswith(b"HTTP/1.1 502 ")
        upstream.listen()
        late.send(post(HEALTH))
        with upstream.accept() as server:
            server.message()
            server.send(answer(HEALTHY))
            assert late.message().endswith(HEALTHY)
            assert recorder.stop() == 0, recorder.said
    first, second = kept(path)
    assert first.exchange.response.status is None
    assert first.exchange.response.cause == "server-cut"
    assert wire(second.exchange.response) == HEALTHY
    ((note, number),) = notes(path)
    assert note.startswith("the upstream could not be reached: ")
    assert number == 1


@pytest.mark.parametrize("answered", [b"", b"HTTP/1.1 20", b"no HTTP at all\r\n\r\n"])
def test_an_upstream_that_closes_without_an_answer_is_a_502(
    recorded: Recorded, client: Wire, answered: bytes
) -> None:
    client.send(post(HEALTH))
    with recorded.upstream.accept() as server:
        server.message()
        server.send(answered)
    assert client.message().startswith(b"HTTP/1.1 502 ")
    (one,) = kept_of(recorded.path, client.name)
    assert one.exchange.response.status is None
    assert one.exchange.response.cause == "server-cut"


def test_a_client_of_http_1_0_is_served(recorded: Recorded, client: Wire) -> None:
    client.send(b"GET /version HTTP/1.0\r\n\r\n")
    with recorded.upstream.accept() as server:
        assert server.message().startswith(b"GET /version HTTP/1.0\r\n")
        server.send(b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{}")
        server.close()
        assert client.rest().endswith(b"\r\n\r\n{}")
        (one,) = kept_of(recorded.path, client.name)
    assert one.exchange.request.version == "HTTP/1.0"
    assert one.exchange.response.json == "{}"


def test_the_answer_to_head_has_no_body(recorded: Recorded, client: Wire) -> None:
    client.send(b"HEAD /version HTTP/1.1\r\nHost: a\r\n\r\n" + get(b"/version"))
    with recorded.upstream.accept() as server:
        server.message()
        server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
        assert client.message(bodiless=True).endswith(b"Content-Length: 2\r\n\r\n")
        server.message()
        server.send(answer(b"{}"))
        assert client.message().endswith(b"{}")
        head, full = kept_of(recorded.path, client.name, 2)
    assert head.exchange.request.method == "HEAD"
    assert wire(head.exchange.response) == b""
    assert wire(full.exchange.response) == b"{}"


def test_pipelined_requests_are_answered_and_kept_in_their_order(
    recorded: Recorded, client: Wire
) -> None:
    paths = [b"/%d" % number for number in range(5)]
    client.send(*map(get, paths))
    with recorded.upstream.accept() as server:
        for path in paths:
            assert server.message().startswith(b"GET %b HTTP" % path)
            server.send(answer(path))
        for path in paths:
            assert client.message().endswith(path)
        found = kept_of(recorded.path, client.name, 5)
    assert [one.exchange.request.path.encode() for one in found] == paths
    assert [wire(one.exchange.response) for one in found] == paths
    assert len({one.exchange.client for one in found}) == 1


def test_a_chunked_request_passes_chunk_by_chunk(recorded: Recorded, client: Wire) -> None:
    halves = HEALTH[:9], HEALTH[9:]
    client.send(
        b"POST /api/v1 HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )
    client.send(chunk(halves[0]))
    with recorded.upstream.accept() as server:
        server.until(chunk(halves[0]))
        client.send(chunk(halves[1]), LAST_CHUNK)
        server.until(chunk(halves[1]) + LAST_CHUNK)
        server.send(answer(HEALTHY))
        assert client.message().endswith(HEALTHY)
        (one,) = kept_of(recorded.path, client.name)
    assert wire(one.exchange.request) == HEALTH
    assert wire(one.exchange.response) == HEALTHY


def test_records_of_a_streamed_request_are_events_of_the_client(
    recorded: Recorded, client: Wire
) -> None:
    call = b'{"type":"ATTACH_CONTAINER_INPUT","attach_container_input":{"type":"PROCESS_IO"}}'
    client.send(
        b"POST /api/v1 HTTP/1.1\r\nHost: a\r\nContent-Type: application/recordio\r\n"
        b"Message-Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    client.send(record(call))
    with recorded.upstream.accept() as server:
        server.until(record(call))
        client.send(record(heartbeat(2)))
        server.until(record(heartbeat(2)))
        client.send(LAST_CHUNK)
        server.until(LAST_CHUNK)
        server.send(answer(b""))
        client.message()
        (one,) = kept_of(recorded.path, client.name)
    assert one.exchange.request.stream == "recordio"
    assert [wire(event) for event in one.sent] == [call, heartbeat(2)]


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /version HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n",
    ],
)
def test_an_invalid_request_is_refused_and_noted(
    recorded: Recorded, client: Wire, request_: bytes
) -> None:
    before = len(notes(recorded.path))
    client.send(request_)
    assert client.rest().startswith(b"HTTP/1.1 400 ")
    found = eventually(lambda: notes(recorded.path)[before:], "note")
    assert found[0][0].startswith("a request was refused by the proxy: ")


def test_an_answer_may_come_before_the_request_is_complete(
    recorded: Recorded, client: Wire
) -> None:
    client.send(
        b"POST /api/v1 HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )
    client.send(chunk(HEALTH[:4]))
    with recorded.upstream.accept() as server:
        server.until(chunk(HEALTH[:4]))
        server.send(answer(b"no"))
        assert client.message().endswith(b"no")
        client.send(chunk(HEALTH[4:]), LAST_CHUNK)
        server.until(LAST_CHUNK)
        (one,) = kept_of(recorded.path, client.name)
    assert wire(one.exchange.request) == HEALTH
    assert wire(one.exchange.response) == b"no"
    assert one.exchange.response.cause is None


def test_a_client_that_gives_up_after_an_early_answer_leaves_a_whole_exchange(
    recorded: Recorded, client: Wire
) -> None:
    peer = client.name
    client.send(b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", chunk(b"a"))
    with recorded.upstream.accept() as server:
        server.until(chunk(b"a"))
        server.send(answer(b"no"))
        assert client.message().endswith(b"no")
        client.close()
        (one,) = kept_of(recorded.path, peer)
    assert wire(one.exchange.response) == b"no"
    assert one.exchange.request.malformed == "the request was not complete"
