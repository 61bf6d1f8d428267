"""Errors in the writer process: a real process, in which a function raises."""

import asyncio
from pathlib import Path

import pytest

from mesotape.addons.writing.writer_client import WriterClient
from mesotape.cassettes.recording.observations import (
    AnyObservation,
    BodyData,
    ExchangeEnd,
    RecordingStopped,
    RequestEnd,
    RequestHead,
    ResponseHead,
)
from mesotape.cassettes.recording.writer_reports import WriterConfig, WriterStatus
from mesotape.cassettes.storage.reader import Cassette
from mesotape.proto.recordio import encode

JSON = ("Content-Type", "application/json")
CHUNKED = ("Transfer-Encoding", "chunked")

RAISES = """
import sys

if any("writer_main" in word for word in sys.orig_argv):
    import mesotape.cassettes.{module} as module

    real = {name}

    def raises(*args):
        if {condition}:
            raise KeyError("hunter2")
        return real(*args)

    {name} = raises
"""
FEED = ("recording.recording", "module.Recording.feed_run")
FORMAT = ("format.yaml_writer", "module.format_document")


def stream(number: int) -> list[AnyObservation]:
    head = RequestHead(number, number, 1, None, "POST", "/api/v1", "HTTP/1.1", [JSON])
    data = encode(b'{"type": "HEARTBEAT"}')
    return [
        head,
        BodyData(number, number, "client", b'{"type":"SUBSCRIBE"}'),
        RequestEnd(number, number),
        ResponseHead(number, number, 200, "OK", [JSON, CHUNKED]),
        *(BodyData(number, number, "server", each) for each in (data, b"oops", data)),
        ExchangeEnd(number, number, "server"),
    ]


@pytest.mark.parametrize(
    ("place", "condition"),
    [
        (FEED, "args[1].exchange == 2"),
        (FEED, "type(args[1]).__name__ == 'RequestHead' and args[1].exchange == 2"),
        (FEED, "type(args[1]).__name__ == 'ResponseHead' and args[1].exchange == 2"),
        (FEED, "type(args[1]).__name__ == 'BodyData' and args[1].exchange == 2"),
        (FEED, "type(args[1]).__name__ == 'ExchangeEnd' and args[1].exchange == 2"),
        (FORMAT, "getattr(args[0], 'exchange', None) == 2"),
        (FORMAT, "getattr(args[0], 'of', None) == 2 and not hasattr(args[0], 'note')"),
        (FORMAT, "getattr(args[0], 'end', None) == 2"),
    ],
)
def test_what_cannot_be_recorded_is_noted_and_told_and_the_rest_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: tuple[str, str], condition: str
) -> None:
    module, name = place
    text = RAISES.format(module=module, name=name, condition=condition)
    (tmp_path / "sitecustomize.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    path, problems = tmp_path / "a.yaml", list[str]()

    async def record() -> WriterStatus:
        writer = WriterClient(WriterConfig(str(path), server="master"))
        writer.on_problem = problems.append
        await writer.open()
        for one in [*stream(1), *stream(2), *stream(3), RecordingStopped(0, 9.0)]:
            writer.send(one)
        return await writer.close()

    status = asyncio.run(record())
    assert status.error is None
    (problem,) = problems
    assert problem.startswith(f"{path}: not all is recorded: KeyError in ")
    assert "hunter2" not in path.read_text() + problem
    with Cassette.open(path) as cassette:
        assert "not recorded: KeyError" in [note.note for note in cassette.notes()]
        for number in (1, 3):
            assert cassette.exchange(number).response.status == 200
            assert len(list(cassette.events(number))) == 4
            assert cassette.stream_end(number) is not None
