"""The tools that play the captures, straight against each other and through a bare mitmproxy."""

import functools
import gzip
import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from support.captures import Exchange, Origin, Stuck, expected, facts, load, names, run_client
from support.captures.capture import SMALL, Capture
from support.captures.http1 import Parser, split_records
from support.captures.order import steps
from support.captures.proxied import Proxy, changes, mitmproxy, what_changed

IN_THE_REPOSITORY = sorted(path.name.removesuffix(".jsonl.gz") for path in SMALL.glob("*.jsonl.gz"))

# Where h11, which made the summary, stops reading and we go on: HEAD answers, and broken requests.
H11_STOPS = {
    "agent-errors": {2},
    "master-errors": {2, 7, 116, 118, 121, 122, 124, 125, 130, 131, 132},
}
H11_STOPS["scheduler-protobuf-execute"] = {4}


@functools.cache
def summary() -> dict[str, Any]:
    return json.loads(gzip.decompress((SMALL / "summary.json.gz").read_bytes()))["captures"]


@pytest.fixture(scope="module")
def proxy() -> Iterator[Proxy]:
    with mitmproxy() as running:
        yield running


def test_the_repository_has_the_small_captures() -> None:
    assert len(IN_THE_REPOSITORY) == 23
    assert set(IN_THE_REPOSITORY) == set(summary())
    assert set(IN_THE_REPOSITORY) <= set(names())


@pytest.mark.parametrize("name", IN_THE_REPOSITORY)
def test_the_exchanges_are_those_of_the_summary(name: str) -> None:
    ours = expected(load(name))
    for connection in summary()[name]["connections"]:
        number = connection["conn"]
        if number in H11_STOPS.get(name, ()):
            assert connection["problems"]
            continue
        mine = [each for each in ours if each.connection == number]
        assert len(mine) == len(connection["exchanges"])
        for one, theirs in zip(mine, connection["exchanges"], strict=True):
            assert_same(one, theirs)


def assert_same(ours: Exchange, theirs: dict[str, Any]) -> None:
    request, response = ours.request, ours.response
    assert [request.method, request.target] == [theirs["method"], theirs["path"]]
    assert [list(each) for each in request.headers] == theirs["request_headers"]
    assert request.complete == theirs["request_complete"]
    if response is None:
        assert theirs.get("status") is None
        return
    assert (response.status, response.reason) == (theirs["status"], theirs["reason"])
    assert [list(each) for each in response.headers] == theirs["response_headers"]
    assert len(response.raw_body) == theirs["response_body_length"]
    assert hashlib.sha256(response.raw_body).hexdigest() == theirs["response_body_sha256"]
    records = theirs.get("records", [])
    assert [len(each) for each in response.records] == [each["length"] for each in records]
    assert response.rest == b""


@pytest.mark.parametrize("name", names())
def test_every_byte_of_the_server_belongs_to_an_exchange(name: str) -> None:
    for step in steps(load(name)):
        if step.line.side == "server":
            assert b"".join(data for _, data in step.parts) == step.line.data


@pytest.mark.parametrize("name", names())
def test_a_client_gets_from_an_origin_what_the_capture_says(name: str) -> None:
    capture = load(name)
    with Origin(capture) as origin:
        got = run_client(capture, origin.address)
    for one, recorded in zip(got, expected(capture), strict=True):
        assert one.key == recorded.key
        assert one.request == recorded.request
        assert facts(one) == facts(recorded)
        assert wire(one) == wire(recorded)


def wire(exchange: Exchange) -> tuple[bytes, list[int]] | None:
    response = exchange.response
    return response and (response.raw_body, [size for _, size in response.chunks])


# The largest passes mitmproxy in test_roundtrip.py only, with the same demands.
@pytest.mark.parametrize("name", [name for name in names() if name != "busy-a"])
def test_a_bare_mitmproxy_changes_what_the_table_says_and_nothing_else(
    name: str, proxy: Proxy
) -> None:
    capture, table = load(name), changes(name)
    kept = {key for key, change in table.items() if not change.arrives}
    silent = {key for key, change in table.items() if not change.answered}
    with Origin(capture, never=kept, port=proxy.upstream_port) as origin:
        got = run_client(capture, proxy.address, never=silent)
    seen = {
        one.key: what
        for one, recorded in zip(got, expected(capture), strict=True)
        if (what := what_changed(recorded, one))
    }
    assert seen == {key: change.what for key, change in table.items()}
    assert not kept & origin.arrived


def test_a_scaled_origin_sends_nothing_before_its_time() -> None:
    capture = only("agent-crash", 1)
    with Origin(capture, scale=0.1) as origin:
        (got,) = run_client(capture, origin.address)
    (recorded,) = expected(capture)
    assert got.response is not None
    assert recorded.response is not None
    chunks = zip(got.response.chunks, recorded.response.chunks, strict=True)
    began_seconds = capture.lines[0].at_seconds
    for (at_seconds, size), (recorded_seconds, recorded_size) in chunks:
        assert size == recorded_size
        assert at_seconds >= (recorded_seconds - began_seconds) * 0.1


def only(name: str, connection: int) -> Capture:
    capture = load(name)
    return Capture(name, tuple(line for line in capture.lines if line.connection == connection))


def test_a_client_that_waits_in_vain_says_for_what() -> None:
    capture = only("two-clients", 1)
    silent = Capture("silent", tuple(line for line in capture.lines if line.side == "client"))
    with (
        pytest.raises(
            Stuck,
            match=r"two-clients, line 2: at the client, the head of exchange 0 on connection 1 "
            r"\(so far: nothing\) did not come in 0.2 s",
        ),
        Origin(silent) as origin,
    ):
        run_client(capture, origin.address, deadline_seconds=0.2)


def test_an_origin_that_waits_in_vain_says_for_what() -> None:
    with (
        pytest.raises(Stuck, match=r"whole of exchange 0 on connection 1 did not come in 0\.2 s"),
        Origin(load("two-clients"), deadline_seconds=0.2),
    ):
        pass


def test_an_origin_names_a_request_that_is_not_in_the_capture() -> None:
    with (
        pytest.raises(LookupError, match=r"not in the capture: POST /api/v1 HTTP/1.1"),
        Origin(only("agent-crash", 3)) as origin,
    ):
        run_client(only("master-errors", 134), origin.address)


def test_records_are_split_as_far_as_they_are_whole() -> None:
    assert split_records(b"5\nhello3\nfoo0\n4\nba") == ([b"hello", b"foo", b""], 14)
    assert split_records(b"x\n") == ([], 0)


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_any_split_of_the_bytes_gives_the_same_messages(size: int) -> None:
    data = b"".join(line.data for line in only("agent-session", 6).lines if line.side == "server")
    parser = Parser(Parser())
    for start in range(0, len(data), size):
        parser.feed(data[start : start + size], 0.0)
    recorded = expected(only("agent-session", 6))[0].response
    assert recorded is not None
    assert tuple(parser.messages[0].records) == recorded.records
    assert parser.messages[0].complete
