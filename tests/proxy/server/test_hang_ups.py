"""Calls that the recorded client left before the answer are held until the client leaves."""

import asyncio

import pytest
from support.playback_cassettes import GET_HEALTH, HEADER, TEARDOWN, answering, exchange

from mesotape.cassettes.playback.playback import Options, Playback
from mesotape.cassettes.storage.reader import Cassette
from mesotape.proxy.http.http1 import ConnectionLimits
from mesotape.proxy.server.server import ReplayServer
from mesotape.proxy.streams.clock import ManualClock

LEFT = "cause: client"
REASON = "exchange 1 has no answer: the recorded client left before it"


@pytest.fixture
def serve(tmp_path):
    """Run a scenario with two clients of a replay."""

    def run(documents, scenario):
        path = tmp_path / "cassette.yaml"
        path.write_text(HEADER.format(server="master") + "".join(documents))

        async def serving(cassette):
            misses = []
            playback, clock = Playback(cassette, Options()), ManualClock()
            limits = ConnectionLimits(hang_up_timeout_seconds=7.0)
            server = ReplayServer(playback, clock=clock, limits=limits, on_miss=misses.append)
            address = await server.start()
            clients = [await asyncio.open_connection(*address) for _ in range(2)]
            try:
                async with asyncio.timeout(20):
                    await scenario(server, clock, *clients)
            finally:
                for _, writer in clients:
                    writer.close()
                await server.stop()
            return playback, misses

        with Cassette.open(path) as cassette:
            return asyncio.run(serving(cassette))

    return run


async def until(condition):
    while not condition():
        await asyncio.sleep(0)


def call(writer, body):
    writer.write(
        b"POST /api/v1 HTTP/1.1\r\nContent-Type: application/json\r\nAccept: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    )


@pytest.mark.parametrize("body", [GET_HEALTH, TEARDOWN])
def test_a_request_is_held_until_its_client_hangs_up(serve, body):
    async def scenario(server, clock, first, second):
        call(first[1], body)
        await until(lambda: server.responder.playback.waiting)
        assert server.responder.playback.waiting == [REASON]
        clock.advance(6.9)
        first[1].close()
        await until(lambda: len(server.peers) == 1)
        assert server.responder.playback.waiting == []
        clock.advance(100.0)

    playback, misses = serve([exchange(1, body, LEFT)], scenario)
    assert playback.journal.served_count == 1
    assert misses == []
    assert playback.left_out == []


@pytest.mark.parametrize("body", [GET_HEALTH, TEARDOWN])
def test_a_client_that_does_not_hang_up_gets_a_miss_in_the_end(serve, body):
    async def scenario(server, clock, first, second):
        call(first[1], body)
        await until(lambda: server.responder.playback.waiting)
        clock.advance(7.0)
        head = await first[0].readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 501 ")
        assert b"\r\nMesotape-Miss: client left\r\n" in head
        assert b'"played": true' in await first[0].read()

    playback, (miss,) = serve([exchange(1, body, LEFT)], scenario)
    assert playback.journal.missed_count == 1
    assert "client left" in str(miss)
    assert "so its answer is not known" in miss.advice
    assert miss.option is None
    assert playback.waiting == []


def test_a_read_that_was_left_is_not_repeated(serve):
    async def scenario(server, clock, first, second):
        call(first[1], GET_HEALTH)
        assert (await first[0].readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        call(first[1], GET_HEALTH)
        await until(lambda: server.responder.playback.waiting)
        call(second[1], GET_HEALTH)
        assert (await second[0].readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")

    _, misses = serve([exchange(1, response=answering("1")), exchange(2, response=LEFT)], scenario)
    assert misses == []
