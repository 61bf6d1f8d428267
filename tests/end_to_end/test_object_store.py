"""Commands read cassettes in an object store, and write there."""

import contextlib
import gzip
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

from mesotape.cassettes.files.object_path import to_path
from mesotape.cassettes.redaction.rules import DEFAULT_RULES
from mesotape.cassettes.scanning.rewriting import redact_cassette
from mesotape.cassettes.storage.finding import cassettes_in
from mesotape.cassettes.storage.reader import Cassette

SAMPLE = ROOT / "cassettes" / "samples" / "master.yaml"
URL = f"s3://{BUCKET}/2026-11-30/master.yaml"


@pytest.fixture(scope="module")
def store() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch, s3_server(patch) as store:
        store.put_file(str(SAMPLE), URL)
        yield store


def test_inspect_finds_the_same_as_in_a_file(store: Any) -> None:
    of_file, of_object = (run("inspect", "--json", place) for place in (SAMPLE, URL))
    assert of_object.stdout == of_file.stdout
    assert (of_object.stderr, of_object.returncode) == (of_file.stderr, of_file.returncode)


def test_query_finds_the_same_in_all_cassettes_below_a_name(store: Any) -> None:
    store.put_file(str(SAMPLE), f"s3://{BUCKET}/queried/more/a.yaml")
    store.put_file(str(SAMPLE), f"s3://{BUCKET}/queried/b.yaml")
    store.pipe_file(f"s3://{BUCKET}/queried/notes.txt", b"not a cassette")
    store.pipe_file(f"s3://{BUCKET}/queried/other.yaml", b"a: 1\n")
    sql = "SELECT cassette, type, count(*), sum(size) FROM events GROUP BY ALL ORDER BY ALL"
    done = run("query", SAMPLE, f"s3://{BUCKET}/queried", "--csv", sql)
    rows: dict[str, list[str]] = {}
    for line in done.stdout.splitlines()[1:]:
        cassette, _, row = line.partition(",")
        rows.setdefault(cassette, []).append(row)
    assert [*rows] == [
        str(SAMPLE),
        f"s3://{BUCKET}/queried/b.yaml",
        f"s3://{BUCKET}/queried/more/a.yaml",
    ]
    of_file, *of_objects = rows.values()
    assert of_file
    assert of_objects == [of_file, of_file]


def test_a_cassette_of_a_folder_costs_one_request(store: Any) -> None:
    folder, head = f"s3://{BUCKET}/many", header("agent", "http://a:5051")
    texts = {f"{n:02}.yaml": head + exchange(n + 1, "/version", "a") for n in range(40)}
    texts["00.2.yaml"] = head.replace("upstream", "part: 2\nupstream") + exchange(50, "/", "b")
    for name, text in texts.items():
        store.pipe_file(f"{folder}/{name}", text.encode())
    store.pipe_file(f"{folder}/40.yaml.gz", gzip.compress(texts["01.yaml"].encode()))
    before = store.gate.request_count
    paths = cassettes_in(to_path(folder))
    names = [f"{n:02}.yaml" for n in range(40)] + ["40.yaml.gz"]
    assert [path.name for path in paths] == names
    numbers: list[int] = []
    for path in paths:
        with Cassette.open(path) as cassette:
            numbers += [each.exchange for each in cassette.exchanges()]
            assert path.suffix == ".gz" or cassette.digest
    assert numbers == [1, 50, *range(2, 41), 2]
    objects, listings = len(texts) + 1, 1
    assert store.gate.request_count - before <= objects + listings


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


def test_each_worker_of_a_replay_reads_the_object_itself(store: Any) -> None:
    answers = [f"{number}" * 300_000 for number in (1, 2)]
    texts = [exchange(n, f"/{n}", text) for n, text in enumerate(answers, 1)]
    name = f"s3://{BUCKET}/workers.yaml"
    store.pipe_file(name, (header("agent", "http://a:5051") + "".join(texts)).encode())
    with running("replay", name, "--workers", "2") as player:
        read_by_parent = store.gate.read_count
        for place in (1, 2, 1, 2):
            with connect(player.address) as client:
                client.send(b"GET /%d HTTP/1.1\r\n\r\n" % place)
                assert client.message().endswith(b"\r\n\r\n" + answers[place - 1].encode())
        assert player.stop() == 0
    assert "4 served, 0 missed" in player.said
    assert store.gate.read_count == read_by_parent + 2


