import contextlib
import os
import random
import signal
import stat
import subprocess
from pathlib import Path

import pytest
from support.captures.proxied import free_port
from support.cassette_contents import Kept, kept, wire
from support.commands import MESOTAPE, run, running
from support.sockets import (
    LAST_CHUNK,
    STREAMING,
    SUBSCRIBE,
    Upstream,
    Wire,
    answer,
    connect,
    eventually,
    get,
    post,
    record,
)

from mesotape.cassettes.format.documents import Event, Exchange
from mesotape.cassettes.storage.reader import Cassette

SECRET = b"c2VjcmV0LXBhc3N3b3Jk"


def call(client: Wire, server: Wire, asked: bytes, answered: bytes) -> None:
    client.send(asked)
    server.message()
    server.send(answer(answered, b"Content-Type: application/json"))
    client.message()


def test_concurrent_clients_have_numbers_and_all_is_in_the_order_of_the_wire(
    tmp_path: Path,
) -> None:
    path, chance = tmp_path / "cassette.yaml", random.Random(7)
    told: list[tuple[int, bytes]] = []
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(Upstream())
        recorder = stack.enter_context(running("record", upstream.url, "-o", path))
        pairs: list[tuple[Wire, Wire]] = []
        for number in range(1, 5):
            client = stack.enter_context(connect(recorder.address))
            client.send(post(SUBSCRIBE) if number <= 2 else get(b"/first"))
            server = stack.enter_context(upstream.accept())
            server.message()
            server.send(STREAMING if number <= 2 else answer(b"{}"))
            client.until(b"\r\n\r\n")
            pairs.append((client, server))
        for number in range(100):
            body = b'{"number":%d}' % number
            which = chance.randrange(4)
            client, server = pairs[which]
            if which < 2:
                server.send(record(body))
                client.until(body)
            else:
                call(client, server, post(body), body)
            told.append((which + 1, body))
        peers = [client.name for client, _ in pairs]
        assert recorder.stop() == 0, recorder.said
    with Cassette.open(path) as cassette:
        clients = {one.exchange: one.client for one in cassette.exchanges()}
        written = [
            (clients[one.of], wire(one))
            if isinstance(one, Event)
            else (one.client, wire(one.response))
            for one, _ in cassette.documents()
            if isinstance(one, Event | Exchange) and wire_of(one).startswith(b'{"number"')
        ]
        times = [
            one.at if isinstance(one, Event) else one.at + one.response.after
            for one, _ in cassette.documents()
            if isinstance(one, Event | Exchange)
        ]
    assert written == told
    assert times == sorted(times)
    assert list(clients) == list(range(1, len(clients) + 1))
    assert {one.exchange.client: one.exchange.peer for one in kept(path)} == dict(
        enumerate(peers, 1)
    )


def wire_of(one: Event | Exchange) -> bytes:
    return wire(one if isinstance(one, Event) else one.response)


class Session:
    """Records a few calls; `said` is what the recorder had to say at the end."""

    def __init__(self, path: Path, *options: str) -> None:
        self.path = path
        self.options = options
        self.said = ""

    def run(self, *requests: bytes) -> list[bytes]:
        """Send requests on one connection; give what the upstream got."""
        got: list[bytes] = []
        with (
            Upstream() as upstream,
            running("record", upstream.url, "-o", self.path, *self.options) as recorder,
            connect(recorder.address) as client,
        ):
            for number, request in enumerate(requests):
                client.send(request)
                if not number:
                    server = upstream.accept()
                got.append(server.message())
                server.send(answer(b"{}", b"Set-Cookie: one=" + SECRET, b"set-cookie: " + SECRET))
                client.message()
            server.close()
            assert recorder.stop() == 0, recorder.said
            self.said = recorder.said
        return got


def test_a_cassette_that_exists_is_refused_appended_to_or_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "cassette.yaml"
    Session(path).run(get(b"/1"), get(b"/2"))
    before = path.read_bytes()
    done = run("record", "http://127.0.0.1:1", "-o", path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"mesotape: {path}: already exists: ")
    assert path.read_bytes() == before

    Session(path, "--append").run(get(b"/3"))
    assert path.read_bytes().startswith(before)
    told = [one.exchange for one in kept(path)]
    assert [one.request.path for one in told] == ["/1", "/2", "/3"]
    assert [one.exchange for one in told] == [1, 2, 3]
    assert [one.client for one in told] == [1, 1, 2]
    assert told[2].at > told[1].at + told[1].response.after

    Session(path, "--overwrite").run(get(b"/4"))
    assert [one.exchange.request.path for one in kept(path)] == ["/4"]


def test_only_v1_leaves_out_other_paths_and_an_option_of_mitmproxy_wins(tmp_path: Path) -> None:
    path = tmp_path / "cassette.yaml"
    calls = get(b"/version"), post(b'{"type":"GET_HEALTH"}'), get(b"/master/state"), get(b"/")
    got = Session(path, "--only-v1", "--set", "keep_host_header=true").run(*calls)
    assert len(got) == 4
    assert all(b"\r\nHost: master.example:5050\r\n" in one for one in got)
    assert [one.exchange.request.path for one in kept(path)] == ["/api/v1"]
    assert [one.exchange.exchange for one in kept(path)] == [1]


