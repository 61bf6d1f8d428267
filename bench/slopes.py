"""How the cost grows with the size: the exponents of power laws, from 100 to a million.

An exponent of 1 is a cost in proportion to the size, one of 0 a cost that does not depend on it.
Each size is measured in a process of its own, and what the smallest cassette takes is subtracted.
"""

import math
import multiprocessing
import statistics
import tempfile
from collections.abc import Callable, Generator, Mapping
from multiprocessing.connection import Connection
from pathlib import Path

from documents import event, record
from messages import JSON
from opening import microseconds_each, requests, session, small_documents
from processes import own_cpu_seconds, own_resident_bytes
from table import COUNT, MILLISECONDS, AtMost, Row, Sample, Scope

from mesotape.cassettes.playback.playback import Options, Playback
from mesotape.cassettes.storage.reader import Cassette
from mesotape.proto.recordio import encode

SMALLEST = 10
EVENT_BYTES = 700
"""Bytes of an event in a cassette."""

type Cost = Callable[[Path, int], Mapping[str, float]]
"""What something takes for a cassette of some size."""


def apart(cost: Cost, smallest: Path, path: Path, size: int) -> tuple[Mapping[str, float], ...]:
    """Return what the smallest cassette takes and then another, in a process of its own.

    The first run of all is left out, because it imports modules.
    """

    def measure(results: Connection) -> None:
        cost(smallest, SMALLEST)
        results.send((cost(smallest, SMALLEST), cost(path, size)))

    results, theirs = multiprocessing.Pipe(duplex=False)
    context = multiprocessing.get_context("fork")
    process = context.Process(target=measure, args=(theirs,), daemon=False)
    process.start()
    theirs.close()
    try:
        return results.recv()
    finally:
        process.join()


def exponent(points: Mapping[int, float]) -> float:
    """Return the slope of the line through points with logarithmic axes."""
    slope, _ = statistics.linear_regression(
        [math.log(size) for size in points], [math.log(value) for value in points.values()]
    )
    return slope


def grows(
    scope: Scope, cost: Cost, write: Callable[[Path, int], object], *, has_base: bool = True
) -> Generator[Sample]:
    """Yield exponents, and the costs themselves: `cpu` and `cpu 1000`, say."""
    sizes = [10**power for power in range(2, scope.size(6, 4) + 1)]
    with tempfile.TemporaryDirectory() as folder:
        paths = {size: Path(folder) / f"{size}.yaml" for size in (SMALLEST, *sizes)}
        for size, path in paths.items():
            write(path, size)
        while True:
            costs = {size: apart(cost, paths[SMALLEST], paths[size], size) for size in sizes}
            sample = dict[str, float]()
            for part in costs[sizes[0]][0]:
                sample |= {f"{part} {size}": each[part] for size, (_, each) in costs.items()}
                points = {
                    size: each[part] - (base[part] if has_base else 0.0)
                    for size, (base, each) in costs.items()
                }
                sample[part] = exponent({n: value for n, value in points.items() if value > 0})
            yield sample


def opening(path: Path, _: int) -> Mapping[str, float]:
    return {"cpu": own_cpu_seconds(lambda: Cassette.open(path)) * 1e3}


def open_events(scope: Scope) -> Generator[Sample]:
    return grows(scope, opening, lambda path, size: small_documents(path, size * EVENT_BYTES))


def readying(path: Path, _: int) -> Mapping[str, float]:
    before, kept = own_resident_bytes(), list[Playback]()
    cpu = own_cpu_seconds(lambda: kept.append(Playback(Cassette.open(path), Options())))
    return {"cpu": cpu * 1e3, "memory": own_resident_bytes() - before}


def ready_exchanges(scope: Scope) -> Generator[Sample]:
    return grows(scope, readying, session)


def finding(path: Path, size: int) -> Mapping[str, float]:
    playback = Playback(Cassette.open(path), Options())
    microseconds_each(playback, requests(size, 0))  # Then the answers have been read.
    return {"cpu": microseconds_each(playback, requests(size, 1))}


def find_answers(scope: Scope) -> Generator[Sample]:
    return grows(scope, finding, session, has_base=False)


def recording(path: Path, size: int) -> Mapping[str, float]:
    chunks = [encode(event(number, JSON)) for number in range(size)]
    return {"cpu": record(path, chunks, JSON) * 1e3}


def record_events(scope: Scope) -> Generator[Sample]:
    return grows(scope, recording, lambda path, _: path.touch())


ROWS = [
    Row("open, events", open_events, COUNT, AtMost(1.1), part="cpu", rounds=1),
    Row("ready to match, exchanges", ready_exchanges, COUNT, AtMost(1.1), part="cpu", rounds=1),
    Row("memory, exchanges", ready_exchanges, COUNT, AtMost(1.1), part="memory", rounds=1),
    Row("ready with 10,000", ready_exchanges, MILLISECONDS, part="cpu 10000", rounds=1),
    Row("find an answer, exchanges", find_answers, COUNT, AtMost(0.2), part="cpu", rounds=1),
    Row("record, events", record_events, COUNT, AtMost(1.1), part="cpu", rounds=1),
]
