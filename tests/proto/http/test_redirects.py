"""Redirects of masters, and clients that follow them, recorded and replayed."""

import http.server
import subprocess
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Self

import pytest
from support.commands import running
from support.sockets import connect

from mesotape.cassettes.answers.answer import ReplayResponse, retarget_redirect
from mesotape.proto.http import redirects

HEALTH = b'{"type":"GET_HEALTH"}'
HEALTHY = b'{"type":"GET_HEALTH","get_health":{"healthy":true}}'
STATE = b'{"leader":"me"}'


class Master(http.server.ThreadingHTTPServer):
    """A master on loopback that leads, unless it has another leader."""

    def __init__(self, leader: "Master | None" = None) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.leader = leader
        self.place = f"127.0.0.1:{self.server_port}"
        self._serving = threading.Thread(target=self.serve_forever, args=(0.01,))

    def __enter__(self) -> Self:
        self._serving.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._serving.join()
        self.server_close()


class Answering(http.server.BaseHTTPRequestHandler):
    """A connection to a master."""

    protocol_version = "HTTP/1.1"
    server: Master

    def do_GET(self) -> None:
        self.answer(STATE)

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(HEALTHY if asked == HEALTH else b"?")

    def answer(self, body: bytes) -> None:
        if self.path == "/no-leader":
            self.send(503, b"No leader elected")
        elif self.server.leader is None:
            self.send(200, body)
        else:
            path = self.path if self.path.startswith("/master") else f"/master{self.path}"
            self.send(307, b"", f"//{self.server.leader.place}{path}")

    def send(self, status: int, body: bytes, location: str | None = None) -> None:
        self.send_response(status)
        if location is not None:
            self.send_header("Location", location)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def by_curl(url: str) -> str:
    """The last URL of a call that follows redirects, the number of redirects, and the answer."""
    command = [
        "curl",
        "-sS",
        "-L",
        "--max-redirs",
        "5",
        "-w",
        "\n%{url_effective} %{num_redirects}",
    ]
    command += ["-H", "Content-Type: application/json", "--data-binary", HEALTH.decode()]
    done = subprocess.run([*command, f"{url}/api/v1"], capture_output=True, check=True, text=True)
    body, _, summary = done.stdout.rpartition("\n")
    return f"{summary} {body}"


def by_python(url: str) -> str:
    with urllib.request.urlopen(f"{url}/state?x=1", timeout=30) as response:
        return f"{response.url} {response.read().decode()}"


def no_leader(url: str) -> str:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{url}/no-leader", timeout=30)
    with refused.value as response:
        return f"{response.code} {response.read().decode()}"


def test_clients_that_follow_redirects_stay_at_the_recorder_and_then_at_the_replay(
    tmp_path: Path,
) -> None:
    path = tmp_path / "cassette.yaml"
    with (
        Master() as second,
        Master() as first,
        Master(leader=first) as follower,
        running("record", f"http://{follower.place}", "-o", path) as recorder,
    ):
        recorded = no_leader(recorder.url), by_python(recorder.url)
        first.leader = second
        recorded = *recorded, by_curl(recorder.url)
        assert [recorder.url in answer for answer in recorded[1:]] == [True, True]
    text = path.read_text()
    assert f"Location: //{first.place}/master/state?x=1\n" in text
    assert f"Location: //{second.place}/master/api/v1\n" in text
    with running("replay", path) as player:
        replayed = no_leader(player.url), by_python(player.url), by_curl(player.url)
    assert player.code == 0
    assert recorded == tuple(answer.replace(player.url, recorder.url) for answer in replayed)
    assert recorded == (
        "503 No leader elected",
        f"{recorder.url}/master/state?x=1 {STATE.decode()}",
        f"{recorder.url}/master/api/v1 1 {HEALTHY.decode()}",
    )


MOVED = (
    b"HTTP/1.1 307 Temporary Redirect\r\nDate: now\r\n"
    b"location:  //leader:5050/x?y=//leader:5050\r\n"
    b"Content-Length: 0\r\n\r\n"
)


def test_a_redirect_to_another_server_keeps_all_else() -> None:
    answer = ReplayResponse(
        exchange=1, status=307, head=MOVED, content=b"\r\nLocation: //a\r\n", close=True
    )
    moved = retarget_redirect(answer, "[::1]:80")
    assert moved.head == MOVED.replace(b"//leader:5050/", b"//[::1]:80/")
    assert (moved.exchange, moved.status, moved.body, moved.close) == (1, 307, answer.body, True)


@pytest.mark.parametrize(
    "location", ["/x", "x", "http://a/x", "//", "///x", "//a b/x", "//u@a/x", "//a:0", "//a:65536"]
)
def test_a_location_that_no_master_writes_is_unchanged(location: str) -> None:
    head = b"HTTP/1.1 307 X\r\nLocation: %b\r\n\r\n" % location.encode()
    assert retarget_redirect(ReplayResponse(exchange=1, status=307, head=head), "b:1").head == head
    assert redirects.split_location(location) is None


@pytest.mark.parametrize(
    ("target", "stripped"),
    [
        ("http://h:1/x?u=http://i/y", "/x?u=http://i/y"),
        ("http://h", ""),
        ("/x?u=http://i/y", "/x?u=http://i/y"),
        ("//h/x", "//h/x"),
        ("*", "*"),
    ],
)
def test_only_a_target_in_absolute_form_has_an_origin(target: str, stripped: str) -> None:
    assert redirects.strip_origin(target) == stripped


def test_each_client_of_a_replay_is_redirected_to_the_host_that_it_named(tmp_path: Path) -> None:
    path = tmp_path / "cassette.yaml"
    path.write_text(REDIRECTED)
    with running("replay", path) as player:
        own = player.url.removeprefix("http://")
        for header, place in [
            (b"Host: one:1", "one:1"),
            (b"Host: two", "two"),
            (b"Host: one:1", "one:1"),
            (b"Host: bad host", own),
            (b"Host: a/b", own),
            (b"X: y", own),
            (b"Host: one:1\r\nHost: two", "two"),
        ]:
            with connect(player.address) as client:
                client.send(b"GET /state HTTP/1.1\r\n%b\r\n\r\n" % header)
                assert f"\r\nLocation: //{place}/master/state\r\n".encode() in client.message()


REDIRECTED = """\
---
mesotape: 1
server: master
recorded_at: 2026-11-22T12:18:29.104233Z
...
---
exchange: 1
at: 0.0
client: 1
request:
  method: GET
  path: /state
  headers: {}
response:
  after: 0.1
  status: 307
  headers:
    Location: //leader.example:5050/master/state
    Content-Length: '0'
...
"""
