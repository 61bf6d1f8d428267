"""Bodies and records that are too large, with small limits."""

import hashlib
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesotape.cassettes.format import bodies, parsing, yaml_writer
from mesotape.cassettes.format.documents import Document, End, Event, Exchange, Note
from mesotape.cassettes.recording.observations import (
    AnyObservation,
    BodyData,
    DroppedData,
    ExchangeEnd,
    RequestEnd,
    RequestHead,
    ResponseHead,
)
from mesotape.cassettes.recording.recording import Recording
from mesotape.proto.http import content_codings
from mesotape.proto.recordio import encode

MAX = 100
JSON = ("Content-Type", "application/json")
REASON = "bodies are recorded up to 100 bytes, and 200 at once"


def described(data: bytes) -> str:
    return f"{len(data)} bytes, SHA-256 {hashlib.sha256(data).hexdigest()}"


def record(observations: Iterable[AnyObservation]) -> list[Document]:
    """The documents, read back from what would be in the file; nothing stays held."""
    recording = Recording("master", max_body_bytes=MAX)
    made = [document for one in observations for document in recording.feed(one)]
    assert recording._held.size == 0  # type: ignore[reportPrivateUsage]
    return [
        parsing.parse_document(one if isinstance(one, bytes) else yaml_writer.format_document(one))
        for one in made
    ]


def request(number: int, *pieces: bytes) -> list[AnyObservation]:
    head = RequestHead(number, 1.0, 1, None, "POST", "/api/v1", "HTTP/1.1", [JSON])
    data = [BodyData(number, 1.0, "client", piece) for piece in pieces]
    return [head, *data, RequestEnd(number, 1.0)]


def response(number: int, *pieces: bytes, coding: str | None = None) -> list[AnyObservation]:
    headers = [JSON] if coding is None else [JSON, ("Content-Encoding", coding)]
    data = [BodyData(number, 1.2, "server", piece) for piece in pieces]
    return [ResponseHead(number, 1.1, 200, "OK", headers), *data]


def end(number: int) -> ExchangeEnd:
    return ExchangeEnd(number, 1.3, "server")


def stream(chunks: Sequence[bytes], cause: str = "server") -> list[Document]:
    head = ResponseHead(1, 1.1, 200, "OK", [JSON, ("Transfer-Encoding", "chunked")])
    data = [BodyData(1, 2.0 + n, "server", chunk) for n, chunk in enumerate(chunks)]
    last = ExchangeEnd(1, 9.0, cause)  # type: ignore[arg-type]
    return record([*request(1, b'{"type":"SUBSCRIBE"}'), head, *data, last])[1:]


@pytest.mark.parametrize("piece_bytes", [1, 7, 1000])
@pytest.mark.parametrize("size", [MAX - 1, MAX, MAX + 1, 10 * MAX])
@pytest.mark.parametrize("side", ["request", "response"])
def test_a_body_beyond_the_limit_is_omitted(side: str, size: int, piece_bytes: int) -> None:
    body = b'"%b"' % (b"a" * (size - 2))
    pieces = [body[begin : begin + piece_bytes] for begin in range(0, size, piece_bytes)]
    is_request = side == "request"
    sent = request(1, *(pieces if is_request else [b"1"]))
    answered = response(1, *([b"2"] if is_request else pieces))
    exchange, *notes = record([*sent, *answered, end(1)])
    assert isinstance(exchange, Exchange)
    large, other = exchange.request, exchange.response
    if not is_request:
        large, other = other, large
    assert bodies.encode_body(other) == (b"2" if is_request else b"1")
    if size <= MAX:
        assert (bodies.encode_body(large), large.omitted, notes) == (body, None, [])
        return
    assert (large.omitted, large.json, large.base64) == (described(body), None, None)
    text = f"the body of the {side} is omitted ({described(body)}): {REASON}"
    assert notes == [Note(note=text, at=1.3, of=1)]
    with pytest.raises(bodies.BodyError, match=r"^omitted: the body was not recorded \(\d+ bytes"):
        bodies.encode_body(large)


def test_what_is_held_at_once_is_limited() -> None:
    begun = [one for number in (1, 2, 3) for one in request(number, b"1")]
    begun += [one for number in (1, 2, 3) for one in response(number, b"2" * 80)]
    exchanges = [one for one in record([*begun, *map(end, (1, 2, 3))]) if isinstance(one, Exchange)]
    omitted = [exchange.response.omitted for exchange in exchanges]
    assert omitted == [None, None, described(b"2" * 80)]


