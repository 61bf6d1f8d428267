"""Streamed requests at replay: matched as they arrive, answered when the recorded one was."""

import base64
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from support.container_sessions import (
    BEAT,
    END_OF_INPUT,
    HEADER,
    JSON,
    begun,
    data,
    names,
    recorded_input,
    window,
)

from mesotape.cassettes.answers.answer import ReplayResponse
from mesotape.cassettes.answers.pace import Instant
from mesotape.cassettes.matching.misses import Miss
from mesotape.cassettes.playback.playback import Options, Playback
from mesotape.cassettes.storage.reader import Cassette
from mesotape.proto.api.apis import AGENT
from mesotape.proto.http.request import HttpRequest
from mesotape.proto.messages import mapping
from mesotape.proto.recordio import encode

PROTOBUF = "application/x-protobuf"


@pytest.fixture
def play(tmp_path):
    opened = []

    def playback(*exchanges):
        path = tmp_path / f"{len(opened)}.yaml"
        path.write_text(HEADER + "".join(part for exchange in exchanges for part in exchange))
        opened.append(Cassette.open(path))
        return Playback(opened[-1], Options(pace=Instant()))

    yield playback
    for cassette in opened:
        cassette.close()


def begin(playback, kind=JSON):
    intake = playback.begin_streamed_request(begun(kind))
    assert intake is not None
    return intake


def feed(intake, *texts):
    """Feed records one by one, and return the outcomes; None as long as there is none."""
    return [intake.feed(encode(text.encode()), 0.0) for text in texts]


def status(outcome):
    assert isinstance(outcome, ReplayResponse)
    return outcome.status


CAT = [(1.0, names()), (2.0, data(b"one")), (3.0, data(b"two")), (4.0, END_OF_INPUT)]


def test_an_input_that_was_answered_at_its_end_is_answered_at_its_end(play):
    intake = begin(play(recorded_input(1, CAT)))
    assert feed(intake, names(), data(b"one"), data(b"two"), END_OF_INPUT) == [None] * 4
    assert status(intake.close(0.0)) == 200
    assert intake.close(0.0) is None


@pytest.mark.parametrize("order", [(b"Basic x", None), (None, b"Basic x")])
def test_an_input_with_credentials_is_told_apart_from_one_that_was_refused_without(play, order):
    refused = recorded_input(1, CAT, answered=1.5, status=401)
    accepted = "".join(recorded_input(2, CAT)).replace(
        "    Content-Type:", "    Authorization: Basic REDACTED\n    Content-Type:", 1
    )
    playback = play(refused, [accepted])
    statuses = {}
    for credentials in order:
        head = begun()
        if credentials is not None:
            head = replace(head, headers=(*head.headers, (b"Authorization", credentials)))
        intake = playback.begin_streamed_request(head)
        outcomes = feed(intake, names(), data(b"one"), data(b"two"), END_OF_INPUT)
        outcomes.append(intake.close(0.0))
        statuses[credentials] = [status(each) for each in outcomes if each is not None]
    assert statuses == {None: [401], b"Basic x": [200]}


def test_an_input_that_was_answered_early_is_answered_when_as_much_has_arrived(play):
    intake = begin(play(recorded_input(1, CAT, answered=2.5, status=500)))
    assert feed(intake, names(), data(b"on")) == [None, None]
    (answer,) = feed(intake, data(b"e"))
    assert status(answer) == 500
    assert feed(intake, data(b"whatever follows")) == [None]
    assert intake.close(0.0) is None


def test_heartbeats_and_cuts_do_not_count(play):
    intake = begin(play(recorded_input(1, CAT)))
    feed(intake, names(), BEAT, data(b"onet"), BEAT, data(b"w"), data(b"o"), END_OF_INPUT, BEAT)
    assert status(intake.close(0.0)) == 200


@pytest.fixture(scope="module")
def cat(tmp_path_factory):
    path = tmp_path_factory.mktemp("cat") / "cassette.yaml"
    path.write_text(HEADER + "".join(recorded_input(1, CAT)))
    with Cassette.open(path) as cassette:
        yield cassette


@settings(deadline=None)
@given(cuts=st.lists(st.integers(0, 2000)))
def test_bytes_may_arrive_in_any_pieces(cat, cuts):
    sent = b"".join(encode(text.encode()) for _, text in CAT)
    intake = begin(Playback(cat))
    ends = sorted({min(cut, len(sent)) for cut in cuts} | {0, len(sent)})
    for start, end in pairwise(ends):
        assert intake.feed(sent[start:end], 0.0) is None
    assert status(intake.close(0.0)) == 200


def test_the_encoding_of_the_messages_does_not_count(play):
    intake = begin(play(recorded_input(1, CAT)), PROTOBUF)
    for _, text in CAT:
        record = mapping.decode(text.encode(), AGENT.call_message).SerializeToString()
        assert intake.feed(encode(record), 0.0) is None
    assert status(intake.close(0.0)) == 200


def test_a_second_input_to_a_container_is_refused_at_once_if_that_was_recorded_input(play):
    playback = play(
        recorded_input(1, CAT),
        recorded_input(
            2, [(2.2, names()), (2.4, data(b"me too"))], at=2.1, answered=2.3, status=409
        ),
    )
    first, second = begin(playback), begin(playback)
    assert feed(first, names(), data(b"one")) == [None, None]
    assert status(feed(second, names())[0]) == 409
    assert feed(first, data(b"two"), END_OF_INPUT) == [None, None]
    assert status(first.close(0.0)) == 200
    assert playback.unused == []


