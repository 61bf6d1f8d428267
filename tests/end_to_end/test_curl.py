"""curl as people use it: through the recorder, then again from what that recorded."""

import gzip
import importlib.resources
import os
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
from support.cassette_contents import wire
from support.commands import Running, running

from mesotape.cassettes.storage.reader import Cassette
from mesotape.proto.messages import descriptors, mapping

pytestmark = pytest.mark.skipif(
    shutil.which("curl") is None and "CI" not in os.environ, reason="there is no curl"
)

SAMPLE = importlib.resources.files("mesotape.cassettes") / "samples" / "master.yaml"
MORE = """\
---
mesotape: 1
server: master
recorded_at: 2026-11-22T12:37:47.124171Z
upstream: http://master.example:5050
recorder: by hand
redaction: []
...
---
exchange: 1
at: 0.1
client: 1
request:
  method: POST
  path: /api/v1
  headers: {Content-Type: application/json}
  json: {type: GET_HEALTH}
response:
  after: 0.004
  status: 200
  headers: {Date: "Sun, 22 Nov 2026 12:37:48 GMT", Content-Type: application/json}
  json: {type: GET_HEALTH, get_health: {healthy: true}}
...
---
exchange: 2
at: 0.2
client: 1
request:
  method: POST
  path: /api/v1
  headers: {Content-Type: application/json, Accept-Encoding: gzip}
  json: {type: GET_FLAGS}
response:
  after: 0.004
  status: 200
  headers: {Content-Encoding: gzip, Content-Type: application/json}
  json: {type: GET_FLAGS, get_flags: {flags: [{name: agent_ping_timeout, value: 15secs}]}}
...
---
exchange: 3
at: 0.3
client: 1
request: {method: GET, path: /version}
response:
  after: 0.001
  status: 200
  headers: {Content-Type: application/json}
  json: {version: 1.12.0}
...
---
exchange: 4
at: 0.4
client: 1
request:
  method: POST
  path: /api/v1/scheduler
  headers: {Content-Type: application/json}
  json: {type: SUBSCRIBE, subscribe: {framework_info: {user: root, name: one}}}
response:
  after: 0.001
  status: 200
  headers:
    Transfer-Encoding: chunked
    Mesos-Stream-Id: c50bb7ec-edf6-4b27-a978-e8082ad4e90c
    Content-Type: application/json
  stream: recordio
...
---
event: 1
of: 4
at: 0.402
json: {type: SUBSCRIBED, subscribed: {framework_id: {value: a253530c-0000}}}
...
---
event: 2
of: 4
at: 0.403
json: {type: HEARTBEAT}
...
---
end: 4
at: 0.5
cause: server
...
"""

JSON = ("-H", "Content-Type: application/json")
PROTOBUF = ("-H", "Content-Type: application/x-protobuf")
ACCEPT_PROTOBUF = ("-H", "Accept: application/x-protobuf")
EXPECT = ("-H", "Expect: 100-continue")
CHUNKED = ("-H", "Transfer-Encoding: chunked")
GZIPPED = ("-H", "Content-Encoding: gzip")
AGENTS = '{"type":"GET_AGENTS"}'
HEALTH = '{"type":"GET_HEALTH"}'
SUBSCRIBE = '{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"root","name":"one"}}}'
URL = "URL/api/v1"

CALLS: dict[str, tuple[str, ...]] = {
    "json": (*JSON, "-d", AGENTS, URL),
    "protobuf": (*PROTOBUF, *ACCEPT_PROTOBUF, "--data-binary", "@weights", URL),
    "json asks for protobuf": (*JSON, *ACCEPT_PROTOBUF, "-d", AGENTS, URL),
    "waits for 100": (*JSON, *EXPECT, "-d", HEALTH[:-1] + " " * 2000 + "}", URL),
    "HTTP/1.0": (*JSON, "-0", "-d", HEALTH, URL),
    "gzip": (*JSON, *GZIPPED, "--data-binary", "@health.gz", URL),
    "chunked": (*JSON, *CHUNKED, "-d", HEALTH, URL),
    "chunked gzip": (*JSON, *CHUNKED, *GZIPPED, "--data-binary", "@health.gz", URL),
    "HEAD": ("-I", URL),
    "GET": (URL,),
    "compressed": (*JSON, "--compressed", "-d", '{"type":"GET_FLAGS"}', URL),
    "empty": (*JSON, "-d", "", URL),
    "one connection": (*JSON, "-d", HEALTH, URL, URL + "/", "URL/master/api/v1"),
    "other paths": ("URL/version", "URL/version"),
    "stream": ("-N", *JSON, "-d", SUBSCRIBE, "URL/api/v1/scheduler"),
}

