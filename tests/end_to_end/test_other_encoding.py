"""A replay as a process, for clients of the encoding that was not recorded."""

import json
import socket

import pytest
from support.commands import running

from mesotape.proto.messages.descriptors import message_class
from mesotape.proto.recordio import Decoder

JSON, PROTOBUF, RECORDIO = "application/json", "application/x-protobuf", "application/recordio"

CASSETTE = """\
---
mesotape: 1
server: {server}
recorded_at: 2026-11-22T12:18:29.104233Z
...
"""
EXCHANGE = """\
---
exchange: {number}
at: {number}.0
client: 1
request:
  method: POST
  path: {path}
  headers:
    Content-Type: application/json
    Accept: {accept}
  json: '{call}'
response:
  after: 0.001
  status: 200
  headers:
    Date: Sun, 22 Nov 2026 12:18:29 GMT
    Content-Type: {accept}
  {answer}
...
"""
SUBSCRIBED = '{"type":"SUBSCRIBED","subscribed":{"heartbeat_interval_seconds":15.0}}'
HEARTBEAT = '{"type":"HEARTBEAT"}'
OUTPUT = '{"type":"DATA","data":{"type":"STDOUT","data":"aGk="}}'
SESSION = (
    '{"type":"LAUNCH_NESTED_CONTAINER_SESSION","launch_nested_container_session":'
    '{"container_id":{"value":"c","parent":{"value":"p"}},"command":{"value":"true"}}}'
)


def exchange(number, call, answer="stream: recordio", path="/api/v1", accept=JSON):
    return EXCHANGE.format(number=number, call=call, answer=answer, path=path, accept=accept)


def event(number, of, text):
    return f"---\nevent: {number}\nof: {of}\nat: {of}.1\njson: '{text}'\n...\n"


def end(of):
    return f"---\nend: {of}\nat: {of}.2\ncause: server\n...\n"


MASTER = "".join(
    [
        CASSETTE.format(server="master"),
        exchange(
            1, '{"type":"GET_HEALTH"}',
            """json: '{"type":"GET_HEALTH","get_health":{"healthy":true,"new":1}}'""",
        ),
        exchange(2, '{"type":"SUBSCRIBE"}'),
        event(1, 2, SUBSCRIBED),
        event(2, 2, HEARTBEAT),
        end(2),
    ]
)  # fmt: skip
AGENT = "".join(
    [CASSETTE.format(server="agent"), exchange(1, SESSION), event(1, 1, OUTPUT), end(1)]
)


@pytest.fixture
def cassettes(tmp_path):
    (tmp_path / "master.yaml").write_text(MASTER)
    (tmp_path / "agent.yaml").write_text(AGENT)
    return tmp_path


def post(address, body, kind=JSON, **headers):
    """Return the head and the body of an answer, without chunks."""
    told = {"Content-Type": kind, "Content-Length": str(len(body)), "Connection": "close"}
    told |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    with socket.create_connection(address, timeout=20) as connection:
        connection.sendall(f"POST /api/v1 HTTP/1.1\r\n{head}\r\n".encode() + body)
        said = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, rest = said.partition(b"\r\n\r\n")
    return head.decode(), unchunked(rest) if b"chunked" in head else rest


def unchunked(rest):
    body = b""
    while not rest.startswith(b"0\r\n"):
        size, _, rest = rest.partition(b"\r\n")
        body, rest = body + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return body


def records(body, name):
    return [message_class(name).FromString(piece.payload) for piece in Decoder().feed(body)]


def test_a_protobuf_client_is_served_from_a_json_cassette(cassettes):
    with running("replay", cassettes / "master.yaml", "--pace", "instant") as replay:
        call = message_class("mesos.v1.master.Call")(type=1).SerializeToString()
        head, body = post(replay.address, call, PROTOBUF, Accept=PROTOBUF)
        assert f"Content-Type: {PROTOBUF}\r\nContent-Length: 6" in head
        assert body == b"\x08\x01\x12\x02\x08\x01"
        call = message_class("mesos.v1.master.Call")(type=18).SerializeToString()
        head, body = post(replay.address, call, PROTOBUF, Accept=PROTOBUF)
        assert f"Content-Type: {PROTOBUF}\r\n" in head
        subscribed, heartbeat = records(body, "mesos.v1.master.Event")
        assert subscribed.subscribed.heartbeat_interval_seconds == 15.0
        assert heartbeat.type == 9
    assert replay.code == 0
    note = "mesotape: exchange 1: left out in the other encoding: get_health.new\n"
    assert replay.said == note + "mesotape: replayed: 2 served, 0 missed, 0 unused\n"


@pytest.mark.parametrize(
    ("asked", "labels"),
    [
        ({"Accept": PROTOBUF}, f"Content-Type: {PROTOBUF}"),
        ({"Accept": RECORDIO, "Message_Accept": PROTOBUF},
         f"Content-Type: {RECORDIO}\r\nMessage-Content-Type: {PROTOBUF}"),
    ],
)  # fmt: skip
def test_a_session_is_served_in_another_encoding(cassettes, asked, labels):
    with running("replay", cassettes / "agent.yaml", "--pace", "instant") as replay:
        head, body = post(replay.address, SESSION.encode(), **asked)
        assert labels in head
        (output,) = records(body, "mesos.v1.agent.ProcessIO")
        assert output.data.data == b"hi"
    assert replay.code == 0


def test_a_refused_request_is_reported_counted_and_gives_exit_code_3(cassettes):
    with running("replay", cassettes / "master.yaml", "--json") as replay:
        head, body = post(replay.address, b'{"type":"GET_HEALTH"}', "text/plain")
        assert head.startswith("HTTP/1.1 415 Unsupported Media Type\r\nDate: Sun, 22 Nov 2026 ")
        assert body == f"Expecting 'Content-Type' of {JSON} or {PROTOBUF}".encode()
    assert replay.code == 3
    assert replay.said.startswith("mesotape: refused as Mesos does, 415 Unsupported Media Type: ")
    assert f"Content-Type: {JSON} → text/plain" in replay.said
    counts = json.loads(replay.out.splitlines()[-1])
    assert (counts["refused"], counts["missed"]) == (1, 0)
