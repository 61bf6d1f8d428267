"""A recorder in front of a master that does not lead."""

from pathlib import Path

import pytest
from support.cassette_contents import kept, notes, wire
from support.certificate_authority import Authority
from support.commands import running
from support.mitmdump import listening, mitmdump
from support.sockets import Upstream, Wire, answer, connect, eventually, get, post

HEALTH = b'{"type":"GET_HEALTH"}'
HEALTHY = b'{"type":"GET_HEALTH","get_health":{"healthy":true}}'
RECORDER = b"//master.example:5050"
"""The recorder as in the `Host` of the requests of sockets.py."""


def redirect(place: str, status: str = "307 Temporary Redirect") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Location: {place}", "Content-Length: 0", "", ""]
    return "\r\n".join(lines).encode()


def at(upstream: Upstream, rest: str = "/master/api/v1") -> str:
    return f"//127.0.0.1:{upstream.port}{rest}"


def exchange(
    client: Wire, request: bytes, upstream: Upstream, response: bytes
) -> tuple[bytes, bytes]:
    """Send a request; return what the upstream receives on a new connection, and the response."""
    client.send(request)
    with upstream.accept() as server:
        asked = server.message()
        server.send(response)
        return asked, client.message()


def redirected(client: Wire, upstream: Upstream, location: str) -> bytes:
    """Return the redirect as the client receives it."""
    _, got = exchange(client, post(HEALTH), upstream, redirect(location))
    return got


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cassette.yaml"


def test_the_client_gets_the_recorder_in_the_location_and_the_cassette_has_the_leader(
    path: Path,
) -> None:
    rest = "/master/api/v1/?y=%20z&x=1"
    with Upstream() as follower, Upstream() as leader:
        with (
            running("record", follower.url, "-o", path) as recorder,
            connect(recorder.address) as client,
        ):
            told = redirect(at(leader, rest))
            asked, got = exchange(client, post(HEALTH), follower, told)
            assert got == told.replace(at(leader, "").encode(), RECORDER)
            assert b"\r\nHost: 127.0.0.1:%d\r\n" % follower.port in asked
            asked, _ = exchange(
                client, post(HEALTH, path=b"/master/api/v1"), leader, answer(HEALTHY)
            )
            assert asked.startswith(b"POST /master/api/v1 HTTP/1.1\r\n")
            assert b"\r\nHost: 127.0.0.1:%d\r\n" % leader.port in asked
            assert asked.endswith(HEALTH)
        assert recorder.code == 0
    first, second = kept(path)
    assert first.exchange.response.headers["Location"] == at(leader, rest)
    assert second.exchange.request.headers["Host"] == at(leader, "")[2:]
    assert f"127.0.0.1:{leader.port} leads" in recorder.said
    assert notes(path) == [(f"127.0.0.1:{leader.port} leads: requests go there from now on", None)]


def test_all_later_requests_of_all_clients_go_to_the_leader(
    path: Path,
) -> None:
    chunked = (
        b"POST /api/v1 HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n15\r\n%b\r\n0\r\n\r\n" % HEALTH
    )
    with (
        Upstream() as follower,
        Upstream() as leader,
        running("record", follower.url, "-o", path, "--only-v1") as recorder,
        connect(recorder.address) as old,
        connect(recorder.address) as new,
    ):
        old.send(get(b"/version"))
        with follower.accept() as kept_open:
            kept_open.message()
            kept_open.send(answer(b"{}"))
            old.message()
            redirected(new, follower, at(leader))
            exchange(old, get(b"/version"), leader, answer(b"{}"))
            assert kept_open.is_quiet()
        exchange(new, get(b"/slaves"), leader, answer(b"{}"))
        with connect(recorder.address) as third:
            third.send(chunked)
            with leader.accept() as server:
                server.until(b"0\r\n\r\n")
                server.send(answer(HEALTHY))
                third.message()


def test_messages_between_actors_go_to_the_upstream(path: Path) -> None:
    message = post(b"", b"User-Agent: libprocess/scheduler(1)@127.0.0.1:1", path=b"/master/x")
    with (
        Upstream() as follower,
        Upstream() as leader,
        running("record", follower.url, "-o", path) as recorder,
        connect(recorder.address) as client,
    ):
        redirected(client, follower, at(leader))
        exchange(client, message, follower, answer(b""))


