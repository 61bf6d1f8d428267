"""The control API of a replay, as programs use it."""

import json
import threading
from contextlib import ExitStack

import pytest
from support.cassette_builder import SUBSCRIBE, call, said, stream, written
from support.commands import run, running
from support.sockets import Wire, connect, eventually, post

HEALTH, HEALTHY = said("GET_HEALTH"), said("GET_HEALTH", get_health={"healthy": True})
EVENTS = [(1.0 + n, said("TASK_UPDATED", n=n)) for n in range(3)]


class Remote:
    """A program that has the token of a replay."""

    def __init__(self, replay):
        self.url, self.token = replay.control
        host, _, port = self.url.rpartition("//")[2].rpartition(":")
        self.address, self.replay = (host, int(port)), replay

    def ask(self, method, path, body=None, *headers, token=None, host=None):
        """The status, the head, and the content of the body."""
        data = (
            b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        )
        with connect(self.address) as wire:
            wire.send(self.head(method, path, data, *headers, token=token, host=host), data)
            head, _, content = wire.message().partition(b"\r\n\r\n")
        return int(head.split()[1]), head.decode(), json.loads(content)

    def head(self, method, path, data=b"", *headers, token=None, host=None, version="1.1"):
        lines = [f"{method} {path} HTTP/{version}", f"Content-Length: {len(data)}", *headers]
        if host is not False:
            lines.append(f"Host: {host or self.url.rpartition('//')[2]}")
        if token is not False:
            lines.append(f"Authorization: Bearer {token or self.token}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def get(self, path):
        status, _, content = self.ask("GET", path)
        assert status == 200, content
        return content

    def post(self, path, **body):
        status, _, content = self.ask("POST", path, body)
        assert status == 200, content
        return content

    def call(self, text=HEALTH):
        with connect(self.replay.address) as wire:
            wire.send(post(text.encode()))
            return wire.message()

    def subscribe(self):
        wire = connect(self.replay.address)
        wire.send(post(SUBSCRIBE.encode()))
        wire.until(b"\r\n\r\n")
        return wire


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    path = tmp_path_factory.mktemp("control") / "cassette.yaml"
    written(path, call(1, 0.0, HEALTH, HEALTHY), stream(2, 0.0, EVENTS, end=(5.0, "server")))
    with running("replay", path, "--pace", "step", "--control", "127.0.0.1:0") as replay:
        yield Remote(replay)
        replay.stop()
        assert "Traceback" not in replay.said


@pytest.fixture
def remote(shared):
    shared.post("/reset")
    return shared


def test_advance_sends_events(remote):
    with remote.subscribe() as wire:
        assert remote.post("/advance") == {"events": 1}
        wire.until(b'"n":0}\r\n')
        assert wire.is_quiet()
        assert remote.post("/advance", seconds=1.0) == {"events": 1}
        wire.until(b'"n":1}\r\n')
        assert remote.post("/advance", until="END") == {"events": 2}
        wire.until(b"0\r\n\r\n")


def test_advance_waits_for_a_client(remote):
    with ExitStack() as stack:
        later = threading.Thread(target=lambda: stack.enter_context(remote.subscribe()))
        later.start()
        assert remote.post("/advance", events=2) == {"events": 2}
        later.join()


def test_the_status_has_counts_and_what_is_held(remote):
    remote.call()
    remote.call(said("GET_VERSION"))
    with remote.subscribe():
        remote.post("/advance", events=2)
        status = remote.get("/status")
        (held,) = status.pop("waiting")
    assert held.startswith("stream ")
    assert held.endswith(", 2 events sent, held: waits to be advanced; next is TASK_UPDATED")
    assert status == {
        "calls": 3,
        "served": 2,
        "refused": 0,
        "missed": 1,
        "unused": 0,
        "left_out": 0,
        "streams": 1,
        "events_sent": 2,
        "position": 2.0,
        "on_hold": False,
    }


def test_the_journal_has_the_requests_after_a_number(remote):
    before = remote.get("/journal")["last"]
    remote.call()
    remote.call(said("GET_VERSION"))
    content = remote.get(f"/journal?since={before}")
    assert content["last"] == before + 2
    served, missed = content["calls"]
    assert (served["type"], served["outcome"], served["exchange"]) == ("GET_HEALTH", "served", 1)
    assert served["message"] == {"type": "GET_HEALTH"}
    assert (missed["type"], missed["outcome"], missed["exchange"]) == (
        "GET_VERSION",
        "missed",
        None,
    )
    assert remote.get(f"/journal?since={before + 2}")["calls"] == []


def test_misses_refusals_and_unused_exchanges_are_listed(remote):
    remote.call(said("GET_VERSION"))
    remote.call("{}")
    content = remote.get("/misses")
    assert (content["missed"], content["refused"]) == (1, 1)
    assert content["misses"][0]["miss"] == "nothing recorded for this call"
    assert "\n" not in content["refusals"][0]
    unused = remote.get("/unused")
    assert [each["exchange"] for each in unused["unused"]] == [1, 2]
    assert unused["unused"][0]["cassette"].endswith("cassette.yaml")
    assert unused["left_out"] == []


def test_streams_are_held_and_released(remote):
    with remote.subscribe():
        (stream,) = remote.get("/streams")["streams"]
        number = stream["number"]
        assert remote.post("/hold", stream=number)["on_hold"] is False
        status, _, content = remote.ask("POST", "/advance", {"timeout_seconds": 0})
        assert status == 409
        assert content["error"].endswith("held: on hold, until it is released")
        remote.post("/release", stream=number)
        assert remote.post("/hold")["on_hold"] is True
        assert remote.post("/release")["on_hold"] is False
        eventually(lambda: remote.get("/streams")["streams"][0]["events_sent"] == 1, "event")


def test_reset_begins_a_new_playback(remote):
    remote.call()
    with remote.subscribe() as wire:
        remote.post("/reset")
        assert wire.rest() == b""
    assert remote.get("/status")["calls"] == 0
    assert remote.get("/unused")["unused"] != []


def test_requests_without_the_token_are_refused(remote):
    why = "expected the header Authorization: Bearer TOKEN, with the token of this replay"
    for token in (False, "wrong", remote.token[:-1], remote.token + "x", "é"):
        status, head, content = remote.ask("GET", "/status", token=token)
        assert (status, content) == (401, {"error": why})
        assert "WWW-Authenticate: Bearer" in head
    assert remote.ask("POST", "/reset", token=False)[0] == 401


def test_requests_of_web_pages_are_refused(remote):
    assert remote.ask("GET", "/status", None, "Origin: http://evil.example")[0] == 403
    assert remote.ask("GET", "/status", None, "Origin: null")[0] == 403
    for host in ("evil.example", f"evil.example:{remote.address[1]}", "127.0.0.1", False):
        status, _, content = remote.ask("GET", "/status", host=host)
        assert status == 403, content
    own = remote.url.rpartition("//")[2]
    assert remote.ask("GET", "/status", None, "Host: evil.example")[0] == 403
    assert remote.ask("GET", "/status", None, f"Host: {own}", host="evil.example")[0] == 403
    assert remote.ask("GET", "/status", host=f"localhost:{remote.address[1]}")[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "text"),
    [
        ("GET", "/nope", None, 404, "there is no /nope; there are /status /journal"),
        ("POST", "/status", None, 405, "/status takes GET"),
        ("GET", "/advance", None, 405, "/advance takes POST"),
        ("GET", "/journal?since=x", None, 400, "since is 'x', expected the number of a request"),
        ("GET", "/journal?since=-1", None, 400, "since is '-1', expected the number"),
        ("POST", "/advance", b"{", 400, "Input data was truncated"),
        ("POST", "/advance", b"[]", 400, "Expected `object`, got `array`"),
        ("POST", "/advance", {"event": 1}, 400, "Object contains unknown field `event`"),
        ("POST", "/advance", {"events": "1"}, 400, "Expected `int | null`, got `str`"),
        ("POST", "/advance", {"events": -1}, 400, "Expected `int` >= 0"),
        (
            "POST",
            "/advance",
            {"seconds": 1, "events": 1},
            400,
            "advance: expected at most one of events",
        ),
        ("POST", "/advance", {"timeout_seconds": 1e9}, 400, "Expected `float` <= 3600.0"),
        ("POST", "/hold", {"stream": 10**9}, 400, "stream 1000000000 is not open; open are: none"),
        ("POST", "/reset", {"all": True}, 400, "Object contains unknown field `all`"),
        ("POST", "/advance", b" " * 70_000, 413, "the body of the request exceeds 65536 bytes"),
        ("G ET", "/", None, 400, "malformed HTTP request: "),
    ],
)
def test_an_invalid_request_is_an_error_of_one_line(remote, method, path, body, status, text):
    given, _, content = remote.ask(method, path, body)
    assert given == status
    assert content["error"].startswith(text)
    assert "\n" not in content["error"]