@pytest.fixture(scope="module")
def session(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[list[bytes], list[Kept], Path]:
    """Calls with secrets and messages of actors; the umask would let everybody read."""
    path = tmp_path_factory.mktemp("session") / "cassette.yaml"
    before = os.umask(0)
    try:
        got = Session(path).run(
            get(b"/a", b"Authorization: Basic " + SECRET, b"proxy-authorization: " + SECRET),
            get(b"/b", b"COOKIE: a=" + SECRET, b"Cookie: b=" + SECRET),
            get(b"/c", b"aUTHORIZATION: token=" + SECRET),
            post(b"", b"User-Agent: libprocess/scheduler@1.1.1.1:1", path=b"/master/a"),
            post(b"", b"Libprocess-From: scheduler@1.1.1.1:1", path=b"/master/b"),
        )
    finally:
        os.umask(before)
    return got, kept(path), path


def test_credentials_pass_and_never_reach_the_disk(
    session: tuple[list[bytes], list[Kept], Path],
) -> None:
    got, _, path = session
    assert sum(one.count(SECRET) for one in got) == 5
    for file in path.parent.iterdir():
        assert SECRET not in file.read_bytes()


def test_redacted_headers_keep_their_names_and_schemes(
    session: tuple[list[bytes], list[Kept], Path],
) -> None:
    _, told, _ = session
    headers = told[0].exchange.request.headers
    assert headers["Authorization"] == "Basic REDACTED-1"
    assert headers["proxy-authorization"] == "REDACTED-1"
    assert told[1].exchange.request.headers["COOKIE"] == "a=REDACTED-1"
    assert told[2].exchange.request.headers["aUTHORIZATION"] == "token=REDACTED-1"
    assert told[0].exchange.response.headers["Set-Cookie"] == "one=REDACTED-1"
    assert told[0].exchange.response.headers["set-cookie"] == "REDACTED-1"


def test_messages_between_actors_pass_unrecorded(
    session: tuple[list[bytes], list[Kept], Path],
) -> None:
    got, told, _ = session
    assert got[3].startswith(b"POST /master/a HTTP/1.1\r\n")
    assert got[4].startswith(b"POST /master/b HTTP/1.1\r\n")
    assert [one.exchange.request.path for one in told] == ["/a", "/b", "/c"]


def test_a_cassette_belongs_to_its_owner_alone(
    session: tuple[list[bytes], list[Kept], Path],
) -> None:
    _, _, path = session
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_upstream_sees_its_own_name(session: tuple[list[bytes], list[Kept], Path]) -> None:
    got, told, _ = session
    host = told[0].exchange.request.headers["Host"]
    assert f"\r\nHost: {host}\r\n".encode() in got[0]
    assert str(host).startswith("127.0.0.1:")


def test_with_keep_host_the_upstream_sees_what_the_client_said(tmp_path: Path) -> None:
    path = tmp_path / "cassette.yaml"
    (got,) = Session(path, "--keep-host").run(get(b"/version"))
    assert b"\r\nHost: master.example:5050\r\n" in got
    (one,) = kept(path)
    assert one.exchange.request.headers["Host"] == "master.example:5050"


def test_a_client_that_comes_before_the_ready_line_is_recorded(tmp_path: Path) -> None:
    path, port = tmp_path / "cassette.yaml", free_port()
    with Upstream() as upstream:
        command = [*MESOTAPE, "record", upstream.url, "-o", path, "--listen", str(port)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as recorder:
            with eventually(lambda: connected(port), "recorder") as client:
                client.send(get(b"/version"))
                with upstream.accept() as server:
                    server.message()
                    server.send(answer(b"{}"))
                    assert client.message().endswith(b"{}")
            recorder.send_signal(signal.SIGINT)
            recorder.communicate(timeout=30)
    assert [one.exchange.request.path for one in kept(path)] == ["/version"]


def connected(port: int) -> Wire | None:
    try:
        return connect(("127.0.0.1", port))
    except ConnectionRefusedError:
        return None


def test_any_mode_of_mitmproxy_records(tmp_path: Path) -> None:
    path = tmp_path / "cassette.yaml"
    with (
        Upstream() as upstream,
        running("record", "--mode", "regular", "-o", path) as recorder,
        connect(recorder.address) as client,
    ):
        client.send(
            b"POST %b/api/v1 HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%b"
            % (upstream.url.encode(), upstream.port, len(SUBSCRIBE), SUBSCRIBE)
        )
        with upstream.accept() as server:
            assert server.message().startswith(b"POST /api/v1 HTTP/1.1\r\n")
            server.send(STREAMING, record(b"{}"))
            client.until(b"{}")
            server.send(LAST_CHUNK)
            client.until(LAST_CHUNK)
        assert recorder.stop() == 0, recorder.said
    (one,) = kept(path)
    assert one.exchange.request.path == "/api/v1"
    assert one.records == [b"{}"]
    with Cassette.open(path) as cassette:
        assert cassette.header.upstream == "regular"


def test_a_health_check_gets_neither_to_the_upstream_nor_into_the_cassette(tmp_path: Path) -> None:
    path = tmp_path / "cassette.yaml"
    with (
        Upstream() as upstream,
        running("record", upstream.url, "-o", path) as recorder,
        connect(recorder.address) as client,
    ):
        client.send(get(b"/_mesotape/health"))
        assert client.message().endswith(b"\r\n\r\nok\n")
        client.send(b"HEAD /_mesotape/health HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 OK\r\n")
        client.send(post(b"", path=b"/_mesotape/health"))
        with upstream.accept() as server:
            assert server.message().startswith(b"POST /_mesotape/health ")
            server.send(answer(b"{}"))
            client.message()
    assert [each.exchange.request.method for each in kept(path)] == ["POST"]
