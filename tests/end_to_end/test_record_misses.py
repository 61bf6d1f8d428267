"""`mesotape replay --upstream URL --record-misses`: new requests are recorded into the cassette."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.cassette_builder import call, said, written
from support.commands import run, running

from mesotape.cassettes.storage.reader import Cassette

CLIENT = """
import os, sys, urllib.request
for kind in sys.argv[1:]:
    headers = {"Content-Type": "application/json", "Authorization": "Bearer 7Kq2mVx9TzR4bNw8"}
    body = b'{"type": "%s"}' % kind.encode()
    request = urllib.request.Request(os.environ["MESOTAPE_URL"] + "/api/v1", body, headers)
    with urllib.request.urlopen(request) as answer:
        print(answer.read().decode())
"""
QUIETLY = "import sys\nsys.excepthook = lambda *_: __import__('os')._exit(0)\n"
HEALTH = call(1, 0.0, said("GET_HEALTH"), said("GET_HEALTH", get_health={"healthy": True}))
EXECUTOR = {"executor_info": {"executor_id": {"value": "e"}, "data": "aGVsbG8="}}
EXECUTORS = said("GET_EXECUTORS", get_executors={"executors": [EXECUTOR]})
VERSION = said("GET_VERSION", get_version={"version_info": {"version": "1.11.0"}})


@pytest.fixture
def cassette(tmp_path: Path) -> Path:
    return written(tmp_path / "c.yaml", HEALTH)


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    path = written(
        tmp_path_factory.mktemp("upstream") / "up.yaml",
        call(1, 0.0, said("GET_VERSION"), VERSION),
        call(2, 1.0, said("GET_EXECUTORS"), EXECUTORS),
    )
    with running("replay", path) as server:
        yield server.url


def client(*kinds: str, then: str = "") -> tuple[str, ...]:
    return "--", sys.executable, "-c", CLIENT + then, *kinds


def test_what_is_new_is_answered_and_recorded_without_its_secrets(
    cassette: Path, upstream: str
) -> None:
    before = cassette.read_text()
    options = ("--upstream", upstream, "--record-misses")
    done = run("replay", cassette, *options, *client("GET_HEALTH", "GET_VERSION"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1] == VERSION
    assert f"recorded 1 exchange of {upstream} into {cassette}\n" in done.stderr
    assert "7Kq2mVx9TzR4bNw8" not in cassette.read_text() != before
    done = run("replay", cassette, "--require", "all", *client("GET_HEALTH", "GET_VERSION"))
    assert done.returncode == 0, done.stderr


def test_the_recording_has_the_rules_that_are_asked_for(cassette: Path, upstream: str) -> None:
    without = ("--no-redact", "authorization", "--no-redact", "authorization-text")
    options = ("--upstream", upstream, "--record-misses", *without, "--redact-data")
    done = run("replay", cassette, *options, *client("GET_EXECUTORS"))
    assert done.returncode == 0, done.stderr
    assert "aGVsbG8=" in done.stdout
    assert "Bearer 7Kq2mVx9TzR4bNw8" in cassette.read_text()
    assert "aGVsbG8=" not in cassette.read_text()


def test_workers_leave_misses_to_the_process_that_forwards_them(
    cassette: Path, upstream: str
) -> None:
    kinds = [*["GET_HEALTH"] * 20, "GET_VERSION", *["GET_HEALTH"] * 20]
    options = ("--upstream", upstream, "--record-misses", "--workers", "2")
    done = run("replay", cassette, *options, *client(*kinds))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[20] == VERSION
    assert done.stderr.endswith(f"recorded 1 exchange of {upstream} into {cassette}\n")
    assert "replayed: 40 served, 1 missed, 0 unused" in done.stderr
    with Cassette.open(cassette) as played:
        assert len(played) == 2


@pytest.mark.parametrize(
    ("then", "code", "text"),
    [
        ("sys.exit(4)", 4, "the recording is saved as {0}.failed.yaml; {0}.yaml is unchanged"),
        ("open({!r}, 'a').write('# edited')", 1, "{0}.yaml was changed while"),
    ],
    ids=["failed", "edited"],
)
def test_a_recording_that_is_not_wanted_is_put_aside(
    cassette: Path, upstream: str, then: str, code: int, text: str
) -> None:
    then = then.format(str(cassette))
    receipt = cassette.with_name("receipt.json")
    options = ("--upstream", upstream, "--record-misses", "--receipt", receipt)
    done = run("replay", cassette, *options, *client("GET_VERSION", then=then))
    assert done.returncode == code
    assert text.format(cassette.with_suffix("")) in done.stderr
    assert '"ended": true' in receipt.read_text()
    with (
        Cassette.open(cassette) as played,
        Cassette.open(cassette.with_name("c.failed.yaml")) as new,
    ):
        assert (len(played), len(new)) == (1, 2)


def test_a_server_that_does_not_answer_leaves_the_cassette_as_it_was(cassette: Path) -> None:
    before = cassette.read_bytes()
    options = ("--upstream", "http://127.0.0.1:9", "--record-misses")
    done = run("replay", cassette, *options, "--", sys.executable, "-c", QUIETLY + CLIENT, "GET_X")
    assert (done.returncode, cassette.read_bytes()) == (1, before)
    assert "http://127.0.0.1:9 did not answer 1 request; the recording is saved as" in done.stderr


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["c.yaml", "--record-misses"], "expected both --upstream URL and --record-misses"),
        (["c.yaml", "--upstream", "http://m:1"], "expected both --upstream URL and"),
        (["c.yaml", "--record-misses", "--upstream", "m"], "--upstream m: expected a URL like"),
        (("c.yaml", "--record-misses", "--upstream", "http://m/x"), "expected scheme, host and"),
        (
            ["c.yaml", "c.yaml", "--record-misses", "--upstream", "http://m:1"],
            "one cassette, found",
        ),
        (["c.yaml.gz", "--record-misses", "--upstream", "http://m:1"], "is compressed: unpack it"),
        (["c.yaml", "--redact-data"], "--redact-data needs --record-misses"),
        (["c.yaml", "--no-redact", "environment"], "--no-redact needs --record-misses"),
        (
            ["c.yaml", "--record-misses", "--upstream", "http://m:1", "--no-redact", "sesame"],
            "--no-redact: 'sesame' is not a rule",
        ),
    ],
)
def test_why_misses_cannot_be_recorded(cassette: Path, words: list[str], text: str) -> None:
    cassette.with_name("c.yaml.gz").write_bytes(cassette.read_bytes())
    done = run("replay", *words, cwd=cassette.parent)
    code = 1 if "is compressed" in text else 2
    assert (done.returncode, done.stderr.count("\n")) == (code, 1)
    assert text in done.stderr