CURL = ("curl", "-sS", "-i", "--max-time", "20", "-w", r"%{stderr}%{http_code} %{num_connects}\n")
STATUSES = {"HEAD": 405, "GET": 405, "empty": 400}
CONNECTS = {"one connection": [1, 0, 0], "other paths": [1, 0]}


class Said(NamedTuple):
    """What curl printed: heads and bodies, and for each request its status and new connections."""

    output: bytes
    statuses: list[int]
    connects: list[int]


class Seen(NamedTuple):
    """What curl saw of the recorder and of the replay, and how the replay ended."""

    recorded: dict[str, Said]
    replayed: dict[str, Said]
    player: Running
    path: Path


def curl(url: str, call: str, folder: Path) -> Said:
    done = subprocess.run(
        [*CURL, *(argument.replace("URL", url) for argument in CALLS[call])],
        cwd=folder,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done
    told = [line.split() for line in done.stderr.splitlines()]
    return Said(done.stdout, [int(one) for one, _ in told], [int(one) for _, one in told])


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    folder = tmp_path_factory.mktemp("curl")
    more, path = folder / "more.yaml", folder / "cassette.yaml"
    more.write_text(MORE)
    (folder / "health.gz").write_bytes(gzip.compress(HEALTH.encode()))
    weights = mapping.decode(b'{"type":"GET_WEIGHTS"}', "mesos.v1.master.Call")
    (folder / "weights").write_bytes(weights.SerializeToString())
    with (
        running("replay", SAMPLE, more) as origin,
        running("record", origin.url, "-o", path) as recorder,
    ):
        recorded = {call: curl(recorder.url, call, folder) for call in CALLS}
        assert recorder.stop() == 0, recorder.said
    with running("replay", path) as player:
        replayed = {call: curl(player.url, call, folder) for call in CALLS}
    return Seen(recorded, replayed, player, path)


@pytest.mark.parametrize("call", CALLS)
def test_curl_sees_the_same_of_the_replay_as_of_the_recorder(seen: Seen, call: str) -> None:
    recorded = seen.recorded[call]
    assert seen.replayed[call] == recorded
    assert set(recorded.statuses) == {STATUSES.get(call, 200)}
    assert recorded.connects == CONNECTS.get(call, [1])


def test_curl_asks_for_nothing_that_was_not_recorded(seen: Seen) -> None:
    assert seen.player.code == 0, seen.player.said
    assert " 0 missed, 0 unused" in seen.player.said


def test_curl_gets_what_it_asked_for(seen: Seen) -> None:
    bodies = {call: said.output.partition(b"\r\n\r\n")[2] for call, said in seen.replayed.items()}
    healthy = b'{"type":"GET_HEALTH","get_health":{"healthy":true}}'
    for call in ("HTTP/1.0", "gzip", "chunked", "chunked gzip"):
        assert bodies[call] == healthy
    assert bodies["one connection"].count(healthy) == 3
    assert bodies["json"].startswith(b'{"type":"GET_AGENTS",')
    weights = descriptors.message_class("mesos.v1.master.Response").FromString(bodies["protobuf"])
    assert mapping.encode(weights).startswith(b'{"type":"GET_WEIGHTS"')
    assert bodies["compressed"].startswith(b'{"type":"GET_FLAGS",')
    assert b"\r\nContent-Encoding: gzip\r\n" in seen.replayed["compressed"].output
    assert seen.replayed["waits for 100"].output.startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert bodies["waits for 100"].endswith(healthy)
    assert bodies["HEAD"] == b""
    assert bodies["stream"].endswith(b'}20\n{"type":"HEARTBEAT"}')


def test_a_compressed_request_is_kept_as_what_it_says(seen: Seen) -> None:
    with Cassette.open(seen.path) as cassette:
        assert not cassette.warnings
        compressed = [
            one.request
            for one in cassette.exchanges()
            if one.request.headers.get("Content-Encoding") == "gzip"
        ]
    assert [wire(request) for request in compressed] == [HEALTH.encode()] * 2
