"""Observations in, documents out."""

import gzip
import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesotape.cassettes.format import parsing, yaml_writer
from mesotape.cassettes.format.documents import Document, End, Event, Exchange, Note
from mesotape.cassettes.recording.observations import (
    AnyObservation,
    BatchDecoder,
    BodyData,
    DroppedData,
    ExchangeEnd,
    HeaderFields,
    RecorderNote,
    RecordingStopped,
    RequestEnd,
    RequestHead,
    ResponseHead,
    encode_batch,
    run_key,
)
from mesotape.cassettes.recording.recording import Recording
from mesotape.proto.messages.descriptors import message_class
from mesotape.proto.recordio import encode

JSON = ("Content-Type", "application/json")
PROTOBUF = ("Content-Type", "application/x-protobuf")
CHUNKED = ("Transfer-Encoding", "chunked")


def record(observations: Iterable[AnyObservation], server: str | None = "master") -> list[Document]:
    """The documents, read back from what would be in the file."""
    recording = Recording(server)  # type: ignore[arg-type]
    made = [document for observation in observations for document in recording.feed(observation)]
    return [
        parsing.parse_document(one if isinstance(one, bytes) else yaml_writer.format_document(one))
        for one in made
    ]


def request(
    body: bytes, *headers: tuple[str, str], number: int = 1, path: str = "/api/v1"
) -> list[AnyObservation]:
    head = RequestHead(number, 1.0, 1, "127.0.0.1:9", "POST", path, "HTTP/1.1", list(headers))
    return [head, BodyData(number, 1.0, "client", body), RequestEnd(number, 1.0)]


def response(*headers: tuple[str, str], status: int = 200, number: int = 1) -> ResponseHead:
    return ResponseHead(number, 1.5, status, "OK", list(headers))


def unary(call: bytes, answer: bytes, kind: tuple[str, str], *more: tuple[str, str]) -> Exchange:
    observations = [
        *request(call, kind),
        response(kind, *more),
        BodyData(1, 1.6, "server", answer),
        ExchangeEnd(1, 1.7, "server"),
    ]
    (exchange,) = record(observations)
    assert isinstance(exchange, Exchange)
    return exchange


def stream(
    kind: tuple[str, str] = JSON, call: bytes = b'{"type":"SUBSCRIBE"}'
) -> list[AnyObservation]:
    return [*request(call, kind), response(kind, CHUNKED)]


def events(
    chunks: Iterable[bytes], kind: tuple[str, str] = JSON, call: bytes | None = None
) -> list[Event]:
    observations = stream(kind, call or b'{"type":"SUBSCRIBE"}')
    observations += [BodyData(1, 2.0 + n, "server", chunk) for n, chunk in enumerate(chunks)]
    return [
        one for one in record([*observations, RecordingStopped(0, 9.0)]) if isinstance(one, Event)
    ]


def test_a_unary_exchange_is_one_document_when_it_is_complete() -> None:
    exchange = unary(b'{"type":"GET_HEALTH"}', b'{"type":"GET_HEALTH"}', JSON)
    assert exchange.request.json == '{\n  "type": "GET_HEALTH"\n}'
    assert exchange.response.json == '{\n  "type": "GET_HEALTH"\n}'
    assert (exchange.at, exchange.response.after, exchange.response.cause) == (1.0, 0.5, None)


def test_a_protobuf_answer_is_shown_as_the_message_of_its_call() -> None:
    kind = message_class("mesos.v1.master.Response")
    answer = kind(type=1, get_health={"healthy": True}).SerializeToString()
    exchange = unary(b"\x08\x01", answer, PROTOBUF)
    assert exchange.request.proto == '{\n  "type": "GET_HEALTH"\n}'
    assert exchange.response.proto is not None
    assert '"healthy": true' in exchange.response.proto
    assert exchange.response.wire is None


def test_a_protobuf_body_of_an_unknown_server_kind_is_kept_as_bytes() -> None:
    exchange, *_ = record([*request(b"\x08\x01", PROTOBUF), RecordingStopped(0, 2.0)], server=None)
    assert isinstance(exchange, Exchange)
    assert exchange.request.proto is None
    assert exchange.request.text == "\x08\x01"


def test_a_gzipped_answer_is_kept_unpacked() -> None:
    packed = gzip.compress(b'{"a":1}')
    exchange = unary(b'{"type":"GET_STATE"}', packed, JSON, ("Content-Encoding", "gzip"))
    assert exchange.response.json == '{\n  "a": 1\n}'


@pytest.mark.parametrize(
    "body",
    [b"no gzip", gzip.compress(b'{"a":1}', mtime=0)[:-3], gzip.compress(b"{", mtime=0) + b"x"],
    ids=["no gzip", "cut off", "more data after it"],
)
def test_a_broken_gzip_body_is_kept_as_it_was(body: bytes) -> None:
    exchange = unary(b'{"type":"GET_STATE"}', body, JSON, ("Content-Encoding", "gzip"))
    assert exchange.response.base64 == body
    assert exchange.response.malformed is not None


