"""Which exchanges are of one client, as shown by what waits for what."""

import pytest
from support.scheduler_cassettes import (
    EXECUTOR,
    MASTER,
    PROVIDER,
    TEARDOWN,
    A,
    B,
    C,
    Client,
    by,
    call,
    decline,
    operator,
    said,
    scheduler,
    stream,
    subscribed,
    subscription,
    written,
)

from mesotape.cassettes.answers.pace import Instant
from mesotape.cassettes.playback.playback import Options, Playback


@pytest.fixture
def play(tmp_path):
    opened = []

    def playback(*parts, server="master", also=(), **options):
        """Play exchanges; `also` are those of a second cassette."""
        for n, those in enumerate([parts, also] if also else [parts], len(opened)):
            opened.append(written(tmp_path / f"{n}.yaml", those, server))
        playing = opened[-2:] if also else opened[-1:]
        return Playback(playing, Options(**({"pace": Instant()} | options)))

    yield playback
    for cassette in opened:
        cassette.close()


@pytest.mark.parametrize(
    ("agents", "peers"),
    [
        (("curl/8", "curl/8"), ("10.0.0.1:4000", "10.0.0.1:4001")),
        (("curl/8", "curl/8"), ("[::1]:4000", "[::1]:4001")),
        ((None, None), ("10.0.0.1:4000", "10.0.0.1:4001")),
        (("curl/8", "curl/8"), (None, None)),
    ],
)
def test_an_operator_is_the_same_host_and_user_agent(play, agents, peers):
    client = Client(play(*operator(agents=agents, peers=peers)))
    reading = client.subscribe(said("SUBSCRIBE"), MASTER)
    assert reading.read() == [A]
    assert "waits for" not in reading.held
    assert "of operator " in reading.held
    client.make(TEARDOWN, MASTER)
    assert reading.read() == [B]


@pytest.mark.parametrize(
    ("agents", "peers"),
    [
        (("curl/8", "curl/9"), ("10.0.0.1:4000", "10.0.0.1:4001")),
        (("curl/8", None), ("10.0.0.1:4000", "10.0.0.1:4001")),
        (("curl/8", "curl/8"), ("10.0.0.1:4000", "10.0.0.2:4000")),
        (("curl/8", "curl/8"), ("10.0.0.1:4000", None)),
        ((None, None), (None, None)),
    ],
)
def test_operators_that_differ_in_one_of_them_are_two_parties(play, agents, peers):
    client = Client(play(*operator(agents=agents, peers=peers)))
    assert client.subscribe(said("SUBSCRIBE"), MASTER).read() == [A, B]


def test_times_of_two_cassettes_do_not_compare(play):
    playback = play(scheduler((3.0, A)), also=[call(1, 2.0, decline("f", "o"))])
    assert Client(playback).subscribe(subscription()).read() == [subscribed("f"), A]


def executing(kind, executor="e", **more):
    ids = {"executor_id": {"value": executor}, "framework_id": {"value": "f"}}
    return said(kind, **ids, **more)


def message(executor):
    return executing("MESSAGE", executor, message={"data": "eA=="})


def test_an_executor_is_its_id_and_its_framework(play):
    hello = executing("SUBSCRIBE", subscribe={})
    playback = play(
        stream(1, hello, [(1.0, A), (3.0, B), (5.0, C)], path=EXECUTOR),
        call(2, 2.0, message("another"), path=EXECUTOR),
        call(3, 2.0, executing("HEARTBEAT"), path=EXECUTOR),
        call(4, 4.0, message("e"), path=EXECUTOR),
        server="agent",
    )
    client = Client(playback)
    reading = client.subscribe(hello, EXECUTOR)
    assert reading.read() == [A, B]
    assert reading.held == "events wait for MESSAGE of executor e of framework f, as in exchange 4"
    client.make(message("e"), EXECUTOR)
    assert reading.read() == [C]


def test_a_resource_provider_is_known_by_the_first_record_of_its_stream(play):
    info = {"resource_provider_info": {"type": "t", "name": "n"}}
    hello = said("SUBSCRIBE", subscribe=info)
    told = said("SUBSCRIBED", subscribed={"provider_id": {"value": "r"}})
    state = {"resource_version_uuid": {"value": "eA=="}}
    update = said("UPDATE_STATE", resource_provider_id={"value": "r"}, update_state=state)
    playback = play(
        stream(1, hello, [(1.0, told), (3.0, A)], path=PROVIDER),
        call(2, 2.0, update, path=PROVIDER),
        server="agent",
    )
    client = Client(playback)
    reading = client.subscribe(hello, PROVIDER)
    assert reading.read() == [told]
    assert "resource provider r" in reading.held
    client.make(update, PROVIDER)
    assert reading.read() == [A]


def test_calls_that_a_party_left_out_are_reported(play):
    playback = play(
        scheduler((1.0, A)),
        call(2, 2.0, decline("f", "o")),
        call(3, 3.0, by("f", "RECONCILE", reconcile={"tasks": []})),
        call(4, 4.0, decline("f", "p")),
        call(5, 5.0, decline("g", "o")),
        stream(6, subscription("f"), [(6.5, subscribed("f"))], at=6.0),
    )
    client = Client(playback)
    assert playback.left_out == []
    client.subscribe(subscription())
    assert [place.exchange for place in playback.left_out] == [2, 4]
    client.make(decline("f", "p"))
    assert [place.exchange for place in playback.left_out] == [2]
    client.make(decline("f", "o"))
    assert playback.left_out == []
