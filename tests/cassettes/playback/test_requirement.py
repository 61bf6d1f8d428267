"""What a replay requires: the words, and which exchanges are missing."""

from pathlib import Path

import pytest
from support.cassette_builder import BEAT, SCHEDULER, call, said, stream, written

from mesotape.cassettes.format.exchange_ref import ExchangeRef
from mesotape.cassettes.playback.playback import Playback
from mesotape.cassettes.playback.requirement import Requirement, parse_requirement
from mesotape.cassettes.storage.reader import Cassette

RECORDED = [
    call(1, 0.0, said("GET_HEALTH"), said("GET_HEALTH")),
    call(2, 0.1, said("GET_STATE"), said("GET_STATE")),
    call(3, 0.2, said("GET_HEALTH"), said("GET_HEALTH")),
    call(4, 0.3, said("DECLINE"), path=SCHEDULER),
    stream(5, 0.4, [(0.5, BEAT)]),
]


@pytest.mark.parametrize(
    ("text", "requirement"),
    [
        ("any", Requirement("any")),
        (" all ", Requirement("all")),
        (["none"], Requirement("none")),
        ("GET_STATE", Requirement("calls", ("GET_STATE",))),
        ("GET_STATE, SUBSCRIBE,", Requirement("calls", ("GET_STATE", "SUBSCRIBE"))),
        (["GET_STATE", "GET_STATE"], Requirement("calls", ("GET_STATE",))),
        (
            ("scheduler.ACCEPT", "agent", "/version"),
            Requirement("calls", ("scheduler.ACCEPT", "agent", "/version")),
        ),
    ],
)
def test_a_text_is_parsed_and_formatted(text: str | list[str], requirement: Requirement) -> None:
    assert parse_requirement(text) == requirement
    assert parse_requirement(str(requirement)) == requirement


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "require '': expected any, all, none, or calls like"),
        ([], r"require \[\]: expected any"),
        ("ALL", "require ALL: no v1 API has such a call"),
        ("GET_STAET", r"no v1 API has such a call \(did you mean GET_STATE\?\); expected any"),
        ("nothing", r"require nothing: .* \(did you mean none\?\)"),
        ("all,GET_STATE", "require all: it stands alone, not in a list; expected any, all"),
    ],
)
def test_what_is_no_requirement_is_an_error(text: str | list[str], error: str) -> None:
    with pytest.raises(ValueError, match=error):
        parse_requirement(text)


@pytest.fixture
def playback(tmp_path: Path):
    with Cassette.open(written(tmp_path / "cassette.yaml", *RECORDED)) as cassette:
        yield Playback(cassette)


@pytest.mark.parametrize(
    ("text", "used", "unmet"),
    [
        ("none", [], None),
        ("any", [], [1, 2, 3, 4, 5]),
        ("any", [5], None),
        ("all", [], [1, 2, 3, 4, 5]),
        ("all", [1, 2, 4], [3, 5]),
        ("all", [1, 2, 3, 4, 5], None),
        ("GET_HEALTH", [], [1, 3]),
        ("GET_HEALTH", [1, 2], [3]),
        ("GET_HEALTH", [1, 3], None),
        ("GET_STATE,SUBSCRIBE", [1, 2, 3], [5]),
        ("master.SUBSCRIBE", [1], [5]),
        ("scheduler", [1], [4]),
        ("scheduler.DECLINE", [4], None),
    ],
)
def test_the_required_exchanges_that_were_not_used(
    playback: Playback, text: str, used: list[int], unmet: list[int] | None
) -> None:
    requirement = parse_requirement(text)
    requirement.check(playback)
    unused = [ExchangeRef(0, number) for number in range(1, 6) if number not in used]
    missing = requirement.unmet(playback, unused, is_used=bool(used))
    assert (None if missing is None else [ref.exchange for ref in missing]) == unmet


def test_an_answer_that_a_fault_replaced_is_enough_for_any_and_for_no_other(
    playback: Playback,
) -> None:
    unused = [ExchangeRef(0, number) for number in range(1, 6)]
    assert Requirement("any").unmet(playback, unused, is_used=True) is None
    assert Requirement("all").unmet(playback, unused, is_used=True) == unused


@pytest.mark.parametrize("text", ["any", "all"])
def test_an_empty_recording_meets_no_requirement(tmp_path: Path, text: str) -> None:
    with Cassette.open(written(tmp_path / "cassette.yaml")) as cassette:
        assert parse_requirement(text).unmet(Playback(cassette), [], is_used=False) == []


@pytest.mark.parametrize(
    ("text", "name"),
    [("GET_STATE,GET_ROLES", "GET_ROLES"), ("scheduler.SUBSCRIBE", "scheduler.SUBSCRIBE")],
)
def test_a_call_that_the_recording_lacks_is_an_error(
    playback: Playback, text: str, name: str
) -> None:
    known = "it has DECLINE, GET_HEALTH, GET_STATE, SUBSCRIBE"
    with pytest.raises(
        ValueError, match=f"require {name}: the recording has no such call; {known}"
    ):
        parse_requirement(text).check(playback)