def test_a_gzipped_answer_that_does_not_decode_is_kept_packed() -> None:
    packed = gzip.compress(b"{no json")
    exchange = unary(b'{"type":"GET_STATE"}', packed, JSON, ("Content-Encoding", "gzip"))
    assert exchange.response.base64 == packed
    assert exchange.response.malformed is not None


def test_credentials_do_not_get_through() -> None:
    observations = [
        *request(b"", ("authorization", "Basic c2VjcmV0"), ("COOKIE", "a=secret")),
        response(("Set-Cookie", "secret"), ("set-cookie", "secret")),
        ExchangeEnd(1, 2.0, "server"),
    ]
    (exchange,) = record(observations)
    assert b"c2VjcmV0" not in yaml_writer.format_document(exchange)
    assert b"secret" not in yaml_writer.format_document(exchange)


def test_a_repeated_header_keeps_all_its_values() -> None:
    observations = [*request(b"", ("A", "1"), ("B", "2"), ("A", "3")), RecordingStopped(0, 2.0)]
    (exchange,) = record(observations)
    assert isinstance(exchange, Exchange)
    assert exchange.request.headers == {"A": ["1", "3"], "B": "2"}


def test_a_stream_is_known_by_call_status_and_framing_and_not_by_its_type() -> None:
    for observations, kind in (
        (stream(), "recordio"),
        ([*request(b'{"type":"GET_STATE"}', JSON), response(JSON, CHUNKED)], "chunks"),
        ([*request(b'{"type":"SUBSCRIBE"}', JSON), response(JSON, CHUNKED, status=503)], "chunks"),
        ([*request(b'{"type":"SUBSCRIBE"}', JSON), response(JSON), RecordingStopped(0, 2.0)], None),
        ([*request(b"", path="/state"), response(CHUNKED)], "chunks"),
    ):
        exchange = record(observations)[0]
        assert isinstance(exchange, Exchange)
        assert exchange.response.stream == kind


def test_an_event_is_written_when_it_is_complete() -> None:
    recording = Recording("master")
    for observation in stream():
        recording.feed(observation)
    assert not recording.feed(BodyData(1, 2.0, "server", b"2"))
    assert not recording.feed(BodyData(1, 2.1, "server", b"\n{"))
    (event,) = recording.feed(BodyData(1, 2.2, "server", b"}"))
    assert isinstance(event, Event)
    assert (event.at, event.json) == (2.2, "{}")
    assert event.chunks == [(1, 2.0), (2, 2.1), (1, 2.2)]


def test_chunks_are_listed_only_if_they_are_not_records() -> None:
    one, two, three = events([encode(b"{}"), encode(b"[]") + encode(b"{}")])
    assert one.chunks is None
    assert (two.chunks, three.chunks) == ([(8, 3.0)], [])


@given(
    st.lists(st.sampled_from([b"{}", b'{"a":1}', b"[ 1]", b"\xff", b""]), max_size=6),
    st.lists(st.integers(0, 60), max_size=8),
)
def test_the_chunks_of_all_events_are_the_chunks_of_the_stream(
    payloads: list[bytes], cuts: list[int]
) -> None:
    data = b"".join(map(encode, payloads))
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    chunks = [data[a:b] for a, b in itertools.pairwise(places)]
    sizes_of_events: list[int] = []
    for event, payload in zip(events(chunks), payloads, strict=True):
        sizes = [size for size, _ in event.chunks] if event.chunks is not None else None
        sizes_of_events += [len(encode(payload))] if sizes is None else sizes
    assert sizes_of_events == [len(chunk) for chunk in chunks]


def test_a_protobuf_event_is_shown() -> None:
    heartbeat = message_class("mesos.v1.master.Event")(type=9).SerializeToString()
    (event,) = events([encode(heartbeat)], PROTOBUF, b"\x08\x12")
    assert event.proto == '{\n  "type": "HEARTBEAT"\n}'


def test_an_event_that_does_not_decode_is_kept_and_framed_again_at_replay() -> None:
    (event,) = events([encode(b"\xff\xff")], PROTOBUF, b"\x08\x12")
    assert (event.base64, event.offset) == (b"\xff\xff", None)
    assert event.malformed is not None


def test_what_follows_a_bad_length_is_kept_with_its_offset() -> None:
    good, bad, rest = events([encode(b"{}"), b"x\n{}", b"12"])[:3]
    assert good.malformed is None
    assert (bad.offset, bad.base64) == (4, b"x")
    assert (rest.offset, rest.base64, rest.malformed) == (5, b"\n{}", "follows a malformed length")


