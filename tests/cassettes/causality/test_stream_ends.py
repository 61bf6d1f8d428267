"""Ends of streams, and the events before them, wait for the call that caused them."""

import pytest
from support.capture_to_cassette import taped
from support.captures import load
from support.scheduler_cassettes import (
    EXECUTOR,
    MASTER,
    PROVIDER,
    SCHEDULER,
    TEARDOWN,
    A,
    B,
    Client,
    Reading,
    call,
    said,
    scheduler,
    stream,
    subscribed,
    subscription,
    written,
)

from mesotape.cassettes.answers.answer import Ending
from mesotape.cassettes.answers.pace import Instant
from mesotape.cassettes.exchanges.recorded_exchanges import read_exchanges
from mesotape.cassettes.matching.ignore_rules import IgnoreRules
from mesotape.cassettes.playback.playback import Options, Playback
from mesotape.cassettes.storage.reader import Cassette

ERROR = '{"type":"ERROR","error":{"message":"Framework failed over"}}'
REMOVED = '{"type":"ERROR","error":{"message":"Framework has been removed"}}'
WATCH = said("SUBSCRIBE")
MARK_GONE = said(
    "MARK_RESOURCE_PROVIDER_GONE",
    mark_resource_provider_gone={"resource_provider_id": {"value": "p"}},
)


@pytest.fixture
def play(tmp_path):
    opened = []

    def playback(*parts, server="master", **options):
        opened.append(written(tmp_path / f"{len(opened)}.yaml", parts, server))
        return Playback(opened[-1], Options(**({"pace": Instant()} | options)))

    yield playback
    for cassette in opened:
        cassette.close()


def executor_call(kind):
    ids = {"executor_id": {"value": "e"}, "framework_id": {"value": "f"}}
    subscribe = {"unacknowledged_tasks": [], "unacknowledged_updates": []}
    return said(kind, **ids, subscribe=subscribe)


def provider_call(name):
    info = {"type": "t", "name": name, "id": {"value": "p"}}
    return said("SUBSCRIBE", subscribe={"resource_provider_info": info})


def again(*events, at=2.0, number=2, **more):
    """Return the second subscription of a framework."""
    events = events or ((at + 0.1, subscribed("f")),)
    return stream(number, subscription("f"), events, at=at, **more)


SERVER_END = ("server", 2.6)
EXECUTORS = [(0.5, A), (1.0, B)]
PROVIDED = said("SUBSCRIBED", subscribed={"provider_id": {"value": "p"}})

ENDED_BY_A_CALL = {
    "failover": (
        "master",
        scheduler((1.0, A), (2.5, ERROR), end=SERVER_END),
        again(),
        (subscription(), SCHEDULER),
        (subscription("f"), SCHEDULER),
        [ERROR, Ending.FINAL_CHUNK],
    ),
    "TEARDOWN by its own program": (
        "master",
        scheduler((1.0, A), end=SERVER_END, agent="me", peer="10.0.0.1:1"),
        call(2, 2.0, TEARDOWN, status=200, path=MASTER, agent="me", peer="10.0.0.1:2"),
        (subscription(), SCHEDULER),
        (TEARDOWN, MASTER),
        [Ending.FINAL_CHUNK],
    ),
    "TEARDOWN, and nothing is known of programs": (
        "master",
        scheduler((1.0, A), end=SERVER_END),
        call(2, 2.0, TEARDOWN, status=200, path=MASTER),
        (subscription(), SCHEDULER),
        (TEARDOWN, MASTER),
        [Ending.FINAL_CHUNK],
    ),
    "an executor subscribes again": (
        "agent",
        stream(1, executor_call("SUBSCRIBE"), EXECUTORS, path=EXECUTOR, end=SERVER_END),
        stream(2, executor_call("SUBSCRIBE"), [(2.1, A)], path=EXECUTOR, at=2.0),
        (executor_call("SUBSCRIBE"), EXECUTOR),
        (executor_call("SUBSCRIBE"), EXECUTOR),
        [Ending.FINAL_CHUNK],
    ),
    "a resource provider subscribes again": (
        "agent",
        stream(1, provider_call("n"), [(0.5, PROVIDED)], path=PROVIDER, end=SERVER_END),
        stream(2, provider_call("m"), [(2.1, PROVIDED)], path=PROVIDER, at=2.0),
        (provider_call("n"), PROVIDER),
        (provider_call("m"), PROVIDER),
        [Ending.FINAL_CHUNK],
    ),
    "a resource provider is marked gone": (
        "agent",
        stream(1, provider_call("n"), [(0.5, PROVIDED)], path=PROVIDER, end=SERVER_END),
        call(2, 2.0, MARK_GONE, status=200, path=MASTER),
        (provider_call("n"), PROVIDER),
        (MARK_GONE, MASTER),
        [Ending.FINAL_CHUNK],
    ),
    "the oldest operator makes room": (
        "master",
        stream(1, WATCH, [(1.0, A)], path=MASTER, end=SERVER_END, agent="me"),
        stream(2, WATCH, [(2.1, A)], path=MASTER, at=2.0, agent="me"),
        (WATCH, MASTER),
        (WATCH, MASTER),
        [Ending.FINAL_CHUNK],
    ),
}


