"""A replay on the event loops of asyncio and uvloop, with and without TLS."""

import asyncio

import pytest
from support.certificates import self_signed
from support.large_cassettes import GET, large_json, receive, serve, write_cassette
from support.playback_cassettes import STREAM, end, event, exchange

SUBSCRIBE = '{"type":"SUBSCRIBE"}'
HEARTBEAT = '{"type":"HEARTBEAT"}'
POST = (
    b"POST /api/v1 HTTP/1.1\r\nAccept: application/json\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%b"
)


@pytest.fixture(params=["asyncio", "uvloop"])
def new_event_loop(request):
    if request.param == "asyncio":
        return asyncio.new_event_loop
    return pytest.importorskip("uvloop").new_event_loop


@pytest.fixture(params=[False, True], ids=["plain", "tls"])
def contexts(request, tmp_path):
    return self_signed(tmp_path) if request.param else (None, None)


def test_calls_streams_and_large_answers_are_played(tmp_path, new_event_loop, contexts):
    body = large_json()
    stream = exchange(2, SUBSCRIBE.encode(), STREAM)
    events = "".join(event(number, 2, 1.0, f"json: '{HEARTBEAT}'") for number in range(1, 4))
    path = write_cassette(tmp_path / "c.yaml", body, more=stream + events + end(2, 1.0, "server"))

    async def scenario(connect, server, failures):
        reader, writer = await connect()
        writer.write(GET + POST % (len(SUBSCRIBE), SUBSCRIBE.encode()) + GET)
        assert await receive(reader) == body.encode()
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        streamed = await reader.readuntil(b"0\r\n\r\n")
        assert streamed.count(f"20\n{HEARTBEAT}".encode()) == 3
        assert await receive(reader) == body.encode()
        _, leaving = await connect()
        leaving.write(GET)
        leaving.transport.abort()
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 501 ")
        assert failures == []
        writer.close()
        del server

    tls, client_tls = contexts
    serve(path, scenario, tls=tls, client_tls=client_tls, factory=new_event_loop)
