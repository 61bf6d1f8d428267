"""Two runs of the same work differ in nothing; a change is named exactly, in both encodings."""

import json

import pytest
from support.captured_cassettes import captured as captured
from support.cassette_builder import call, said, stream, written
from support.other_run import other_run

from mesotape.cassettes.comparing.comparison import Comparison
from mesotape.cassettes.format.documents import Event, Exchange
from mesotape.cassettes.matching.ignore_rules import IgnoreRules
from mesotape.cassettes.storage.reader import Cassette
from mesotape.proto.messages.fields import type_enum_name

ENCODINGS = pytest.mark.parametrize("encoding", [None, "json", "protobuf"])


def compare(first, second, *rules):
    with Cassette.open(first) as ours, Cassette.open(second) as theirs:
        comparison = Comparison(ours, theirs, IgnoreRules(rules, with_answers=True))
        return list(comparison.differences()), comparison.tally


@ENCODINGS
@pytest.mark.parametrize(
    "name",
    [
        "two-clients",
        "stream-ends",
        "scheduler-protobuf-execute",
        "master-subscribe-json",
        "sched-all",
        "agent-unary-json",
        "master-unary-protobuf",
        "agent-crash",
        "secrets-agent",
    ],
)
def test_another_run_differs_in_nothing(captured, tmp_path, name, encoding):
    other = other_run(captured(name), tmp_path / "other.yaml", encoding=encoding)
    differences, tally = compare(captured(name), other)
    assert differences == []
    assert tally.calls == len(Cassette.open(other))


def is_event(document, message, kind, number=None):
    return (
        isinstance(document, Event)
        and message is not None
        and type_enum_name(message) == kind
        and number in (None, document.event)
    )


def is_call(document, message, kind):
    return (
        isinstance(document, Exchange) and message is not None and type_enum_name(message) == kind
    )


def other_cpus(document, message):
    if is_event(document, message, "OFFERS") and document.event == 3:
        next(
            each for each in message.offers.offers[0].resources if each.name == "cpus"
        ).scalar.value += 1


def lost_update(document, message):
    return not (is_event(document, message, "UPDATE", 5))


def lost_call(document, message):
    return not is_call(document, message, "KILL")


def failed_task(document, message):
    if is_event(document, message, "UPDATE", 6):
        message.update.status.state = 3  # TASK_FAILED


def swap(documents):
    """Swap two adjacent events of the stream of the scheduler."""
    places = [
        index
        for index, each in enumerate(documents)
        if isinstance(each, Event) and each.of == 5 and each.event in (4, 5)
    ]
    first, second = (documents[place] for place in places)
    documents[places[0]] = type(first)(**{**fields(second), "event": 4, "at": first.at})
    documents[places[1]] = type(first)(**{**fields(first), "event": 5, "at": second.at})
    return documents


def fields(document):
    return {name: getattr(document, name) for name in document.__struct_fields__}


def shown(difference):
    place = difference.first or difference.second
    changes = [(each.path, each.first, each.second) for each in difference.changes]
    return difference.kind, difference.what, place.exchange, place.event, changes


def lost_launch(document, message):
    return not (is_call(document, message, "ACCEPT") and document.exchange == 6)


def lost_greeting(document, message):
    return not is_event(document, message, "SUBSCRIBED", 1) or document.of != 5


CHANGES = {
    "the call with the first names of tasks is missing": (
        {"change": lost_launch},
        [("missing", "scheduler call ACCEPT", 6, None, [])],
    ),
    "the event that names the framework is lost": (
        {"change": lost_greeting},
        [("missing", "SUBSCRIBED", 5, 1, [])],
    ),
    "an event is lost": (
        {"change": lost_update},
        [("missing", "UPDATE TASK_STARTING", 5, 5, [])],
    ),
    "a call is missing": (
        {"change": lost_call},
        [("missing", "scheduler call KILL", 21, None, [])],
    ),
    "events are swapped": (
        {"order": swap},
        [("moved", "UPDATE TASK_STARTING", 5, 4, [])],
    ),
    "a field of an event is changed": (
        {"change": other_cpus},
        [
            (
                "changed",
                "OFFERS",
                5,
                3,
                [("offers.offers[0].resources[cpus].scalar.value", "4.0", "5.0")],
            )
        ],
    ),
    "a task fails": (
        {"change": failed_task},
        [
            (
                "changed",
                "UPDATE TASK_RUNNING",
                5,
                6,
                [("update.status.state", "TASK_RUNNING", "TASK_FAILED")],
            )
        ],
    ),
}


@ENCODINGS
@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_named_exactly(captured, tmp_path, name, encoding):
    change, expected = CHANGES[name]
    source = captured("two-clients")
    other = other_run(source, tmp_path / "other.yaml", encoding=encoding, **change)
    differences, _ = compare(source, other)
    assert [shown(each) for each in differences] == expected


def test_a_new_call_is_named(captured, tmp_path):
    source = captured("two-clients")
    other = other_run(source, tmp_path / "other.yaml", change=lost_call)
    differences, _ = compare(other, source)
    (difference,) = differences
    assert (difference.kind, difference.what) == ("new", "scheduler call KILL")
    assert difference.first is None
    assert difference.second.exchange == 21
    assert difference.after == "exchange 20, scheduler call RECONCILE"


