"""`mesotape inspect` on a raw dump of 100 MB, beside cutting it by its lengths and decoding it.

Both are told the type of the messages: without it, `inspect` does not decode protobuf at all.

The whole CPU of a process counts, its start included.
"""

import sys
import tempfile
from collections.abc import Generator
from pathlib import Path

import messages
import peers
from documents import event
from messages import JSON, PROTOBUF
from processes import BENCH, MESOTAPE, peak_bytes, run
from table import MEGABYTES, SECONDS, AtMost, Pair, Row, Sample, Scope

from mesotape.proto.recordio import encode

DIFFERENT = 4000
INSPECT = """
import contextlib
from mesotape.proxy.cli import main
with contextlib.suppress(SystemExit):
    main()
"""
SUBSCRIBED = (
    b'{"type":"SUBSCRIBED","subscribed":{"heartbeat_interval_seconds":15.0,"get_state":{}}}'
)


def dump(path: Path, size: int, media_type: str) -> Path:
    """Write a stream of ordinary events, of which some thousands are different."""
    first = messages.in_encoding(SUBSCRIBED, messages.EVENT_MESSAGE, media_type)
    block = b"".join(encode(event(number, media_type)) for number in range(DIFFERENT))
    with path.open("wb") as file:
        file.write(encode(first))
        while file.tell() < size:
            file.write(block)
    return path


def inspects(scope: Scope, media_type: str) -> Generator[Sample]:
    decoder = "orjson" if media_type == JSON else "upb"
    python = peers.python("orjson") if media_type == JSON else sys.executable
    with tempfile.TemporaryDirectory() as folder:
        size = scope.size(100_000_000, 2_000_000)
        path = dump(Path(folder) / "stream", size, media_type)
        while True:
            peer = run(python, BENCH / "decoding.py", decoder, path)
            sample = dict[str, Pair]()
            for part, options in (("rows", []), ("summary", ["--summary"])):
                if part in scope.parts:
                    asked = [*options, "--message", messages.EVENT_MESSAGE]
                    sample[part] = Pair(run(*MESOTAPE, "inspect", *asked, path), peer)
            yield sample


def json(scope: Scope) -> Generator[Sample]:
    return inspects(scope, JSON)


def protobuf(scope: Scope) -> Generator[Sample]:
    return inspects(scope, PROTOBUF)


def memory(scope: Scope) -> Generator[Sample]:
    with tempfile.TemporaryDirectory() as folder:
        path = dump(Path(folder) / "stream", scope.size(100_000_000, 2_000_000), JSON)
        while True:
            yield peak_bytes(INSPECT, "inspect", path) / 1e6


ROWS = [
    Row("100 MB of JSON", json, SECONDS, AtMost(2), "orjson", "rows"),
    Row("100 MB of JSON, --summary", json, SECONDS, AtMost(1.2), "orjson", "summary"),
    Row("100 MB of protobuf", protobuf, SECONDS, AtMost(2), "upb", "rows"),
    Row("100 MB of protobuf, --summary", protobuf, SECONDS, AtMost(1.2), "upb", "summary"),
    Row("memory", memory, MEGABYTES, rounds=1),
]
