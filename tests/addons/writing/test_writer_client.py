"""The writer process: a real process with real pipes."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from mesotape.addons.writing import observation_queue
from mesotape.addons.writing.observation_queue import MAX_WAITING_BYTES
from mesotape.addons.writing.writer_client import WriterClient, WriterError
from mesotape.cassettes.format.documents import Event, Exchange, Note
from mesotape.cassettes.recording.observations import (
    BodyData,
    ExchangeEnd,
    RecorderNote,
    RecordingStopped,
    RequestEnd,
    RequestHead,
    ResponseHead,
)
from mesotape.cassettes.recording.writer_reports import WriterConfig
from mesotape.cassettes.storage.reader import Cassette
from mesotape.proto.recordio import encode

HEADERS = [("Content-Type", "application/json")]


def start_stream(writer: WriterClient) -> None:
    writer.send(RequestHead(1, 0.0, 1, None, "POST", "/api/v1", "HTTP/1.1", HEADERS))
    writer.send(BodyData(1, 0.0, "client", b'{"type":"SUBSCRIBE"}'))
    writer.send(RequestEnd(1, 0.0))
    writer.send(ResponseHead(1, 0.1, 200, "OK", [*HEADERS, ("Transfer-Encoding", "chunked")]))


def test_all_that_was_sent_is_written_when_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"

    async def main() -> None:
        writer = WriterClient(WriterConfig(str(path), server="master", upstream="http://m:5050"))
        await writer.open()
        start_stream(writer)
        writer.send(BodyData(1, 0.2, "server", encode(b'{"type":"HEARTBEAT"}')))
        writer.send(ExchangeEnd(1, 0.3, "server"))
        writer.send(RecordingStopped(0, 0.4))
        status = await writer.close()
        assert (status.exchanges, status.events, status.notes) == (1, 1, 0)

    asyncio.run(main())
    with Cassette.open(path) as cassette:
        assert cassette.header.upstream == "http://m:5050"
        assert [type(one) for one, _ in cassette.documents()][1:3] == [Exchange, Event]


def test_an_existing_cassette_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("precious")

    async def main() -> None:
        with pytest.raises(WriterError, match="already exists"):
            await WriterClient(WriterConfig(str(path))).open()

    asyncio.run(main())
    assert path.read_text() == "precious"


@pytest.mark.parametrize("existing", ["refuse", "overwrite", "append"])
def test_a_writer_that_is_cancelled_touches_no_file(tmp_path: Path, existing: str) -> None:
    path = tmp_path / "a.yaml"

    async def main() -> WriterClient:
        writer = WriterClient(WriterConfig(str(path), existing=existing))
        writer.cancel()
        writer.cancel()
        return writer

    writer = asyncio.run(main())
    with pytest.raises(ProcessLookupError):
        os.kill(writer.pid, 0)
    assert list(tmp_path.iterdir()) == []


def test_cancelling_an_open_writer_does_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"

    async def main() -> None:
        writer = WriterClient(WriterConfig(str(path), upstream="http://me:secret@m:5050"))
        assert (await writer.open()).upstream == "http://me:REDACTED-1@m:5050"
        writer.cancel()
        start_stream(writer)
        writer.send(RecordingStopped(0, 0.4))
        assert (await writer.close()).exchanges == 1

    asyncio.run(main())


def test_without_a_stop_the_streams_are_ended_and_a_note_is_written(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"

    async def main() -> None:
        writer = WriterClient(WriterConfig(str(path), server="master"))
        await writer.open()
        start_stream(writer)
        await writer.close()  # without a RecordingStopped

    asyncio.run(main())
    with Cassette.open(path) as cassette:
        end = cassette.stream_end(1)
        assert end is not None
        assert end.cause == "stopped"
        assert [note.note for note in cassette.notes()] == [
            "the recorder ended without being stopped"
        ]


def test_a_slow_writer_drops_bodies_with_a_note_and_memory_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    chunk = encode(b'"%b"' % (b"x" * 100_000))
    count = 2 * MAX_WAITING_BYTES // len(chunk)

    async def main() -> None:
        writer = WriterClient(WriterConfig(str(path), server="master"))
        await writer.open()
        start_stream(writer)
        pid = writer.pid
        os.kill(pid, signal.SIGSTOP)
        for number in range(count):
            writer.send(BodyData(1, 1.0 + number / 1e3, "server", chunk))
            assert writer.waiting_bytes <= MAX_WAITING_BYTES + 1_000_000
        os.kill(pid, signal.SIGCONT)
        writer.send(BodyData(1, 900.0, "server", encode(b'{"type":"HEARTBEAT"}')))
        writer.send(RecordingStopped(0, 901.0))
        await writer.close()

    asyncio.run(main())
    with Cassette.open(path) as cassette:
        events = sum(1 for _ in cassette.events(1))
        (note,) = cassette.notes()
        assert isinstance(note, Note)
        lost = int(note.note.split()[0])
        assert "were lost: the disk was too slow" in note.note
        assert events + lost == count + 1
        assert lost > 0


def test_heads_and_notes_for_a_slow_writer_are_dropped_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observation_queue, "MAX_WAITING_BYTES", 2_000_000)
    path = tmp_path / "a.yaml"
    large = [*HEADERS, ("X-Large", "x" * 30_000)]

    async def main() -> None:
        writer = WriterClient(WriterConfig(str(path), server="master"))
        await writer.open()
        os.kill(writer.pid, signal.SIGSTOP)
        writer.send(RequestHead(1, 0.0, 1, None, "GET", "/slow", "HTTP/1.1", HEADERS))
        for number in range(2, 1001):
            at = number / 1e3
            writer.send(RequestHead(number, at, 1, None, "GET", "/a", "HTTP/1.1", large))
            writer.send(RequestEnd(number, at))
            writer.send(ResponseHead(number, at, 200, "OK", large))
            writer.send(ExchangeEnd(number, at, "server"))
            writer.send(RecorderNote(0, at, "n" * 30_000))
            assert writer.waiting_bytes <= 3_000_000
        writer.send(ResponseHead(1, 2.0, 200, "OK", large))
        writer.send(ExchangeEnd(1, 2.0, "server"))
        os.kill(writer.pid, signal.SIGCONT)
        writer.send(RecordingStopped(0, 3.0))
        await writer.close()

    asyncio.run(main())
    with Cassette.open(path) as cassette:
        texts = [note.note for note in cassette.notes() if len(note.note) < 1000]
        kept = len(list(cassette.notes())) - len(texts)
        lost = len(cassette) - 1 - 999
        assert f"{-lost} exchanges and {999 - kept} notes were lost: the disk was too slow" in texts
        assert "the response was lost: the disk was too slow" in texts
        assert lost < 0
        assert cassette.exchange(1).response.cause == "stopped"
        assert cassette.exchange(2).response.status == 200


def test_a_killed_writer_is_reported_once_and_send_does_not_raise(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    failures: list[str] = []

    async def main() -> None:
        writer = WriterClient(WriterConfig(str(path), server="master"))
        await writer.open()
        failed = asyncio.Event()
        writer.on_failure = lambda text: (failures.append(text), failed.set())[0]
        start_stream(writer)
        os.kill(writer.pid, signal.SIGKILL)
        async with asyncio.timeout(30):
            await failed.wait()
        for _ in range(1000):
            writer.send(BodyData(1, 1.0, "server", b"x" * 1000))
        await writer.close()

    asyncio.run(main())
    (failure,) = failures
    assert failure.startswith(f"{path}: recording stopped: ")
