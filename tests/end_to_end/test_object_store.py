"""Commands read cassettes in an object store, and write there."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.commands import run, running
from support.object_store import BUCKET, s3_server
from support.paths import ROOT
from support.server_cassettes import exchange, header
from support.sockets import connect, post

SAMPLE = ROOT / "cassettes" / "samples" / "master.yaml"
URL = f"s3://{BUCKET}/2026-11-30/master.yaml"


@pytest.fixture(scope="module")
def store() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch, s3_server(patch) as store:
        store.put_file(str(SAMPLE), URL)
        yield store


@pytest.mark.parametrize(
    "words",
    [
        ("inspect", "--json", "MASTER"),
        ("query", "MASTER", "SELECT type, count(*), sum(size) FROM events GROUP BY ALL ORDER BY 1"),
    ],
    ids=lambda words: words[0],
)
def test_a_command_finds_the_same_as_in_a_file(store: Any, words: tuple[str, ...]) -> None:
    of_file, of_object = (
        run(*(word.replace("MASTER", str(place)) for word in words)) for place in (SAMPLE, URL)
    )
    assert of_object.stdout == of_file.stdout
    assert (of_object.stderr, of_object.returncode) == (of_file.stderr, of_file.returncode)


def test_all_cassettes_below_a_name_are_read(store: Any) -> None:
    store.put_file(str(SAMPLE), f"s3://{BUCKET}/more/a.yaml")
    store.pipe_file(f"s3://{BUCKET}/more/notes.txt", b"not a cassette")
    store.pipe_file(f"s3://{BUCKET}/more/other.yaml", b"a: 1\n")
    done = run(
        "query", f"s3://{BUCKET}", "--csv", "SELECT DISTINCT cassette FROM events ORDER BY 1"
    )
    assert done.stdout.splitlines()[1:] == [URL, f"s3://{BUCKET}/more/a.yaml"]


def test_a_replay_of_a_folder_reads_ranges_and_plays_each_server(store: Any) -> None:
    folder = f"s3://{BUCKET}/played"
    texts = {
        "a.yaml": header("agent", "http://a:5051") + exchange(1, "/version", "one"),
        "a.2.yaml": header("agent", "http://a:5051").replace("upstream", "part: 2\nupstream")
        + exchange(2, "/version", "two"),
        "b.yaml": header("agent", "http://b:5051") + exchange(1, "/version", "b"),
    }
    for name, text in texts.items():
        store.pipe_file(f"{folder}/{name}", text.encode())
    with running("replay", f"{folder}/") as player:
        for address, expected in zip(player.addresses * 2, ("one", "b", "two", "b"), strict=True):
            with connect(address) as client:
                client.send(b"GET /version HTTP/1.1\r\n\r\n")
                assert client.message().endswith(expected.encode())
        assert player.stop() == 0
    assert f"1 cassette of agent http://a:5051 in {folder} on {player.url}\n" in player.out


def test_a_new_cassette_is_uploaded_when_it_is_complete(store: Any) -> None:
    new = f"s3://{BUCKET}/new/cut.yaml"
    done = run("cut", URL, "-o", new, "--call", "GET_AGENTS")
    assert done.returncode == 0, done.stderr
    assert run("validate", new).returncode == 0
    assert store.find(f"s3://{BUCKET}/new") == [f"{BUCKET}/new/cut.yaml"]


def record_calls(recorder: Any, count: int) -> None:
    for _ in range(count):
        with connect(recorder.address) as client:
            client.send(post(b'{"type":"GET_AGENTS"}', b"Accept: application/json"))
            assert client.message().startswith(b"HTTP/1.1 200 OK\r\n")


def test_finished_parts_are_uploaded_while_it_records(store: Any) -> None:
    name = f"s3://{BUCKET}/recorded/a.yaml"
    options = ("-o", name, "--listen", "127.0.0.1:0", "--max-size", "6K")
    with running("replay", SAMPLE, "--repeat", "GET_AGENTS=last") as master:
        with running("record", master.url, *options) as recorder:
            record_calls(recorder, 3)
            wait_for(lambda: store.exists(f"s3://{BUCKET}/recorded/a.2.yaml"))
            assert not store.exists(f"s3://{BUCKET}/recorded/a.3.yaml")
            assert recorder.stop() == 0
        refused = run("record", master.url, *options)
    assert refused.stderr.startswith(f"mesotape: {name}: already exists: choose another name")
    counted = run("query", f"s3://{BUCKET}/recorded", "--csv", "SELECT count(*) FROM exchanges")
    assert counted.stdout.splitlines()[1] == "3"
    assert run("validate", name).returncode == 0


def test_what_cannot_be_uploaded_is_kept(
    store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "s3://no-such-bucket/a.yaml"
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with (
        running("replay", SAMPLE, "--repeat", "GET_AGENTS=last") as master,
        running("record", master.url, "-o", name, "--listen", "127.0.0.1:0") as recorder,
    ):
        record_calls(recorder, 1)
        assert recorder.stop() == 1
    (kept,) = tmp_path.glob("mesotape-record-*/a.yaml")
    assert run("validate", kept).returncode == 0
    lines = recorder.said.splitlines()
    assert lines[-2].startswith(f"mesotape: {name}: cannot be uploaded: ")
    assert lines[-1] == f"mesotape: {name}: is not complete: the recording is in {kept.parent}"


def test_a_recording_that_does_not_begin_leaves_nothing(
    store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    new = f"s3://{BUCKET}/new.yaml"
    done = run("record", "http://127.0.0.1:1", "-o", new, "--listen", "192.0.2.1:1")
    assert done.returncode == 1
    assert list(tmp_path.glob("mesotape-record-*")) == []
    appended = run("record", "http://127.0.0.1:1", "-o", new, "--append")
    assert appended.stderr == (
        f"mesotape: {new}: nothing is appended to an object: choose another name\n"
    )


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


ERRORS = [
    (("scan", f"s3://{BUCKET}/none.yaml"), f"s3://{BUCKET}/none.yaml: there is no such file"),
    (("replay", f"s3://{BUCKET}/none.yaml"), f"s3://{BUCKET}/none.yaml: there is no such file"),
    (("validate", URL, "--fix"), f"{URL}: cannot be repaired: objects of a store are not changed"),
    (("scan", "gs://bucket/a.yaml"), "gs:// cannot be used: "),
    (("export", URL, "-o", f"s3://{BUCKET}/t.parquet"), f"s3://{BUCKET}/t.parquet: export to a"),
    (("replay", URL, "--workers", "2"), "--workers: objects are read by one process; copy them"),
]


@pytest.mark.parametrize(("words", "error"), ERRORS, ids=[each[1] for each in ERRORS])
def test_an_error_is_one_line(store: Any, words: tuple[str, ...], error: str) -> None:
    done = run(*words)
    assert done.returncode == 1
    assert done.stderr.startswith(f"mesotape: {error}")
    assert len(done.stderr.splitlines()) == 1


def test_a_store_that_does_not_answer_is_one_line(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    done = run("scan", URL)
    assert done.returncode == 1
    assert done.stderr.startswith(f"mesotape: {URL}: Could not connect to the endpoint URL")
    assert len(done.stderr.splitlines()) == 1
