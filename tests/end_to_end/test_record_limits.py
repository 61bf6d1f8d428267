"""Recordings that end by themselves, or go on in another file."""

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.cassette_contents import kept, notes
from support.commands import Running, run, running
from support.recorded_stream import GOES_ON, RecordedStream
from support.sockets import (
    SUBSCRIBE,
    Upstream,
    answer,
    connect,
    eventually,
    get,
    post,
    record,
)

from mesotape.cassettes.storage.reader import Cassette


@contextlib.contextmanager
def recorded(path: Path, *options: str) -> Iterator[tuple[Running, RecordedStream]]:
    with Upstream() as upstream, running("record", upstream.url, "-o", path, *options) as recorder:
        stream = RecordedStream(upstream, recorder)
        yield recorder, stream
        stream.close()


def test_a_duration_ends_the_recording(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    with running("record", "http://127.0.0.1:1", "-o", path, "--duration", "0.1") as recorder:
        assert recorder.wait() == 0
    assert len(Cassette.open(path)) == 0


@pytest.mark.parametrize("batches", [[30], [1] * 9 + [30], [10], [9, 1]])
def test_a_number_of_events_ends_the_recording(tmp_path: Path, batches: list[int]) -> None:
    path = tmp_path / "c.yaml"
    with recorded(path, "--max-events", "10", "--json") as (recorder, stream):
        for count in batches:
            stream.send(count)
        assert recorder.wait() == 0
        assert json.loads(recorder.out.splitlines()[-1])["events"] == 10
    (one,) = kept(path)
    assert one.records == stream.sent[:10]
    assert one.end is not None
    assert one.end.cause == "stopped"
    assert notes(path) == [("the recording was to end after 10 events", None)]
    with Cassette.open(path) as cassette:
        assert cassette.is_regular


def test_a_cassette_in_parts_is_played_validated_and_inspected_as_one(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    with recorded(path, "--max-size", "2K") as (recorder, stream):
        for _ in range(10):
            stream.send(10)
            stream.receive()
        assert recorder.stop() == 0
    assert len(list(tmp_path.iterdir())) > 3
    (one,) = kept(path)
    assert one.records == stream.sent
    rows = run("inspect", path, "--json").stdout.splitlines()
    assert sum('"event"' in row for row in rows) >= 100
    command = ["replay", path, "--pace", "instant", "--require", "all"]
    with running(*command) as player, connect(player.address) as client:
        client.send(post(SUBSCRIBE))
        for event in stream.sent:
            client.until(record(event))
        assert player.stop() == 0, player.said


def test_too_little_space_is_an_error_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    free = shutil.disk_usage(tmp_path).free >> 30
    done = run("record", "http://127.0.0.1:1", "-o", path, "--min-free", f"{free + 1000}G")
    assert done.returncode == 1
    assert done.stderr.startswith(f"mesotape: {path}: cannot be written: only ")
    assert done.stderr.endswith(" MiB are free on the disk\n")
    assert not path.exists()


def test_a_flush_interval_and_syncs(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    with recorded(path, "--flush-interval", "0.001", "--sync", "always") as (recorder, stream):
        stream.send(10)
        stream.receive()
        eventually(lambda: kept(path) and len(kept(path)[0].events) == 10, "events on disk")
        assert recorder.stop() == 0
    assert GOES_ON not in recorder.said


@pytest.mark.parametrize(
    ("option", "value"),
    [("--duration", "0"), ("--max-events", "0"), ("--max-size", "2X"), ("--sync", "now")],
)
def test_values_that_make_no_sense_are_usage_errors(
    tmp_path: Path, option: str, value: str
) -> None:
    done = run("record", "http://127.0.0.1:1", "-o", tmp_path / "c.yaml", option, value)
    assert done.returncode == 2
    assert list(tmp_path.iterdir()) == []


def test_a_secret_that_is_known_late_is_in_no_part(tmp_path: Path) -> None:
    path, secret = tmp_path / "c.yaml", b"hunter2-hunter2-hunter2"
    with (
        Upstream() as upstream,
        running("record", upstream.url, "-o", path, "--max-size", "2K") as recorder,
    ):
        stream = RecordedStream(upstream, recorder)
        for number in range(60):
            event = b'{"number":%d,"name":"%b"}' % (number, secret if number < 40 else b"other")
            stream.server.send(record(event))
            stream.client.until(event)
        eventually(lambda: len(list(tmp_path.iterdir())) > 3, "parts")
        with connect(recorder.address) as client:
            client.send(get(b"/version", b"Authorization: Bearer " + secret))
            with upstream.accept() as server:
                server.message()
                server.send(answer(b"{}"))
                client.message()
        stream.close()
        assert recorder.stop() == 0, recorder.said
    assert len(list(tmp_path.iterdir())) > 3
    for file in tmp_path.iterdir():
        assert secret not in file.read_bytes()
    stream_kept, _ = kept(path)
    assert len(stream_kept.records) == 60
