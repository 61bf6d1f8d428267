"""The text of typical misses, as people read it, in tests/data/misses."""

import base64
import json

import pytest
from support.paths import TESTS
from support.playback_cassettes import GET_HEALTH, TEARDOWN, answering, exchange, request
from support.scheduler_client import Client, accept, call, ident, kill, subscribe, text

from mesotape.cassettes.matching.misses import Miss
from mesotape.cassettes.matching.shortening import truncate_around_difference

GOLDEN = TESTS / "data" / "misses"
PATH = "/api/v1/scheduler"
GET = {"method": "GET", "content_type": None}


def scheduled(*calls):
    return [exchange(number, text(each), path=PATH) for number, each in enumerate(calls, 1)]


def launch(script, **changes):
    """An ACCEPT that launches a task with a long script."""
    made = accept("O1", "task-1")
    (task,) = made["accept"]["operations"][0]["launch"]["task_infos"]
    task["command"] = {"value": script, "user": "nobody"} | changes
    return made


def plain(number, path):
    return exchange(number, "", answering("x"), method="GET", path=path)


SCRIPT = " && ".join(f"step {number} --of 400" for number in range(400))
DATA = bytes(range(256)) * 40


def with_data(data):
    made = accept("O1", "task-1")
    (task,) = made["accept"]["operations"][0]["launch"]["task_infos"]
    task["data"] = base64.b64encode(data).decode()
    return made


def crowded(number):
    """An ACCEPT in which many fields are other ones."""
    names = [f"{name}-{number}" for name in ("a", "b", "c", "d", "e", "f")]
    made = accept("O1", *names)
    for task in made["accept"]["operations"][0]["launch"]["task_infos"]:
        task["name"] = f"name of {task['task_id']['value']}"
        task["command"]["value"] = f"sleep {number}"
    return made


TYPICAL = {
    "other-ids": lambda play: (
        play(*scheduled(subscribe(), accept("b5ed-O6", "task-1"), kill("task-1"))),
        [accept("b5ed-O7", "sleeper.3fa2")],
    ),
    "another-value": lambda play: (
        play(*scheduled(launch(SCRIPT), launch(SCRIPT, user="somebody"))),
        [launch(SCRIPT.replace("step 200", "step 2oo"))],
    ),
    "already-played": lambda play: (
        play(*scheduled(call("DECLINE", offer_ids=[ident("O1")]), call("REVIVE"))),
        [call("DECLINE", offer_ids=[ident("O1")])] * 2,
    ),
    "nothing-recorded": lambda play: (
        play(exchange(1), exchange(2, b'{"type":"GET_AGENTS"}'), exchange(3, TEARDOWN)),
        [request(b'{"type":"GET_STATE"}')],
    ),
    "another-query": lambda play: (
        play(plain(1, "/tasks?task_id=task-1&limit=10"), plain(2, "/version")),
        [request(b"", path="/tasks?task_id=task-2&limit=10", **GET)],
    ),
    "many-differences": lambda play: (
        play(*scheduled(crowded(1), crowded(2), with_data(DATA))),
        [crowded(3)],
    ),
    "bytes-of-a-task": lambda play: (
        play(*scheduled(with_data(DATA))),
        [with_data(DATA[:5000] + b"!" + DATA[5001:])],
    ),
    "refused": lambda play: (
        play(exchange(1)),
        [request(GET_HEALTH, content_type="text/plain")],
    ),
}


def told(play, name):
    """What a person reads of the last of some requests."""
    playback, sent = TYPICAL[name](play)
    said = []
    playback.journal.on_note = said.append
    client = Client(playback)
    for each in sent:
        answer = client.send(each) if isinstance(each, dict) else playback.answer(each, 0.0)
    return str(answer) if isinstance(answer, Miss) else said[-1]


@pytest.mark.parametrize("name", TYPICAL)
def test_a_typical_miss_reads_well(play, name):
    expected = (GOLDEN / f"{name}.txt").read_text()
    assert told(play, name) + "\n" == expected


@pytest.mark.parametrize("name", TYPICAL)
def test_no_miss_is_a_dump(play, name):
    lines = told(play, name).splitlines()
    assert len(lines) <= 32
    assert max(map(len, lines)) <= 260


