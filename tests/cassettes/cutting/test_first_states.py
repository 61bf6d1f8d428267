"""SUBSCRIBED events with the state at a later time, as a real master has it then."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.cut_cassettes import captured
from support.paths import ROOT

from mesotape.cassettes.cutting.choice import Choice
from mesotape.cassettes.cutting.cluster_state import ClusterState
from mesotape.cassettes.cutting.cutting import cut_cassette
from mesotape.cassettes.storage.reader import Cassette
from mesotape.cassettes.storage.recorded_bodies import encode_event
from mesotape.cassettes.validation.judge import find_problems
from mesotape.proto.api.apis import MASTER
from mesotape.proto.messages import mapping

STATE = "subscribed.get_state"
IN_NO_EVENT = ("allocated_resources", "offered_resources", "unregistered_time", "offer_constraints")


def subscribed(path: Path, number: int) -> Any:
    with Cassette.open(path) as cassette:
        data = encode_event(cassette, next(cassette.events(number)), MASTER.event_message)
    if not data.startswith(b"{"):
        data = mapping.encode(mapping.decode_protobuf(data, MASTER.event_message))
    return msgspec.json.decode(data)


def differences(one: Any, other: Any, path: str = "") -> Iterator[str]:
    """Yield the paths of values that differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(one.keys() | other.keys()):
            yield from differences(one.get(key), other.get(key), f"{path}.{key}".strip("."))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (a, b) in enumerate(zip(one, other, strict=True)):
            yield from differences(a, b, f"{path}[{number}]")
    elif one != other:
        yield path


def test_the_state_is_that_which_a_later_subscriber_was_sent(tmp_path: Path) -> None:
    path, output = captured("master-subscribe-json", tmp_path), tmp_path / "cut.yaml"
    with Cassette.open(path) as cassette:
        at_seconds = next(cassette.events(2)).at
    result = cut_cassette(path, Choice(since=at_seconds, clients=("1",), first_state=True), output)
    assert result.events > 1
    found = set(differences(subscribed(output, 1), subscribed(path, 2)))
    agents, tasks = f"{STATE}.get_agents.agents[0]", f"{STATE}.get_tasks.completed_tasks[1]"
    left = {each for each in found if not any(name in each for name in IN_NO_EVENT)}
    not_in_the_event = {f"{agents}.agent_info.checkpoint"}
    of_the_removal = {each for each in left if each.startswith(f"{tasks}.statuses[3].")}
    assert left == not_in_the_event | of_the_removal
    with Cassette.open(output) as cassette:
        assert find_problems(cassette) == []


def test_both_encodings_have_the_same_state(tmp_path: Path) -> None:
    path, output = ROOT / "cassettes" / "samples" / "master.yaml", tmp_path / "cut.yaml"
    cut_cassette(path, Choice(since=2.6, first_state=True), output)
    one, other = subscribed(output, 1), subscribed(output, 2)
    # A master does not send this in AGENT_ADDED in JSON.
    assert list(differences(one, other)) == [f"{STATE}.get_agents.agents[1].agent_info.checkpoint"]
    tasks = one["subscribed"]["get_state"]["get_tasks"]["tasks"]
    assert [(task["name"], task["state"]) for task in tasks] == [
        ("one", "TASK_RUNNING"),
        ("two", "TASK_RUNNING"),
        ("quick", "TASK_RUNNING"),
    ]


def test_a_state_that_does_not_change_keeps_its_bytes(tmp_path: Path) -> None:
    path, output = ROOT / "cassettes" / "samples" / "master.yaml", tmp_path / "cut.yaml"
    cut_cassette(path, Choice(since=1, first_state=True), output)
    with Cassette.open(path) as before, Cassette.open(output) as after:
        assert next(before.events(1)) == next(after.events(1))


def event(kind: str, **content: Any) -> Any:
    text = msgspec.json.encode({"type": kind, kind.lower(): content})
    return mapping.decode(text, MASTER.event_message)


def ident(value: str) -> dict[str, str]:
    return {"value": value}


def task(name: str, framework: str = "f") -> dict[str, Any]:
    ids = {"task_id": ident(name), "framework_id": ident(framework), "agent_id": ident("a")}
    return {"name": name, "state": "TASK_STAGING", "resources": [], **ids}


def updated(name: str, state: str) -> Any:
    status = {"task_id": ident(name), "state": state, "uuid": "4hVQX0vJQ5mXhF0nq1GHfg=="}
    return event("TASK_UPDATED", framework_id=ident("f"), status=status, state=state)


