import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys

import pytest
from support.paths import ROOT

DOCS = ROOT / "docs" / "replay.md"
MESOTAPE = [sys.executable, "-m", "mesotape.proxy.cli"]


def documented():
    """The cassette of docs/replay.md, and its console sessions."""
    text = DOCS.read_text()
    (cassette,) = re.findall(r"^```yaml\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return cassette, re.findall(r"^```console\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "cassette.yaml").write_text(documented()[0])
    return tmp_path


class Replay:
    """A running `mesotape replay`."""

    def __init__(self, folder, *options):
        self.process = subprocess.Popen(
            [*MESOTAPE, "replay", *options],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.ready = self.process.stdout.readline()

    def stop(self, number=signal.SIGINT):
        self.process.send_signal(number)
        self.rest, self.errors = self.process.communicate(timeout=30)
        return self.process.returncode


@pytest.fixture
def replay(folder):
    running = []

    def start(*options):
        running.append(Replay(folder, *options))
        return running[-1]

    yield start
    for each in running:
        if each.process.poll() is None:
            each.process.kill()
            each.process.communicate()


def address(ready):
    host, port = re.search(r"http://([\d.]+):(\d+)", ready).groups()
    return host, int(port)


def post(where, body):
    request = (
        b"POST /api/v1 HTTP/1.1\r\nConnection: close\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    )
    with socket.create_connection(where, timeout=20) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


GET_HEALTH = b'{"type":"GET_HEALTH"}'


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_replay_prints_its_address_and_the_counts(replay, folder, number):
    running = replay("cassette.yaml", "--ready-file", "ready")
    where = address(running.ready)
    url = "http://{}:{}".format(*where)
    assert running.ready == f"mesotape: replaying cassette.yaml on {url}\n"
    assert post(where, GET_HEALTH).endswith(b'{"type":"GET_HEALTH","get_health":{"healthy":true}}')
    assert (folder / "ready").read_text() == f"{url}\n"
    assert running.stop(number) == 0
    assert running.errors == "mesotape: replayed: 1 served, 0 missed, 1 unused\n"


def test_a_miss_is_reported_at_once_and_gives_exit_code_3(replay):
    running = replay("cassette.yaml")
    answer = post(address(running.ready), b'{"type":"GET_STATE"}')
    assert b"\r\nMesotape-Miss: nothing recorded for this call\r\n" in answer
    assert running.process.stderr.readline().startswith("mesotape: no recorded answer: POST ")
    assert running.stop() == 3


def test_programs_get_json(replay):
    running = replay("cassette.yaml", "--json", "--quiet")
    where = address(json.loads(running.ready)["ready"])
    post(where, GET_HEALTH)
    assert running.stop() == 0
    assert json.loads(running.rest) == {
        "served": 1,
        "refused": 0,
        "missed": 0,
        "failed": 0,
        "unused": [2],
    }


def test_a_stream_that_is_open_does_not_hold_up_the_end(replay, folder):
    path = folder / "cassette.yaml"
    path.write_text(path.read_text().replace("cause: server", "cause: client"))
    running = replay("cassette.yaml")
    with socket.create_connection(address(running.ready), timeout=20) as connection:
        connection.sendall(
            b"POST /api/v1 HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n"
            b'{"type":"SUBSCRIBE"}'
        )
        received = b""
        while not received.endswith(b'HEARTBEAT"}\r\n'):
            received += connection.recv(65536)
        assert running.stop() == 0


@pytest.mark.parametrize(
    ("options", "code", "text"),
    [
        (["none.yaml"], 1, "mesotape: none.yaml: "),
        (
            ["cassette.yaml", "--speed", "0"],
            2,
            "mesotape: --speed is 0.0, expected a number above 0",
        ),
        (
            ["cassette.yaml", "--max-gap", "-1"],
            2,
            "mesotape: --max-gap is -1.0, expected 0 seconds",
        ),
        (
            ["cassette.yaml", "--tls-key", "a"],
            2,
            "mesotape: --tls-cert and --tls-key must be given together",
        ),
        (
            ["cassette.yaml", "--tls-cert", "a", "--tls-key", "b"],
            1,
            "mesotape: a: cannot be read: No such file or directory",
        ),
        (
            ["cassette.yaml", "--tls-cert", "cassette.yaml", "--tls-key", "cassette.yaml"],
            1,
            "mesotape: cassette.yaml, cassette.yaml: not a certificate and its unencrypted",
        ),
        (
            ["cassette.yaml", "--ready-file", "no/ready"],
            1,
            "mesotape: no/ready: cannot be written: ",
        ),
    ],
)
def test_a_replay_that_cannot_start_prints_one_line(folder, options, code, text):
    done = subprocess.run(
        [*MESOTAPE, "replay", *options], cwd=folder, capture_output=True, text=True, timeout=60
    )
    assert done.stderr.startswith(text)
    assert done.stderr.count("\n") == 1
    assert done.returncode == code


def test_a_busy_port_is_an_error(folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = "{}:{}".format(*taken.getsockname())
        done = subprocess.run(
            [*MESOTAPE, "replay", "cassette.yaml", "--listen", listen],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.stderr.startswith(f"mesotape: cannot listen on {listen}: ")
    assert done.stderr.endswith("; --listen 127.0.0.1:0 takes a free port\n")
    assert done.returncode == 1


@pytest.mark.skipif(shutil.which("curl") is None, reason="the examples use curl")
@pytest.mark.parametrize("session", documented()[1])
def test_the_documented_sessions_print_what_is_shown(replay, folder, session):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    session = session.replace("127.0.0.1:5050", f"127.0.0.1:{port}")
    environment = os.environ | {"no_proxy": "127.0.0.1"}
    for step in re.split(r"^\$ ", session, flags=re.MULTILINE)[1:]:
        command, _, expected = step.partition("\n")
        match command.split():
            case ["mesotape", "replay", *options, "&"]:
                running = replay(*options)
                assert running.ready == expected
            case ["curl", *_]:
                shell = ["sh", "-c", command]
                done = subprocess.run(shell, cwd=folder, env=environment, capture_output=True)
                assert done.stdout.decode().rstrip("\n") == expected.rstrip("\n")
            case ["kill", "-INT", "%1"]:
                assert running.stop() == 3
                assert running.errors == expected
            case other:
                pytest.fail(f"cannot run {other}")