def test_a_length_with_leading_zeros_keeps_them() -> None:
    (event,) = events([b"002\n{}"])
    assert (event.base64, event.offset) == (b"002\n{}", 0)


def test_an_unfinished_record_is_kept_at_the_end() -> None:
    (event,) = events([b"5\nab"])
    assert (event.base64, event.offset) == (b"5\nab", 0)
    assert event.malformed == "stream ends after 2 of 5 bytes of a record"


@pytest.mark.parametrize("cause", ["server", "server-cut", "client", "malformed"])
def test_a_stream_ends_with_its_cause(cause: str) -> None:
    end = record([*stream(), ExchangeEnd(1, 3.0, cause)])[-1]  # type: ignore[arg-type]
    assert end == End(end=1, at=3.0, cause=cause)  # type: ignore[arg-type]


def test_exchanges_that_are_open_when_the_recording_stops_end_as_stopped() -> None:
    waiting = request(b'{"type":"GET_STATE"}', JSON, number=2)
    exchange, end, answerless = record([*stream(), *waiting, RecordingStopped(0, 5.0)])
    assert isinstance(exchange, Exchange)
    assert end == End(end=1, at=5.0, cause="stopped")
    assert isinstance(answerless, Exchange)
    assert (answerless.response.status, answerless.response.cause) == (None, "stopped")


def test_a_request_that_the_client_did_not_finish_is_malformed() -> None:
    head, data, _ = request(b'{"type"', JSON)
    (exchange,) = record([head, data, ExchangeEnd(1, 2.0, "client")])
    assert isinstance(exchange, Exchange)
    assert exchange.request.malformed == "the request was not complete"


def test_a_streamed_request_is_events_of_the_client() -> None:
    attach = (
        b'{"type":"ATTACH_CONTAINER_INPUT","attach_container_input":'
        b'{"type":"CONTAINER_ID","container_id":{"value":"c"}}}'
    )
    kind = ("Content-Type", "application/recordio"), ("Message-Content-Type", "application/json")
    head, *_ = request(b"", *kind)
    observations: list[AnyObservation] = [
        head,
        BodyData(1, 1.1, "client", encode(attach)),
        BodyData(1, 1.2, "client", encode(b"{}")),
        ResponseHead(1, 1.3, 200, "OK", [("Content-Length", "0")]),
        RequestEnd(1, 1.4),
        ExchangeEnd(1, 1.4, "server"),
    ]
    one, two, end, exchange = record(observations, server="agent")
    assert isinstance(one, Event)
    assert isinstance(two, Event)
    assert (one.from_, two.from_, two.event) == ("client", "client", 2)
    assert end == End(end=1, at=1.4, from_="client", cause="client")
    assert isinstance(exchange, Exchange)
    assert (exchange.request.stream, exchange.response.status) == ("recordio", 200)


def test_bytes_that_were_lost_leave_a_note_and_the_stream_goes_on() -> None:
    observations = [
        *stream(),
        BodyData(1, 2.0, "server", b"9\nhalf"),
        DroppedData(1, 3.0, "server", 2, 100),
        BodyData(1, 4.0, "server", encode(b"{}")),
    ]
    _, broken, note, event = record(observations)
    assert isinstance(broken, Event)
    assert broken.malformed is not None
    text = "2 chunks (100 bytes) of the server were lost: the disk was too slow"
    assert note == Note(note=text, at=3.0, of=1)
    assert isinstance(event, Event)
    assert event.json == "{}"


@pytest.mark.parametrize("limit", [24, 1 << 20])
def test_the_rest_of_a_record_is_omitted_after_a_gap_in_it(limit: int) -> None:
    large = encode(b'{"a":"' + b"9\n" * 50 + b'"}')
    recording = Recording("master", max_body_bytes=limit)
    observations = [
        *stream(),
        BodyData(1, 2.0, "server", large[:40]),
        DroppedData(1, 3.0, "server", 1, 20),
        BodyData(1, 4.0, "server", large[60:] + encode(b'{"b":1}')),
        BodyData(1, 5.0, "server", encode(b"{}")),
    ]
    events = [
        parsing.parse_document(one) if isinstance(one, bytes) else one
        for each in observations
        for one in recording.feed(each)
    ]
    _, broken, rest, joined, last = [each for each in events if not isinstance(each, Note)]
    assert isinstance(broken, Event)
    assert isinstance(rest, Event)
    assert isinstance(joined, Event)
    assert isinstance(last, Event)
    assert broken.malformed is not None
    assert broken.malformed.startswith("stream ends after")
    assert (rest.omitted or "").startswith(f"{len(large) - 60} bytes, SHA-256 ")
    assert rest.malformed == "the bytes before these were lost"
    assert (joined.event, joined.chunks) == (3, [])
    assert (last.event, last.json) == (4, "{}")