def test_one_connection_can_have_many_requests(remote):
    with connect(remote.address) as wire:
        wire.send(2 * remote.head("GET", "/status"))
        assert wire.message().startswith(b"HTTP/1.1 200 OK")
        assert wire.message().startswith(b"HTTP/1.1 200 OK")
        wire.send(remote.head("GET", "/status", version="1.0"))
        assert wire.rest().startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize("leave", [Wire.reset, Wire.close, Wire.finish])
def test_the_wait_of_a_client_that_leaves_ends(remote, leave):
    body = json.dumps({"timeout_seconds": 3600}).encode()
    with connect(remote.address) as wire:
        wire.send(remote.head("POST", "/advance", body), body)
        leave(wire)
        assert remote.ask("POST", "/advance", {"timeout_seconds": 0})[0] == 409
    with remote.subscribe():
        assert remote.post("/advance", until="END") == {"events": 4}


def test_a_miss_before_a_reset_still_counts(tmp_path):
    path = written(tmp_path / "cassette.yaml", call(1, 0.0, HEALTH, HEALTHY))
    with running("replay", path, "--json", "--quiet", "--control", "127.0.0.1:0") as replay:
        remote = Remote(replay)
        remote.call()
        remote.call(said("GET_VERSION"))
        remote.post("/reset")
        assert remote.get("/misses")["missed"] == 0
        assert replay.stop() == 3
    ready, counts = map(json.loads, replay.out.splitlines())
    assert ready == {"ready": replay.url, "control": {"url": remote.url, "token": remote.token}}
    assert (counts["served"], counts["missed"], counts["unused"]) == (1, 1, [])


