import contextlib
import os
import re
import signal
import ssl
from pathlib import Path
from typing import NamedTuple

import pytest
from support.cassette_contents import kept, notes, wire
from support.certificate_authority import Authority
from support.commands import running
from support.sockets import (
    LAST_CHUNK,
    STREAMING,
    SUBSCRIBE,
    Upstream,
    answer,
    connect,
    get,
    pass_stream,
    post,
    record,
)

INTERNAL_ERROR = b"\x15\x03\x03\x00\x02\x02\x50"
"""An alert that is not encrypted, which TLS 1.3 answers with an alert of its own (RFC 8446, 6)."""

HEALTH = b'{"type":"GET_HEALTH"}'
HEALTHY = b'{"type":"GET_HEALTH","get_health":{"healthy":true}}'


class Certificates(NamedTuple):
    """What the two sides may show and trust."""

    ours: Authority
    strangers: Authority
    server: tuple[Path, Path, Path]
    elsewhere: tuple[Path, Path, Path]
    client: tuple[Path, Path, Path]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder = tmp_path_factory.mktemp("certificates")
    ours, strangers = Authority(folder, "ours"), Authority(folder, "strangers")
    return Certificates(
        ours,
        strangers,
        ours.issue("server", "127.0.0.1"),
        ours.issue("elsewhere"),
        ours.issue("client"),
    )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    return home


def test_calls_and_streams_pass_tls_on_both_sides_and_are_replayed_over_tls(
    tmp_path: Path, home: Path, certificates: Certificates
) -> None:
    path, (cert, key, both) = tmp_path / "cassette.yaml", certificates.server
    ours = certificates.ours
    tls = ["--tls-cert", cert, "--tls-key", key]
    with (
        Upstream(ours.server(both, asks=True)) as upstream,
        running(
            *("record", upstream.url, "-o", path, *tls),
            *("--upstream-ca", ours.ca, "--client-cert", certificates.client[2]),
            env=os.environ | {"HOME": str(home)},
        ) as recorder,
        connect(recorder.address, ours.client()) as client,
    ):
        assert recorder.url.startswith("https://127.0.0.1:")
        client.send(post(HEALTH))
        with upstream.accept() as server:
            assert server.certificate["subject"] == ((("commonName", "client"),),)
            server.message()
            server.send(answer(HEALTHY, b"Content-Type: application/json"))
            assert client.message().endswith(HEALTHY)
            client.send(post(SUBSCRIBE))
            server.message()
            pass_stream(server, client)
        assert recorder.stop() == 0
    assert recorder.said.count("\n") == 1
    one, stream = kept(path)
    assert wire(one.exchange.response) == HEALTHY
    assert stream.records == [b"0", b"1", b"2"]

    with (
        running("replay", path, *tls, env=os.environ | {"HOME": str(home)}) as player,
        connect(player.address, ours.client()) as client,
    ):
        assert player.url.startswith("https://127.0.0.1:")
        client.send(post(HEALTH), post(SUBSCRIBE))
        assert client.message().endswith(HEALTHY)
        assert client.until(LAST_CHUNK).endswith(record(b"2") + LAST_CHUNK)
        assert player.stop() == 0
    assert list(home.iterdir()) == []