def test_a_recorder_note_is_a_note() -> None:
    assert record([RecorderNote(0, 1.0, "x"), RecorderNote(3, 1.0, "y")]) == [
        Note(note="x", at=1.0),
        Note(note="y", at=1.0, of=3),
    ]


def test_observations_of_an_exchange_that_has_ended_give_no_documents() -> None:
    observations = [*stream(), ExchangeEnd(1, 3.0, "client"), BodyData(1, 4.0, "server", b"2\n{}")]
    assert len(record(observations)) == 2
    assert not record([RequestEnd(7, 1.0), ExchangeEnd(7, 1.0, "server"), response(number=7)])


PAIRS: HeaderFields = [("A", "é"), ("A", "\xff")]
OBSERVATIONS: list[AnyObservation] = [
    RequestHead(1, 0.5, 1, None, "POST", "/api/v1", "HTTP/1.1", PAIRS),
    BodyData(1, 1.0, "client", b"\0\xff"),
    RequestEnd(1, 1.0),
    ResponseHead(1, 1.0, 200, "OK", []),
    BodyData(1, 1.0, "server", b""),
    DroppedData(1, 1.0, "server", 1, 2),
    RecorderNote(0, 1.0, "text"),
    ExchangeEnd(1, 1.0, "server-cut"),
    RecordingStopped(0, 1.0),
]


@given(st.lists(st.integers(0, 400), max_size=10), st.integers(1, 9))
def test_batches_are_decoded_however_they_are_cut(cuts: list[int], batch: int) -> None:
    data = b"".join(
        encode_batch(OBSERVATIONS[at : at + batch]) for at in range(0, len(OBSERVATIONS), batch)
    )
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    unpacker = BatchDecoder()
    got = [
        observation
        for a, b in itertools.pairwise(places)
        for observation in unpacker.feed(data[a:b])
    ]
    assert got == OBSERVATIONS


SECRET = "hunter2-Zq8Rk1vX0p"
RECORDS = [
    encode(b'{"type":"HEARTBEAT"}'),
    encode(b'{"type":"TASK_ADDED","task_added":{"task":{"name":"%b"}}}' % SECRET.encode()),
    encode(b'{"type":"X","password":"%b"}' % SECRET.encode()),
    encode('{"type":"Ünicode"}'.encode()),
    encode(b'{"type": "spaced"}'),
    encode(b'{"type": "spaced", "password": "%b"}' % SECRET.encode()),
    encode(b"not JSON"),
    encode(b'{"type":"LARGE","data":"%b"}' % (b"x" * 20_000)),
]


@st.composite
def pieces(draw: st.DrawFn) -> list[bytes]:
    """Chunks of a stream of records, most of them whole records."""
    chunks: list[bytes] = []
    for data in draw(st.lists(st.sampled_from(RECORDS), max_size=40)):
        cut = draw(st.sampled_from([0, 0, 0, 1, 9, len(data) - 1]))
        chunks += [each for each in (data[:cut], data[cut:]) if each]
    if draw(st.booleans()) and len(chunks) > 1:
        chunks[:2] = [chunks[0] + chunks[1]]
    return chunks


@given(pieces(), st.sampled_from([JSON, PROTOBUF]))
def test_a_run_of_data_gives_the_documents_of_its_pieces(
    chunks: list[bytes], kind: tuple[str, str]
) -> None:
    data = [BodyData(1, 2.0 + n / 8, "server", chunk) for n, chunk in enumerate(chunks)]
    observations = [*stream(kind), *data, ExchangeEnd(1, 9.0, "server")]
    one_by_one, in_runs = Recording("master"), Recording("master")
    expected = [document for one in observations for document in one_by_one.feed(one)]
    got: list[Document | bytes] = []
    for _, group in itertools.groupby(observations, run_key):
        run = iter([*group])
        got += in_runs.feed_run(next(run), run)
        assert next(run, None) is None
    assert got == expected


def test_a_secret_in_a_run_is_found_in_what_follows_it() -> None:
    chunks = [RECORDS[0], RECORDS[2], *[RECORDS[1]] * 3]
    run = iter([BodyData(1, 2.0, "server", chunk) for chunk in chunks])
    recording = Recording("master")
    for one in stream():
        recording.feed(one)
    made = list(recording.feed_run(next(run), run))
    assert len(made) == 5
    assert SECRET not in str(made)


def test_only_data_of_one_side_is_a_run() -> None:
    data = BodyData(1, 1.0, "server", b"1")
    other = [BodyData(2, 1.0, "server", b"1"), BodyData(1, 1.0, "client", b"1")]
    note = RecorderNote(0, 1.0, "a note")
    batch = [data, data, *other, note, RecorderNote(0, 1.0, "a note"), data]
    runs = [len(list(run)) for _, run in itertools.groupby(batch, run_key)]
    assert runs == [2, 1, 1, 1, 1, 1]
