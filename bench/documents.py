"""One event of 300 bytes, from a chunk to the cassette and back to the bytes of its record.

No two events are equal. Writing includes that to the file, in batches like those of a recorder.
"""

import itertools
import tempfile
from collections.abc import Generator
from pathlib import Path

import messages
from messages import JSON, PROTOBUF
from processes import own_cpu_seconds
from table import MICROSECONDS, AtMost, Row, Sample, Scope

from mesotape.cassettes.format import bodies
from mesotape.cassettes.recording.observations import (
    AnyObservation,
    BodyData,
    RequestEnd,
    RequestHead,
    ResponseHead,
)
from mesotape.cassettes.recording.recording import Recording
from mesotape.cassettes.recording.writer import CassetteWriter
from mesotape.cassettes.storage.reader import Cassette
from mesotape.proto import recordio

BATCH = 100


def event(number: int, media_type: str) -> bytes:
    text = messages.EVENT.replace(b"task-17", b"task-%d" % number)
    return messages.in_encoding(text, messages.EVENT_MESSAGE, media_type)


def stream_head(media_type: str) -> list[AnyObservation]:
    """Return what a proxy sees until a stream begins."""
    asked = [(name, str(each)) for name, each in messages.request_headers(media_type).items()]
    answered = [("Content-Type", media_type), ("Transfer-Encoding", "chunked")]
    call = messages.in_encoding(messages.SUBSCRIBE, messages.CALL_MESSAGE, media_type)
    return [
        RequestHead(1, 0.0, 1, None, "POST", "/api/v1", "HTTP/1.1", asked),
        BodyData(1, 0.0, "client", call),
        RequestEnd(1, 0.0),
        ResponseHead(1, 0.1, 200, "OK", answered),
    ]


def record(path: Path, chunks: list[bytes], media_type: str) -> float:
    """Record a stream; return the CPU seconds without those of its begin."""
    with CassetteWriter.open(path, "overwrite", "master") as writer:
        recording = Recording("master", writer.redactor)
        for observation in stream_head(media_type):
            writer.write(recording.feed(observation))

        def record_chunks() -> None:
            for batch in itertools.batched(chunks, BATCH):
                run = (BodyData(1, 0.2, "server", chunk) for chunk in batch)
                writer.write(list(recording.feed_run(next(run), run)))

        return own_cpu_seconds(record_chunks)


def load(path: Path, count: int) -> float:
    """Read all records of a recording; return the CPU seconds."""

    def read() -> None:
        sizes = [len(bodies.encode_body(each, messages.EVENT_MESSAGE)) for each in opened.events(1)]
        assert len(sizes) == count

    with Cassette.open(path) as opened:
        return own_cpu_seconds(read)


def writes_and_loads(scope: Scope, media_type: str) -> Generator[Sample]:
    count = scope.size(20_000, 2_000)
    chunks = [recordio.encode(event(number, media_type)) for number in range(count)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.yaml"
        while True:
            yield {
                "write": record(path, chunks, media_type) / count * 1e6,
                "load": load(path, count) / count * 1e6,
            }


def json(scope: Scope) -> Generator[Sample]:
    return writes_and_loads(scope, JSON)


def protobuf(scope: Scope) -> Generator[Sample]:
    return writes_and_loads(scope, PROTOBUF)


ROWS = [
    Row("write an event, JSON", json, MICROSECONDS, AtMost(2), part="write"),
    Row("load an event, JSON", json, MICROSECONDS, AtMost(3), part="load"),
    Row("write an event, protobuf", protobuf, MICROSECONDS, AtMost(5), part="write"),
    Row("load an event, protobuf", protobuf, MICROSECONDS, AtMost(6), part="load"),
]
