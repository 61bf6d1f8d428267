"""How long the commands take until they are ready: CPU, and for the recorder what a user waits.

The CPU of a process is what starting takes on an idle machine. A recorder starts two processes at
once, so the time until it is ready counts, beside that of mitmdump.
"""

import tempfile
import time
from collections.abc import Callable, Generator

from processes import BENCH, MESOTAPE, Server, mitmdump, replay, run
from table import MILLISECONDS, AtMost, Row, Sample, Scope

SAMPLE = BENCH.parent / "cassettes" / "samples" / "master.yaml"
NOWHERE = "http://127.0.0.1:9"


def shows_help(_: Scope) -> Generator[Sample]:
    while True:
        yield run(*MESOTAPE, "--help") * 1e3


def replays(_: Scope) -> Generator[Sample]:
    while True:
        with replay(SAMPLE) as server:
            yield server.cpu_seconds() * 1e3


def records(_: Scope) -> Generator[Sample]:
    with tempfile.TemporaryDirectory() as folder:
        record = [*MESOTAPE, "record", "--overwrite", "-o", f"{folder}/started.yaml", NOWHERE]
        while True:
            ours = milliseconds_until_ready(lambda: Server(record))
            theirs = milliseconds_until_ready(lambda: mitmdump(NOWHERE))
            yield {"ready": ours, "more": ours - theirs}


def milliseconds_until_ready(start: Callable[[], Server]) -> float:
    began = time.monotonic()
    with start():
        return (time.monotonic() - began) * 1e3


ROWS = [
    Row("--help", shows_help, MILLISECONDS, AtMost(100)),
    Row("replay is ready", replays, MILLISECONDS, AtMost(200)),
    Row("record is ready", records, MILLISECONDS, part="ready"),
    Row("the same, more than mitmdump", records, MILLISECONDS, AtMost(100), part="more"),
]
