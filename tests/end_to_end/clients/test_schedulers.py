"""Each scheduler does the same work twice: with a master, while it is recorded, and without one."""

from collections.abc import Callable
from pathlib import Path

import pytest
from support.commands import Running, running

from clients import installed
from clients.master import Master
from mesotape.cassettes.storage.reader import Cassette

type Client = Callable[[str, Path], list[str]]

LIFE = ["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"]
PACES = [("--pace", "instant"), ("--pace", "recorded"), ("--speed", "0.5"), ("--speed", "10")]


class Tape:
    """A scheduler's work, recorded; `said` is what the scheduler printed."""

    def __init__(self, client: Client, folder: Path) -> None:
        self.path = folder / "cassette.yaml"
        with Master() as master:
            with running("record", master.url, "-o", self.path) as recorder:
                self.said = client(recorder.url, folder / "recorded")
            assert recorder.code == 0, recorder.said
            self.calls = [call["type"] for call in master.calls]
        with Cassette.open(self.path) as cassette:
            assert not cassette.warnings
            assert not list(cassette.notes())


@pytest.fixture(scope="module")
def mesoshttp(tmp_path_factory: pytest.TempPathFactory) -> Tape:
    return Tape(installed.mesoshttp, tmp_path_factory.mktemp("mesoshttp"))


@pytest.fixture(scope="module")
def mesos_framework(tmp_path_factory: pytest.TempPathFactory) -> Tape:
    return Tape(installed.mesos_framework, tmp_path_factory.mktemp("mesos-framework"))


def states(said: list[str]) -> list[str]:
    return [state for line in said for state in LIFE if state in line]


def events(said: list[str]) -> list[str]:
    return [line for line in said if not line.startswith("call ")]


def calls(said: list[str]) -> list[str]:
    """The answered calls. Each came over a connection of its own, so answers may overtake."""
    return sorted(line for line in said if line.startswith("call "))


def held(player: Running) -> None:
    """Nothing was missed, and nothing was left over."""
    assert player.code == 0, player.said
    assert " 0 missed, 0 unused" in player.said


def test_mesoshttp_runs_a_task_while_it_is_recorded(mesoshttp: Tape) -> None:
    assert mesoshttp.calls == [
        *("SUBSCRIBE", "ACCEPT", "ACKNOWLEDGE", "ACKNOWLEDGE", "RECONCILE", "ACKNOWLEDGE"),
        *("DECLINE", "TEARDOWN"),
    ]
    assert mesoshttp.said[0].startswith("subscribed ")
    assert states(mesoshttp.said) == LIFE
    assert mesoshttp.said[-2:] == ["registered True", "exit 0"]


@pytest.mark.parametrize("pace", PACES, ids=" ".join)
def test_mesoshttp_sees_the_same_without_a_master(
    mesoshttp: Tape, pace: tuple[str, str], tmp_path: Path
) -> None:
    with running("replay", mesoshttp.path, *pace) as player:
        assert installed.mesoshttp(player.url, tmp_path) == mesoshttp.said
    held(player)


def test_mesos_framework_runs_a_task_while_it_is_recorded(mesos_framework: Tape) -> None:
    assert mesos_framework.calls == [
        *("SUBSCRIBE", "ACCEPT", "ACKNOWLEDGE", "ACKNOWLEDGE", "ACKNOWLEDGE"),
        *("DECLINE", "TEARDOWN"),
    ]
    assert states(mesos_framework.said) == LIFE
    assert mesos_framework.said[-2:] == ["call teardown", "exit 0"]


@pytest.mark.parametrize("pace", PACES, ids=" ".join)
def test_mesos_framework_sees_the_same_without_a_master(
    mesos_framework: Tape, pace: tuple[str, str], tmp_path: Path
) -> None:
    with running("replay", mesos_framework.path, *pace) as player:
        said = installed.mesos_framework(player.url, tmp_path)
    assert events(said) == events(mesos_framework.said)
    assert calls(said) == calls(mesos_framework.said)
    held(player)


def test_a_scheduler_that_starts_another_task_is_told_so(
    mesos_framework: Tape, tmp_path: Path
) -> None:
    with running("replay", mesos_framework.path, "--pace", "instant") as player:
        said = installed.mesos_framework(player.url, tmp_path, "task-other")
    assert said[-1] == "exit 1"
    assert "status code was '501'" in "".join(said)
    assert "event update" not in "\n".join(said)
    assert player.code == 3
    assert "task-quick" in player.said
    assert "task-other" in player.said


def test_a_scheduler_that_invents_another_id_is_served_with_it(
    mesos_framework: Tape, tmp_path: Path
) -> None:
    options = ("--rebind", "--ignore", "ACCEPT:accept.operations[].launch.task_infos[].name")
    for turn in ("first", "second"):
        with running("replay", mesos_framework.path, "--pace", "instant", *options) as player:
            said = installed.mesos_framework(player.url, tmp_path / turn, "task-fresh")
        task = '"task_id":{"value":"task-'
        renamed = [line.replace(f"{task}quick", f"{task}fresh") for line in mesos_framework.said]
        assert events(said) == events(renamed)
        assert calls(said) == calls(renamed)
        held(player)


@pytest.mark.parametrize("pace", PACES, ids=" ".join)
def test_a_scheduler_that_thinks_longer_sees_the_same(
    mesos_framework: Tape, pace: tuple[str, str], tmp_path: Path
) -> None:
    with running("replay", mesos_framework.path, *pace) as player:
        said = installed.mesos_framework(player.url, tmp_path, "task-quick", "700")
    assert events(said) == events(mesos_framework.said)
    held(player)
