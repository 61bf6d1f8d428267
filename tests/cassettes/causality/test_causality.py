"""Events wait for the calls of their own party that were recorded before them."""

import pytest
from support.capture_requests import sent
from support.capture_to_cassette import taped
from support.captures import expected, load
from support.cassette_builder import RECORDED_AT
from support.commands import running
from support.container_sessions import about, data, names, output, recorded_input, recorded_output
from support.paths import ROOT
from support.scheduler_cassettes import (
    MASTER,
    SCHEDULER,
    TEARDOWN,
    A,
    B,
    C,
    Client,
    Reading,
    by,
    call,
    decline,
    operator,
    payload,
    request,
    said,
    scheduler,
    stream,
    subscribed,
    subscription,
    wake,
    written,
)
from support.sockets import connect, get, post

from mesotape.cassettes.answers.answer import Ending
from mesotape.cassettes.answers.gates import WaitFor
from mesotape.cassettes.answers.pace import Instant, Recorded
from mesotape.cassettes.format import yaml_writer
from mesotape.cassettes.format.documents import Header
from mesotape.cassettes.matching.misses import Miss
from mesotape.cassettes.playback.playback import Options, Playback
from mesotape.cassettes.storage.reader import Cassette

DOCS = ROOT / "docs" / "streams.md"


@pytest.fixture
def play(tmp_path):
    opened = []

    def playback(*parts, **options):
        opened.append(written(tmp_path / f"{len(opened)}.yaml", parts))
        return Playback(opened[-1], Options(**({"pace": Instant()} | options)))

    yield playback
    for cassette in opened:
        cassette.close()


def test_an_event_waits_for_the_call_that_was_recorded_before_it(play):
    client = Client(play(scheduler((1.0, A), (3.0, B)), call(2, 2.0, decline("f", "o"))))
    reading = client.subscribe(subscription())
    assert reading.read() == [subscribed("f"), A]
    assert reading.held == "events wait for DECLINE of framework f, as in exchange 2"
    assert reading.read() == []
    client.make(decline("f", "o"))
    assert reading.read() == [B]


def test_the_request_counts_and_not_its_answer(play):
    late = call(2, 2.0, decline("f", "o"), after=10.0)
    reading = Client(play(scheduler((3.0, A)), late)).subscribe(subscription())
    assert reading.read() == [subscribed("f")]


def test_an_event_at_exactly_the_time_of_a_call_does_not_wait_for_it(play):
    playback = play(scheduler((2.0, A), (2.000001, B)), call(2, 2.0, decline("f", "o")))
    assert Client(playback).subscribe(subscription()).read() == [subscribed("f"), A]


def test_a_call_that_is_made_early_holds_nothing(play):
    client = Client(play(scheduler((1.0, A), (3.0, B)), call(2, 2.0, decline("f", "o"))))
    reading = client.subscribe(subscription())
    client.make(decline("f", "o"))
    assert reading.read() == [subscribed("f"), A, B]


def test_the_end_that_a_call_brought_waits_for_it(play):
    playback = play(
        scheduler((1.0, A), end=("server", 2.5)),
        call(2, 2.0, by("f", "TEARDOWN")),
    )
    client = Client(playback)
    reading = client.subscribe(subscription())
    assert reading.read() == [subscribed("f"), A]
    client.make(by("f", "TEARDOWN"))
    assert reading.read() == [Ending.FINAL_CHUNK]


def test_equal_calls_let_pass_one_after_the_other(play):
    revive = by("f", "REVIVE")
    playback = play(
        scheduler((1.5, A), (2.5, B), (3.5, C)), *(call(n, float(n - 1), revive) for n in (2, 3, 4))
    )
    client = Client(playback)
    reading = client.subscribe(subscription())
    assert reading.read() == [subscribed("f")]
    for event in (A, B, C):
        client.make(revive)
        assert reading.read() == [event]


def test_another_call_than_the_recorded_one_is_a_miss_and_the_events_stay_held(play):
    playback = play(scheduler((3.0, A)), call(2, 2.0, decline("f", "o")))
    reading = Client(playback).subscribe(subscription())
    assert reading.read() == [subscribed("f")]
    assert isinstance(playback.answer(request(decline("f", "p")), 0.0), Miss)
    assert reading.read() == []
    assert "DECLINE" in reading.held


def test_a_wait_of_a_client_that_left_is_reported_until_the_call_is_made(play):
    playback = play(scheduler((3.0, A)), call(2, 2.0, decline("f", "o")))
    client = Client(playback)
    gate = client.subscribe(subscription()).stay()
    reason = "events wait for DECLINE of framework f, as in exchange 2"
    assert (playback.waiting, playback.abandoned_waits) == ([reason], [])
    gate.remove_open_callback(wake)
    assert (playback.waiting, playback.abandoned_waits) == ([], [reason])
    client.make(decline("f", "o"))
    assert playback.abandoned_waits == []