def test_an_input_goes_on_with_the_next_recorded_one_that_it_fits(play):
    probe = recorded_input(1, [(0.1, names())], ended=0.2, answered=0.3, status=500)
    playback = play(probe, recorded_input(2, CAT))
    intake = begin(playback)
    feed(intake, *(text for _, text in CAT))
    assert status(intake.close(0.0)) == 200
    assert [place.exchange for place in playback.unused] == [1]
    again = begin(playback)
    feed(again, names())
    assert status(again.close(0.0)) == 500


def test_an_input_that_ends_early_is_not_the_longer_one(play):
    playback = play(recorded_input(1, CAT), recorded_input(2, CAT[:2], status=202))
    intake = begin(playback)
    feed(intake, names(), data(b"one"))
    assert status(intake.close(0.0)) == 202


@pytest.mark.parametrize(
    ("sent", "path"),
    [
        ([names(), data(b"ONE")], "[1].attach_container_input.process_io.data.data"),
        ([names(), data(b"one"), window(24)], "[2].attach_container_input.process_io.type"),
        ([names(), END_OF_INPUT], "[1].attach_container_input.process_io.data.data"),
    ],
)
def test_different_input_is_a_miss_as_soon_as_it_arrives(play, sent, path):
    playback = play(recorded_input(1, CAT))
    *before, miss = feed(begin(playback), *sent)
    assert before == [None] * len(before)
    assert isinstance(miss, Miss)
    assert miss.reason == "differs"
    assert any(path.rpartition(".")[0] in near.path for near in miss.nearest[0].differences)
    assert playback.journal.missed_count == 1


def test_an_input_to_a_container_that_was_not_recorded_is_a_miss_at_once(play):
    (miss,) = feed(begin(play(recorded_input(1, CAT))), names("d"))
    assert isinstance(miss, Miss)


def test_an_input_of_one_record_is_compared_with_the_first_of_several(play):
    (miss,) = feed(begin(play(recorded_input(1, CAT))), names("d"))
    assert isinstance(miss, Miss)
    first, *missing = map(str, miss.nearest[0].differences)
    assert first == '[0].attach_container_input.container_id.value: "c" → "d"'
    assert all(each.startswith(("[1].", "[2].")) for each in missing)


def test_inputs_of_one_record_have_no_numbers(play):
    (miss,) = feed(begin(play(recorded_input(1, CAT[:1]))), names("d"))
    assert isinstance(miss, Miss)
    differences = [str(each) for each in miss.nearest[0].differences]
    assert differences == ['attach_container_input.container_id.value: "c" → "d"']


def test_an_input_is_played_once(play):
    playback = play(recorded_input(1, CAT[:2]))
    intake = begin(playback)
    feed(intake, names(), data(b"one"))
    assert status(intake.close(0.0)) == 200
    (miss,) = feed(begin(playback), names())
    assert isinstance(miss, Miss)
    assert miss.reason == "already played"


def test_a_client_that_left_may_try_again(play):
    playback = play(recorded_input(1, CAT[:2]))
    gone = begin(playback)
    feed(gone, names())
    gone.abort(0.0)
    intake = begin(playback)
    assert feed(intake, names(), data(b"one")) == [None, None]
    assert status(intake.close(0.0)) == 200


def test_a_client_that_left_where_the_recorded_one_did_is_served(play):
    playback = play(recorded_input(1, CAT[:2], ended=10.0, status=None))
    intake = begin(playback)
    feed(intake, names(), data(b"one"))
    intake.abort(0.0)
    assert playback.unused == []
    assert playback.journal.missed_count == 0


def test_a_request_without_a_record_is_answered_as_recorded_input(play):
    playback = play(recorded_input(1, [], status=400), recorded_input(2, CAT))
    assert status(begin(playback).close(0.0)) == 400


def test_bytes_that_are_no_record_are_compared_as_they_arrive(play):
    bad = "---\nevent: 1\nof: 1\nat: 1.0\nfrom: client\noffset: 0\nmalformed: no\nbase64: {}\n...\n"
    refused, *rest = recorded_input(1, [], status=500, answered=2.0)
    coded = base64.b64encode(b"abc\n{}").decode()
    playback = play([refused, bad.format(coded), *rest])
    intake = begin(playback)
    assert intake.feed(b"a", 0.0) is None
    assert status(intake.feed(b"bc\n{}", 0.0)) == 500


def test_an_endless_input_is_not_kept_once_it_is_answered(play):
    intake = begin(play(recorded_input(1, CAT, answered=2.5)))
    feed(intake, names(), data(b"one"))
    for _ in range(1000):
        assert feed(intake, data(b"x" * 1000)) == [None]
    assert len(intake._prefix) < 1000
    assert intake._decoder.pending_bytes == 0


def test_other_requests_are_not_streamed(play):
    playback = play(recorded_input(1, CAT))
    for headers in ({}, {"Content-Type": JSON}):
        pairs = tuple((name.encode(), value.encode()) for name, value in headers.items())
        assert playback.begin_streamed_request(HttpRequest(b"POST", b"/api/v1", pairs)) is None
    recordio = ((b"Content-Type", b"application/recordio"),)
    assert (
        playback.begin_streamed_request(HttpRequest(b"POST", b"/api/v1/executor", recordio)) is None
    )
    assert playback.begin_streamed_request(HttpRequest(b"GET", b"/api/v1", recordio)) is None
