"""Upstreams and recorders at addresses of all forms."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.cassette_contents import kept_of
from support.commands import run, running
from support.sockets import PATIENCE_SECONDS, Upstream, Wire, answer, connect, get


class UpstreamIPv6(Upstream):
    """The same at ::1."""

    def __init__(self) -> None:
        self._tls = None
        self._socket = socket.socket(socket.AF_INET6)
        self._socket.settimeout(PATIENCE_SECONDS)
        self._socket.bind(("::1", 0))
        self.port = self._socket.getsockname()[1]
        self.url = f"http://[::1]:{self.port}"
        self.listen()


def has_ipv6() -> bool:
    try:
        UpstreamIPv6().__exit__()
    except OSError:
        return False
    return True


NEEDS_IPV6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no ::1")


@pytest.fixture(params=[pytest.param(UpstreamIPv6, marks=NEEDS_IPV6), Upstream])
def upstream(request: pytest.FixtureRequest) -> Iterator[Upstream]:
    with request.param() as upstream:
        yield upstream


@pytest.mark.parametrize("server", ["master", "agent"])
def test_host_and_peer_are_addresses(tmp_path: Path, upstream: Upstream, server: str) -> None:
    path = tmp_path / "cassette.yaml"
    name = upstream.url.removeprefix("http://")
    own = name.rpartition(":")[0]
    command = ["record", upstream.url, "-o", path, "--server", server, "--listen", f"{own}:0"]
    with running(*command) as recorder:
        assert recorder.url.startswith(f"http://{own}:")
        with connect((own.strip("[]"), recorder.address[1])) as client:
            client.send(get(b"/version"))
            with upstream.accept() as seen:
                assert f"\r\nHost: {name}\r\n" in seen.message().decode()
                seen.send(answer(b"{}"))
                client.message()
            port = socket_port(client)
        (one,) = kept_of(path, f"{own}:{port}")
    assert one.exchange.request.headers["Host"] == name


def socket_port(client: Wire) -> str:
    return client.name.rpartition(":")[2]


def test_a_name_is_in_lower_case(tmp_path: Path) -> None:
    path = tmp_path / "cassette.yaml"
    with Upstream() as upstream:
        url = f"http://LocalHost:{upstream.port}"
        with running("record", url, "-o", path) as recorder, connect(recorder.address) as client:
            client.send(get(b"/version"))
            with upstream.accept() as seen:
                assert f"\r\nHost: localhost:{upstream.port}\r\n" in seen.message().decode()


@pytest.mark.parametrize("address", ["::1:5050", "::1", "[::1]", "localhost", "a:65536", "[::1:1"])
def test_other_addresses_to_listen_on_are_refused(tmp_path: Path, address: str) -> None:
    done = run("record", "http://a:1", "-o", tmp_path / "c.yaml", "--listen", address)
    assert done.returncode == 2
    assert f"'{address}': expected HOST:PORT, like 127.0.0.1:5050 or [::1]:5050" in done.stderr