def test_a_new_cassette_is_uploaded_when_it_is_complete(store: Any) -> None:
    folder = f"s3://{BUCKET}/new"
    cut, exported, imported = f"{folder}/cut.yaml", f"{folder}/cut.har", f"{folder}/imported.yaml"
    for words in (
        ("cut", URL, "-o", cut, "--call", "GET_AGENTS"),
        ("export", cut, "-o", exported),
        ("import", exported, "-o", imported),
        ("diff", cut, imported),
    ):
        done = run(*words)
        assert done.returncode == 0, done.stderr
    assert len(store.find(folder)) == 3


def test_redaction_without_an_output_replaces_objects(store: Any) -> None:
    folder = f"s3://{BUCKET}/redacted"
    for name in ("a", "b"):
        text = header("agent", "http://a:5051") + exchange(1, f"/files?token={SECRET.decode()}", "")
        store.pipe_file(f"{folder}/{name}.yaml", text.encode())
    for path in cassettes_in(to_path(folder)):
        assert redact_cassette(path, DEFAULT_RULES).counts
        assert SECRET not in store.cat_file(str(path))
        with Cassette.open(path) as cassette:
            assert "REDACTED-1" in next(cassette.exchanges()).request.path


def record_calls(recorder: Any, count: int, *headers: bytes) -> None:
    for _ in range(count):
        with connect(recorder.address) as client:
            client.send(post(b'{"type":"GET_AGENTS"}', b"Accept: application/json", *headers))
            assert client.message().startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.fixture
def uploads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of the folders of recorders."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "mesotape" / "uploads"


@pytest.fixture(scope="module")
def master() -> Iterator[str]:
    with running("replay", SAMPLE, "--repeat", "GET_AGENTS=last") as master:
        yield master.url


PARTS = ("--listen", "127.0.0.1:0", "--max-size", "6K")
SECRET = b"hunter2-hunter2"


def test_complete_parts_leave_this_machine_while_it_records(
    store: Any, uploads: Path, master: str
) -> None:
    name = f"s3://{BUCKET}/recorded/a.yaml"
    store.gate.is_closed = True
    with running("record", master, "-o", name, *PARTS) as recorder:
        record_calls(recorder, 1, b"X-Team: " + SECRET)
        record_calls(recorder, 2)
        wait_for(lambda: store.gate.refused_count > 0)
        store.gate.is_closed = False
        wait_for(
            lambda: sizes(uploads) == [("a.2.yaml", False), ("a.3.yaml", True), ("a.yaml", False)]
        )
        assert store.find(f"s3://{BUCKET}/recorded") == [
            f"{BUCKET}/recorded/a.2.yaml",
            f"{BUCKET}/recorded/a.yaml",
        ]
        assert SECRET in store.cat_file(name)
        record_calls(recorder, 1, b"Authorization: Bearer " + SECRET)
        assert recorder.stop() == 0
    assert list(uploads.iterdir()) == []
    assert recorder.said.count("cannot be uploaded") == 1
    assert f"mesotape: {name}: uploading works again\n" in recorder.said
    assert b"X-Team: REDACTED-1" in store.cat_file(name)
    refused = run("record", master, "-o", name, *PARTS)
    assert refused.stderr.startswith(f"mesotape: {name}: already exists: choose another name")
    assert exchange_count(name) == 4


