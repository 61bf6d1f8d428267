"""Addresses that other machines reach: warnings, the token of the control API, the health path."""

import json
from pathlib import Path

import pytest
from support.cassette_builder import call, said, written
from support.commands import run, running
from support.sockets import connect, get, post

from mesotape.proto.http.address import Address

HEALTH, HEALTHY = said("GET_HEALTH"), said("GET_HEALTH", get_health={"healthy": True})
TOKEN = "0123456789abcdef-own"
EVERYWHERE = "0.0.0.0:0"


@pytest.fixture
def cassette(tmp_path: Path) -> Path:
    return written(tmp_path / "cassette.yaml", call(1, 0.0, HEALTH, HEALTHY))


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    return path


@pytest.mark.parametrize(
    ("host", "is_loopback"),
    [
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("localhost", True),
        ("localhost.", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.0.2.1", False),
        ("localhost.example.org", False),
    ],
)
def test_loopback_is_known(host: str, is_loopback: bool) -> None:
    assert Address(host, 0).is_loopback is is_loopback


@pytest.mark.parametrize(
    ("listen", "is_warned"), [("127.0.0.1:0", False), ("[::1]:0", False), (EVERYWHERE, True)]
)
def test_a_replay_warns_of_an_address_that_others_reach(
    cassette: Path, listen: str, is_warned: bool
) -> None:
    with running("replay", cassette, "--listen", listen) as replay:
        pass
    warning = "is not loopback: other machines can get what the cassettes contain"
    assert (warning in replay.said) is is_warned
    assert replay.code == 0


def test_a_cassette_of_its_own_address_is_warned_of_too(cassette: Path) -> None:
    with running("replay", cassette, f"{cassette}={EVERYWHERE}") as replay:
        pass
    assert replay.said.count("is not loopback") == 1


@pytest.mark.parametrize(("listen", "count"), [("127.0.0.1:0", 0), (EVERYWHERE, 1)])
def test_a_recorder_warns_of_an_address_that_others_reach(
    tmp_path: Path, listen: str, count: int
) -> None:
    out = tmp_path / "new.yaml"
    with running("record", "http://127.0.0.1:1", "-o", out, "--listen", listen) as recorder:
        pass
    warning = "is not loopback: other machines can make calls to the upstream through it"
    assert recorder.said.count(warning) == count


def ask(address: tuple[str, int], *headers: bytes) -> tuple[int, bytes]:
    with connect(address) as wire:
        wire.send(b"\r\n".join([b"GET /status HTTP/1.1", *headers, b"", b""]))
        head, _, body = wire.message().partition(b"\r\n\r\n")
        return int(head.split()[1]), body


def test_a_token_of_the_user_opens_the_control_api_to_other_machines(
    cassette: Path, token_file: Path
) -> None:
    options = "--control", EVERYWHERE, "--control-token-file", token_file
    with running("replay", cassette, *options) as replay:
        assert replay.control is not None
        (url,) = replay.control
        address = "127.0.0.1", int(url.rpartition(":")[2])
        authorized = f"Authorization: Bearer {TOKEN}".encode()
        assert ask(address, b"Host: replay.docker.internal:7070", authorized)[0] == 200
        assert ask(address, b"Host: x", authorized, b"Origin: http://x")[0] == 403
        for wrong in (b"Bearer ", b"Bearer 0123456789abcdef-owm", b"Basic " + TOKEN.encode()):
            status, body = ask(address, b"Host: x", b"Authorization: " + wrong)
            assert status == 401
            assert TOKEN.encode() not in body
        assert ask(address, b"Host: x")[0] == 401
    assert "other machines can control the replay with its token" in replay.said
    assert f"control on {url} with the token of --control-token-file" in replay.out
    assert TOKEN not in replay.said + replay.out


def test_on_loopback_a_token_of_the_user_changes_nothing_else(
    cassette: Path, token_file: Path
) -> None:
    options = "--control", "127.0.0.1:0", "--control-token-file", token_file
    with running("replay", cassette, *options) as replay:
        assert replay.control is not None
        host = replay.control[0].rpartition("//")[2]
        address = "127.0.0.1", int(host.rpartition(":")[2])
        authorized = f"Authorization: Bearer {TOKEN}".encode()
        assert ask(address, f"Host: {host}".encode(), authorized)[0] == 200
        assert ask(address, b"Host: evil.example:80", authorized)[0] == 403
    assert "is not loopback" not in replay.said


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "token: expected a token of 16 to 1024 characters without blanks"),
        (b"short", "token: expected a token of 16"),
        (b"two words of the user", "token: expected a token of 16"),
        (b"0123456789abcdef\nsecond", "token: expected a token of 16"),
        (b"x" * 1025, "token: expected a token of 16"),
        (b"\xff" * 20, "token: expected a token of 16"),
        (None, "token: cannot be read: No such file or directory"),
    ],
)
def test_a_file_without_a_good_token_is_an_error(
    cassette: Path, tmp_path: Path, content: bytes | None, text: str
) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    done = run("replay", cassette, "--control", EVERYWHERE, "--control-token-file", path)
    assert done.returncode == 1
    assert text in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_token_without_a_control_api_is_an_error(cassette: Path, token_file: Path) -> None:
    done = run("replay", cassette, "--control-token-file", token_file)
    assert done.returncode == 2
    assert done.stderr == "mesotape: --control-token-file needs --control HOST:PORT\n"


def test_the_health_path_is_no_request_of_a_client(cassette: Path, tmp_path: Path) -> None:
    receipt = tmp_path / "receipt.json"
    with (
        running("replay", cassette, "--receipt", receipt) as replay,
        connect(replay.address) as wire,
    ):
        wire.send(get(b"/_mesotape/health"))
        assert wire.message().endswith(b"\r\n\r\nok\n")
        wire.send(b"HEAD /_mesotape/health HTTP/1.1\r\nHost: a\r\n\r\n")
        assert wire.until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 OK\r\n")
        wire.send(post(b"", path=b"/_mesotape/health"))
        assert wire.message().startswith(b"HTTP/1.1 404 ")
    counts = json.loads(receipt.read_text())["counts"]
    assert (counts["served"], counts["refused"], counts["missed"]) == (0, 1, 0)
