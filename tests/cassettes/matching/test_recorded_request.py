"""Recorded requests as a replay reads them, and which of them stay parsed."""

import pytest
from support.playback_cassettes import HEADER, exchange

from mesotape.cassettes.format.exchange_ref import ExchangeRef
from mesotape.cassettes.matching.ignore_rules import IgnoreRules
from mesotape.cassettes.matching.recorded_request import RecordedRequests
from mesotape.cassettes.matching.request_key import CallKey
from mesotape.cassettes.storage.reader import Cassette

BODIES = [b'{"type":"GET_HEALTH"}', b'{"type":"GET_STATE"}', b'{"type":"GET_FLAGS","x":"long"}']
FIRST, SECOND, LONG = (ExchangeRef(0, number) for number in (1, 2, 3))


@pytest.fixture
def cassette(tmp_path):
    path = tmp_path / "cassette.yaml"
    documents = [exchange(number, body) for number, body in enumerate(BODIES, 1)]
    path.write_text(HEADER.format(server="master") + "".join(documents))
    with Cassette.open(path) as opened:
        yield opened


def test_a_recorded_request_is_read_as_the_recorded_server_does(cassette):
    requests = RecordedRequests([cassette], IgnoreRules())
    key = requests.parsed(SECOND).key
    assert isinstance(key, CallKey)
    assert (key.api, key.call_name) == ("master", "GET_STATE")
    assert requests.request(SECOND).http.body == BODIES[1]


def test_a_request_stays_parsed_until_the_cache_is_full(cassette):
    requests = RecordedRequests([cassette], IgnoreRules(), max_cached=1)
    first = requests.request(FIRST)
    assert requests.request(FIRST) is first
    assert requests.parsed(FIRST) is first.parsed_by("master")
    requests.request(SECOND)
    assert requests.request(FIRST) is not first


def test_a_request_with_a_long_body_is_not_cached(cassette):
    limit = len(BODIES[2])
    requests = RecordedRequests([cassette], IgnoreRules(), max_cached_body_bytes=limit)
    assert requests.request(LONG) is requests.request(LONG)
    requests = RecordedRequests([cassette], IgnoreRules(), max_cached_body_bytes=limit - 1)
    assert requests.request(LONG) is not requests.request(LONG)
    assert requests.request(FIRST) is requests.request(FIRST)
