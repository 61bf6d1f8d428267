import gzip

import pytest

from mesotape.cassettes.answers.answer import ReplayResponse, StreamedResponse
from mesotape.cassettes.answers.pace import Instant
from mesotape.cassettes.answers.transcoding import transcode
from mesotape.cassettes.format.documents import ExchangeError
from mesotape.cassettes.format.exchange_ref import ExchangeRef
from mesotape.cassettes.matching.misses import Miss
from mesotape.cassettes.playback.playback import Options, Playback
from mesotape.cassettes.storage.reader import Cassette
from mesotape.proto.http.request import HttpRequest

JSON, PROTOBUF = "application/json", "application/x-protobuf"
RESPONSE = "mesos.v1.master.Response"

HEADER = "---\nmesotape: 1\nserver: master\nrecorded_at: 2026-11-22T12:18:29.104233Z\n...\n"
EXCHANGE = """\
---
exchange: {number}
at: 0.0
client: 1
request:
  method: {method}
  path: {path}
  headers:
    Content-Type: application/json
    Accept: {accept}
    Accept-Encoding: {coding}
  text: '{call}'
response:
  after: 0.1
  status: {status}
  headers:
    Date: today
    Content-Type: {answer_type}
    Content-Length: 1
  text: '{answer}'
...
"""
GET_VERSION = '{"type":"GET_VERSION"}'


def version(text):
    return f'{{"type":"GET_VERSION","get_version":{{"version_info":{{"version":"{text}"}}}}}}'


def exchange(number=1, answer=None, **changes):
    told = {
        "method": "POST",
        "path": "/api/v1",
        "accept": JSON,
        "coding": "identity",
        "call": GET_VERSION,
        "status": 200,
        "answer": version(number) if answer is None else answer,
    } | changes
    told.setdefault("answer_type", told["accept"])
    return EXCHANGE.format(number=number, **told)


@pytest.fixture
def play(tmp_path):
    opened = []

    def playback(*documents):
        path = tmp_path / f"{len(opened)}.yaml"
        path.write_text(HEADER + "".join(documents))
        opened.append(Cassette.open(path))
        return Playback(opened[-1], Options(pace=Instant()))

    yield playback
    for cassette in opened:
        cassette.close()


def ask(playback, call=GET_VERSION, *, method="POST", path="/api/v1", accept=JSON, coding=None):
    headers = {"Content-Type": JSON, "Accept": accept}
    if coding is not None:
        headers["Accept-Encoding"] = coding
    pairs = tuple((name.encode(), value.encode()) for name, value in headers.items())
    answer = playback.answer(HttpRequest(method.encode(), path.encode(), pairs, call.encode()), 0.0)
    assert isinstance(answer, ReplayResponse | StreamedResponse | Miss)
    return answer


LARGE, SMALL = version("x" * 2000), version("x" * 200)


@pytest.mark.parametrize(
    ("recorded", "coding", "compressed"),
    [
        ({"answer": LARGE}, "gzip", True),
        ({"answer": LARGE}, "identity", False),
        ({"answer": LARGE}, None, False),
        ({"answer": LARGE}, "gzip;q=0, *", False),
        ({"answer": SMALL}, "gzip", False),
        ({"answer": LARGE, "coding": "gzip"}, "gzip", False),
    ],
)
def test_a_large_answer_is_compressed_if_mesos_would_have(play, recorded, coding, compressed):
    answer = ask(play(exchange(**recorded)), coding=coding)
    assert answer.head.startswith(
        b"HTTP/1.1 200 OK\r\n" + (b"Content-Encoding: gzip\r\n" if compressed else b"Date: ")
    )
    assert f"Content-Length: {len(answer.body)}\r\n".encode() in answer.head
    plain = gzip.decompress(answer.body) if compressed else answer.body
    assert plain.decode() == recorded["answer"]


def test_an_answer_to_a_plain_request_is_never_compressed(play):
    state = {"method": "GET", "path": "/state", "call": "", "answer": "x" * 2000}
    answer = ask(play(exchange(**state)), "", method="GET", path="/state", coding="gzip")
    assert answer.body == b"x" * 2000