def test_a_chain_of_redirects_is_followed_to_its_end_and_back(path: Path) -> None:
    with (
        Upstream() as first,
        Upstream() as second,
        Upstream() as third,
        running("record", first.url, "-o", path) as recorder,
        connect(recorder.address) as client,
    ):
        for here, there in ((first, second), (second, third), (third, first), (first, first)):
            assert b"\r\nLocation: %b/master/api/v1\r\n" % RECORDER in redirected(
                client, here, at(there)
            )
        exchange(client, post(HEALTH), first, answer(HEALTHY))
    assert [one.exchange.response.status for one in kept(path)] == [307, 307, 307, 307, 200]
    assert len(notes(path)) == 3


def test_an_unreachable_leader_is_forgotten(path: Path) -> None:
    with (
        Upstream() as follower,
        Upstream(listens=False) as dead,
        running("record", follower.url, "-o", path) as recorder,
    ):
        with connect(recorder.address) as client:
            redirected(client, follower, at(dead))
            client.send(post(HEALTH))
            assert client.rest().startswith(b"HTTP/1.1 502 Bad Gateway\r\n")
        with connect(recorder.address) as client:
            exchange(client, post(HEALTH), follower, answer(HEALTHY))
            _, got = exchange(client, get(b"/redirect"), follower, redirect(at(dead, "")))
            assert b"\r\nLocation: %b\r\n" % RECORDER in got
            exchange(client, post(HEALTH), follower, answer(HEALTHY))
        name = f"127.0.0.1:{dead.port}"
    assert [note for note, _ in notes(path)] == [
        f"{name} leads: requests go there from now on",
        f"the leader {name} cannot be reached: back to 127.0.0.1:{follower.port}",
        f"the upstream could not be reached: [Errno 111] Connect call failed"
        f" ('127.0.0.1', {dead.port}); the client got 502 from the proxy",
    ]


def test_a_leader_that_dies_is_forgotten_when_it_cannot_be_reached(path: Path) -> None:
    with (
        Upstream() as follower,
        running("record", follower.url, "-o", path) as recorder,
        connect(recorder.address) as client,
    ):
        with Upstream() as leader:
            redirected(client, follower, at(leader))
            client.send(post(HEALTH))
            with leader.accept() as server:
                server.message()
                server.reset()
            assert client.rest().startswith(b"HTTP/1.1 502 ")
        with connect(recorder.address) as other:
            other.send(post(HEALTH))
            assert other.rest().startswith(b"HTTP/1.1 502 ")
        with connect(recorder.address) as other:
            exchange(other, post(HEALTH), follower, answer(HEALTHY))


def test_a_location_of_the_recorder_itself_is_passed_on(path: Path) -> None:
    with (
        Upstream() as follower,
        running("record", follower.url, "-o", path) as recorder,
        connect(recorder.address) as client,
    ):
        host, port = recorder.address
        for place in (RECORDER.decode(), f"//{host}:{port}"):
            assert redirected(client, follower, f"{place}/x") == redirect(f"{place}/x")
        exchange(client, post(HEALTH), follower, answer(HEALTHY))
    assert notes(path) == []


PASSED_ON = [
    redirect(place)
    for place in (
        "http://127.0.0.1:1/api/v1",
        "//user:secret@127.0.0.1:1/api/v1",
        "//127.0.0.1:99999/api/v1",
        "//127.0.0.1:0/api/v1",
        "//[::1/api/v1",
        "///api/v1",
        "//",
        "127.0.0.1:1/api/v1",
        "//127.0.0.1:1/a\r\nLocation: //127.0.0.1:2/b",
    )
]


def test_any_other_location_is_passed_on_with_a_note(path: Path) -> None:
    silent = [
        redirect("/master/api/v1"),
        *(
            redirect("//127.0.0.1:1/api/v1", status)
            for status in ("302 Found", "303 See Other", "308 Permanent Redirect", "200 OK")
        ),
    ]
    with (
        Upstream() as follower,
        running("record", follower.url, "-o", path) as recorder,
        connect(recorder.address) as client,
    ):
        client.send(post(HEALTH))
        with follower.accept() as server:
            for told in [*PASSED_ON, *silent]:
                server.message()
                server.send(told)
                assert client.message() == told
                client.send(post(HEALTH))
            server.message()
            server.send(answer(HEALTHY))
            client.message()
    said = [text for text, _ in notes(path)]
    assert len(said) == len(PASSED_ON)
    assert said[0] == (
        "a redirect to http://127.0.0.1:1/api/v1 is passed on: no master writes this Location"
    )
    assert said[-1].startswith("a redirect to //127.0.0.1:1/a, //127.0.0.1:2/b is passed on")