def test_recorders_that_are_given_a_folder_name_cassettes_by_server(
    store: Any, uploads: Path, master: str
) -> None:
    folder = f"s3://{BUCKET}/named/"
    with running("replay", SAMPLE, "--repeat", "GET_AGENTS=last") as other:
        urls = master, master, other.url
        with contextlib.ExitStack() as recorders:
            for url in urls:
                recorder = recorders.enter_context(running("record", url, "-o", folder, *PARTS))
                record_calls(recorder, 1)
                assert recorder.stop() == 0
                assert f" into {folder}127.0.0.1-{url.rpartition(':')[2]}-20" in recorder.out
    assert len(store.find(folder)) == 3
    with running("replay", folder) as player:
        assert len(player.addresses) == 2
    assert f"2 cassettes of master {master} in {folder.rstrip('/')} on " in player.out


def test_what_a_killed_recorder_left_is_uploaded_by_the_next(
    store: Any, uploads: Path, master: str
) -> None:
    name = f"s3://{BUCKET}/killed/a.yaml"
    with running("record", master, "-o", name, *PARTS) as recorder:
        record_calls(recorder, 2)
        wait_for(lambda: store.exists(name))
        store.gate.is_closed = True
        record_calls(recorder, 2)
        wait_for(lambda: len(sizes(uploads)) == 4)
        recorder.process.kill()
        recorder.wait()
    store.gate.is_closed = False
    other = f"s3://{BUCKET}/killed/b.yaml"
    with running("record", master, "-o", other, *PARTS) as next_recorder:
        wait_for(lambda: store.exists(f"s3://{BUCKET}/killed/a.4.yaml"))
        assert next_recorder.stop() == 0
    assert f"mesotape: {name}: uploaded what an earlier recorder left\n" in next_recorder.said
    assert list(uploads.iterdir()) == []
    assert exchange_count(name) == 4


def test_what_cannot_be_uploaded_is_kept(store: Any, uploads: Path, master: str) -> None:
    store.mkdir("for-a-while")
    name = "s3://for-a-while/a.yaml"
    with running("record", master, "-o", name, *PARTS) as recorder:
        record_calls(recorder, 1)
        store.rmdir("for-a-while")
        assert recorder.stop() == 1
    (kept,) = uploads.glob("*/a.yaml")
    assert exchange_count(kept) == 1
    lines = recorder.said.splitlines()
    assert lines[-2] == f"mesotape: {name}: cannot be uploaded: there is no such bucket"
    rest = f"the rest is in {kept.parent}, which the next recording to a store uploads"
    assert lines[-1] == f"mesotape: {name}: is not complete: {rest}"


def exchange_count(cassette: Path | str) -> int:
    with Cassette.open(cassette) as opened:
        assert not opened.warnings
        return len(opened)


def sizes(uploads: Path) -> list[tuple[str, bool]]:
    return [(each.name, each.stat().st_size > 0) for each in sorted(uploads.glob("*/*.yaml"))]


def test_a_recording_that_does_not_begin_leaves_nothing(store: Any, uploads: Path) -> None:
    new = f"s3://{BUCKET}/new.yaml"
    done = run("record", "http://127.0.0.1:1", "-o", new, "--listen", "192.0.2.1:1")
    assert done.returncode == 1
    assert list(uploads.iterdir()) == []
    appended = run("record", "http://127.0.0.1:1", "-o", new, "--append")
    assert appended.stderr == (
        f"mesotape: {new}: nothing is appended to an object: choose another name\n"
    )


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


ERRORS = [
    (("record", "http://a:1", "-o", "s3://no-bucket/a.yaml"), "s3://no-bucket/a.yaml: there is no"),
    (("import", f"s3://{BUCKET}/none.har", "-o", "a.yaml"), f"s3://{BUCKET}/none.har: there is no"),
    (("scan", f"s3://{BUCKET}/none.yaml"), f"s3://{BUCKET}/none.yaml: there is no such file"),
    (("replay", f"s3://{BUCKET}/none.yaml"), f"s3://{BUCKET}/none.yaml: there is no such file"),
    (("validate", URL, "--fix"), f"{URL}: cannot be repaired: objects of a store are not changed"),
    (("scan", "gs://bucket/a.yaml"), "gs:// cannot be used: "),
    (("export", URL, "-o", f"s3://{BUCKET}/t.parquet"), f"s3://{BUCKET}/t.parquet: export to a"),
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