def test_an_answer_in_the_other_encoding_is_compressed_as_mesos_would(play):
    playback = play(exchange(answer=LARGE, coding="gzip"))
    answer = ask(playback, accept=PROTOBUF, coding="gzip")
    assert b"x" * 2000 in gzip.decompress(answer.body)
    assert answer.head.startswith(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nDate: today\r\n")
    assert b"x" * 2000 in ask(playback, accept=PROTOBUF).body


def test_a_read_in_the_other_encoding_goes_through_the_recorded_answers(play):
    playback = play(exchange(1), exchange(2))
    bodies = [ask(playback, accept=PROTOBUF).body for _ in range(3)]
    assert bodies == [transcode(version(n).encode(), RESPONSE, "protobuf").data for n in (1, 2, 2)]
    assert playback.unused == []


def test_a_read_is_not_transcoded_if_it_was_recorded_in_that_encoding(play):
    playback = play(
        exchange(1),
        exchange(2, "proto", accept=PROTOBUF),
        exchange(3),
        exchange(4, "p", accept=PROTOBUF),
    )
    assert [ask(playback).body for _ in range(3)] == [version(n).encode() for n in (1, 3, 3)]
    assert [place.exchange for place in playback.unused] == [2, 4]
    assert [ask(playback, accept=PROTOBUF).body for _ in range(3)] == [b"proto", b"p", b"p"]


TEXT = "text/plain; charset=utf-8"


def test_a_text_is_not_transcoded(play):
    playback = play(exchange(answer="No leader elected", status=503, answer_type=TEXT))
    answer = ask(playback, accept=PROTOBUF)
    assert answer.body == b"No leader elected"
    assert f"Content-Type: {TEXT}\r\n".encode() in answer.head


def test_a_refusal_of_one_accept_answers_no_other(play):
    text = "not acceptable"
    playback = play(exchange(accept="text/html", status=406, answer_type=TEXT, answer=text))
    assert ask(playback, accept="text/html").body == text.encode()
    assert ask(playback, accept="").body == text.encode()
    assert isinstance(ask(playback), Miss)


def test_lost_fields_are_reported_once_for_each_exchange(play):
    more = '{"type":"GET_VERSION","new":1,"get_version":{"version_info":{"version":"1"},"x":2}}'
    playback, told = play(exchange(answer=more), exchange(2)), []
    playback.journal.on_note = told.append
    for coding in (None, "gzip", None, "identity"):
        ask(playback, accept=PROTOBUF, coding=coding)
    assert told == ["exchange 1: left out in the other encoding: new, get_version.x"]
    assert playback.journal.lost_fields == {ExchangeRef(0, 1): {"new", "get_version.x"}}
    assert ask(play(exchange(answer=more))).body == more.encode()


def test_an_answer_that_is_no_message_cannot_be_transcoded(play):
    with pytest.raises(
        ExchangeError, match=r"yaml:7: exchange 1: .* cannot be transcoded to protobuf"
    ):
        ask(play(exchange(answer="{")), accept=PROTOBUF)


def test_an_event_that_is_not_json_is_an_error_with_its_place(play):
    subscribe = exchange(call='{"type":"SUBSCRIBE"}', answer="").replace(
        "  text: ''\n...", "  stream: recordio\n..."
    )
    events = "".join(
        f"---\nevent: {number}\nof: 1\nat: 0.{number}\njson: |-\n  {text}\n...\n"
        for number, text in ((1, "{}"), (2, '{"type": }'))
    )
    steps = ask(play(subscribe + events), '{"type":"SUBSCRIBE"}').steps
    assert next(steps)[1] == b"2\n{}"
    with pytest.raises(ExchangeError, match=r"yaml:\d+: event 2 of exchange 1: json: not JSON: "):
        next(steps)


def test_a_refused_request_may_be_made_again(play):
    refused = {"call": "{}", "status": 400, "answer_type": TEXT, "answer": "as recorded"}
    playback = play(exchange(**refused))
    assert [ask(playback, "{}").body for _ in range(2)] == [b"as recorded"] * 2
    assert playback.journal.refused_count == 0
