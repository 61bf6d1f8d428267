import asyncio
import contextlib
import gc
import os

import pytest
from support.cassette_builder import SUBSCRIBE, call, said, stream, written
from support.sockets import post

from mesotape.cassettes.playback.playback import Options, Playback
from mesotape.cassettes.storage.reader import Cassette
from mesotape.proxy.server import collector
from mesotape.proxy.server.collector import Collector
from mesotape.proxy.server.server import ReplayServer

FREEZE = ["collect 2", "freeze"]
COLLECT_ALL = ["unfreeze", "collect 2", "freeze"]


class LoggingGarbageCollector:
    def __init__(self):
        self.log = []

    def collect(self, generation=2):
        self.log.append(f"collect {generation}")

    def freeze(self):
        self.log.append("freeze")

    def unfreeze(self):
        self.log.append("unfreeze")


@pytest.fixture
def log(monkeypatch):
    logging = LoggingGarbageCollector()
    monkeypatch.setattr(collector, "gc", logging)
    monkeypatch.setattr(collector, "_OPENED", 3)
    monkeypatch.setattr(collector, "_CLOSED", 2)
    return logging.log


@pytest.mark.parametrize(
    ("opened", "closed", "expected"),
    [
        (2, [], []),
        (3, [], FREEZE),
        (7, [], FREEZE * 2),
        (2, [1, 2], []),  # Not frozen, so they are found.
        (5, [2, 4, 5], FREEZE),
        (5, [1, 3], FREEZE + COLLECT_ALL),
        (5, [1, 2, 3], FREEZE + COLLECT_ALL),
        (6, [1, 2, 3, 4], FREEZE * 2 + COLLECT_ALL * 2),
    ],
)
def test_what_is_alive_is_frozen_and_garbage_of_it_is_collected(log, opened, closed, expected):
    frozen = Collector()
    for number in range(1, opened + 1):
        frozen.note_opened(number)
    for number in closed:
        frozen.note_closed(number)
    assert log == expected


CONNECTIONS = 8
HEALTH = post(said("GET_HEALTH").encode())


@pytest.mark.parametrize(
    ("request_bytes", "answered"),
    [
        (HEALTH, b"200 OK"),
        (HEALTH[:-5], b""),
        (b"NO HTTP\r\n\r\n", b"400 Bad Request"),
        (b"GET /%b HTTP/1.1\r\n\r\n" % (b"a" * 100_000), b"HTTP/1.1 4"),
        (post(SUBSCRIBE.encode()), b"HEARTBEAT"),
        (post(said("GET_STATE").encode()), b"500 Internal"),
    ],
    ids=["answered", "unfinished", "malformed", "long", "stream", "failed"],
)
def test_a_closed_connection_leaves_nothing_to_collect(tmp_path, request_bytes, answered):
    path = written(
        tmp_path / "cassette.yaml",
        call(1, 0.0, said("GET_HEALTH"), said("GET_HEALTH")),
        call(2, 0.1, said("GET_STATE"), said("GET_STATE", text="x" * 300_000)),
        stream(3, 0.2, [(0.2, said("HEARTBEAT")), (60.0, said("HEARTBEAT"))]),
    )

    async def left_by_connections(opened):
        server = ReplayServer(Playback(opened, Options(repeat=["cycle"])))
        address = await server.start()
        if answered == b"500 Internal":
            os.truncate(path, path.stat().st_size - 1)
        found = []
        for _ in range(2):  # The first ones fill caches.
            gc.collect()
            for _ in range(CONNECTIONS):
                reader, writer = await asyncio.open_connection(*address)
                writer.write(request_bytes)
                if answered:
                    await reader.readuntil(answered)
                writer.close()
                with contextlib.suppress(ConnectionError):
                    await writer.wait_closed()
            while server.peers:
                await asyncio.sleep(0)
            del reader, writer
            found.append(gc.collect())
        await server.stop()
        return found[1]

    with Cassette.open(path) as opened:
        gc.disable()
        gc.freeze()  # What other tests have loaded would make each collection slow.
        try:
            assert asyncio.run(left_by_connections(opened)) == 0
        finally:
            gc.unfreeze()
            gc.enable()