def test_redirects_of_agents_are_passed_on(path: Path) -> None:
    with (
        Upstream() as agent,
        running("record", agent.url, "-o", path, "--server", "agent") as recorder,
        connect(recorder.address) as client,
    ):
        told = redirect("//127.0.0.1:1/api/v1")
        assert exchange(client, post(HEALTH), agent, told)[1] == told
        exchange(client, post(HEALTH), agent, answer(HEALTHY))


def test_a_client_without_a_valid_host_gets_the_address_of_the_recorder(path: Path) -> None:
    requests = [
        b"GET /state HTTP/1.0\r\n%b\r\n" % host
        for host in (b"", b"Host: a b\r\n", b"Host: evil/../x\r\n", b"Host:\r\n")
    ]
    with Upstream() as follower:
        with running("record", follower.url, "-o", path) as recorder:
            host, port = recorder.address
            for request in requests:
                with connect(recorder.address) as client:
                    _, got = exchange(client, request, follower, redirect(at(follower, "/x")))
                    assert f"\r\nLocation: //{host}:{port}/x\r\n".encode() in got
        with running("replay", path) as player:
            host, port = player.address
            for request in requests:
                with connect(player.address) as client:
                    client.send(request)
                    assert f"\r\nLocation: //{host}:{port}/x\r\n".encode() in client.rest()


def test_with_keep_host_the_leader_gets_the_host_of_the_client(path: Path) -> None:
    with (
        Upstream() as follower,
        Upstream() as leader,
        running("record", follower.url, "-o", path, "--keep-host") as recorder,
        connect(recorder.address) as client,
    ):
        redirected(client, follower, at(leader))
        asked, _ = exchange(client, post(HEALTH), leader, answer(HEALTHY))
        assert b"\r\nHost: master.example:5050\r\n" in asked


def test_over_tls_the_certificate_of_the_leader_is_verified(tmp_path: Path, path: Path) -> None:
    ours = Authority(tmp_path, "ours")
    (*_, both), (cert, key, _) = ours.issue("server", "127.0.0.1"), ours.issue("localhost")
    with (
        Upstream(ours.server(both)) as follower,
        Upstream(ours.server(both)) as leader,
        running(
            *("record", follower.url, "-o", path, "--upstream-ca", ours.ca),
            *("--tls-cert", cert, "--tls-key", key),
        ) as recorder,
        connect(("localhost", recorder.address[1]), ours.client()) as client,
    ):
        redirected(client, follower, at(leader))
        exchange(client, post(HEALTH), leader, answer(HEALTHY))
    assert [one.exchange.response.status for one in kept(path)] == [307, 200]


def test_mitmdump_follows_the_leader(tmp_path: Path, path: Path) -> None:
    with (
        Upstream() as follower,
        Upstream() as leader,
        mitmdump(tmp_path, follower, f"mesotape_cassette={path}") as dump,
        connect(listening(dump)) as client,
    ):
        got = redirected(client, follower, at(leader))
        assert got == redirect(f"{RECORDER.decode()}/master/api/v1")
        asked, _ = exchange(client, post(HEALTH), leader, answer(HEALTHY))
        assert b"\r\nHost: 127.0.0.1:%d\r\n" % leader.port in asked
        client.close()
        eventually(lambda: len(kept(path)) == 2, "second exchange")
        assert dump.stop() == 0, dump.said


@pytest.mark.parametrize("place", [b"//127.0.0.1:%d/\xff\xfe", b"http://127.0.0.1:%d/\xff\xfe"])
def test_a_location_that_is_not_utf8_ends_no_recording(path: Path, place: bytes) -> None:
    with Upstream() as upstream, Upstream() as leader:
        location = place % leader.port
        told = redirect("@").replace(b"@", location)
        leads = location.startswith(b"//")
        with (
            running("record", upstream.url, "-o", path) as recorder,
            connect(recorder.address) as client,
        ):
            _, got = exchange(client, post(HEALTH), upstream, told)
            authority = b"//127.0.0.1:%d" % leader.port
            assert got == (told.replace(authority, RECORDER) if leads else told)
            _, got = exchange(client, post(HEALTH), leader if leads else upstream, answer(HEALTHY))
            assert got == answer(HEALTHY)
        assert recorder.code == 0
    first, second = kept(path)
    assert first.exchange.response.headers["Location"] == location.decode("latin-1")
    assert wire(second.exchange.response) == HEALTHY
    assert len(notes(path)) == 1