def test_masters_that_were_started_again_are_the_same(tmp_path):
    def recording(master):
        info = {"id": master, "ip": 1, "port": 5050}
        greeting = said(
            "SUBSCRIBED", subscribed={"framework_id": {"value": "f"}, "master_info": info}
        )
        subscribed = stream(1, 0.0, [(0.1, greeting)], path="/api/v1/scheduler")
        return written(tmp_path / f"{master}.yaml", subscribed)

    differences, tally = compare(recording("a81c9abc"), recording("0a44f4e5"))
    assert (differences, tally.events) == ([], 1)


@pytest.mark.parametrize("period", [{"nanos": 5}, {"seconds": 20, "nanos": 5}])
def test_a_field_without_presence_is_zero_if_it_is_left_out(tmp_path, period):
    agent = {"agent_id": {"value": "S0"}}
    first, second = (
        written(
            tmp_path / f"{number}.yaml",
            call(1, 0.0, said("DRAIN_AGENT", drain_agent=agent | {"max_grace_period": each})),
        )
        for number, each in enumerate([period, {"seconds": 10, "nanos": 5}])
    )
    ((found,), _) = compare(first, second)
    path, seconds = "request.drain_agent.max_grace_period.seconds", period.get("seconds", 0)
    assert [(each.path, each.first, each.second) for each in found.changes] == [
        (path, str(seconds), "10")
    ]


def test_redacted_secrets_are_the_same_whatever_their_numbers(tmp_path):
    flags = {"flags": [{"name": "credential", "value": "REDACTED-1"}]}
    first = written(
        tmp_path / "first.yaml", call(1, 0.0, said("GET_FLAGS"), said("GET_FLAGS", get_flags=flags))
    )
    second = tmp_path / "second.yaml"
    second.write_text(first.read_text().replace("REDACTED-1", "REDACTED-7"))
    assert compare(first, second)[0] == []


UNKNOWN = "e36c6510-b38b-41c4-8d6b-8af41c8b9ad9", "0c2c0f6e-1f4b-4f0e-8a0e-6f0a4f7a1b11"
OTHERS = "5f1d4b70-7c1e-4c55-9b0e-0e5b8a1c9d22", "7a9e2c44-2f3b-4d18-8c57-91d0c6e4ab33"


@pytest.mark.parametrize(
    ("told", "texts"),
    [
        ((0, 1, 0), []),
        ((0, 1, 1), [f"Container {UNKNOWN[0]}.nested-1 cannot be found"]),
        ((0, 0, 0), [f"Container {UNKNOWN[1]}.nested-1 cannot be found"]),
    ],
    ids=["renamed", "one becomes another", "two become one"],
)
def test_uuids_that_only_texts_have_are_paired(tmp_path, told, texts):
    def recording(name, ids):
        calls = (
            call(n, n, said("WAIT_CONTAINER"), f"Container {each}.nested-1 cannot be found")
            for n, each in enumerate(ids, 1)
        )
        return written(tmp_path / name, *calls, server="agent")

    first = recording("first.yaml", [UNKNOWN[0], UNKNOWN[1], UNKNOWN[0]])
    second = recording("second.yaml", [OTHERS[each] for each in told])
    differences, _ = compare(first, second)
    assert [change.first for each in differences for change in each.changes] == texts


@pytest.mark.parametrize(("told", "count"), [("c-8.nested-1", 0), ("c-8.nested-2", 1), ("c-9", 1)])
def test_an_id_before_a_dot_is_paired(tmp_path, told, count):
    def recording(container, text):
        asked = said("WAIT_CONTAINER", wait_container={"container_id": {"value": container}})
        path = tmp_path / f"{container}.yaml"
        return written(path, call(1, 0.0, asked, f"{text} cannot be found"), server="agent")

    differences, _ = compare(recording("c-7", "c-7.nested-1"), recording("c-8", told))
    assert len(differences) == count


@pytest.mark.parametrize(("time", "count"), [(1795351064.82, 0), (1795351064, 0), ("never", 1)])
def test_times_of_other_endpoints_are_no_difference(tmp_path, time, count):
    first, second = (
        written(
            tmp_path / f"{n}.yaml",
            call(1, 0.0, "", json.dumps({"slaves": [{"registered_time": each}]}), path="/state"),
        )
        for n, each in enumerate([974810264.82, time])
    )
    assert len(compare(first, second)[0]) == count


def test_two_real_runs_differ_only_in_what_happened(captured):
    """The same story was recorded twice, in JSON and in protobuf, from two clusters."""
    names = "master-subscribe-json", "master-subscribe-protobuf"
    rules = [
        "*:task_updated.status.container_status.executor_pid",
        "*:subscribed",
        "*:agent_added.agent.agent_info.checkpoint",
    ]
    differences, tally = compare(*map(captured, names), *rules)
    assert [shown(each) for each in differences] == [
        ("changed", "master call SUBSCRIBE", 1, None, [("end", "open", "server-cut")]),
        (
            "changed",
            "TASK_UPDATED TASK_STARTING",
            1,
            23,
            [("task_updated.state", "TASK_RUNNING", "TASK_STARTING")],
        ),
        ("new", "TASK_UPDATED TASK_KILLED", 1, 8, []),
        ("missing", "master call SUBSCRIBE", 2, None, []),
    ]
    assert tally.events == 23
