"""Clients that think before each call, at every pace: no effect comes before its cause.

`MESOTAPE_CAUSE_RUNS=30` makes that many runs of each kind, with up to 0.3 seconds of thought.
"""

import contextlib
import os
import random
import threading
import time

import pytest
from support.capture_to_cassette import taped
from support.captures import load
from support.sockets import LAST_CHUNK, Wire, connect

from mesotape.cassettes.answers.pace import Every, Instant, Pace, Recorded, Stepped
from mesotape.cassettes.exchanges.recorded_exchanges import read_exchanges
from mesotape.cassettes.matching.ignore_rules import IgnoreRules
from mesotape.cassettes.playback.playback import Options
from mesotape.cassettes.storage.reader import Cassette
from mesotape.proxy.control.player import Player

RUNS = int(os.environ.get("MESOTAPE_CAUSE_RUNS", "1"))
LONGEST_THOUGHT_SECONDS = 0.3 if "MESOTAPE_CAUSE_RUNS" in os.environ else 0.03

PACES: dict[str, Pace] = {
    "recorded": Recorded(speed=20.0),
    "recorded without gaps": Recorded(max_gap=0.01),
    "recorded from a later time": Recorded(speed=20.0, start_at=1.0),
    "every": Every(0.01),
    "instant": Instant(),
    "step": Stepped(),
}


@pytest.fixture(scope="module")
def captures(tmp_path_factory):
    """Return the cassette of a capture, and its requests as bytes, by number."""
    folder, known = tmp_path_factory.mktemp("captures"), {}

    def cassette_of(name):
        if name not in known:
            path = taped(load(name), folder / f"{name}.yaml")
            with Cassette.open(path) as cassette:
                recorded = list(read_exchanges([cassette], IgnoreRules(())))
            known[name] = path, {each.ref.exchange: sent(each.request) for each in recorded}
        return known[name]

    return cassette_of


def sent(request):
    headers = b"".join(
        b"%b: %b\r\n" % (name, value)
        for name, value in request.headers
        if name.lower() not in (b"transfer-encoding", b"content-length", b"connection")
    )
    length = b"Content-Length: %d\r\n\r\n" % len(request.body)
    line = b"%b %b HTTP/1.1\r\n" % (request.method, request.target)
    return line + headers + length + request.body


class Replay:
    """A replay that is stepped in a thread at the pace `step`, and a client that thinks."""

    def __init__(self, captured, pace, seed, **options):
        self._path, self.requests = captured
        self._random = random.Random(seed)
        self._options = Options(pace=pace, **options)
        self._is_over = threading.Event()
        self._clients = contextlib.ExitStack()

    def __enter__(self):
        self.player = Player(self._path, self._options)
        if isinstance(self._options.pace, Stepped):
            self._stepping = threading.Thread(target=self._step)
            self._stepping.start()
        return self

    def __exit__(self, *error):
        self._is_over.set()
        self._clients.close()
        if isinstance(self._options.pace, Stepped):
            self._stepping.join()
        self.player.close()
        if error[0] is None:
            receipt = self.player.receipt()
            counts = receipt["counts"]
            assert (counts["missed"], counts["refused"], counts["failed"]) == (0, 0, 0)
            assert receipt["left_out"] == []

    def _step(self):
        while not self._is_over.is_set():
            try:
                self.player.advance(timeout_seconds=0.05)
            except TimeoutError:
                continue

    def think(self):
        time.sleep(self._random.uniform(0.0, LONGEST_THOUGHT_SECONDS))

    def connect(self) -> Wire:
        return self._clients.enter_context(connect(tuple(self.player.address)))

    def begin(self, number):
        """Send a request on a connection of its own, and return it after the head."""
        client = self.connect()
        client.send(self.requests[number])
        return client, client.until(b"\r\n\r\n")

    def call(self, number):
        client, head = self.begin(number)
        client.close()
        return int(head.split()[1])


@pytest.mark.parametrize("seed", range(RUNS))
@pytest.mark.parametrize("pace", PACES.values(), ids=PACES)
def test_a_failover_and_a_teardown_end_a_stream_after_the_call(captures, pace, seed):
    with Replay(captures("stream-ends"), pace, seed) as replay:
        old, _ = replay.begin(4)
        old.until(b"HEARTBEAT")
        replay.think()
        assert b"ERROR" not in old.received()
        new, _ = replay.begin(5)
        assert b"Framework failed over" in old.until(LAST_CHUNK)
        new.until(b"HEARTBEAT")
        for number, status in ((6, 400), (7, 202), (8, 202)):
            replay.think()
            assert replay.call(number) == status
        replay.think()
        assert LAST_CHUNK not in new.received()
        assert replay.call(9) == 200
        new.until(LAST_CHUNK)


@pytest.mark.parametrize("seed", range(RUNS))
@pytest.mark.parametrize("pace", PACES.values(), ids=PACES)
def test_a_scheduler_that_tears_itself_down_gets_the_end_after_the_call(captures, pace, seed):
    with Replay(captures("stream-ends"), pace, seed) as replay:
        replay.begin(10)
        for number in range(11, 16):
            assert replay.call(number) == 202
        stream, _ = replay.begin(16)
        replay.think()
        assert LAST_CHUNK not in stream.received()
        assert replay.call(17) == 202
        stream.until(LAST_CHUNK)


def close_both(stream, calls):
    stream.close()
    calls.close()


def close_calls_first(stream, calls):
    calls.close()
    stream.close()


@pytest.mark.parametrize("seed", range(RUNS))
@pytest.mark.parametrize("leave", [close_both, close_calls_first, "stream before the call"])
@pytest.mark.parametrize("pace", PACES.values(), ids=PACES)
def test_a_client_that_hangs_up_during_its_last_call_is_played(captures, pace, leave, seed):
    with Replay(captures("scheduler-protobuf-execute"), pace, seed) as replay:
        stream, _ = replay.begin(1)
        calls = replay.connect()
        for number in (2, 3, 4):
            replay.think()
            calls.send(replay.requests[number])
            assert calls.until(b"\r\n\r\n").startswith(b"HTTP/1.1 202")
        replay.think()
        if leave == "stream before the call":
            stream.close()
            replay.think()
            calls.send(replay.requests[5])
            replay.player.await_call("ACKNOWLEDGE", exchange=5)
            calls.close()
        else:
            calls.send(replay.requests[5])
            leave(stream, calls)
            replay.player.await_call("ACKNOWLEDGE", exchange=5)
