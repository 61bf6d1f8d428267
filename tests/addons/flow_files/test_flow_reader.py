"""Flow files, written by mitmproxy itself, as exchanges."""

import copy
import gzip
import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from mitmproxy.flow import Flow
from mitmproxy.http import Headers
from mitmproxy.io import FlowWriter, tnetstring
from mitmproxy.test import tflow
from support.mitmproxy_flows import flow

from mesotape.addons.flow_files.flow_reader import FlowFileError, read_flow_exchanges
from mesotape.cassettes.format.documents import Exchange, Note

CALL, ANSWER = b'{"type":"GET_HEALTH"}', b'{"type":"GET_HEALTH","get_health":{"healthy":true}}'


def written(*flows: Flow) -> bytes:
    file = io.BytesIO()
    writer = FlowWriter(file)
    for each in flows:
        writer.add(each)
    return file.getvalue()


def read(data: bytes) -> list[Exchange]:
    found = read_flow_exchanges(io.BytesIO(data))
    return [one for one in found if isinstance(one, Exchange)]


def notes(data: bytes) -> list[tuple[str, int | None]]:
    found = read_flow_exchanges(io.BytesIO(data))
    return [(one.note, one.of) for one in found if isinstance(one, Note)]


def test_a_flow_is_an_exchange() -> None:
    made = flow(CALL, ANSWER)
    made.request.timestamp_start, made.response.timestamp_start = 100.0, 100.5
    (exchange,) = read(written(made))
    assert (exchange.exchange, exchange.at, exchange.client) == (1, 0.0, 1)
    assert exchange.peer == "127.0.0.1:22"
    assert (exchange.request.method, exchange.request.path) == ("POST", "/api/v1")
    assert (exchange.request.base64, exchange.response.base64) == (CALL, ANSWER)
    assert (exchange.response.status, exchange.response.after) == (200, 0.5)


def test_times_count_from_the_first_request_and_clients_are_numbered() -> None:
    flows = [flow(CALL, ANSWER) for _ in range(3)]
    for number, made in enumerate(flows):
        made.request.timestamp_start = 100.0 + number
    flows[2].client_conn = flows[0].client_conn
    exchanges = read(written(*flows))
    assert [(one.at, one.client) for one in exchanges] == [(0.0, 1), (1.0, 2), (2.0, 1)]


def test_a_repeated_header_keeps_all_its_values() -> None:
    made = flow(CALL, ANSWER)
    made.request.headers = Headers([(b"A", b"1"), (b"B", b"2"), (b"A", b"3")])
    made.response.headers = Headers([(b"Set-Cookie", b"\xe9"), (b"Set-Cookie", b"b")])
    (exchange,) = read(written(made))
    assert exchange.request.headers == {"A": ["1", "3"], "B": "2"}
    assert exchange.response.headers == {"Set-Cookie": ["é", "b"]}


@pytest.mark.parametrize(
    ("content", "body"),
    [(gzip.compress(ANSWER, mtime=0), ANSWER), (b"no gzip", b"no gzip"), (b"", None), (None, None)],
    ids=["gzip", "not gzip", "empty", "streamed"],
)
def test_the_content_coding_is_undone(content: bytes | None, body: bytes | None) -> None:
    made = flow(CALL, ANSWER)
    # The last of several values counts, as in libprocess.
    made.response.headers = Headers(
        [(b"Content-Encoding", b"identity"), (b"Content-Encoding", b"gzip")]
    )
    made.response.raw_content = content
    (exchange,) = read(written(made))
    assert exchange.response.base64 == body


def test_an_unfinished_flow_has_no_status() -> None:
    waiting, failed = tflow.tflow(), tflow.tflow(err=True)
    assert [one.response.status for one in read(written(waiting, failed))] == [None, None]


def test_flows_of_other_protocols_are_left_out() -> None:
    data = written(tflow.ttcpflow(), tflow.tdnsflow(), tflow.tudpflow(), flow(CALL, ANSWER))
    assert [one.exchange for one in read(data)] == [1]


def test_what_is_not_in_the_file_is_noted() -> None:
    streamed, failed = flow(CALL, ANSWER), tflow.tflow(err=True)
    streamed.response.raw_content = None
    assert notes(written(flow(CALL, ANSWER), streamed, failed)) == [
        ("the body of the response is not in the file: mitmproxy streamed it", 2),
        ("the flow ended with an error: error", 3),
    ]
    others = tflow.ttcpflow(), tflow.tdnsflow(), tflow.tudpflow(err=True), tflow.ttcpflow(err=True)
    assert notes(written(*others)) == [
        ("left out, for they are not HTTP: 2 tcp, 1 dns, 1 udp", None)
    ]


