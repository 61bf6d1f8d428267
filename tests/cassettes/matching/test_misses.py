"""The reports of misses; those of typical ones are in tests/data/misses as people read them."""

import json
import re
import shlex

import pytest
from support.paths import TESTS
from support.playback_cassettes import exchange, request
from support.scheduler_client import Client, accept, call, ident, kill
from support.typical_misses import GET, TYPICAL, crowded, launch, plain, scheduled, typical_report

from mesotape.cassettes.matching.misses import Miss
from mesotape.cassettes.matching.shortening import truncate_around_difference

CASSETTE = re.compile(r"/\S+/\d+\.yaml")
GOLDEN = TESTS / "data" / "misses"


@pytest.mark.parametrize("name", TYPICAL)
def test_the_report_of_a_typical_miss(play, name):
    expected = (GOLDEN / f"{name}.txt").read_text()
    assert CASSETTE.sub("c.yaml", str(typical_report(play, name))) + "\n" == expected


@pytest.mark.parametrize("name", TYPICAL)
def test_the_report_of_a_typical_miss_is_short(play, name):
    lines = str(typical_report(play, name)).splitlines()
    assert len(lines) <= 33
    assert max(map(len, lines)) <= 260


def test_every_golden_report_is_of_a_typical_miss():
    assert {path.stem for path in GOLDEN.iterdir()} == set(TYPICAL)


def test_the_json_report_has_the_advice(play):
    playback = play(*scheduled(kill("a")))
    miss = Client(playback).send(kill("b"))
    assert json.loads(miss.to_json())["advice"] == miss.advice
    assert "--rebind" in miss.advice
    assert "--ignore task-ids" in miss.advice


def advice(play, recorded, sent, **options):
    miss = Client(play(*scheduled(*recorded), **options)).send(sent)
    assert isinstance(miss, Miss)
    return miss.advice


def test_the_proposed_option_makes_the_request_match(play):
    recorded = [launch("a")]
    words = shlex.split(advice(play, recorded, launch("b")))
    rule = words[words.index("--ignore") + 1]
    assert Client(play(*scheduled(*recorded), ignore=[rule])).made(launch("b")) == 202
    assert advice(play, recorded, accept("O2", "x")) != ""


def test_a_call_whose_only_differing_ids_are_rebound_or_ignored_matches(play):
    client = Client(play(*scheduled(kill("a")), rebind=True, ignore=["executor-ids"]))
    assert client.made(kill("b")) == 202


def test_the_path_that_differs_is_proposed_to_be_ignored(play):
    words = advice(play, [launch("a")], launch("b"))
    assert "--ignore 'ACCEPT:accept.operations[].launch.task_infos[].command.value'" in words


@pytest.mark.parametrize(
    ("recorded", "sent"),
    [
        (call("REVIVE"), call("SUPPRESS")),
        (launch("a", user="x"), crowded(1)),
    ],
)
def test_no_option_is_proposed_for_another_request(play, recorded, sent):
    miss = Client(play(*scheduled(recorded))).send(sent)
    assert isinstance(miss, Miss)
    assert miss.option is None


def test_rebinding_is_not_proposed_for_ids_that_are_bound(play):
    playback = play(*scheduled(kill("a"), kill("b"), call("REVIVE")), rebind=True)
    client = Client(playback)
    assert client.made(kill("x")) == 202
    miss = client.send(kill("x"))
    assert isinstance(miss, Miss)
    assert "--rebind" not in miss.advice


def test_an_id_that_is_spelled_like_a_recorded_one_but_is_another_is_marked(play):
    client = Client(play(*scheduled(launch("a"), kill("task-1")), rebind=True))
    sent = launch("a")
    sent["accept"]["operations"][0]["launch"]["task_infos"][0]["task_id"] = ident("other")
    assert client.made(sent) == 202
    (near,) = client.send(kill("task-1")).nearest
    assert [str(each) for each in near.differences] == [
        'kill.task_id.value: "task-1" → "task-1 (of this run)"'
    ]


def test_of_many_similar_calls_those_not_played_are_the_nearest(play):
    calls = [kill(f"task-{number}") for number in range(100)]
    client = Client(play(*scheduled(*calls)))
    for each in calls[:90]:
        client.made(each)
    miss = client.send(kill("other"))
    assert [near.exchange for near in miss.nearest] == [91, 92, 93]
    again = client.send(kill("task-1"))
    assert again.nearest[0].exchange == 2
    assert (again.nearest[0].played, again.nearest[0].differences) == (True, ())


def test_text_bodies_are_in_the_report_where_they_differ(play):
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
def test_long_values_are_cut_around_the_first_difference(old, new, shown):
    assert truncate_around_difference(old, new) == shown


def decline(**filters):
    return call("DECLINE", offer_ids=[ident("O1")], **filters)


SHELL = "accept.operations[0].launch.task_infos[0].command.shell"


@pytest.mark.parametrize(
    ("recorded", "sent", "difference"),
    [
        (decline(), decline(filters={"refuse_seconds": 5.0}), None),
        (decline(filters={}), decline(filters={"refuse_seconds": 5}), None),
        (launch("a"), launch("a", shell=True), None),
        (
            decline(filters={"refuse_seconds": 5.0}),
            decline(filters={"refuse_seconds": 9.0}),
            "decline.filters.refuse_seconds: (absent) → 9.0",
        ),
        (launch("a"), launch("a", shell=False), f"{SHELL}: true → false"),
        (launch("a", shell=True), launch("a", shell=False), f"{SHELL}: true → false"),
        (launch("a", shell=False), launch("a", shell=True), f"{SHELL}: false → true"),
        (launch("a", shell=False), launch("a"), f"{SHELL}: false → true"),
    ],
)
def test_a_default_is_compared_and_shown_whether_or_not_it_is_written(
    play, recorded, sent, difference
):
    answer = Client(play(*scheduled(recorded))).send(sent)
    if difference is None:
        assert not isinstance(answer, Miss)
        return
    assert [str(each) for each in answer.nearest[0].differences] == [difference]


def test_the_proposed_rule_ignores_a_default_too(play):
    recorded = [launch("a", shell=False)]
    words = shlex.split(advice(play, recorded, launch("a")))
    rule = words[words.index("--ignore") + 1]
    assert rule == "ACCEPT:accept.operations[].launch.task_infos[].command.shell"
    assert Client(play(*scheduled(*recorded), ignore=[rule])).made(launch("a")) == 202


def test_a_call_that_leaves_out_defaults_is_rebound(play):
    recorded, sent = launch("a", shell=True), launch("a")
    sent["accept"]["operations"][0]["launch"]["task_infos"][0]["task_id"]["value"] = "other"
    client = Client(play(*scheduled(recorded, kill("task-1")), rebind=True))
    assert client.made(sent) == 202
    assert client.made(kill("other")) == 202