def test_a_replay_can_be_stopped_while_a_request_waits(tmp_path):
    path = written(tmp_path / "cassette.yaml", call(1, 0.0, HEALTH, HEALTHY))
    with running("replay", path, "--pace", "step", "--control", "127.0.0.1:0") as replay:
        remote = Remote(replay)
        body = json.dumps({"timeout_seconds": 3600}).encode()
        with connect(remote.address) as wire:
            wire.send(remote.head("POST", "/advance", body), body)
            remote.get("/status")
            assert replay.stop() == 0
            assert wire.rest() == b""
    assert "Traceback" not in replay.said


def test_the_address_and_the_token_are_printed(tmp_path):
    path = written(tmp_path / "cassette.yaml", call(1, 0.0, HEALTH, HEALTHY))
    with running("replay", path, "--control", "127.0.0.1:0") as replay:
        other = run("replay", path, "--control", replay.control[0].rpartition("//")[2])
        assert other.returncode == 1
        assert "Address already in use; --control 127.0.0.1:0 takes a free port" in other.stderr
        assert replay.stop() == 0
    url, token = replay.control
    assert replay.out.splitlines()[1] == f"mesotape: control on {url} with token {token}"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--control", "0.0.0.0:0"], "--control 0.0.0.0:0: 0.0.0.0 is not loopback"),
        (["--control", "example.org:0"], "example.org is not loopback, like 127.0.0.1"),
        (["--pace", "step"], "--pace step needs --control 127.0.0.1:0, to release the events"),
        (["--pace", "every:x"], "'every:x' is not recorded, every:0.1 (seconds), instant or step"),
        (["--pace", "instant", "--start-at", "3"], "--start-at makes no sense at pace instant"),
        (["--start-at", "-3"], "--start-at is -3.0, expected 0 seconds or more"),
    ],
)
def test_an_invalid_control_address_or_pace_is_an_error(tmp_path, options, text):
    path = written(tmp_path / "cassette.yaml", call(1, 0.0, HEALTH, HEALTHY))
    done = run("replay", path, *options)
    assert done.returncode in (1, 2)
    assert text in done.stderr
    assert len(done.stderr.splitlines()) == 1
