"""What fails a replay: one judgement for the player, the command and the plugin."""

from pathlib import Path
from typing import Any

import pytest
from support.cassette_builder import SCHEDULER, call, said, stream, written
from support.sockets import connect, post

from mesotape.cassettes.answers.pace import Instant
from mesotape.cassettes.playback.playback import Options
from mesotape.proxy.control.player import Player
from mesotape.proxy.control.verdict import ReplayError

SUBSCRIBE = said("SUBSCRIBE", subscribe={"framework_info": {"user": "u", "name": "n"}})
SUBSCRIBED = said("SUBSCRIBED", subscribed={"framework_id": {"value": "f"}})
DECLINE = said("DECLINE", framework_id={"value": "f"}, decline={"offer_ids": [{"value": "o"}]})
RECORDED = [
    call(1, 0.0, said("GET_HEALTH"), said("GET_HEALTH")),
    stream(2, 0.0, [(0.1, SUBSCRIBED)], text=SUBSCRIBE, path=SCHEDULER),
    call(3, 0.2, DECLINE, path=SCHEDULER),
]
HEALTH, STATE = (said("GET_HEALTH"), "/api/v1"), (said("GET_STATE"), "/api/v1")
SUBSCRIBES = (SUBSCRIBE, SCHEDULER)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return written(tmp_path / "cassette.yaml", *RECORDED)


def ask(player: Player, *calls: tuple[str, str]) -> None:
    for text, path in calls:
        with connect(player.address) as wire:
            wire.send(post(text.encode(), path=path.encode()))
            wire.until(b"\r\n\r\n")


PROBLEMS: dict[str, tuple[list[tuple[str, str]], dict[str, Any], str]] = {
    "nothing": ([], {}, 'require="any": no exchange was used: no requests arrived'),
    "miss": ([HEALTH, STATE], {}, "no recorded answer: POST /api/v1, master call GET_STATE"),
    "only a miss": ([STATE], {}, "no recorded answer: POST /api/v1, master call GET_STATE"),
    "refusal": ([HEALTH, ("no call", "/api/v1")], {}, "refused as Mesos does, 400"),
    "left out": ([SUBSCRIBES], {}, "left out: exchange 3, scheduler call DECLINE"),
    "idle fault": ([HEALTH], {"faults": ("GET_STATE:503",)}, "fault GET_STATE:503 "),
    "all": ([HEALTH], {"require": "all"}, 'require="all": 2 exchanges not used\n  not used: ex'),
    "calls": (
        [HEALTH],
        {"require": ["GET_HEALTH", "DECLINE"]},
        'require="GET_HEALTH,DECLINE": 1 exchange not used\n'
        "  not used: exchange 3, scheduler call DECLINE, ",
    ),
}


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize(("calls", "how", "text"), PROBLEMS.values(), ids=PROBLEMS)
def test_a_problem_is_raised_at_the_end_of_the_block_unless_not_strict(
    path: Path, calls: list[tuple[str, str]], how: dict[str, Any], text: str, strict: bool
) -> None:
    options = Options(pace=Instant(), faults=how.get("faults", ()))
    player = Player(path, options, require=how.get("require", "any"), strict=strict)
    if strict:
        with pytest.raises(ReplayError) as raised, player:
            ask(player, *calls)
        assert str(raised.value).startswith(text)
    else:
        with player:
            ask(player, *calls)
        assert player.problems[0].startswith(text)
        with pytest.raises(ReplayError):
            player.check()


@pytest.mark.parametrize(
    ("require", "calls"),
    [("any", [HEALTH]), ("none", []), ("GET_HEALTH", [HEALTH]), ("none", [HEALTH])],
)
def test_a_replay_that_met_its_requirement_raises_nothing(
    path: Path, require: str, calls: list[tuple[str, str]]
) -> None:
    with Player(path, Options(pace=Instant()), require=require) as player:
        ask(player, *calls)
        assert player.problems == []
    player.check()
    assert player.receipt()["required"] == {"require": require, "met": True, "unmet": []}


def test_an_exception_on_its_way_is_not_masked(path: Path) -> None:
    def swallow() -> None:
        with Player(path) as player:
            ask(player, STATE)
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        swallow()


def test_a_fault_that_answers_for_the_recording_shows_that_the_client_called(path: Path) -> None:
    with Player(path, Options(faults=("GET_HEALTH:503",))) as player:
        ask(player, HEALTH)
    assert player.receipt()["counts"]["served"] == 0


def test_an_exchange_that_was_used_before_a_reset_is_used(path: Path) -> None:
    with Player(path, require="GET_HEALTH") as player:
        ask(player, HEALTH)
        player.reset()


def test_held_streams_are_told_with_the_problems(tmp_path: Path) -> None:
    events = [(0.1, SUBSCRIBED), (0.4, said("HEARTBEAT"))]
    recorded = stream(1, 0.0, events, text=SUBSCRIBE, path=SCHEDULER)
    written(tmp_path / "held.yaml", recorded, call(2, 0.2, DECLINE, path=SCHEDULER))
    player = Player(tmp_path / "held.yaml", Options(pace=Instant()))
    with connect(player.address) as wire:
        wire.send(post(SUBSCRIBE.encode(), path=SCHEDULER.encode()))
        player.await_events(1)
        with pytest.raises(ReplayError, match=r"(?s)left out: .*\nheld: .*DECLINE"), player:
            pass


def test_many_unused_exchanges_are_shortened(tmp_path: Path) -> None:
    text = [call(number, 0.0, said("GET_HEALTH"), said("GET_HEALTH")) for number in range(1, 23)]
    written(tmp_path / "many.yaml", *text)
    with pytest.raises(ReplayError) as raised, Player(tmp_path / "many.yaml"):
        pass
    lines = str(raised.value).splitlines()
    assert lines[10].startswith("  not used: exchange 10, master call GET_HEALTH, ")
    assert lines[11:] == [
        "  and 12 more",
        '  what to do: Let the client use the URL of the replay, or pass require="none".',
    ]


def test_an_empty_recording_proves_nothing(tmp_path: Path) -> None:
    written(tmp_path / "empty.yaml")
    with pytest.raises(ReplayError, match="the recording has no exchanges"):
        Player(tmp_path / "empty.yaml").__enter__().__exit__(None)


def test_a_requirement_that_cannot_be_met_is_an_error_at_the_start(path: Path) -> None:
    with pytest.raises(ValueError, match="require GET_ROLES: the recording has no such call"):
        Player(path, require="GET_ROLES")
    with pytest.raises(ValueError, match="did you mean GET_ROLES"):
        Player(path, require="GET_ROLSE")


def test_a_proxy_that_may_have_got_the_requests_is_named(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("all_proxy", "http://127.0.0.1:9")
    with pytest.raises(ReplayError, match="note: no request arrived, and all_proxy is set"):
        Player(path).__enter__().__exit__(None)
