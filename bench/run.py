"""Measures the rows of the table: `make bench`, or

    python bench/run.py [NAME…] [--quick] [--rounds N] [--json FILE] [--list]

NAME is a topic, or a part of `topic: row`. The exit code is 1 if a target was missed or a row
failed; no row ends the run. Each measuring function runs in a process of its own.
"""

import argparse
import contextlib
import dataclasses
import importlib
import itertools
import json
import multiprocessing
import os
import platform
import signal
import statistics
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Literal

import machine
import table
from table import Measure, Result, Row, Sample, Scope

TOPICS = (
    "startup",
    "recordio",
    "replay",
    "workers",
    "large_answers",
    "streams",
    "pacing",
    "record",
    "stall",
    "documents",
    "transcoding",
    "opening",
    "slopes",
    "inspection",
    "peers",
    "causality",
)
"""Modules of this folder, each with its `ROWS`."""

MOST_SECONDS = 900
"""How long one measuring function may take; then the rounds count that it made."""

type Round = tuple[float, Sample]
"""The slowness of the machine, and what was measured."""


def rows_of(topic: str, names: Sequence[str]) -> list[Row]:
    """Return the rows of a topic that are asked for, all without names."""
    rows: list[Row] = importlib.import_module(topic).ROWS
    return [row for row in rows if not names or any(asks_for(name, topic, row) for name in names)]


def asks_for(name: str, topic: str, row: Row) -> bool:
    return name == topic if name in TOPICS else name in f"{topic}: {row.name}"


def measure_all(topic: str, rows: list[Row], quick: bool, rounds: int | None) -> Iterator[Result]:
    """Measure rows one after the other, those with the same measuring function together."""
    for measure, group in itertools.groupby(rows, key=lambda row: row.measure):
        together = list(group)
        most = min(row.rounds for row in together)
        count = rounds or (min(table.QUICK_ROUNDS, most) if quick else most)
        scope = Scope(quick, frozenset(row.part for row in together))
        began = time.monotonic()
        made, verdict, reason = run_apart(measure, scope, count)
        seconds = time.monotonic() - began
        for row in together:
            if made:
                figures = [row.figure(sample) for _, sample in made]
                slowness = statistics.median(each for each, _ in made)
                yield table.judge(topic, row, figures, slowness, seconds)
            else:
                yield table.unmeasured(topic, row, verdict, reason)


def run_apart(
    measure: Measure, scope: Scope, rounds: int
) -> tuple[list[Round], Literal["skipped", "failed"], str]:
    """Run a measuring function in a process; return its rounds, or why there are none."""
    results, theirs = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(
        target=run_here, args=(measure, scope, rounds, theirs)
    )
    process.start()
    theirs.close()
    deadline = time.monotonic() + MOST_SECONDS
    made: list[Round] = []
    reason = f"took longer than {MOST_SECONDS} s"
    verdict: Literal["skipped", "failed"] = "failed"
    try:
        while len(made) < rounds and results.poll(max(0.0, deadline - time.monotonic())):
            match results.recv():
                case table.Skipped() as skipped:
                    verdict, reason = "skipped", str(skipped)
                    break
                case str() as reason:
                    break
                case one:
                    made.append(one)
        process.join(30)
    except EOFError:
        reason = "its process ended"
    finally:
        assert process.pid is not None
        with contextlib.suppress(ProcessLookupError):  # What it started is in its group.
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.join()
    return made, verdict, reason


def run_here(measure: Measure, scope: Scope, rounds: int, results: Connection) -> None:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    samples = measure(scope)
    try:
        for _ in range(rounds):
            slowness = machine.slowness()
            results.send((slowness, next(samples)))
    except table.Skipped as skipped:
        results.send(skipped)
    except Exception as error:
        traceback.print_exc()
        results.send(f"{type(error).__name__}: {error}")
    samples.close()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the rows of the table.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="a topic, or a part of topic: row")
    parser.add_argument("--quick", action="store_true", help="small sizes, one round")
    parser.add_argument("--rounds", type=int, help="rounds of each row")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the results there")
    parser.add_argument("--list", action="store_true", help="print the names of the rows")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # Ends what it started, too.
    found = {topic: rows for topic in TOPICS if (rows := rows_of(topic, options.names))}
    if not found:
        sys.exit(f"no row has such a name; the topics are {', '.join(TOPICS)}")
    if options.list:
        print("\n".join(f"{topic}: {row.name}" for topic, rows in found.items() for row in rows))
        return 0
    results: list[Result] = []
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(table.head())
    for topic, rows in found.items():
        print(topic, flush=True)
        for result in measure_all(topic, rows, options.quick, options.rounds):
            results.append(result)
            print(table.line(result), flush=True)
    counts = Counter(result.verdict for result in results)
    measured = [result.slowness for result in results if result.median is not None]
    slowness = statistics.median(measured or [1.0])
    print("─" * table.WIDTH)
    print(
        f"{', '.join(f'{count} {verdict}' for verdict, count in counts.items())};"
        f" slowness of this machine {slowness:.2f}"
    )
    if options.json:
        report = {"slowness": slowness, "results": [dataclasses.asdict(each) for each in results]}
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    return int(any(result.is_wrong for result in results))


if __name__ == "__main__":
    sys.exit(main())
