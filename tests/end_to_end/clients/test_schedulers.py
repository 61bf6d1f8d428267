"""Each scheduler does the same work twice: with a master, while it is recorded, and without one."""

import re
from pathlib import Path

import pytest
from support.commands import run, running

from clients import installed
from clients.master import Master
from clients.recordings import PACES, Client, Tape, held

LIFE = ["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"]
START = ("SUBSCRIBE", "ACCEPT", "ACKNOWLEDGE", "ACKNOWLEDGE")

# The client, its calls, and the options of a replay to a client whose task has another id.
SCHEDULERS: dict[str, tuple[Client, list[str], tuple[str, ...]]] = {
    "avmesos": (
        installed.avmesos,
        [*START, "RECONCILE", "ACKNOWLEDGE", "DECLINE", "TEARDOWN"],
        (),
    ),
    "mesos-framework": (
        installed.mesos_framework,
        [*START, "ACKNOWLEDGE", "DECLINE", "TEARDOWN"],
        ("--ignore", "ACCEPT:accept.operations[].launch.task_infos[].name"),
    ),
    "mesoshttp": (
        installed.mesoshttp,
        [*START, "RECONCILE", "ACKNOWLEDGE", "DECLINE", "TEARDOWN"],
        (),
    ),
    "pymesos": (
        installed.pymesos,
        [*START[:3], "RECONCILE", "ACKNOWLEDGE", "ACKNOWLEDGE", "DECLINE", "SUPPRESS", "TEARDOWN"],
        (),
    ),
}


class Scheduling(Tape):
    """A scheduler's work; `calls` are what the master was asked."""

    def __init__(self, name: str, folder: Path) -> None:
        client, self.expected_calls, self.fresh_options = SCHEDULERS[name]
        with Master() as master:
            super().__init__(client, master.url, folder)
            self.calls = [call["type"] for call in master.calls]


@pytest.fixture(scope="module", params=SCHEDULERS)
def tape(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Scheduling:
    return Scheduling(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def mesos_framework(tmp_path_factory: pytest.TempPathFactory) -> Scheduling:
    return Scheduling("mesos-framework", tmp_path_factory.mktemp("mesos-framework"))


def states(said: list[str]) -> list[str]:
    return [state for line in said for state in LIFE if state in line]


def events(said: list[str]) -> list[str]:
    """What the stream brought, without heartbeats: a replay sends more of them to a slow client."""
    return [line for line in said if not line.startswith(("call ", "heard HEARTBEAT"))]


def calls(said: list[str]) -> list[str]:
    """The answered calls. Each came over a connection of its own, so answers may overtake."""
    return sorted(line for line in said if line.startswith("call "))


def renamed(line: str) -> str:
    return re.sub(r'("task_id": ?{"value": ?"task-)quick', r"\1fresh", line)


def test_a_scheduler_runs_a_task_while_it_is_recorded(tape: Scheduling) -> None:
    assert tape.calls == tape.expected_calls
    assert states(tape.said) == LIFE
    assert tape.said[-1] == "exit 0"
    assert "error" not in "".join(tape.said)


@pytest.mark.parametrize("pace", PACES, ids=" ".join)
def test_a_scheduler_sees_the_same_without_a_master(
    tape: Scheduling, pace: tuple[str, str], tmp_path: Path
) -> None:
    with running("replay", tape.path, *pace) as player:
        said = tape.client(player.url, tmp_path)
    assert events(said) == events(tape.said)
    assert calls(said) == calls(tape.said)
    held(player)


@pytest.mark.parametrize(
    "choice",
    [("--since", "0.01"), ("--party", "framework"), ("--type", "UPDATE", "--type", "OFFERS")],
    ids=" ".join,
)
def test_a_scheduler_plays_a_part_of_it_with_readable_names(
    tape: Scheduling, choice: tuple[str, ...], tmp_path: Path
) -> None:
    part, readable = tmp_path / "part.yaml", tmp_path / "readable.yaml"
    cut = run("cut", tape.path, "-o", part, *choice)
    assert cut.returncode == 0, cut.stderr
    named = run("rename", part, "-o", readable)
    assert named.returncode == 0, named.stderr
    with running("replay", readable, "--pace", "instant") as player:
        said = tape.client(player.url, tmp_path)
    assert states(said) == LIFE
    assert said[-1] == "exit 0"
    held(player)


@pytest.mark.parametrize("pace", PACES[:2], ids=" ".join)
def test_a_scheduler_that_invents_another_id_is_served_with_it(
    tape: Scheduling, pace: tuple[str, str], tmp_path: Path
) -> None:
    with running("replay", tape.path, *pace, "--rebind", *tape.fresh_options) as player:
        said = tape.client(player.url, tmp_path, "task-fresh")
    assert "task-fresh" in "".join(said)
    assert events(said) == events([renamed(line) for line in tape.said])
    assert calls(said) == calls(tape.said)
    held(player)


def test_a_scheduler_that_starts_another_task_is_told_so(
    mesos_framework: Scheduling, tmp_path: Path
) -> None:
    with running("replay", mesos_framework.path, "--pace", "instant") as player:
        said = installed.mesos_framework(player.url, tmp_path, "task-other")
    assert said[-1] == "exit 1"
    assert "status code was '501'" in "".join(said)
    assert "event update" not in "\n".join(said)
    assert player.code == 3
    assert "task-quick" in player.said
    assert "task-other" in player.said


@pytest.mark.parametrize("pace", PACES, ids=" ".join)
def test_a_scheduler_that_thinks_longer_sees_the_same(
    mesos_framework: Scheduling, pace: tuple[str, str], tmp_path: Path
) -> None:
    with running("replay", mesos_framework.path, *pace) as player:
        said = installed.mesos_framework(player.url, tmp_path, "task-quick", "700")
    assert events(said) == events(mesos_framework.said)
    held(player)
