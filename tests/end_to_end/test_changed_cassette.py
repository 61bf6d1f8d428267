"""A cassette that changes while it is played: the commands, as a user runs them."""

import contextlib
import hashlib
import http.client
import json
import shutil
import time

import pytest
from support.cassette_builder import BEAT, call, said, stream, written
from support.commands import run, running

EVENTS = [(0.05 * number, BEAT) for number in range(1, 40)]
HEALTH = said("GET_HEALTH", get_health={"healthy": True})


@pytest.fixture
def path(tmp_path):
    health = call(2, 3.0, said("GET_HEALTH"), HEALTH)
    return written(tmp_path / "a.yaml", stream(1, 0.0, EVENTS, end=(2.0, "server")), health)


@pytest.fixture
def ask():
    """Return a function that makes a request, and closes its connection after the test."""
    with contextlib.ExitStack() as opened:

        def make_request(address, kind=None, target="/api/v1", **headers):
            connection = http.client.HTTPConnection(*address, timeout=20)
            opened.callback(connection.close)
            headers |= {"Content-Type": "application/json", "Accept": "application/json"}
            body = None if kind is None else said(kind)
            connection.request("GET" if kind is None else "POST", target, body, headers)
            response = connection.getresponse()
            opened.callback(response.close)
            return response

        yield make_request


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"", 1), (b"---\n", 1), (None, 1), ("replace", 0), ("delete", 0)],
    ids=["emptied", "shortened", "lengthened", "replaced", "deleted"],
)
def test_a_request_to_a_changed_cassette_fails(path, tmp_path, ask, data, code):
    receipt = tmp_path / "receipt.json"
    with running("replay", path, "--receipt", receipt, "--control", "0") as command:
        match data:
            case bytes():
                path.write_bytes(data)
            case None:
                path.write_bytes(path.read_bytes() * 2)
            case "replace":
                shutil.copy(path, tmp_path / "new")
                (tmp_path / "new").replace(path)
            case _:
                path.unlink()
        response = ask(command.address, "GET_HEALTH")
        body = response.read().decode()
        url, token = command.control
        control = (url.rpartition("/")[2],)
        journal = ask(control, target="/journal", Authorization=f"Bearer {token}")
        made = json.loads(journal.read())["calls"][0]
        assert command.stop() == code
    if code == 0:
        assert (response.status, body) == (200, HEALTH)
        return
    assert response.status == 500
    assert (made["outcome"], made["exchange"]) == ("failed", 2)
    text = f"{path}: changed since it was opened"
    assert text in body
    assert text in command.said
    assert [text in failure for failure in json.loads(receipt.read_text())["failures"]] == [True]


def test_a_stream_that_fails_is_cut_and_another_goes_on(path, tmp_path, ask):
    other = written(
        tmp_path / "b.yaml", stream(1, 0.0, [(0.1, BEAT), (0.2, BEAT), (9.0, BEAT)]), later=1.0
    )
    with running("replay", path, f"{other}=127.0.0.1:0", "--pace", "recorded") as command:
        cut = ask(command.addresses[1], "SUBSCRIBE")
        whole = ask(command.addresses[0], "SUBSCRIBE")
        assert cut.read1() != b""
        other.write_bytes(b"")
        assert whole.read().count(b"HEARTBEAT") == len(EVENTS)
        with pytest.raises(http.client.IncompleteRead):
            cut.read()
        assert command.stop() == 1
    assert command.said.count("changed since it was opened") == 1


def test_a_watched_cassette_is_replayed_anew_and_a_broken_edit_is_not(path, tmp_path, ask):
    receipt = tmp_path / "receipt.json"
    whole = path.read_bytes()
    with running("replay", path, "--watch", "--receipt", receipt) as command:
        assert ask(command.address, "GET_STATE").status == 501
        path.write_bytes(b"broken")
        assert ask(command.address, "GET_HEALTH").read().decode() == HEALTH
        path.write_bytes(whole.replace(b"GET_HEALTH", b"GET_STATE"))
        deadline_seconds = time.monotonic() + 20
        while ask(command.address, "GET_STATE").status != 200:
            assert time.monotonic() < deadline_seconds
        assert command.stop() == 0, command.said
    assert "a cassette was edited: replaying anew; until then: 1 served, " in command.said
    (played,) = json.loads(receipt.read_text())["cassettes"]
    assert played["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--workers", "2"), "expected --watch or --workers, not both"),
        (("--record-misses", "--upstream", "http://m:1"), "--watch or --record-misses, not both"),
    ],
)
def test_why_a_cassette_cannot_be_watched(path, words, text):
    done = run("replay", path, "--watch", *words)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert text in done.stderr