def test_every_golden_text_is_one_of_a_typical_miss():
    assert {path.stem for path in GOLDEN.iterdir()} == set(TYPICAL)


def test_a_report_has_the_advice_of_the_text(play):
    playback = play(*scheduled(kill("a")))
    miss = Client(playback).send(kill("b"))
    assert json.loads(miss.to_json())["advice"] == miss.advice
    assert "--rebind" in miss.advice
    assert "--ignore task-ids" in miss.advice


def advice(play, recorded, sent, **options):
    miss = Client(play(*scheduled(*recorded), **options)).send(sent)
    assert isinstance(miss, Miss)
    return miss.advice


def test_the_proposed_options_give_an_answer(play):
    recorded = [launch("a")]
    words = advice(play, recorded, launch("b")).rstrip(".").split()
    rule = words[words.index("--ignore") + 1]
    assert Client(play(*scheduled(*recorded), ignore=[rule])).made(launch("b")) == 202
    assert advice(play, recorded, accept("O2", "x")) != ""


@pytest.mark.parametrize(
    ("recorded", "sent", "options", "option"),
    [
        ([kill("a")], kill("b"), {"rebind": True, "ignore": ["executor-ids"]}, None),
        ([launch("a")], launch("b"), {}, "--ignore ACCEPT:accept.operations[].launch.task_infos[]"),
        ([call("REVIVE")], call("SUPPRESS"), {}, None),
        ([launch("a", user="x")], crowded(1), {}, None),
    ],
)
def test_an_option_is_proposed_if_it_helps(play, recorded, sent, options, option):
    if options:
        assert Client(play(*scheduled(*recorded), **options)).made(sent) == 202
    elif option is None:
        assert "--" not in advice(play, recorded, sent)
    else:
        assert option in advice(play, recorded, sent)


def test_ids_that_are_taken_are_not_proposed_to_be_rebound(play):
    playback = play(*scheduled(kill("a"), kill("b"), call("REVIVE")), rebind=True)
    client = Client(playback)
    assert client.made(kill("x")) == 202
    miss = client.send(kill("x"))
    assert isinstance(miss, Miss)
    assert "--rebind" not in miss.advice


def test_of_many_recorded_calls_those_not_played_are_near(play):
    calls = [kill(f"task-{number}") for number in range(100)]
    client = Client(play(*scheduled(*calls)))
    for each in calls[:90]:
        client.made(each)
    miss = client.send(kill("other"))
    assert [near.exchange for near in miss.nearest] == [91, 92, 93]
    again = client.send(kill("task-1"))
    assert again.nearest[0].exchange == 2
    assert (again.nearest[0].played, again.nearest[0].differences) == (True, ())


def test_bodies_of_text_show_where_they_differ(play):
    playback = play(exchange(1, b"a=1&b=2", path="/machine/up", content_type="text/plain"))
    sent = request(b"a=1&b=3", path="/machine/up", content_type="text/plain")
    (near,) = playback.answer(sent, 0.0).nearest
    assert [str(each) for each in near.differences] == ["body: 'a=1&b=2' → 'a=1&b=3'"]
    binary = request(b"\xff\0", path="/machine/up", content_type="text/plain")
    (near,) = playback.answer(binary, 0.0).nearest
    assert [str(each) for each in near.differences] == ["body: other bytes → these"]


def test_a_long_target_is_cut(play):
    sent = request(b"", path="/version?" + "x" * 60_000, **GET)
    miss = play(plain(1, "/version")).answer(sent, 0.0)
    assert len(str(miss)) < 900


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        ("short", "other", ("short", "other")),
        (None, "x" * 200, (None, "x" * 80 + "…")),
        ("x" * 200, None, ("x" * 80 + "…", None)),
        ("a" * 200 + "b", "a" * 200 + "c", ("…" + "a" * 40 + "b", "…" + "a" * 40 + "c")),
        ("a" * 200, "a" * 201, ("…" + "a" * 40, "…" + "a" * 41)),
        ("b" * 200, "c" * 200, ("b" * 80 + "…", "c" * 80 + "…")),
    ],
)
def test_long_values_are_cut_around_the_place_that_differs(old, new, shown):
    assert truncate_around_difference(old, new) == shown
