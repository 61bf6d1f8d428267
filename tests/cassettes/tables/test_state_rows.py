"""The tables of tasks, agents and offers, from small messages of each kind."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.playback_cassettes import HEADER

from mesotape.cassettes.format.documents import Event, Exchange, Request, Response
from mesotape.cassettes.format.yaml_writer import format_document
from mesotape.cassettes.tables.arrow import CassetteDataset


def identified(**ids: str) -> dict[str, dict[str, str]]:
    return {name: {"value": value} for name, value in ids.items()}


TASK = {"name": "web", "state": "TASK_RUNNING"} | identified(
    task_id="t", framework_id="f", agent_id="a"
)
AGENT = {
    "agent_info": {"hostname": "h"} | identified(id="a"),
    "active": True,
    "version": "1.12.0",
    "total_resources": [
        {"name": "cpus", "scalar": {"value": 1.5}},
        {"name": "cpus", "role": "x", "scalar": {"value": 2.5}},
        {"name": "mem", "scalar": {"value": 128}},
        {"name": "ports", "ranges": {"range": []}},
    ],
}
OFFER = {"hostname": "h", "resources": [{"name": "gpus", "scalar": {"value": 2}}]}
OFFER |= identified(id="o", framework_id="f", agent_id="a")
STATUS = {"state": "TASK_LOST", "reason": "REASON_RECONCILIATION", "source": "SOURCE_MASTER"}
STATUS |= {"message": "gone"} | identified(task_id="t", agent_id="a", executor_id="e")
STATE = {"get_tasks": {"tasks": [TASK]}, "get_agents": {"agents": [AGENT]}}

EVENTS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("tasks", {"type": "TASK_ADDED", "task_added": {"task": TASK}}, {"state": "TASK_RUNNING"}),
    ("tasks", {"type": "UPDATE", "update": {"status": STATUS}}, {"reason": STATUS["reason"]}),
    (
        "tasks",
        {
            "type": "TASK_UPDATED",
            "task_updated": {"status": STATUS, "state": "TASK_KILLED"}
            | identified(framework_id="f"),
        },
        {"framework_id": "f", "state": "TASK_KILLED", "executor_id": "e"},
    ),
    ("tasks", {"type": "SUBSCRIBED", "subscribed": {"get_state": STATE}}, {"name": "web"}),
    ("tasks", {"type": "HEARTBEAT"}, {}),
    (
        "agents",
        {"type": "AGENT_ADDED", "agent_added": {"agent": AGENT}},
        {"change": "added", "hostname": "h", "cpus": 4.0, "mem": 128.0, "gpus": None},
    ),
    (
        "agents",
        {"type": "AGENT_REMOVED", "agent_removed": identified(agent_id="a")},
        {"change": "removed", "agent_id": "a", "cpus": None},
    ),
    (
        "agents",
        {"type": "FAILURE", "failure": {"status": 9} | identified(agent_id="a")},
        {"change": "failed", "agent_id": "a"},
    ),
    (
        "agents",
        {"type": "FAILURE", "failure": identified(agent_id="a", executor_id="e")},
        {},
    ),
    (
        "agents",
        {"type": "SUBSCRIBED", "subscribed": {"get_state": STATE}},
        {"change": "listed", "active": True, "version": "1.12.0"},
    ),
    (
        "offers",
        {"type": "OFFERS", "offers": {"offers": [OFFER]}},
        {"change": "offered", "offer_id": "o", "framework_id": "f", "gpus": 2.0},
    ),
    (
        "offers",
        {"type": "RESCIND", "rescind": identified(offer_id="o")},
        {"change": "rescinded", "offer_id": "o"},
    ),
    ("offers", {"type": 1, "offers": 2}, {}),
]

CALLS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "offers",
        {
            "type": "ACCEPT",
            "accept": {
                "offer_ids": [{"value": "o"}],
                "operations": [{"type": "RESERVE"}, {"type": "LAUNCH"}],
                "filters": {"refuse_seconds": 5},
            },
        }
        | identified(framework_id="f"),
        {"change": "accepted", "framework_id": "f", "operations": "RESERVE,LAUNCH"},
    ),
    (
        "offers",
        {"type": "DECLINE", "decline": {"offer_ids": [{"value": "o"}]}},
        {"change": "declined", "offer_id": "o", "operations": None},
    ),
    ("tasks", {"type": "UPDATE", "update": {"status": STATUS}}, {"state": "TASK_LOST"}),
    (
        "agents",
        {"type": "MARK_AGENT_GONE", "mark_agent_gone": identified(agent_id="a")},
        {"change": "gone", "agent_id": "a"},
    ),
]

ANSWERS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("tasks", {"type": "GET_TASKS", "get_tasks": STATE["get_tasks"]}, {"task_id": "t"}),
    ("tasks", {"type": "GET_STATE", "get_state": STATE}, {"agent_id": "a"}),
    ("tasks", {"type": "GET_TASKS", "get_tasks": {"queued_tasks": [TASK]}}, {"name": "web"}),
    ("agents", {"type": "GET_AGENTS", "get_agents": STATE["get_agents"]}, {"change": "listed"}),
    (
        "agents",
        {"type": "GET_AGENTS", "get_agents": {"recovered_agents": [AGENT["agent_info"]]}},
        {"change": "listed", "hostname": "h", "active": None},
    ),
]


def rows(tmp_path: Path, table: str, *documents: Exchange | Event) -> list[dict[str, Any]]:
    path = tmp_path / "cassette.yaml"
    texts = [format_document(each) for each in documents]
    path.write_bytes(HEADER.format(server="master").encode() + b"".join(texts))
    dataset = CassetteDataset([path], table, lambda path, done: None)
    return dataset.scanner().to_reader().read_all().to_pylist()


def check(found: list[dict[str, Any]], origin: str, expected: dict[str, Any]) -> None:
    if not expected:
        assert found == []
        return
    (row,) = found
    assert row.items() >= ({"origin": origin, "exchange": 7} | expected).items()


def exchange(call: dict[str, Any], answer: dict[str, Any] | None = None) -> Exchange:
    response = Response(after=0.5, status=200, json=json.dumps(answer) if answer else None)
    request = Request(method="POST", path="/api/v1", json=json.dumps(call))
    return Exchange(exchange=7, at=1.5, client=1, request=request, response=response)


@pytest.mark.parametrize(("table", "message", "expected"), EVENTS)
@pytest.mark.parametrize("form", ["json", "proto", "text"])
def test_an_event(
    tmp_path: Path, table: str, message: dict[str, Any], expected: dict[str, Any], form: str
) -> None:
    event = Event(event=3, of=7, at=2.25, **{form: json.dumps(message)})
    found = rows(tmp_path, table, event)
    check(found, str(message["type"]), expected and {"number": 3, "at_seconds": 2.25} | expected)


@pytest.mark.parametrize(("table", "call", "expected"), CALLS)
def test_a_call(tmp_path: Path, table: str, call: dict[str, Any], expected: dict[str, Any]) -> None:
    found = rows(tmp_path, table, exchange(call))
    check(found, call["type"], {"number": None, "at_seconds": 1.5} | expected)


@pytest.mark.parametrize(("table", "answer", "expected"), ANSWERS)
def test_an_answer(
    tmp_path: Path, table: str, answer: dict[str, Any], expected: dict[str, Any]
) -> None:
    found = rows(tmp_path, table, exchange({"type": answer["type"]}, answer))
    check(found, answer["type"], {"number": None, "at_seconds": 2.0} | expected)


def test_the_time_is_that_of_the_wall_clock(tmp_path: Path) -> None:
    event = Event(event=1, of=7, at=86_399.5, json='{"type":"RESCIND","rescind":{}}')
    later = Event(event=2, of=7, at=86_400.123456, json='{"type":"RESCIND","rescind":{}}')
    first, second = rows(tmp_path, "offers", event, later)
    assert str(first["time"] - second["time"]) == "-1 day, 23:59:59.376544"
    assert (first["day"], second["day"]) == (first["time"].date(), second["time"].date())
