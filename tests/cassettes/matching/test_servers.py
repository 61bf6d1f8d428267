"""One replay for several servers: a request gets the answers of the server that it is for."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest
from support.server_cassettes import HEALTH, answer_text, exchange, header
from support.verdicts import validate_cassette

from mesotape.cassettes.matching.misses import Miss
from mesotape.cassettes.playback.playback import Playback
from mesotape.cassettes.storage.reader import Cassette
from mesotape.proto.http.request import HttpRequest


class Play(Protocol):
    """Return a playback of cassettes, given as text."""

    def __call__(self, *texts: str) -> Playback: ...


@pytest.fixture
def play(tmp_path: Path) -> Iterator[Play]:
    opened: list[Cassette] = []

    def playback(*texts: str) -> Playback:
        for number, text in enumerate(texts):
            path = tmp_path / f"{number}.yaml"
            path.write_text(text)
            opened.append(Cassette.open(path))
        return Playback(opened[-len(texts) :])

    yield playback
    for cassette in opened:
        cassette.close()


def test_a_prefix_tells_a_master_from_an_agent(play: Play) -> None:
    master = exchange(1, "/state", "master") + exchange(2, "/master/api/v1", "well", body=HEALTH)
    agent = exchange(1, "/slave(1)/state", "agent") + exchange(2, "/api/v1", "fine", body=HEALTH)
    playback = play(header() + master, header("agent") + agent)
    for _ in range(2):
        assert answer_text(playback, "/slave(1)/state") == "agent"
        assert answer_text(playback, "/slave%281%29/state") == "agent"
        assert answer_text(playback, "/master/state") == "master"
        assert answer_text(playback, "/slave(1)/api/v1", body=HEALTH) == "fine"
        assert answer_text(playback, "/master/api/v1", body=HEALTH) == "well"


def test_without_a_prefix_the_first_cassette_that_has_it_answers(play: Play) -> None:
    master = exchange(1, "/version", "master") + exchange(2, "/api/v1", "well", body=HEALTH)
    agent = exchange(1, "/version", "agent") + exchange(2, "/containers", "agent")
    playback = play(header() + master, header("agent") + agent)
    assert [answer_text(playback, "/version") for _ in range(3)] == ["master"] * 3
    assert answer_text(playback, "/containers") == "agent"
    assert answer_text(playback, "/api/v1", body=HEALTH) == "well"


def test_an_address_of_its_own_tells_a_cassette_from_others_of_its_kind(play: Play) -> None:
    one, two = exchange(1, "/state", "one"), exchange(1, "/state", "two")
    playback = play(header("agent") + one, header("agent") + two + exchange(2, "/flags", "two"))
    first, second = frozenset([0]), frozenset([1])
    for _ in range(2):
        assert answer_text(playback, "/state", at=second) == "two"
        assert answer_text(playback, "/state", at=first) == "one"
    assert answer_text(playback, "/flags", at=first) == "nothing recorded for this call"
    assert answer_text(playback, "/flags", at=second) == "two"
    assert answer_text(playback, "/flags") == "two"
    assert playback.unused == []


def test_a_request_to_an_address_is_refused_as_its_kind_of_server_does(play: Play) -> None:
    playback = play(header(), header("agent"))
    container = '{"type":"GET_CONTAINERS"}'
    assert answer_text(playback, "/api/v1", body=container, at=frozenset([0])) == "refused 400"
    assert answer_text(playback, "/api/v1", body=container, at=frozenset([1])) == (
        "nothing recorded for this call"
    )


def test_a_miss_at_an_address_lists_no_exchanges_of_other_cassettes(play: Play) -> None:
    playback = play(
        header() + exchange(1, "/state?x=1", "a"), header() + exchange(1, "/state?x=2", "b")
    )
    answer = playback.answer(HttpRequest(b"GET", b"/state"), 0.0, cassette_scope=frozenset([1]))
    assert isinstance(answer, Miss)
    assert [near.differences[0].recorded for near in answer.nearest] == ["x=2"]


def test_agents_on_one_port_are_told_apart_by_their_numbers(play: Play) -> None:
    text = exchange(1, "/slave(1)/state", "one") + exchange(2, "/slave(2)/state", "two")
    playback = play(header("agent") + text)
    for _ in range(2):
        assert answer_text(playback, "/slave(2)/state") == "two"
        assert answer_text(playback, "/slave%281%29/state") == "one"


def test_the_number_of_an_only_agent_does_not_matter(play: Play) -> None:
    playback = play(header("agent") + exchange(1, "/slave(1)/state", "one"))
    assert answer_text(playback, "/slave(7)/state") == answer_text(playback, "/state") == "one"


@pytest.mark.parametrize("upstream", ["regular", "socks5", "upstream:http://proxy:1"])
def test_servers_recorded_through_a_proxy_are_told_apart_by_host(play: Play, upstream: str) -> None:
    one = exchange(1, "/slave(1)/state", "one", "agent1:5051")
    two = exchange(2, "/slave(1)/state", "two", "AGENT2:5051")
    playback = play(
        header("agent", upstream) + one + two + exchange(3, "/flags", "two", "agent2:5051")
    )
    for _ in range(2):
        assert answer_text(playback, "/slave(1)/state", "agent2:5051") == "two"
        assert answer_text(playback, "http://agent1:5051/slave(1)/state", "agent2:5051") == "one"
    assert answer_text(playback, "/flags", "agent1:5051") == "nothing recorded for this call"
    assert (
        answer_text(playback, "/flags", None)
        == answer_text(playback, "/flags", "agent2:5051")
        == "two"
    )


def test_a_request_for_a_host_that_was_not_recorded_gets_all_answers_in_order(play: Play) -> None:
    one, two = exchange(1, "/state", "one", "a:1"), exchange(2, "/state", "two", "b:1")
    playback = play(header(upstream="regular") + one + two)
    assert [answer_text(playback, "/state", "c:1") for _ in range(3)] == ["one", "two", "two"]


def test_the_host_does_not_matter_if_there_was_one_upstream(play: Play) -> None:
    one, two = exchange(1, "/state", "one", "a:1"), exchange(2, "/state", "two", "b:1")
    for upstream in ("http://master:5050", "reverse:http://master:5050@127.0.0.1:0"):
        playback = play(header(upstream=upstream) + one + two)
        assert [answer_text(playback, "/state", "b:1") for _ in range(3)] == ["one", "two", "two"]


@pytest.mark.parametrize(
    ("server", "path", "is_warned"),
    [
        ("", "/api/v1", True),
        ("", "/api/v1/?x=1", True),
        ("", "/api/v1/scheduler", False),
        ("", "/slave(1)/api/v1", False),
        ("", "/version", False),
        ("server: agent\n", "/api/v1", False),
    ],
)
def test_a_header_without_the_server_kind_is_warned_of_if_it_matters(
    play: Play, server: str, path: str, is_warned: bool
) -> None:
    text = header().replace("server: master\n", server)
    played = play(text + exchange(1, "/version", "x") + exchange(2, path, "x", body=HEALTH))
    cassette = played.cassettes[0]
    warning = (
        f"{cassette.path}:2: the header has neither `server: master` nor `server: agent`, "
        "so calls to /api/v1 match byte by byte, from exchange 2 on"
    )
    found = [text for text in validate_cassette(cassette.path) if "the header has" in text]
    assert found == ([warning] if is_warned else [])


def test_calls_to_an_unknown_server_kind_match_byte_by_byte(play: Play) -> None:
    text = header().replace("server: master\n", "") + exchange(1, "/api/v1", "x", body=HEALTH)
    playback = play(text)
    assert answer_text(playback, "/api/v1", body=HEALTH.replace(":", ": ")) == "differs"
    assert answer_text(playback, "/api/v1", body=HEALTH) == "x"