@pytest.mark.parametrize("case", ENDED_BY_A_CALL.values(), ids=ENDED_BY_A_CALL)
def test_an_end_waits_for_the_call_that_caused_it(play, case):
    server, first, cause, subscribing, causing, end = case
    client = Client(play(first, cause, server=server))
    reading = client.subscribe(*subscribing)
    assert reading.read()[-1] in (A, B, PROVIDED)
    assert reading.held.endswith("as in exchange 2")
    assert reading.read() == []
    client.send(*causing)
    assert reading.read() == end


NOT_CAUSED = {
    "an operator of another program": (
        scheduler((1.0, A), end=SERVER_END, agent="scheduler"),
        call(2, 2.0, TEARDOWN, status=200, path=MASTER, agent="curl"),
    ),
    "an operator on another host": (
        scheduler((1.0, A), end=SERVER_END, peer="10.0.0.1:1"),
        call(2, 2.0, TEARDOWN, status=200, path=MASTER, peer="10.0.0.2:1"),
    ),
    "a TEARDOWN that was refused": (
        scheduler((1.0, A), end=SERVER_END),
        call(2, 2.0, TEARDOWN, status=400, path=MASTER),
    ),
    "a SUBSCRIBE that was refused": (scheduler((1.0, A), end=SERVER_END), again((2.1, REMOVED))),
    "another framework": (
        scheduler((1.0, A), end=SERVER_END),
        stream(2, subscription("g"), [(2.1, subscribed("g"))], at=2.0),
    ),
    "a framework that subscribes after the end": (
        scheduler((1.0, A), end=SERVER_END),
        again(at=3.0),
    ),
}


@pytest.mark.parametrize("parts", NOT_CAUSED.values(), ids=NOT_CAUSED)
def test_an_end_waits_for_no_call_that_did_not_cause_it(play, parts):
    reading = Client(play(*parts)).subscribe(subscription())
    assert reading.read() == [subscribed("f"), A, Ending.FINAL_CHUNK]


@pytest.mark.parametrize("end", [("client", 2.6), ("server-cut", 2.6), ("server", 1.5)])
def test_only_a_clean_end_makes_room_for_another_operator(play, end):
    playback = play(
        stream(1, WATCH, [(1.0, A), (2.3, B)], path=MASTER, end=end),
        stream(2, WATCH, [(2.1, A)], path=MASTER, at=2.0),
        causality="all",
    )
    assert Client(playback).subscribe(WATCH, MASTER).read()[:2] == [A, B]


def test_with_all_parties_an_event_waits_for_the_subscription_of_a_scheduler(play):
    watching = stream(1, WATCH, [(0.1, A), (2.5, B)], path=MASTER, agent="dashboard")
    registered = scheduler(number=2, at=2.0)
    reading = Client(play(watching, registered)).subscribe(WATCH, MASTER)
    assert reading.read() == [A, B]
    client = Client(play(watching, registered, causality="all"))
    reading = client.subscribe(WATCH, MASTER)
    assert reading.read() == [A]
    client.subscribe(subscription())
    assert reading.read() == [B]


CAUSES = {
    ("stream-ends", 4): 5,
    ("stream-ends", 5): 9,
    ("stream-ends", 16): 17,
    ("all-events", 3): 78,
    ("all-events", 64): 68,
    ("sched-all", 1): 63,
    ("sched-all", 63): 64,
    ("two-clients", 5): 24,
    ("scheduler-json-pymesos", 2): 28,
    ("master-redirect", 21): 25,
}
"""Captured streams of schedulers that the master ended, with the call that caused the end."""


@pytest.fixture
def capture(tmp_path):
    opened = []

    def played(name):
        opened.append(Cassette.open(taped(load(name), tmp_path / "cassette.yaml")))
        recorded = read_exchanges(opened, IgnoreRules(()))
        requests = [(each.ref.exchange, each.request) for each in recorded]
        return Playback(opened[-1], Options(pace=Instant())), requests

    yield played
    for cassette in opened:
        cassette.close()


@pytest.mark.parametrize(("name", "stream"), CAUSES)
def test_the_end_of_a_captured_stream_waits_for_its_cause(capture, name, stream):
    playback, requests = capture(name)
    cause, reading = CAUSES[name, stream], None
    for number, request in requests:
        if number == cause:
            assert reading is not None
            assert Ending.FINAL_CHUNK not in reading.read()
            assert reading.held is not None
            assert reading.held.endswith(f"as in exchange {cause}")
        answer = playback.answer(request, 0.0)
        if number == stream:
            reading = Reading(answer)
        elif reading is not None and number < cause:
            assert Ending.FINAL_CHUNK not in reading.read()
    assert reading is not None
    assert reading.read()[-1:] == [Ending.FINAL_CHUNK]
