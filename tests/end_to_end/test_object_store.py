"""Commands read cassettes in an object store, and write there."""

from collections.abc import Iterator
from typing import Any

import pytest
from support.commands import run, running
from support.object_store import BUCKET, s3_server
from support.paths import ROOT
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
        ("validate", "MASTER"),
        ("scan", "MASTER"),
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


def test_a_replay_reads_ranges(store: Any) -> None:
    with running("replay", URL) as player, connect(player.address) as client:
        client.send(post(b'{"type":"GET_AGENTS"}', b"Accept: application/json"))
        assert client.message().startswith(b"HTTP/1.1 200 OK\r\n")
        player.stop()
        assert player.code == 0


def test_a_new_cassette_is_uploaded_when_it_is_complete(store: Any) -> None:
    new = f"s3://{BUCKET}/new/cut.yaml"
    done = run("cut", URL, "-o", new, "--call", "GET_AGENTS")
    assert done.returncode == 0, done.stderr
    assert run("validate", new).returncode == 0
    assert store.find(f"s3://{BUCKET}/new") == [f"{BUCKET}/new/cut.yaml"]


ERRORS = [
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
