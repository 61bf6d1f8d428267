"""Connections that tests with `block_network` may make, by themselves and in runs of pytest."""

import asyncio
import contextlib
import re
import socket
from collections.abc import Callable
from typing import Any

import pytest

from mesotape.proxy.testing.blocked_network import NetworkBlock, NetworkBlockedError

pytest_plugins = ["pytester", "support.pytest_runs"]

type Run = Callable[..., pytest.RunResult]

FAR = "192.0.2.1"  # no machine has it, by RFC 5737


def send(address: tuple[str | bytes, int], family: int = socket.AF_INET) -> None:
    with socket.socket(family, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"", address)


def send_message(address: tuple[str, int]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendmsg([b""], [], 0, address)


def connect_in_asyncio(address: tuple[str, int]) -> None:
    asyncio.run(asyncio.wait_for(asyncio.open_connection(*address), 5))


def connect_without_an_exception(address: tuple[str, int]) -> None:
    with socket.socket() as plain:
        plain.connect_ex(address)


BLOCKED: dict[str, tuple[Callable[[], Any], str]] = {
    "connect": (lambda: socket.create_connection((FAR, 80), 1), f"{FAR}:80"),
    "connect_ex": (lambda: connect_without_an_exception((FAR, 80)), f"{FAR}:80"),
    "sendto": (lambda: send((FAR, 53)), f"{FAR}:53"),
    "sendmsg": (lambda: send_message((FAR, 53)), f"{FAR}:53"),
    "IPv6": (lambda: send(("2001:db8::1", 53), socket.AF_INET6), "2001:db8::1:53"),
    "mapped": (lambda: send((f"::ffff:{FAR}", 53), socket.AF_INET6), f"::ffff:{FAR}:53"),
    "asyncio": (lambda: connect_in_asyncio((FAR, 80)), f"{FAR}:80"),
    "a name": (lambda: socket.create_connection(("a.example", 80), 1), "a.example"),
    "a name in asyncio": (lambda: connect_in_asyncio(("a.example", 80)), "a.example"),
    "a name by itself": (lambda: socket.gethostbyname("a.example"), "a.example"),
    "an address in bytes": (lambda: send((FAR.encode(), 53)), f"{FAR}:53"),
    "bytes": (lambda: socket.getaddrinfo(b"a.example", 80), "a.example"),
    "like a local one": (lambda: socket.gethostbyname("localhost.example"), "localhost.example"),
}


@pytest.mark.parametrize(("connect", "place"), BLOCKED.values(), ids=BLOCKED)
def test_other_machines_are_blocked_and_recorded(connect: Callable[[], Any], place: str) -> None:
    before = vars(socket.socket).get("connect"), socket.getaddrinfo
    block = NetworkBlock()
    with block.active(), pytest.raises(NetworkBlockedError, match=f"to {re.escape(place)}, bec"):
        connect()
    assert len(block.blocked) == 1
    assert before == (vars(socket.socket).get("connect"), socket.getaddrinfo)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "a.localhost", "0.0.0.0"])
def test_this_machine_is_not_blocked(host: str) -> None:
    block = NetworkBlock()
    with socket.create_server(("127.0.0.1", 0)) as server, block.active():
        with contextlib.suppress(OSError):  # An alias that this system does not have.
            socket.create_connection((host, server.getsockname()[1]), 5).close()
        socket.getaddrinfo(None, 80)
        socket.getaddrinfo(FAR, 80)
        first, second = socket.socketpair()
        first.close()
        second.close()
        with socket.socket() as plain, pytest.raises(TypeError):
            plain.connect("here")
    assert block.blocked == []


FOUND: dict[str, Any] = {
    "getaddrinfo": [(socket.AF_INET, socket.SOCK_DGRAM, 0, "", (FAR, 53))],
    "gethostbyname": FAR,
    "gethostbyname_ex": ("a.example", [], [FAR]),
}


@pytest.mark.parametrize("allowed", [FAR, "192.0.2.*", "A.example", "*.example"])
@pytest.mark.parametrize("lookup", FOUND)
def test_hosts_may_be_allowed(monkeypatch: pytest.MonkeyPatch, allowed: str, lookup: str) -> None:
    monkeypatch.setattr(socket, lookup, lambda *_: FOUND[lookup])
    block = NetworkBlock([allowed])
    with block.active():
        if allowed.endswith("example"):
            assert getattr(socket, lookup)("a.example", 53) == FOUND[lookup]
        with contextlib.suppress(OSError):  # A system without a network.
            send((FAR, 53))
        with pytest.raises(NetworkBlockedError):
            send(("198.51.100.1", 53))


CONNECTS = f"    import socket; socket.create_connection(({FAR!r}, 80), 1)\n"
TEST = "def test_it(mesotape):\n    get(mesotape.url, 'GET_HEALTH')\n"
SWALLOWED = f"{TEST}    with pytest.raises(PermissionError):\n    {CONNECTS}"
SAID = f"*blocked a connection to {FAR}:80, because of block_network: allow it with allowed_hosts=*"


@pytest.mark.parametrize(
    ("mark", "text", "options", "outcome"),
    [
        ("block_network=True", TEST + CONNECTS, [], {"failed": 1}),
        ("block_network=True", SWALLOWED, [], {"passed": 1, "errors": 1}),
        ("", SWALLOWED, ["--mesotape-block-network"], {"passed": 1, "errors": 1}),
        ("block_network=True, strict=False", SWALLOWED, [], {"passed": 1}),
        ("block_network=True", TEST, [], {"passed": 1}),
    ],
)
def test_a_test_fails_if_it_was_blocked(
    tested: Run, mark: str, text: str, options: list[str], outcome: dict[str, int]
) -> None:
    done = tested(f"@pytest.mark.mesotape({mark})\n{text}", *options)
    done.assert_outcomes(**outcome)
    if outcome != {"passed": 1}:
        done.stdout.fnmatch_lines([SAID])


def test_a_shared_server_blocks_too(tested: Run) -> None:
    done = tested(
        "@pytest.fixture(scope='module')\n"
        "def master(mesotape_server):\n"
        "    path = 'cassettes/test_it/test_it.yaml'\n"
        "    with mesotape_server(path, block_network=True) as master: yield master\n"
        + SWALLOWED.replace("mesotape", "master")
        + "def test_other(master): pass\n"
    )
    done.assert_outcomes(passed=2, errors=1)
    done.stdout.fnmatch_lines(["*ERROR at teardown of test_it*", SAID])