CODINGS = ["gzip", "deflate", "br", "zstd", "deflate, br"]


@pytest.mark.parametrize("coding", CODINGS)
def test_a_body_that_unpacks_beyond_the_limit_is_omitted(coding: str) -> None:
    packed = content_codings.encode(b" " * 5_000, coding)
    assert len(packed) < MAX
    exchange, note = record([*request(1, b"1"), *response(1, packed, coding=coding), end(1)])
    assert isinstance(exchange, Exchange)
    assert exchange.response.omitted == described(packed)
    text = f"Content-Encoding is {coding}, and the body grows over 100 bytes"
    assert exchange.response.malformed == text
    assert isinstance(note, Note)


@pytest.mark.parametrize("coding", CODINGS)
def test_a_body_that_unpacks_up_to_the_limit_is_kept(coding: str) -> None:
    plain = b"5" * MAX
    packed = content_codings.encode(plain, coding)
    (exchange,) = record([*request(1, b"1"), *response(1, packed, coding=coding), end(1)])
    assert isinstance(exchange, Exchange)
    assert exchange.response.omitted is None
    assert bodies.encode_body(exchange.response) == (plain if coding == "gzip" else packed)


LARGE = b'"%b"' % (b"x" * 300)
STREAM = encode(b"11") + encode(LARGE) + encode(b"22") + encode(LARGE) + encode(b"33")


@given(st.lists(st.integers(1, len(STREAM) - 1), max_size=12).map(sorted))
def test_a_record_beyond_the_limit_is_omitted_and_the_stream_goes_on(cuts: list[int]) -> None:
    # Chunks that are larger than a record are never held, so they may contain it whole.
    ends = sorted({*cuts, *range(0, len(STREAM), 60), len(STREAM)} - {0})
    chunks = [STREAM[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]
    documents = stream(chunks)
    events = [one for one in documents if isinstance(one, Event)]
    assert [event.event for event in events] == [1, 2, 3, 4, 5]
    assert [event.omitted or event.json for event in events] == [
        "11",
        described(LARGE),
        "22",
        described(LARGE),
        "33",
    ]
    listed: list[int] = []
    sizes = [4, len(encode(LARGE)), 4, len(encode(LARGE)), 4]
    for event, size in zip(events, sizes, strict=True):
        listed += [size] if event.chunks is None else [size for size, _ in event.chunks]
    assert listed == [len(chunk) for chunk in chunks if chunk]
    notes = [one.note for one in documents if isinstance(one, Note)]
    assert notes == [f"event {n} is omitted ({described(LARGE)}): {REASON}" for n in (2, 4)]


def test_an_omitted_record_that_is_cut_off_is_malformed() -> None:
    chunks = [encode(LARGE)[begin : begin + 50] for begin in range(0, 200, 50)]
    event, note, last = stream(chunks, "server-cut")
    assert isinstance(event, Event)
    assert event.omitted == described(LARGE[:196])
    assert event.malformed == "stream ends after 196 of 302 bytes of a record"
    assert isinstance(note, Note)
    assert isinstance(last, End)


def test_a_gap_within_an_omitted_record_ends_it() -> None:
    head = ResponseHead(1, 1.1, 200, "OK", [JSON, ("Transfer-Encoding", "chunked")])
    documents = record(
        [
            *request(1, b'{"type":"SUBSCRIBE"}'),
            head,
            BodyData(1, 2.0, "server", encode(LARGE)[:150]),
            DroppedData(1, 3.0, "server", 1, len(encode(LARGE)) - 150),
            BodyData(1, 4.0, "server", encode(b"11")),
            end(1),
        ]
    )
    events = [one for one in documents if isinstance(one, Event)]
    assert [(event.event, event.omitted is None, event.json) for event in events] == [
        (1, False, None),
        (2, True, "11"),
    ]


def test_the_chunks_of_a_record_that_are_listed_are_limited() -> None:
    recording = Recording("master")
    head = ResponseHead(1, 1.1, 200, "OK", [JSON, ("Transfer-Encoding", "chunked")])
    data = encode(b'"%b"' % (b"x" * 20_000))
    observations = [*request(1, b'{"type":"SUBSCRIBE"}'), head]
    observations += [BodyData(1, 2.0, "server", bytes([byte])) for byte in data]
    (event,) = [
        one for each in observations for one in recording.feed(each) if isinstance(one, Event)
    ]
    assert event.chunks is not None
    assert len(event.chunks) == 10_000
    assert sum(size for size, _ in event.chunks) == len(data)