def listening(pid: int) -> tuple[list[int], list[int]]:
    """The ports that a process listens on: of TCP, and of UDP."""
    links = [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()]
    inodes = {found[1] for link in links if (found := re.fullmatch(r"socket:\[(\d+)\]", link))}
    ports: dict[str, list[int]] = {"tcp": [], "udp": []}
    for protocol, state in (("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")):
        for line in Path(f"/proc/net/{protocol}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[9] in inodes and fields[3] == state:
                ports[protocol[:3]].append(int(fields[1].rpartition(":")[2], 16))
    return ports["tcp"], ports["udp"]


@pytest.mark.skipif(not Path("/proc/net/udp").exists(), reason="only Linux tells who listens")
def test_nothing_listens_but_one_port_of_tcp(tmp_path: Path) -> None:
    with running("record", "https://127.0.0.1:1", "-o", tmp_path / "cassette.yaml") as recorder:
        assert listening(recorder.process.pid) == ([recorder.address[1]], [])


@pytest.mark.parametrize("how", ["a stranger's", "for another host", "none of the client's"])
def test_an_upstream_that_cannot_be_trusted_is_a_502(
    tmp_path: Path, certificates: Certificates, how: str
) -> None:
    path, ours = tmp_path / "cassette.yaml", certificates.ours
    trusted = certificates.strangers if how == "a stranger's" else ours
    both = (certificates.elsewhere if how == "for another host" else certificates.server)[2]
    tls = ours.server(both, asks=how == "none of the client's")
    with (
        Upstream(tls) as upstream,
        running("record", upstream.url, "-o", path, "--upstream-ca", trusted.ca) as recorder,
        connect(recorder.address) as client,
    ):
        client.send(post(HEALTH))
        with contextlib.suppress(ssl.SSLError, ConnectionError), upstream.accept() as server:
            assert server.rest() == b""
        assert client.message().startswith(b"HTTP/1.1 502 ")
        assert recorder.stop() == 0
    (one,) = kept(path)
    assert one.exchange.response.status is None
    assert one.exchange.response.cause == "server-cut"
    if how != "none of the client's":  # TLS 1.3 refuses a client after the handshake
        ((note, number),) = notes(path)
        assert note.startswith("the upstream could not be reached: Certificate verify failed: ")
        assert number == 1
        assert "mitmproxy: Server TLS handshake failed. " in recorder.said


def test_a_tls_alert_ends_a_stream(tmp_path: Path, certificates: Certificates) -> None:
    path, ours = tmp_path / "cassette.yaml", certificates.ours
    with (
        Upstream(ours.server(certificates.server[2])) as upstream,
        running("record", upstream.url, "-o", path, "--upstream-ca", ours.ca) as recorder,
        connect(recorder.address) as client,
    ):
        client.send(post(SUBSCRIBE))
        with upstream.accept() as server:
            server.message()
            server.send(STREAMING, record(b"1"))
            client.until(record(b"1"))
            server.send_beneath(INTERNAL_ERROR)
            assert client.rest() == b""
        assert recorder.stop() == 0
    (one,) = kept(path)
    assert one.records == [b"1"]
    assert one.end is not None
    assert one.end.cause == "server-cut"


def test_an_insecure_upstream_may_be_asked_for(tmp_path: Path, certificates: Certificates) -> None:
    path = tmp_path / "cassette.yaml"
    with (
        Upstream(certificates.ours.server(certificates.elsewhere[2])) as upstream,
        running("record", upstream.url, "-o", path, "--insecure") as recorder,
        connect(recorder.address) as client,
    ):
        client.send(get(b"/version"))
        with upstream.accept() as server:
            server.message()
            server.send(answer(b"{}"))
            assert client.message().endswith(b"{}")
        assert recorder.stop() == 0
    (one,) = kept(path)
    assert wire(one.exchange.response) == b"{}"


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux lists open files")
@pytest.mark.parametrize("mode", ["reverse", "regular"])
def test_no_key_is_in_a_file(tmp_path: Path, certificates: Certificates, mode: str) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    cert, key, _ = certificates.server
    command = ["record", "-o", tmp_path / "cassette.yaml", "--tls-cert", cert, "--tls-key", key]
    command += ["http://127.0.0.1:1"] if mode == "reverse" else ["--mode", "regular"]
    with running(*command, env=os.environ | {"TMPDIR": str(temporary)}) as recorder:
        files = [each.resolve() for each in Path(f"/proc/{recorder.process.pid}/fd").iterdir()]
        assert not [each for each in files if each.suffix in (".pem", ".p12")]
        assert list(temporary.iterdir()) == []
        recorder.stop(signal.SIGKILL)
        assert list(temporary.iterdir()) == []