def test_calls_that_only_ask_for_events_hold_them_too(play):
    reconcile = by("f", "RECONCILE", reconcile={"tasks": []})
    client = Client(play(scheduler((3.0, A)), call(2, 2.0, reconcile)))
    reading = client.subscribe(subscription())
    assert reading.read() == [subscribed("f")]
    client.make(reconcile)
    assert reading.read() == [A]


@pytest.mark.parametrize("status", [307, 400, 403, 503])
def test_a_call_that_was_refused_caused_nothing(play, status):
    playback = play(scheduler((3.0, A)), call(2, 2.0, decline("f", "o"), status=status))
    assert Client(playback).subscribe(subscription()).read() == [subscribed("f"), A]


def test_calls_of_other_schedulers_hold_nothing(play):
    parts = [scheduler((3.0, A)), call(2, 2.0, decline("g", "o"))]
    assert Client(play(*parts)).subscribe(subscription()).read() == [subscribed("f"), A]
    held = Client(play(*parts, causality="all")).subscribe(subscription())
    assert held.read() == [subscribed("f")]
    assert held.held == "events wait for DECLINE of framework g, as in exchange 2"


def test_with_causality_off_nothing_waits(play):
    playback = play(scheduler((1.0, A), (3.0, B)), call(2, 2.0, decline("f", "o")), causality="off")
    assert Client(playback).subscribe(subscription()).read() == [subscribed("f"), A, B]


def test_two_subscriptions_of_a_scheduler_are_one_party(play):
    """What was called while the first was open holds events of the second."""
    playback = play(
        scheduler((1.0, A)),
        call(2, 2.0, decline("f", "o")),
        stream(3, subscription("f"), [(3.5, subscribed("f")), (4.0, B)], at=3.0),
    )
    client = Client(playback)
    client.subscribe(subscription()).read()
    second = client.subscribe(subscription("f"))
    assert second.read() == [subscribed("f")]
    assert "exchange 2" in second.held
    client.make(decline("f", "o"))
    assert second.read() == [B]


def test_calls_before_the_first_subscription_that_is_played_hold_nothing(play):
    """A scheduler that begins in the middle of its recorded life makes none of its early calls."""
    playback = play(
        scheduler((1.0, A)),
        call(2, 2.0, decline("f", "o")),
        stream(3, subscription("f"), [(3.5, subscribed("f")), (4.0, B)], at=3.0),
    )
    assert Client(playback).subscribe(subscription("f")).read() == [subscribed("f"), B]


def test_calls_before_the_time_at_which_playing_starts_hold_nothing(play):
    parts = [
        scheduler((3.0, A), (5.0, B)),
        call(2, 2.0, decline("f", "o")),
        call(3, 4.0, decline("f", "p")),
    ]
    reading = Client(play(*parts, pace=Recorded(start_at=3.5))).subscribe(subscription())
    assert reading.read() == [subscribed("f"), A]
    assert "exchange 3" in reading.held


def test_the_answer_of_a_subscription_waits_for_nothing(play):
    """Even its first record came after a call, of the same operator."""
    weights = said("UPDATE_WEIGHTS", update_weights={"weight_infos": []})
    parts = [
        stream(1, said("SUBSCRIBE"), [(2.0, A), (3.0, B)], path=MASTER, agent="x"),
        call(2, 1.0, weights, status=200, path=MASTER, agent="x"),
    ]
    for causality in ("party", "all"):
        reading = Client(play(*parts, causality=causality)).subscribe(said("SUBSCRIBE"), MASTER)
        assert reading.read() == [A]
        assert reading.held is not None


def test_reading_and_subscribing_hold_nothing(play):
    playback = play(
        stream(1, said("SUBSCRIBE"), [(1.0, A), (3.0, B)], path=MASTER, agent="x"),
        call(2, 2.0, said("GET_AGENTS"), status=200, path=MASTER, agent="x"),
        stream(3, said("SUBSCRIBE"), [(2.5, A)], path=MASTER, agent="x", at=2.0),
    )
    assert Client(playback).subscribe(said("SUBSCRIBE"), MASTER).read() == [A, B]


def test_all_streams_of_a_party_go_on_together_and_a_later_one_waits_no_more(play):
    parts = operator(agents=("x", "x"), peers=(None, None))
    second = stream(3, said("SUBSCRIBE"), [(1.0, A), (3.0, C)], path=MASTER, agent="x", at=0.1)
    client = Client(play(*parts, second))
    readings = [client.subscribe(said("SUBSCRIBE"), MASTER) for _ in range(3)]
    assert [each.read() for each in readings] == [[A], [A], [A]]
    client.make(TEARDOWN, MASTER)
    assert [each.read() for each in readings] == [[B], [C], [C]]
    assert client.subscribe(said("SUBSCRIBE"), MASTER).read() == [A, C]


@pytest.fixture
def container(tmp_path):
    """Play exchanges of an agent that are written as text."""
    opened = []

    def playback(*parts, **options):
        path = tmp_path / "agent.yaml"
        header = "---\nmesotape: 1\nserver: agent\nrecorded_at: 2026-01-01T00:00:00Z\n...\n"
        path.write_text(header + "".join(text for part in parts for text in part))
        opened.append(Cassette.open(path))
        return Playback(opened[-1], Options(pace=Instant(), **options))

    yield playback
    for cassette in opened:
        cassette.close()


