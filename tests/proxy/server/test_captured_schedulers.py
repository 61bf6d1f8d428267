"""Small schedulers that repeat captured ones, and pause before each call."""

import asyncio
import random

import pytest
from support.capture_to_cassette import taped
from support.captured_scheduler import Scheduler, life
from support.captures import load

from mesotape.cassettes.answers.pace import Instant
from mesotape.cassettes.playback.playback import Options, Playback
from mesotape.cassettes.storage.reader import Cassette
from mesotape.proxy.server.server import ReplayServer

RUNS = 20
MAX_PAUSE_TURNS = 100
"""Turns of the loop that a scheduler pauses before a call, at most."""

CAPTURED = {
    "scheduler-json-pymesos": [(2, 3)],
    "scheduler-json-execute": [(1, 2)],
    "scheduler-protobuf-execute": [(1, 2), (3, 4), (5, 6), (7, 8), (9, 10)],
}
"""Connections of schedulers: the stream of each, and its calls."""


@pytest.fixture(params=CAPTURED)
def recorded(request, tmp_path):
    """A cassette, and the lives of the schedulers in it, one after the other."""
    capture = load(request.param)
    with Cassette.open(taped(capture, tmp_path / "cassette.yaml")) as cassette:
        yield cassette, [life(capture, *pair) for pair in CAPTURED[request.param]]


async def lived(cassette, lives, options, seed):
    """The logs of schedulers that pause for random times."""
    turns = random.Random(seed)

    async def pause():
        for _ in range(turns.randrange(MAX_PAUSE_TURNS)):
            await asyncio.sleep(0)

    playback = Playback(cassette, options)
    server = ReplayServer(playback)
    schedulers = [Scheduler(one, pause) for one in lives]
    try:
        address = await server.start()
        for scheduler in schedulers:
            await scheduler.live(*address)
    finally:
        await server.stop()
    assert playback.waiting == []
    assert playback.journal.missed_count == 0
    return [scheduler.log for scheduler in schedulers]


def test_no_event_precedes_the_call_that_it_followed_however_long_the_scheduler_pauses(recorded):
    cassette, lives = recorded

    async def runs():
        return [
            await lived(cassette, lives, Options(pace=Instant()), f"{seed}") for seed in range(RUNS)
        ]

    for logs in asyncio.run(runs()):
        assert logs == [one.log for one in lives]


def test_without_causality_events_precede_the_calls(recorded):
    cassette, lives = recorded
    options = Options(pace=Instant(), causality="off")
    for one, log in zip(lives, asyncio.run(lived(cassette, lives, options, "0")), strict=True):
        assert log != one.log
        assert sorted(log) == sorted(one.log)
