"""Captured schedulers live again many times at pace instant, thinking up to 0.3 s before each call.

A violation is an event that comes before a call that it came after in the capture: an update before
the ACCEPT that caused it, say. The same runs without causality show that they would be seen.
"""

import asyncio
import random
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path

from table import COUNT, AtLeast, AtMost, Row, Sample, Scope

from mesotape.cassettes.answers.pace import Instant
from mesotape.cassettes.playback.playback import Options, Playback
from mesotape.cassettes.storage.reader import Cassette
from mesotape.proxy.server.server import ReplayServer

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.capture_to_cassette import taped
from support.captured_scheduler import Life, Scheduler, life
from support.captures import load

RUNS, QUICK_RUNS, AT_A_TIME = 500, 10, 100
WITHOUT = 10
LONGEST_SECONDS = 0.3
CAPTURED = {
    "scheduler-json-pymesos": [(2, 3)],
    "scheduler-protobuf-execute": [(1, 2), (3, 4), (5, 6), (7, 8), (9, 10)],
}


def violations(what: Life, log: list[str]) -> int:
    """How many events of a log come before a call that they came after."""
    calls = {call.name for call in what.calls}
    before = [sum(map(calls.__contains__, what.log[:n])) for n in events(what.log, calls)]
    found = [sum(map(calls.__contains__, log[:n])) for n in events(log, calls)]
    return sum(now < then for now, then in zip(found, before, strict=True))


def events(log: list[str], calls: set[str]) -> list[int]:
    return [n for n, name in enumerate(log) if name not in calls]


async def lived(
    cassette: Cassette, lives: list[Life], options: Options, seed: str
) -> list[Scheduler]:
    seconds = random.Random(seed)
    schedulers = [
        Scheduler(one, lambda: asyncio.sleep(seconds.uniform(0, LONGEST_SECONDS))) for one in lives
    ]
    server = ReplayServer(Playback(cassette, options))
    try:
        address = await server.start()
        for scheduler in schedulers:
            await scheduler.live(*address)
    finally:
        await server.stop()
    return schedulers


async def wrong_events(name: str, path: Path, options: Options, runs: int) -> tuple[int, int]:
    """Return the violations of some runs, and how many logs are not the captured one."""
    capture, turn = load(name), asyncio.Semaphore(AT_A_TIME)
    lives = [life(capture, *pair) for pair in CAPTURED[name]]
    with Cassette.open(taped(capture, path)) as cassette:

        async def run(number: int) -> list[Scheduler]:
            async with turn:
                return await lived(cassette, lives, options, f"{name} {number}")

        done = await asyncio.gather(*map(run, range(runs)))
    pairs = [pair for each in done for pair in zip(lives, each, strict=True)]
    found = sum(violations(one, lived.log) for one, lived in pairs)
    return found, sum(lived.log != one.log for one, lived in pairs)


async def all_wrong_events(folder: Path, options: Options, runs: int) -> list[tuple[int, int]]:
    names = {name: folder / f"{name}-{options.causality}.yaml" for name in CAPTURED}
    measured = (wrong_events(name, path, options, runs) for name, path in names.items())
    return await asyncio.gather(*measured)


def measure(scope: Scope) -> Generator[Sample]:
    runs = scope.size(RUNS, QUICK_RUNS)
    with tempfile.TemporaryDirectory() as folder:
        while True:
            held = asyncio.run(all_wrong_events(Path(folder), Options(pace=Instant()), runs))
            off = Options(pace=Instant(), causality="off")
            seen = asyncio.run(all_wrong_events(Path(folder), off, WITHOUT))
            yield {
                "early": sum(early for early, _ in held),
                "different": sum(different for _, different in held),
                "without": min(map(sum, seen)),
            }


ROWS = [
    Row("events before their call", measure, COUNT, AtMost(0), part="early", rounds=1),
    Row("logs that differ", measure, COUNT, AtMost(0), part="different", rounds=1),
    Row("seen without causality", measure, COUNT, AtLeast(1), part="without", rounds=1),
]