KILLED = """\
---
exchange: 2
at: 2.0
client: 2
request:
  method: POST
  path: /api/v1
  headers:
    Content-Type: application/json
  text: '{text}'
response:
  after: 0.1
  status: 200
...
"""


def test_the_end_of_a_session_waits_for_the_call_that_kills_its_container(container):
    kill = about("KILL_NESTED_CONTAINER")
    other = KILLED.replace("exchange: 2", "exchange: 3")
    playback = container(
        recorded_output(1, [(1.0, output(b"x"))], ended=3.0),
        [KILLED.format(text=kill), other.format(text=about("KILL_NESTED_CONTAINER", "d"))],
    )
    client = Client(playback)
    reading = client.subscribe(about("LAUNCH_NESTED_CONTAINER_SESSION"), MASTER)
    assert reading.read() == [output(b"x")]
    client.make(kill, MASTER)
    assert reading.read() == [Ending.FINAL_CHUNK]


def test_with_causality_off_output_does_not_wait_for_input(container):
    parts = [
        [*recorded_output(1, [(3.0, output(b"x"))])],
        [*recorded_input(2, [(1.0, names()), (2.0, data(b"x"))])],
    ]
    session = about("LAUNCH_NESTED_CONTAINER_SESSION")
    held = Client(container(*parts)).subscribe(session, MASTER)
    assert held.read() == []
    free = Client(container(*parts, causality="off")).subscribe(session, MASTER)
    assert free.read() == [output(b"x"), Ending.FINAL_CHUNK]


def test_heartbeats_go_on_while_a_stream_is_held_at_the_recorded_pace(play):
    beat = said("HEARTBEAT")
    events = [(1.0, beat), (16.0, beat), (20.0, A)]
    call_two = call(2, 18.0, decline("f", "o"))
    playback = play(scheduler(*events), call_two, pace=Recorded(speed=2.0))
    answer = playback.answer(request(subscription()), 100.0)
    wait = next(step for _, step in answer.steps if isinstance(step, WaitFor))
    assert wait.delay_seconds == pytest.approx(1.0)
    beats = [next(wait.heartbeats) for _ in range(2)]
    assert [at for at, _ in beats] == [115.5, 123.0]
    assert {payload(step) for _, step in beats} == {beat}


def test_no_heartbeats_are_added_at_once(play):
    beat = said("HEARTBEAT")
    playback = play(
        scheduler((1.0, beat), (16.0, beat), (20.0, A)), call(2, 18.0, decline("f", "o"))
    )
    answer = playback.answer(request(subscription()), 0.0)
    wait = next(step for _, step in answer.steps if isinstance(step, WaitFor))
    assert list(wait.heartbeats) == []


def test_a_dashboard_that_only_subscribes_gets_every_event_of_two_clients(tmp_path):
    """A scheduler of another party made calls all along, and no client repeats them."""
    capture = load("two-clients")
    subscribed = next(each for each in expected(capture) if each.connection == 1)
    with Cassette.open(taped(capture, tmp_path / "cassette.yaml")) as cassette:
        playback = Playback(cassette, Options(pace=Instant()))
        for _ in range(2):
            reading = Reading(playback.answer(sent(subscribed.request), 0.0))
            records = [record.decode() for record in subscribed.response.records]
            assert reading.read() == records
            assert reading.held is None
        assert playback.left_out == []
        everybody = Playback(cassette, Options(pace=Instant(), causality="all"))
        reading = Reading(everybody.answer(sent(subscribed.request), 0.0))
        assert len(reading.read()) < len(records) == 16
        assert "of framework " in reading.held


def test_streams_still_held_are_printed_at_the_end_as_documented(tmp_path):
    accept = by("f-0001", "ACCEPT", accept={"offer_ids": [], "operations": []})
    header = Header(mesotape=1, server="master", recorded_at=RECORDED_AT)
    parts = [header, *scheduler((3.0, A), framework="f-0001"), *call(2, 2.0, accept)]
    path = tmp_path / "cassette.yaml"
    path.write_bytes(b"".join(map(yaml_writer.format_document, parts)))
    said = [held_line(path, leaves=leaves) for leaves in (False, True)]
    assert "".join(f"    {line}\n" for line in said) in DOCS.read_text()


def held_line(path, *, leaves):
    """What is printed of a stream that is held, with its client still there, or not."""
    with running("replay", path, "--pace", "instant") as player, connect(player.address) as stream:
        stream.send(post(subscription().encode(), path=SCHEDULER.encode()))
        stream.until(subscribed("f-0001").encode())
        if leaves:
            stream.close()
            with connect(player.address) as other:
                for _ in range(2):  # when it is answered again, the end of the stream was noticed
                    other.send(get(b"/nothing"))
                    other.message()
        player.stop()
    (line,) = (line for line in player.said.splitlines() if "still held" in line)
    return line
