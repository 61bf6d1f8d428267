"""How often a request is parsed, and which matches stay cached."""

from collections import Counter

import pytest
from support.playback_cassettes import GET_HEALTH, HEADER, TEARDOWN, exchange, request

from mesotape.cassettes.answers.answer import ReplayResponse
from mesotape.cassettes.matching import request_key
from mesotape.cassettes.matching.misses import Miss
from mesotape.cassettes.playback.playback import Options, Playback
from mesotape.cassettes.storage.reader import Cassette

KINDS = ("master", "agent")
GET_STATE = b'{"type":"GET_STATE"}'


@pytest.fixture
def play_both(tmp_path):
    """Return a playback of a master and an agent with equal exchanges."""
    opened = []

    def playback(*documents, **options):
        for kind in KINDS:
            path = tmp_path / f"{kind}.yaml"
            path.write_text(HEADER.format(server=kind) + "".join(documents))
            opened.append(Cassette.open(path))
        return Playback(opened, Options(causality="off", **options))

    yield playback
    for cassette in opened:
        cassette.close()


@pytest.fixture
def parses(monkeypatch):
    """Count how often each body is parsed for each kind of server."""
    counts = Counter()
    check_request = request_key.check_request

    def counting(http, path, query, server):
        counts[http.body, server] += 1
        return check_request(http, path, query, server)

    monkeypatch.setattr(request_key, "check_request", counting)
    return counts


WITH_AND_WITHOUT_FAULTS = pytest.mark.parametrize("faults", [[], ["GET_FLAGS:503@1"]])


@WITH_AND_WITHOUT_FAULTS
@pytest.mark.parametrize("options", [{}, {"rebind": True}, {"ignore": ["uuids"]}])
def test_a_request_that_matches_is_parsed_once(play_both, parses, faults, options):
    playback = play_both(exchange(1), faults=faults, **options)
    parses.clear()
    spelled_otherwise = GET_HEALTH.replace(b":", b": ")
    assert isinstance(playback.answer(request(spelled_otherwise), 0.0), ReplayResponse)
    assert parses[spelled_otherwise, "master"] == 1
    assert parses[spelled_otherwise, "agent"] == 0


@WITH_AND_WITHOUT_FAULTS
def test_a_miss_is_parsed_once_for_each_kind_of_server(play_both, parses, faults):
    playback = play_both(exchange(1), exchange(2, TEARDOWN), faults=faults)
    parses.clear()
    assert isinstance(playback.answer(request(GET_STATE), 0.0), Miss)
    assert {parses[GET_STATE, kind] for kind in KINDS} == {1}


@WITH_AND_WITHOUT_FAULTS
def test_a_refused_request_is_parsed_once_for_each_kind_of_server(play_both, parses, faults):
    playback = play_both(exchange(1), faults=faults)
    parses.clear()
    answer = playback.answer(request(b"no call", content_type="text/plain"), 0.0)
    assert isinstance(answer, ReplayResponse)
    assert answer.exchange == 0
    assert {parses[b"no call", kind] for kind in KINDS} == {1}


def test_a_request_whose_answers_are_used_up_is_parsed_once(play_both, parses):
    playback = play_both(exchange(1, TEARDOWN))
    parses.clear()
    assert [isinstance(playback.answer(request(TEARDOWN), 0.0), Miss) for _ in range(2)] == [
        False,
        True,
    ]
    assert parses[TEARDOWN, "master"] == 3  # both requests, and the recorded one


def test_recorded_requests_that_come_near_again_and_again_are_parsed_once(play_both, parses):
    bodies = [
        b'{"type":"READ_FILE","read_file":{"path":"/%d","offset":0}}' % number
        for number in range(9)
    ]
    playback = play_both(*(exchange(number, body) for number, body in enumerate(bodies, 1)))
    parses.clear()
    sent = b'{"type":"READ_FILE","read_file":{"path":"/other","offset":0}}'
    for _ in range(3):
        assert len(playback.answer(request(sent), 0.0).nearest) == 3
    assert {parses[body, "master"] for body in bodies} == {1}
