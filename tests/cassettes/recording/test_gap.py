"""What a recording keeps of a time in which nothing could be written."""

from mesotape.cassettes.format.documents import Document, End, Event, Exchange, Note
from mesotape.cassettes.recording.gap import Gap
from mesotape.cassettes.recording.observations import (
    AnyObservation,
    BodyData,
    ExchangeEnd,
    RecorderNote,
    RecordingStopped,
    RequestEnd,
    RequestHead,
    ResponseHead,
)
from mesotape.cassettes.recording.recording import Recording
from mesotape.proto.recordio import encode

HEADERS = [("Content-Type", "application/json")]
CHUNKED = [*HEADERS, ("Transfer-Encoding", "chunked")]


def begin(number: int, body: bytes, headers: list[tuple[str, str]]) -> list[AnyObservation]:
    return [
        RequestHead(number, 0.0, number, None, "POST", "/api/v1", "HTTP/1.1", HEADERS),
        BodyData(number, 0.0, "client", body),
        RequestEnd(number, 0.0),
        ResponseHead(number, 0.1, 200, "OK", headers),
    ]


def event(at: float, number: int) -> BodyData:
    return BodyData(1, at, "server", encode(b'{"type":"HEARTBEAT","number":%d}' % number))


def documents(recording: Recording, observations: list[AnyObservation]) -> list[Document | bytes]:
    return [each for one in observations for each in recording.feed(one)]


def gap(recording: Recording, observations: list[AnyObservation]) -> list[Document | bytes]:
    one = Gap("the disk was full", 1.0, recording.open_exchanges)
    for each in observations:
        one.feed(each)
    return documents(recording, one.observations())


def texts(found: list[Document | bytes]) -> list[str]:
    return [each.note for each in found if isinstance(each, Note)]


def test_a_stream_goes_on_after_a_gap_and_the_loss_is_noted() -> None:
    recording = Recording("master")
    documents(recording, begin(1, b'{"type":"SUBSCRIBE"}', CHUNKED))
    documents(recording, [event(0.5, 1)])
    assert recording.stream_ends(1.0) == [End(end=1, at=1.0, cause="stopped")]
    size = len(event(1.0, 2).data)
    found = gap(recording, [event(1.0 + at, 2) for at in range(5)])
    lost = f"not recorded for 4.0 s: the disk was full; 0 exchanges and {5 * size} bytes of bodies"
    assert texts(found) == [
        f"{lost} were lost",
        f"5 chunks ({5 * size} bytes) of the server were lost: the disk was full",
    ]
    (after,) = documents(recording, [event(9.0, 7)])
    assert isinstance(after, bytes)
    assert after.startswith(b"---\nevent: 2\nof: 1\nat: 9.0")


def test_an_exchange_without_a_body_in_the_gap_is_whole() -> None:
    recording = Recording("master")
    documents(recording, begin(1, b'{"type":"GET_HEALTH"}', HEADERS))
    documents(recording, [BodyData(1, 0.5, "server", b"{}")])
    found = gap(recording, [ExchangeEnd(1, 2.0, "server")])
    (exchange,) = [each for each in found if isinstance(each, Exchange)]
    assert exchange.response.json == "{}"
    assert exchange.response.malformed is exchange.response.cause is None
    assert not recording.open_exchanges


def test_a_body_that_is_incomplete_is_marked() -> None:
    recording = Recording("master")
    documents(recording, begin(1, b'{"type":"GET_HEALTH"}', HEADERS))
    data = BodyData(1, 1.5, "server", b"{}")
    found = gap(recording, [data, ExchangeEnd(1, 2.0, "server"), data])
    (exchange,) = [each for each in found if isinstance(each, Exchange)]
    assert exchange.response.malformed == "1 chunk (2 bytes) of the server was lost"
    assert exchange.response.cause == "server-cut"


def test_exchanges_that_begin_in_the_gap_are_counted_and_never_recorded() -> None:
    recording = Recording("master")
    found = gap(recording, [*begin(2, b"{}", CHUNKED), event(1.5, 1)])
    (text,) = texts(found)
    assert "; 1 exchange and " in text
    end = ExchangeEnd(2, 9.0, "server")
    assert not documents(recording, [BodyData(2, 8.0, "server", b"3\nabc"), end])


def test_what_is_kept_is_bounded() -> None:
    recording = Recording("master")
    documents(recording, begin(1, b'{"type":"SUBSCRIBE"}', CHUNKED))
    one = Gap("full", 1.0, recording.open_exchanges)
    for number in range(10_000):
        one.feed(event(1.0, number))
        one.feed(RecorderNote(0, 1.0, "a note"))
        one.feed(RequestHead(number + 2, 1.0, 2, None, "GET", "/", "HTTP/1.1", []))
        one.feed(ExchangeEnd(number + 2, 1.0, "server"))
    assert len(one.observations()) < 200


def test_the_end_of_the_recording_is_kept() -> None:
    recording = Recording("master")
    documents(recording, begin(1, b'{"type":"SUBSCRIBE"}', CHUNKED))
    found = gap(recording, [RecordingStopped(0, 5.0)])
    assert found[-1] == End(end=1, at=5.0, cause="stopped")


def test_a_stream_that_ends_in_the_gap_ends_after_its_loss() -> None:
    recording = Recording("master")
    documents(recording, begin(1, b'{"type":"SUBSCRIBE"}', CHUNKED))
    half = encode(b'{"type":"HEARTBEAT"}')[:5]
    documents(recording, [BodyData(1, 0.5, "server", half)])
    found = gap(recording, [event(1.5, 2), ExchangeEnd(1, 2.0, "client")])
    kinds = [type(each) for each in found]
    assert kinds == [Note, Event, Note, End]