def framework(name: str) -> dict[str, Any]:
    info = {"user": "u", "name": name, "id": ident("f")}
    return {"framework_info": info, "active": True, "connected": True, "recovered": False}


def agent(host: str) -> dict[str, Any]:
    info = {"hostname": host, "id": ident("a")}
    return {"agent_info": info, "active": True, "version": "1"}


EXECUTOR = {
    "executor_info": {"executor_id": ident("e"), "framework_id": ident("f")},
    "agent_id": ident("a"),
}
RECORDED = {
    "get_tasks": {"tasks": [task("t")], "unreachable_tasks": [task("u")]},
    "get_executors": {"executors": [EXECUTOR]},
    "get_frameworks": {"frameworks": [framework("n")]},
    "get_agents": {
        "agents": [agent("h")],
        "recovered_agents": [{"hostname": "r", "id": ident("r")}],
    },
}
ADDED = event("TASK_ADDED", task=task("new"))
BACK = event("AGENT_ADDED", agent={**agent("x"), "agent_info": {"hostname": "x", "id": ident("r")}})
REMOVED = event("FRAMEWORK_REMOVED", framework_info=framework("n")["framework_info"])
GONE = event("AGENT_REMOVED", agent_id=ident("a"))

CHANGES = [
    ("a task is added", [ADDED], {"tasks": ["t", "new"]}),
    ("a task is there twice", [ADDED, ADDED], {"tasks": ["t", "new"]}),
    ("a task runs", [updated("t", "TASK_RUNNING")], {}),
    ("a task ends", [updated("t", "TASK_KILLED")], {"tasks": [], "completed_tasks": ["t"]}),
    ("an unknown task", [updated("x", "TASK_KILLED")], {}),
    (
        "a task is not reachable",
        [updated("t", "TASK_UNREACHABLE")],
        {"tasks": [], "unreachable_tasks": ["u", "t"]},
    ),
    (
        "a task is back",
        [updated("u", "TASK_RUNNING")],
        {"tasks": ["t", "u"], "unreachable_tasks": []},
    ),
    ("an agent leaves", [GONE], {"agents": [], "executors": 0}),
    ("an agent is back", [BACK], {"agents": ["h", "x"], "recovered_agents": []}),
    (
        "a framework leaves",
        [REMOVED],
        {
            "tasks": [],
            "unreachable_tasks": [],
            "completed_tasks": ["t", "u"],
            "frameworks": [],
            "completed_frameworks": ["n"],
            "executors": 0,
        },
    ),
    (
        "a framework changes its name",
        [event("FRAMEWORK_UPDATED", framework=framework("m"))],
        {"frameworks": ["m"]},
    ),
]


@pytest.mark.parametrize(
    ("events", "changes"), [c[1:] for c in CHANGES], ids=[c[0] for c in CHANGES]
)
def test_an_event_changes_the_state(events: list[Any], changes: dict[str, Any]) -> None:
    recorded = event("SUBSCRIBED", get_state=RECORDED)
    before = summary(recorded)
    state = ClusterState(recorded)
    for each in events:
        state.apply(each)
    state.write()
    assert summary(recorded) == {**before, **changes}


def summary(recorded: Any) -> dict[str, Any]:
    state = recorded.subscribed.get_state
    tasks, agents, frameworks = state.get_tasks, state.get_agents, state.get_frameworks
    return {
        "tasks": [each.name for each in tasks.tasks],
        "unreachable_tasks": [each.name for each in tasks.unreachable_tasks],
        "completed_tasks": [each.name for each in tasks.completed_tasks],
        "agents": [each.agent_info.hostname for each in agents.agents],
        "recovered_agents": [each.hostname for each in agents.recovered_agents],
        "frameworks": [each.framework_info.name for each in frameworks.frameworks],
        "completed_frameworks": [
            each.framework_info.name for each in frameworks.completed_frameworks
        ],
        "executors": len(state.get_executors.executors),
    }


def test_a_status_is_replaced_by_the_next_of_the_same_state() -> None:
    recorded = event("SUBSCRIBED", get_state=RECORDED)
    state = ClusterState(recorded)
    for name in ("TASK_STARTING", "TASK_RUNNING", "TASK_RUNNING"):
        state.apply(updated("t", name))
    state.apply(event("HEARTBEAT"))
    state.write()
    (found,) = recorded.subscribed.get_state.get_tasks.tasks
    assert len(found.statuses) == 2
    assert (found.state, found.status_update_state) == (found.statuses[1].state,) * 2
    assert len(found.status_update_uuid) == 16