@pytest.mark.parametrize("made", [tflow.twebsocketflow(), tflow.twebsocketflow(err=True)])
def test_the_handshake_of_a_websocket_is_an_exchange(made: Flow) -> None:
    assert [one.response.status for one in read(written(made))] == [101]


def test_a_file_that_is_cut_off_at_any_byte_says_so() -> None:
    whole = written(flow(CALL, ANSWER), flow(CALL, ANSWER))
    half = len(whole) // 2
    for size in [
        *range(1, 200),
        *range(half + 1, half + 200),
        *range(len(whole) - 200, len(whole)),
    ]:
        place = "flow 2, at byte {half}" if size > half else "flow 1, at byte 0"
        with pytest.raises(FlowFileError, match="the file ends inside it") as error:
            read(whole[:size])
        assert str(error.value).startswith(place.format(half=half))


def paths(members: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, value in members.items():
        yield (*path, name)
        if isinstance(value, dict):
            yield from paths(value, (*path, name))


@pytest.mark.parametrize("value", [None, b"x", 5, [], {}, "t", -1.5, True])
def test_a_wrong_member_is_an_error_of_one_line(value: object) -> None:
    whole: dict[str, Any] = flow(CALL, ANSWER).get_state()
    for *path, name in paths(whole):
        state: dict[str, Any] = copy.deepcopy(whole)
        parent = state
        for each in path:
            parent = parent[each]
        parent[name] = value
        assert error_text(tnetstring.dumps(state)).startswith(("flow 1, at byte 0: ", "none"))


def error_text(data: bytes) -> str:
    try:
        read(data)
    except FlowFileError as error:
        return str(error)
    return "none"


def test_a_flow_of_an_old_version_is_read() -> None:
    state: dict[str, Any] = flow(CALL, ANSWER).get_state()
    state["version"] = 18
    client, server = state["client_conn"], state["server_conn"]
    client["address"] = client.pop("peername")
    server["ip_address"], server["source_address"] = server.pop("peername"), server.pop("sockname")
    server["via2"] = server.pop("via")
    for connection in (client, server):
        connection["cipher_name"] = connection.pop("cipher")
        connection["tls_established"] = False
    client["tls_extensions"] = None
    (exchange,) = read(tnetstring.dumps(state))
    assert (exchange.peer, exchange.request.base64) == ("127.0.0.1:22", CALL)


def without_a_request(state: dict[str, Any]) -> None:
    del state["request"]


def of_the_future(state: dict[str, Any]) -> None:
    state["version"] = 1000


def state_of(change: Callable[[dict[str, Any]], None]) -> bytes:
    state: dict[str, Any] = flow(CALL, ANSWER).get_state()
    change(state)
    return tnetstring.dumps(state)


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (lambda whole: whole[:-20], "flow 1, at byte 0: the file ends inside it"),
        (lambda whole: whole + whole[:9], "flow 2, at byte {size}: the file ends inside it"),
        (lambda whole: whole + b"x", "flow 2, at byte {size}: not a tnetstring: missing or "),
        (lambda whole: whole + b"17", "flow 2, at byte {size}: the file ends inside its length"),
        (lambda whole: whole + b"9" * 20, "flow 2, at byte {size}: not a tnetstring: absurdly "),
        (lambda whole: b"3:abc," + whole, "flow 1, at byte 0: Invalid flow: loaded=b'abc'"),
        (lambda _: state_of(of_the_future), "cannot read files with flow format version 1000"),
        (lambda _: state_of(without_a_request), "not those of a flow: KeyError('request')"),
    ],
)
def test_what_is_no_flow_is_an_error_with_its_place(
    damage: Callable[[bytes], bytes], text: str
) -> None:
    whole = written(flow(CALL, ANSWER))
    with pytest.raises(FlowFileError) as error:
        read(damage(whole))
    assert text.format(size=len(whole)) in str(error.value)


def test_flows_before_a_damaged_one_are_read() -> None:
    whole = written(flow(CALL, ANSWER))
    exchanges: Iterable[Exchange | Note] = read_flow_exchanges(io.BytesIO(whole + whole[:-1]))
    first = next(iter(exchanges))
    assert isinstance(first, Exchange)
    assert first.request.base64 == CALL
