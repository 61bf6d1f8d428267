from collections.abc import Callable
from itertools import batched
from pathlib import Path

import pytest
from support.captures import expected, load

from mesotape.cassettes.importing.http_reader import read_http
from mesotape.cassettes.importing.new_cassette import write_cassette
from mesotape.cassettes.importing.raw_reader import RawHints, read_raw_stream
from mesotape.cassettes.importing.traffic import ForeignFileError, Traffic
from mesotape.cassettes.interchange.losses import Losses
from mesotape.cassettes.interchange.record_stream import write_stream
from mesotape.cassettes.redaction.redactor import Redactor
from mesotape.cassettes.redaction.rules import NO_RULES
from mesotape.cassettes.storage.reader import Cassette
from mesotape.proto.api.apis import EXECUTOR, SCHEDULER, Api

BEAT = b'20\n{"type":"HEARTBEAT"}'
CHUNK = b"17\r\n" + BEAT + b"\r\n"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n{"type":"GET_HEALTH"}'
REQUEST = b"POST /api/v1 HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


def cassette_of(traffic: Traffic, folder: Path) -> Cassette:
    output = folder / "c.yaml"
    write_cassette(output, traffic, None, Redactor(NO_RULES), 1 << 20)
    return Cassette.open(output)


STREAMS = [
    ("master-subscribe-json", 1, RawHints(), "/api/v1"),
    ("master-subscribe-protobuf", 1, RawHints(), "/api/v1"),
    ("scheduler-json-pymesos", 1, RawHints(), "/api/v1/scheduler"),
    ("scheduler-protobuf-execute", 1, RawHints(api=SCHEDULER), "/api/v1/scheduler"),
]


@pytest.mark.parametrize(("name", "number", "hints", "path"), STREAMS)
@pytest.mark.parametrize("size", [1, 1 << 20])
def test_the_records_of_a_stream_come_back(
    name: str,
    number: int,
    hints: RawHints,
    path: str,
    size: int,
    captured: Callable[[str], Path],
    tmp_path: Path,
) -> None:
    with Cassette.open(captured(name)) as old:
        streams = [each.exchange for each in old.exchanges() if each.response.stream == "recordio"]
        number = streams[number - 1]
        records = [(event.json, event.proto) for event in old.events(number)]
        data = b"".join(write_stream(old, number, "server", Losses()))
    blocks = [bytes(block) for block in batched(data, size)]
    with cassette_of(read_raw_stream(blocks, hints, Losses()), tmp_path) as new:
        assert new.exchange(1).request.path == path
        assert new.exchange(1).response.stream == "recordio"
        assert [(event.json, event.proto) for event in new.events(1)] == records


def test_damaged_bytes_are_kept(tmp_path: Path) -> None:
    traffic = read_raw_stream([BEAT + b"x1\n{}"], RawHints(), Losses())
    with cassette_of(traffic, tmp_path) as cassette:
        events = [*cassette.events(1)]
    assert b"".join(event.base64 or b"" for event in events[1:]) == b"x1\n{}"
    assert all(event.malformed for event in events[1:])


@pytest.mark.parametrize("data", [b"", b"hello", b"x\n"])
def test_what_is_no_stream_is_an_error(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(ForeignFileError, match="not a stream of records"):
        cassette_of(read_raw_stream([data] if data else [], RawHints(), Losses()), tmp_path)


def test_what_is_made_up_is_listed(tmp_path: Path) -> None:
    losses = Losses()
    cassette_of(read_raw_stream([BEAT], RawHints(), losses), tmp_path).close()
    assert [each.text for each in losses] == [
        'the request is not in the file: made up as POST /api/v1 {"type":"SUBSCRIBE"}',
        "HTTP chunks and times of records are not in the file: each record is a chunk, at once",
        "how the stream ended is not in the file: taken for stopped",
    ]


@pytest.mark.parametrize(
    ("data", "summary"),
    [
        (HEAD + CHUNK * 2 + b"0\r\n\r\n", [("SUBSCRIBE", 200, 2, "server")]),
        (CHUNK * 3, [("SUBSCRIBE", 200, 3, "server-cut")]),
        (HEAD + CHUNK + CHUNK[:9], [("SUBSCRIBE", 200, 2, "server-cut")]),
        (ANSWER, [("GET_HEALTH", 200, 0, None)]),
        (REQUEST + ANSWER + REQUEST + HEAD + CHUNK, [("", 200, 0, None), ("", 200, 1, None)]),
        (REQUEST, [("", None, 0, None)]),
        (REQUEST * 2 + ANSWER + HEAD + CHUNK, [("", 200, 0, None), ("", 200, 1, None)]),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", []),
        (
            b"HEAD /health HTTP/1.1\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n" + ANSWER,
            [("", 200, 0, None), ("GET_HEALTH", 200, 0, None)],
        ),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + ANSWER, [("GET_HEALTH", 200, 0, None)]),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_exchanges_of_a_capture(
    data: bytes, summary: list[tuple[str, int | None, int, str | None]], size: int, tmp_path: Path
) -> None:
    blocks = [bytes(block) for block in batched(data, size)]
    with cassette_of(read_http(blocks, RawHints(), Losses()), tmp_path) as cassette:
        found = []
        for each in cassette.exchanges():
            end = cassette.stream_end(each.exchange)
            call = (each.request.json or "").partition('"type": "')[2].partition('"')[0]
            events = len([*cassette.events(each.exchange)])
            cause = end and end.cause if each.response.stream == "recordio" else None
            found.append((call, each.response.status, events, cause))
    if "POST" in data.decode():
        found = [(call, status, events, None) for call, status, events, _ in found]
    assert found == summary


@pytest.mark.parametrize("name", ["master-unary-json", "master-subscribe-json"])
def test_a_connection_of_a_capture_comes_back(name: str, tmp_path: Path) -> None:
    """The bytes of both directions, each exchange after the other, as some tools write them."""
    exchanges = [each for each in expected(load(name)) if each.connection == 1]
    lines = [line for line in load(name).lines if line.connection == 1 and not line.end]
    data = b"".join(line.data for line in lines)
    with cassette_of(read_http([data], RawHints(), Losses()), tmp_path) as cassette:
        new = [*cassette.exchanges()]
        assert [each.request.path for each in new] == [each.request.target for each in exchanges]
        assert [each.response.status for each in new] == [
            each.response.status for each in exchanges if each.response is not None
        ]


@pytest.mark.parametrize(
    ("record", "api", "server", "path"),
    [
        (b'{"type":"SHUTDOWN"}', None, "agent", "/api/v1/executor"),
        (b'{"type":"DATA","data":{"type":"STDOUT","data":"aGk="}}', None, "agent", "/api/v1"),
        (b'{"type":', None, "master", "/api/v1"),
        (b'{"type":"HEARTBEAT"}', EXECUTOR, "agent", "/api/v1/executor"),
        (b'{"type":"HEARTBEAT"}', None, "master", "/api/v1"),
    ],
)
def test_the_records_tell_the_server(
    record: bytes, api: Api | None, server: str, path: str, tmp_path: Path
) -> None:
    data = b"%d\n%b" % (len(record), record)
    traffic = read_raw_stream([data], RawHints(api=api), Losses())
    with cassette_of(traffic, tmp_path) as cassette:
        assert cassette.header.server == server
        assert cassette.exchange(1).request.path == path
        assert cassette.exchange(1).response.stream == "recordio"
