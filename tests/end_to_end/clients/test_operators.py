"""Each operator reads the same twice: from a server, while it is recorded, and without one."""

from pathlib import Path

import pytest
from support.commands import running

from clients import installed
from clients.recordings import PACES, Client, Tape, cluster, held

OPERATORS: dict[str, Client] = {
    "mesos-client": installed.mesos_client_operator,
    "pymesos": installed.pymesos_operator,
}

# The client, and the ids of containers: those that it invents by default, and others.
CONTAINERS: dict[str, tuple[Client, dict[str, str]]] = {
    "mesos-client": (
        installed.mesos_client_containers,
        {"standalone-1": "standalone-fresh", "plain-json": "fresh-json"},
    ),
    "pymesos": (installed.pymesos_containers, {"nested-1": "nested-fresh"}),
}

# pymesos also sends what it does not ask for.
SHOW = ("--ignore", "GET_CONTAINERS:get_containers.show_standalone")


@pytest.fixture(scope="module", params=OPERATORS)
def operator(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tape:
    folder = tmp_path_factory.mktemp(request.param)
    with cluster(folder / "cluster", "master-subscribe-json", "master-unary-json") as url:
        return Tape(OPERATORS[request.param], url, folder)


@pytest.fixture(scope="module", params=CONTAINERS)
def containers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Tape, dict[str, str]]:
    client, ids = CONTAINERS[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    with cluster(folder / "cluster", "agent-session", options=SHOW) as url:
        return Tape(client, url, folder, "--server", "agent"), ids


def test_an_operator_reads_the_state_and_follows_the_events(operator: Tape) -> None:
    assert operator.said[-1] == "exit 0"
    assert "GET_TASKS" in "".join(operator.said)
    assert "TASK_KILLED" in "".join(operator.said)
    assert "TASK_RUNNING" in operator.said[-3] + operator.said[-2]


@pytest.mark.parametrize("pace", PACES[:2], ids=" ".join)
def test_an_operator_sees_the_same_without_a_master(
    operator: Tape, pace: tuple[str, str], tmp_path: Path
) -> None:
    with running("replay", operator.path, *pace) as player:
        assert operator.client(player.url, tmp_path) == operator.said
    held(player)


def test_an_operator_starts_containers(containers: tuple[Tape, dict[str, str]]) -> None:
    tape, ids = containers
    assert tape.said[-1] == "exit 0"
    assert next(iter(ids)) in "".join(tape.said)


@pytest.mark.parametrize("pace", PACES[:2], ids=" ".join)
def test_an_operator_starts_the_same_containers_without_an_agent(
    containers: tuple[Tape, dict[str, str]], pace: tuple[str, str], tmp_path: Path
) -> None:
    tape, _ = containers
    with running("replay", tape.path, *pace) as player:
        assert tape.client(player.url, tmp_path) == tape.said
    held(player)


@pytest.mark.parametrize("pace", PACES[:2], ids=" ".join)
def test_an_operator_that_invents_other_ids_is_served_with_them(
    containers: tuple[Tape, dict[str, str]], pace: tuple[str, str], tmp_path: Path
) -> None:
    tape, ids = containers
    with running("replay", tape.path, *pace, "--rebind") as player:
        said = tape.client(player.url, tmp_path, *ids.values())
    expected = "\n".join(tape.said)
    for recorded, fresh in ids.items():
        expected = expected.replace(f'"value":"{recorded}"', f'"value":"{fresh}"')
        expected = expected.replace(f'"value": "{recorded}"', f'"value": "{fresh}"')
    assert next(iter(ids.values())) in expected
    assert "\n".join(said) == expected
    held(player)
