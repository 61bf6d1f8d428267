"""Several servers in one replay, each at an address of its own."""

import json
from pathlib import Path

import pytest
from support.commands import run, running
from support.server_cassettes import HEALTH, exchange, header
from support.sockets import Wire, connect, post

from mesotape.proto.http.address import Address
from mesotape.proxy.commands.listen import ListenSpec, ServerInFolder, group_by_address

LISTEN = Address("127.0.0.1", 0)
FIXED = Address("127.0.0.1", 5050)
OTHER = Address("127.0.0.1", 5051)


@pytest.fixture
def cassettes(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{name}.yaml" for name in ("master", "one", "two")]
    texts = [
        header() + exchange(1, "/version", "master") + exchange(2, "/slaves", "none"),
        header("agent") + exchange(1, "/version", "one"),
        header("agent")
        + exchange(1, "/version", "two")
        + exchange(2, "/api/v1", "up", body=HEALTH),
    ]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    return paths


def asks(client: Wire, request: bytes) -> bytes:
    client.send(request)
    return client.message().partition(b"\r\n\r\n")[2]


VERSION = b"GET /version HTTP/1.1\r\n\r\n"


def test_a_cassette_with_an_address_of_its_own_is_a_server_of_its_own(
    cassettes: list[Path],
) -> None:
    master, one, two = cassettes
    with running(
        "replay", master, f"{one}=127.0.0.1:0", f"{two}=0", "--json", "--quiet"
    ) as command:
        assert len(set(command.addresses)) == 3
        clients = [connect(address) for address in command.addresses]
        for _ in range(2):
            assert [asks(client, VERSION) for client in clients] == [b"master", b"one", b"two"]
        assert b"nothing recorded" in asks(clients[1], post(HEALTH.encode()))
        assert asks(clients[2], post(HEALTH.encode())) == b"up"
        for client in clients:
            client.close()
    ready, counts = command.out.splitlines()
    assert json.loads(ready) == {"ready": command.urls[0], "also": command.urls[1:]}
    assert json.loads(counts)["served"] == 7
    assert json.loads(counts)["missed"] == 1
    assert command.code == 3


def test_each_address_is_announced(cassettes: list[Path]) -> None:
    master, one, two = cassettes
    with running("replay", f"{one}=0", master, two) as command:
        first, second = command.urls
    assert command.out.splitlines() == [
        f"mesotape: replaying {one} on {first}",
        f"mesotape: replaying {master}, {two} on {second}",
    ]


def test_cassettes_at_one_address_are_one_server() -> None:
    assert group_by_address([None, None], LISTEN) == [ListenSpec(LISTEN, (0, 1))]
    assert group_by_address([OTHER, None, OTHER, FIXED], FIXED) == [
        ListenSpec(OTHER, (0, 2), "CASSETTE="),
        ListenSpec(FIXED, (1, 3), "CASSETTE="),
    ]
    assert group_by_address([LISTEN, LISTEN, None], LISTEN) == [
        ListenSpec(LISTEN, (0,), "CASSETTE="),
        ListenSpec(LISTEN, (1,), "CASSETTE="),
        ListenSpec(LISTEN, (2,)),
    ]


FOLDER = Path("day")
A, B, C = (ServerInFolder(FOLDER, "agent", upstream) for upstream in ("http://a", "http://b", None))


@pytest.mark.parametrize(
    ("own", "servers", "groups"),
    [
        ([None] * 3, [A, A, A], [(LISTEN, (0, 1, 2))]),
        ([None] * 4, [A, A, B, C], [(LISTEN, (0, 1)), (LISTEN, (2,)), (LISTEN, (3,))]),
        ([OTHER] * 3, [A, B, B], [(OTHER, (0,)), (LISTEN, (1, 2))]),
        ([LISTEN] * 3, [A, A, B], [(LISTEN, (0, 1)), (LISTEN, (2,))]),
        ([None, None, None], [None, A, B], [(LISTEN, (0, 1)), (LISTEN, (2,))]),
    ],
)
def test_a_server_in_a_folder_has_an_address(
    own: list[Address | None],
    servers: list[ServerInFolder | None],
    groups: list[tuple[Address, tuple[int, ...]]],
) -> None:
    found = group_by_address(own, LISTEN, servers)
    assert [(each.address, each.cassette_indexes) for each in found] == groups


def test_a_folder_plays_each_server_at_its_address(tmp_path: Path) -> None:
    day = tmp_path / "day"
    day.mkdir()
    later = header("agent", "http://a:5051").replace("T12:", "T13:")
    texts = {
        "a-1.yaml": later + exchange(1, "/version", "later"),
        "a-2.yaml": header("agent", "http://a:5051") + exchange(1, "/version", "first"),
        "b.yaml": header("agent", "http://b:5051") + exchange(1, "/version", "b"),
        "b.2.yaml": header("agent", "http://b:5051").replace("upstream", "part: 2\nupstream")
        + exchange(2, "/version", "b, part 2"),
    }
    for name, text in texts.items():
        (day / name).write_text(text)
    with running("replay", day) as command:
        clients = [connect(address) for address in command.addresses]
        for answers in ([b"first", b"b"], [b"later", b"b, part 2"]):
            assert [asks(client, VERSION) for client in clients] == answers
        for client in clients:
            client.close()
    assert command.out.splitlines()[:2] == [
        f"mesotape: replaying 2 cassettes of agent http://a:5051 in {day} on {command.urls[0]}",
        f"mesotape: replaying 1 cassette of agent http://b:5051 in {day} on {command.urls[1]}",
    ]
    (tmp_path / "empty").mkdir()
    empty = run("replay", tmp_path / "empty")
    assert empty.stderr == f"mesotape: {tmp_path}/empty: there is no cassette in this folder\n"


def test_without_cassettes_the_replay_still_listens() -> None:
    assert group_by_address([], LISTEN) == [ListenSpec(LISTEN, ())]


def test_a_file_may_have_an_equals_sign_in_its_name(cassettes: list[Path]) -> None:
    odd = cassettes[0].rename(cassettes[0].with_name("a=127.0.0.1:1"))
    with running("replay", odd) as command, connect(command.address) as client:
        assert asks(client, VERSION) == b"master"


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("=nowhere", "'nowhere': expected HOST:PORT, like 127.0.0.1:5050"),
        ("=127.0.0.1:99999", "'127.0.0.1:99999': expected HOST:PORT, like 127.0.0.1:5050"),
        ("=", "'': expected HOST:PORT, like 127.0.0.1:5050"),
    ],
)
def test_an_address_that_is_none_is_refused(cassettes: list[Path], place: str, said: str) -> None:
    done = run("replay", f"{cassettes[0]}{place}")
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_an_address_that_is_taken_is_said_and_nothing_is_announced(cassettes: list[Path]) -> None:
    with running("replay", cassettes[0]) as command:
        host, port = command.address
        done = run("replay", cassettes[1], f"{cassettes[2]}={host}:{port}")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        f"mesotape: cannot listen on {host}:{port}: Address already in use;"
        " CASSETTE=127.0.0.1:0 takes a free port"
    ]
