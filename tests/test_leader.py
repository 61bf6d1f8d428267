import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from captures.proxied import free_port
from commands import running
from recorded import kept, notes
from sockets import Upstream, Wire, answer, connect, get, post
from test_script_addon import listening, mitmdump

HEALTH = b'{"type":"GET_HEALTH"}'
HEALTHY = b'{"type":"GET_HEALTH","get_health":{"healthy":true}}'


def redirect(
    place: str, rest: str = "/master/api/v1", status: str = "307 Temporary Redirect"
) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Location: {place}{rest}", "Content-Length: 0", "", ""]
    return "\r\n".join(lines).encode()


def at(upstream: Upstream) -> str:
    return f"//127.0.0.1:{upstream.port}"


def location(head: bytes) -> str:
    found = [line for line in head.decode().split("\r\n") if line.startswith("Location: ")]
    return found[0].removeprefix("Location: ")


def asks(client: Wire, request: bytes, upstream: Upstream, response: bytes) -> tuple[bytes, bytes]:
    """What arrives at an upstream that gets a new connection, and what the client gets."""
    client.send(request)
    with upstream.accept() as server:
        asked = server.message()
        server.send(response)
        return asked, client.message()


def test_the_location_names_the_recorder_as_the_client_knows_it_and_the_cassette_the_leader(
    tmp_path: Path,
) -> None:
    path = tmp_path / "cassette.yaml"
    with Upstream() as follower, Upstream() as leader:
        with (
            running("record", follower.url, "-o", path) as recorder,
            connect(recorder.address) as client,
        ):
            told = redirect(at(leader), "/master/api/v1/?y=%20z&x=1")
            asked, got = asks(client, post(HEALTH), follower, told)
            assert got == told.replace(at(leader).encode(), b"//master.example:5050")
            assert b"\r\nHost: 127.0.0.1:%d\r\n" % follower.port in asked
            asked, got = asks(client, post(HEALTH, path=b"/master/api/v1"), leader, answer(HEALTHY))
            assert b"\r\nHost: 127.0.0.1:%d\r\n" % leader.port in asked
            assert asked.startswith(b"POST /master/api/v1 HTTP/1.1\r\n")
            assert asked.endswith(HEALTH)
        assert recorder.code == 0
    first, second = kept(path)
    assert first.exchange.response.headers["Location"] == f"{at(leader)}/master/api/v1/?y=%20z&x=1"
    assert second.exchange.request.headers["Host"] == at(leader)[2:]
    assert f"{at(leader)[2:]} leads" in recorder.said
    assert notes(path) == [(f"{at(leader)[2:]} leads: requests go there from now on", None)]
