"""A replay that a test controls. No test waits for a time: if the player reports that it sent
nothing, and a round trip on another connection has ended, no event is on its way."""

import threading
from contextlib import ExitStack

import pytest
from support.cassette_builder import BEAT, SCHEDULER, SUBSCRIBE, call, said, stream, written
from support.sockets import connect, eventually, post, record

from mesotape.cassettes.answers.pace import Every, Instant, Recorded, Stepped
from mesotape.cassettes.playback.playback import Options
from mesotape.proto.http.address import Address
from mesotape.proto.messages.descriptors import message_class
from mesotape.proxy.control.player import Player

HEALTH, HEALTHY = said("GET_HEALTH"), said("GET_HEALTH", get_health={"healthy": True})
VERSION = said("GET_VERSION")


@pytest.fixture
def play(tmp_path):
    with ExitStack() as stack:

        def player(*parts, pace=None, clock=None, **options):
            path = written(tmp_path / "cassette.yaml", *parts)
            played = Options(pace=pace or Stepped(), **options)
            return stack.enter_context(Player(path, played, strict=False, clock=clock))

        yield player


def subscribe(player, text=SUBSCRIBE, path=b"/api/v1"):
    wire = connect(player.address)
    wire.send(post(text.encode(), path=path))
    wire.until(b"\r\n\r\n")
    return wire


def numbered(count, first=1.0, apart=0.5, prefix=""):
    return [(first + n * apart, said("TASK_UPDATED", n=f"{prefix}{n}")) for n in range(count)]


def expect(wire, event):
    chunk = record(event.encode())
    assert wire.exactly(len(chunk)) == chunk


def ask(player, text=HEALTH):
    with connect(player.address) as wire:
        wire.send(post(text.encode()))
        return wire.message()


def test_advance_sends_exactly_one_event_and_no_other_is_sent(play):
    events = numbered(10)
    player = play(call(1, 0.0, HEALTH, HEALTHY), stream(2, 0.5, events))
    with subscribe(player) as wire:
        for count, (_, event) in enumerate(events):
            assert player.streams[0].events_sent == count
            assert ask(player).endswith(HEALTHY.encode())
            assert wire.is_quiet()
            assert player.advance() == 1
            expect(wire, event)
        assert player.streams[0].events_sent == 10
        assert wire.is_quiet()


def test_events_are_sent_in_the_order_of_the_recording_whatever_the_order_of_the_clients(play):
    early, late = numbered(3, 1.0, 2.0, "a"), numbered(3, 2.0, 2.0, "b")
    player = play(
        stream(1, 0.0, early, text=said("SUBSCRIBE", subscribe={})),
        stream(2, 0.1, late, path=SCHEDULER, text=said("SUBSCRIBE", subscribe=FRAMEWORK)),
    )
    with (
        subscribe(player, said("SUBSCRIBE", subscribe=FRAMEWORK), b"/api/v1/scheduler") as second,
        subscribe(player, said("SUBSCRIBE", subscribe={})) as first,
    ):
        for (_, one), (_, two) in zip(early, late, strict=True):
            assert player.advance() == 1
            expect(first, one)
            assert second.is_quiet()
            assert player.advance() == 1
            expect(second, two)
            assert first.is_quiet()


FRAMEWORK = {"framework_info": {"user": "u", "name": "n"}}


def test_the_events_of_several_cassettes_are_ordered_by_the_time_of_recording(tmp_path):
    one = written(tmp_path / "one.yaml", stream(1, 0.0, numbered(2, 5.0, 10.0, "a")))
    agent = stream(1, 0.0, numbered(2, 0.0, 10.0, "b"), path="/slave(1)/api/v1", text=ATTACH)
    two = written(tmp_path / "two.yaml", agent, later=10.0, server="agent")
    with (
        Player([one, two], Options(pace=Stepped())) as player,
        subscribe(player, ATTACH, b"/slave(1)/api/v1"),
        subscribe(player),
    ):
        order = []
        for _ in range(4):
            before = [state.events_sent for state in player.streams]
            player.advance()
            after = [state.events_sent for state in player.streams]
            order.append("b" if after[0] > before[0] else "a")
        assert order == ["a", "b", "a", "b"]


ATTACH = said("ATTACH_CONTAINER_OUTPUT", attach_container_output={"container_id": {"value": "c"}})


def test_seconds_are_of_the_recording_and_count_from_the_request(play):
    player = play(stream(1, 100.0, numbered(5, 101.0, 1.0)))
    with subscribe(player):
        assert player.advance(seconds=0.5) == 0
        assert player.advance(seconds=0.5) == 1
        assert player.advance(seconds=3) == 3
        assert player.advance(seconds=0.999) == 0
        assert player.advance(seconds=0.001) == 1
        assert player.advance(seconds=1000) == 0


def test_seconds_count_from_the_last_event(play):
    player = play(stream(1, 0.0, numbered(5, 10.0, 1.0)))
    with subscribe(player):
        assert player.advance() == 1
        assert player.advance(seconds=1.5) == 1


def test_advance_until_sends_events_up_to_the_next_of_a_type(play):
    events = [(1.0, BEAT), (2.0, said("TASK_UPDATED", n=1)), (3.0, said("TASK_UPDATED", n=2))]
    player = play(stream(1, 0.0, events, end=(9.0, "server")))
    with subscribe(player) as wire:
        assert player.advance(until="TASK_UPDATED") == 2
        assert player.advance(until="TASK_UPDATED") == 1
        assert player.streams[0].held_by == "waits to be advanced; next is END"
        assert player.advance(until="END") == 1
        assert wire.until(b"0\r\n\r\n").endswith(b"0\r\n\r\n")
        assert player.streams[0].state == "ended"


def test_advance_until_recognizes_a_type_in_both_encodings(play):
    added = {"agent": {"agent_info": {"hostname": "h"}, "active": True, "version": "1"}}
    events = [(1.0, BEAT), (2.0, said("AGENT_ADDED", agent_added=added))]
    player = play(stream(1, 0.0, events))
    body = b"\x08" + bytes([message_class("mesos.v1.master.Call").Type.Value("SUBSCRIBE")])
    protobuf = b"application/x-protobuf"
    with connect(player.address) as wire:
        wire.send(post(body, b"Accept: " + protobuf).replace(b"application/json", protobuf))
        assert b"Content-Type: " + protobuf in wire.until(b"\r\n\r\n")
        assert player.advance(until="AGENT_ADDED") == 2


def test_events_before_the_start_are_not_stepped(play):
    events = numbered(4, 1.0, 1.0)
    player = play(stream(1, 0.0, events), pace=Stepped(start_at=2.5))
    with subscribe(player) as wire:
        assert player.await_events(2) == 2
        assert player.advance() == 1
        for _, event in events[:3]:
            expect(wire, event)
        assert wire.is_quiet()


def test_advance_waits_for_a_client_to_subscribe(play):
    player = play(stream(1, 0.0, numbered(1)))
    with ExitStack() as stack:
        later = threading.Thread(target=lambda: stack.enter_context(subscribe(player)))
        later.start()
        assert player.advance() == 1
        later.join()


def scheduled():
    """A scheduler whose ACCEPT at 2.0 causes the UPDATE at 3.0."""
    subscribed = said("SUBSCRIBED", subscribed={"framework_id": {"value": "f"}})
    events = [(1.0, subscribed), (1.5, BEAT), (3.0, said("UPDATE", update={})), (4.0, BEAT)]
    subscription = said("SUBSCRIBE", subscribe=FRAMEWORK)
    stream_id = {"Mesos-Stream-Id": "s"}
    return (
        stream(1, 0.0, events, text=subscription, path=SCHEDULER, **stream_id),
        call(2, 2.0, ACCEPT, path=SCHEDULER),
    )


ACCEPT = said("ACCEPT", framework_id={"value": "f"}, accept={"offer_ids": [{"value": "o"}]})


def accept(player):
    with connect(player.address) as wire:
        wire.send(post(ACCEPT.encode(), b"Mesos-Stream-Id: s", path=b"/api/v1/scheduler"))
        return wire.until(b"\r\n\r\n")


def test_advance_waits_for_an_event_that_is_held_for_a_call(play):
    player = play(*scheduled())
    with subscribe(player, said("SUBSCRIBE", subscribe=FRAMEWORK), b"/api/v1/scheduler"):
        assert player.advance(events=2) == 2
        with pytest.raises(
            TimeoutError, match="0 of 2 events were sent; the next event is held: stream 1 "
        ):
            player.advance(events=2, timeout_seconds=0)
        assert player.streams[0].state == "held"
        assert player.streams[0].events_sent == 2
        later = threading.Thread(target=accept, args=(player,))
        later.start()
        assert player.advance(events=2) == 2
        later.join()
        assert player.streams[0].events_sent == 4


def test_a_call_that_waits_for_an_event_is_answered_when_it_is_sent(play):
    """The scheduler accepts when it gets an offer; advance waits for that before the update."""
    player = play(*scheduled())

    def scheduler():
        with subscribe(
            player, said("SUBSCRIBE", subscribe=FRAMEWORK), b"/api/v1/scheduler"
        ) as wire:
            wire.until(b"HEARTBEAT")
            accept(player)
            wire.until(b"UPDATE")

    thread = threading.Thread(target=scheduler)
    thread.start()
    assert player.advance(until="UPDATE") == 3
    assert player.await_call("ACCEPT").outcome == "served"
    thread.join()


def test_the_stream_of_a_client_that_has_left_is_not_waited_for(play):
    player = play(stream(1, 0.0, numbered(3)))
    with subscribe(player):
        player.advance()
    eventually(lambda: player.streams[0].state == "ended", "end of the stream")
    with subscribe(player) as wire:
        assert player.advance(events=3) == 3
        assert wire.until(b'"2"}\r\n')


def test_advance_reports_that_no_event_is_left(play):
    player = play(stream(1, 0.0, numbered(2)))
    with subscribe(player):
        with pytest.raises(TimeoutError, match=r"^2 of 5 events were sent; no open stream has "):
            player.advance(events=5, timeout_seconds=0)
        with pytest.raises(TimeoutError, match=r"^0 events were sent, none of type UPDATE; "):
            player.advance(until="UPDATE", timeout_seconds=0)


def test_advance_by_seconds_waits_for_the_first_stream(play):
    player = play(stream(1, 0.0, numbered(2)))
    with pytest.raises(TimeoutError, match="no stream was requested in 0 s"):
        player.advance(seconds=1, timeout_seconds=0)


@pytest.mark.parametrize(
    ("by", "text"),
    [
        (
            {"events": 1, "seconds": 1.0},
            "advance: expected at most one of events, seconds and until",
        ),
        ({"events": -1}, "cannot advance by -1, expected 0 or more"),
        ({"seconds": float("nan")}, "cannot advance by nan, expected 0 or more"),
        ({"seconds": float("inf")}, "cannot advance by inf, expected 0 or more"),
    ],
)
def test_invalid_arguments_of_advance_are_an_error(play, by, text):
    with pytest.raises(ValueError, match=text):
        play(stream(1, 0.0, numbered(2))).advance(**by)


def test_advance_needs_pace_step_or_a_manual_clock(play):
    player = play(stream(1, 0.0, []), pace=Instant())
    with pytest.raises(ValueError, match=r"^advance: expected Options\(pace=Stepped\(\)\)$"):
        player.advance()
    either = r"^advance: expected Options\(pace=Stepped\(\)\) or clock=\"manual\"$"
    with pytest.raises(ValueError, match=either):
        player.advance(seconds=1)


def test_advance_moves_a_manual_clock(play):
    player = play(stream(1, 0.0, numbered(4, 1.0, 1.0)), pace=Recorded(), clock="manual")
    with subscribe(player):
        assert player.advance(seconds=0.9) == 0
        assert player.advance(seconds=0.1) == 1
        assert player.advance(seconds=2) == 2
        with pytest.raises(ValueError, match="advance: expected seconds with a manual clock"):
            player.advance(events=1)


def test_pace_every_sends_events_at_equal_distances(play):
    player = play(stream(1, 0.0, numbered(4, 1.0, 30.0)), pace=Every(0.25), clock="manual")
    with subscribe(player):
        assert player.advance(seconds=0) == 1
        assert player.advance(seconds=0.5) == 2
        assert player.advance(seconds=0.25) == 1


def test_heartbeats_continue_at_their_recorded_interval_at_pace_every(play):
    beats = [(15.0 * n, BEAT) for n in range(3)]
    player = play(stream(1, 0.0, beats), pace=Every(0.25), clock="manual")
    with subscribe(player):
        assert player.advance(seconds=0.5) == 3
        assert player.advance(seconds=14.9) == 0
        assert player.advance(seconds=0.1) == 1
        assert player.advance(seconds=30) == 2


def test_a_released_stream_continues_where_it_was_held(play):
    player = play(stream(1, 0.0, numbered(4, 1.0, 1.0)), pace=Recorded(), clock="manual")
    with subscribe(player):
        assert player.advance(seconds=1.5) == 1
        player.hold()
        assert player.streams[0].held_by == "on hold, until it is released"
        assert player.advance(seconds=10) == 0
        player.release()
        assert player.streams[0].state == "open"
        assert player.advance(seconds=0.4) == 0
        assert player.advance(seconds=0.1) == 1
        assert player.advance(seconds=1.0) == 1


def test_one_of_two_streams_can_be_held(play):
    player = play(stream(1, 0.0, numbered(4, 1.0, 1.0)), pace=Recorded(), clock="manual")
    with subscribe(player), subscribe(player):
        player.hold(2)
        assert player.advance(seconds=2) == 2
        assert [state.events_sent for state in player.streams] == [2, 0]
        player.release(2)
        assert player.advance(seconds=2) == 4
        with pytest.raises(LookupError, match="stream 3 is not open; open are: 1, 2"):
            player.hold(3)


def test_new_streams_are_held_while_all_are(play):
    player = play(stream(1, 0.0, numbered(2)), pace=Recorded(), clock="manual")
    player.hold()
    with subscribe(player):
        assert player.advance(seconds=5) == 0
        player.release()
        assert player.advance(seconds=5) == 2


@pytest.mark.parametrize(
    ("fault", "steps", "seen"),
    [
        ("drop@2", [1, 1, 1], ["0", "2", "3"]),
        ("duplicate@2", [1, 2, 1, 1], ["0", "1", "1", "2", "3"]),
        ("reorder@2", [1, 2, 1], ["0", "2", "1", "3"]),
    ],
)
def test_advance_counts_the_events_that_faults_leave(play, fault, steps, seen):
    player = play(stream(1, 0.0, numbered(4)), faults=(fault,))
    with subscribe(player) as wire:
        assert [player.advance() for _ in steps] == steps
        for n in seen:
            expect(wire, said("TASK_UPDATED", n=n))
        with pytest.raises(TimeoutError):
            player.advance(timeout_seconds=0)


def test_an_event_that_a_fault_drops_is_not_waited_for(play):
    player = play(stream(1, 0.0, numbered(4)), faults=("drop@4",))
    with subscribe(player):
        assert player.advance(seconds=100) == 3


def test_advance_waits_for_a_stream_on_hold(play):
    player = play(stream(1, 0.0, numbered(2)))
    with subscribe(player):
        player.hold()
        with pytest.raises(TimeoutError, match="held: on hold, until it is released"):
            player.advance(timeout_seconds=0)
        player.release()
        assert player.advance() == 1


def test_calls_have_their_messages_and_outcomes(play):
    player = play(call(1, 0.0, HEALTH, HEALTHY))
    ask(player)
    ask(player, VERSION)
    ask(player, "{}")
    served, missed, refused = player.calls
    assert (served.number, served.client, served.method, served.path) == (1, 1, "POST", "/api/v1")
    assert (served.api, served.type, served.outcome) == ("master", "GET_HEALTH", "served")
    assert served.message == {"type": "GET_HEALTH"}
    assert served.exchange == 1
    assert (missed.type, missed.outcome, missed.exchange) == ("GET_VERSION", "missed", None)
    assert (refused.type, refused.message, refused.outcome) == (None, None, "refused")
    assert len(player.misses) == len(player.refusals) == 1
    assert player.unused == []


def test_await_call_returns_each_call_once(play):
    player = play(call(1, 0.0, HEALTH, HEALTHY))
    ask(player)
    ask(player, VERSION)
    ask(player)
    assert player.await_call("GET_HEALTH").number == 1
    assert player.await_call("GET_HEALTH").number == 3
    assert player.await_call(outcome="missed").number == 2
    text = (
        "^no call with type 'GET_HEALTH', client 9 was made in 0 s; "
        "calls: GET_HEALTH x2, GET_VERSION$"
    )
    with pytest.raises(TimeoutError, match=text):
        player.await_call("GET_HEALTH", client=9, timeout_seconds=0)
    with pytest.raises(TypeError, match="a call has no verb; it has number, at, client, method"):
        player.await_call(verb="POST")


def test_await_call_waits_for_a_call(play):
    player = play(call(1, 0.0, HEALTH, HEALTHY))
    later = threading.Thread(target=ask, args=(player,))
    later.start()
    assert player.await_call("GET_HEALTH").outcome == "served"
    later.join()


def test_await_events_reports_what_is_held(play):
    player = play(stream(1, 0.0, numbered(3)), call(2, 0.0, HEALTH, HEALTHY))
    with subscribe(player):
        player.advance(events=2)
        assert player.await_events(2) == player.await_events(2, of="SUBSCRIBE") == 2
        assert player.await_events(1, of=1) == 2
        with pytest.raises(TimeoutError) as caught:
            player.await_events(3, of="SUBSCRIBE", timeout_seconds=0)
    held = "stream 1 (exchange 1, client 1), 2 events sent, held: waits to be advanced; next is "
    assert str(caught.value) == (
        f"2 of 3 events of SUBSCRIBE were sent in 0 s\n  held: {held}TASK_UPDATED"
    )


def test_await_events_reports_streams_without_more_events(play):
    player = play(stream(1, 0.0, numbered(2)), pace=Instant())
    with subscribe(player):
        player.await_events(2)
        with pytest.raises(TimeoutError) as caught:
            player.await_events(3, timeout_seconds=0)
    exhausted = "stream 1 (exchange 1, client 1), 2 events sent, no more are recorded, open"
    assert str(caught.value) == f"2 of 3 events were sent in 0 s\n  {exhausted}"


def test_reset_begins_a_new_playback(play):
    player = play(call(1, 0.0, ACCEPT, path=SCHEDULER), stream(2, 0.5, numbered(3)))
    with subscribe(player) as wire:
        accept(player)
        player.advance()
        player.reset()
        assert wire.rest().endswith(b'"0"}\r\n')
    assert player.calls == player.streams == player.waiting == []
    assert [place.exchange for place in player.unused] == [1, 2]
    assert accept(player).startswith(b"HTTP/1.1 202")
    with subscribe(player) as wire:
        assert player.advance() == 1
        wire.until(b'"0"}\r\n')
    assert [call.outcome for call in player.calls] == ["served", "served"]


def test_a_closed_player_returns_the_state_at_the_end(play):
    player = play(call(1, 0.0, HEALTH, HEALTHY), stream(2, 0.0, numbered(2)))
    ask(player)
    with subscribe(player) as wire:
        player.advance()
        player.close()
        wire.until(b'"0"}\r\n')
    player.close()
    assert [call.type for call in player.calls] == ["GET_HEALTH", "SUBSCRIBE"]
    assert [(state.state, state.events_sent) for state in player.streams] == [("ended", 1)]
    with pytest.raises(RuntimeError, match="the player is closed"):
        player.advance()


def test_a_wait_ends_when_the_player_is_closed(play):
    player = play(stream(1, 0.0, []))
    told = []

    def wait():
        try:
            player.await_call("NEVER", timeout_seconds=1000)
        except RuntimeError as error:
            told.append(str(error))

    thread = threading.Thread(target=wait)
    thread.start()
    player.close()
    thread.join()
    assert told in (["the player was closed during the call"], ["the player is closed"])


def test_a_closed_player_has_no_thread_and_no_connection(play):
    before = set(threading.enumerate())
    player = play(stream(1, 0.0, numbered(2)))
    with subscribe(player) as wire:
        player.close()
        assert wire.rest() == b""
    assert set(threading.enumerate()) == before
    with pytest.raises(ConnectionRefusedError):
        connect(player.address)


def test_a_player_that_cannot_start_is_an_error_and_leaves_no_thread(tmp_path):
    before = set(threading.enumerate())
    with pytest.raises(ValueError, match="there is no such file"):
        Player(tmp_path / "none.yaml")
    path = written(tmp_path / "cassette.yaml", call(1, 0.0, HEALTH, HEALTHY))
    with (
        Player(path, require="none") as player,
        pytest.raises(OSError, match="address already in use"),
    ):
        Player(path, listen=Address("127.0.0.1", player.address.port))
    assert set(threading.enumerate()) == before


def test_calls_are_answered_while_a_hundred_streams_are_played(play):
    calls = [call(n, 0.0, said(f"GET_{name}"), said(f"GET_{name}")) for n, name in GETS]
    events = numbered(20, 0.01, 0.01)
    player = play(
        *calls, stream(9, 0.0, events, end=(0.205, "server")), pace=Recorded(), clock="manual"
    )
    with ExitStack() as stack:
        streams = [stack.enter_context(subscribe(player)) for _ in range(100)]
        one = stack.enter_context(connect(player.address))
        sent = 0
        for n in range(200):
            text = said(f"GET_{GETS[n % len(GETS)][1]}").encode()
            sent += player.advance(seconds=0.001)
            one.send(post(text))
            assert one.message().endswith(b"\r\n\r\n" + text)
        assert [state.state for state in player.streams] == ["open"] * 100
        assert sent == player.await_events(2000) == 2000
        player.advance(seconds=0.1)
        told = b"".join(record(event.encode()) for _, event in events)
        for wire in streams:
            assert wire.until(b"0\r\n\r\n") == told + b"0\r\n\r\n"
    assert len(player.calls) == 300
    assert player.misses == []


GETS = list(enumerate(["HEALTH", "FLAGS", "VERSION", "STATE", "AGENTS"], 1))


def test_many_threads_can_use_a_player(play):
    player = play(call(1, 0.0, HEALTH, HEALTHY), stream(2, 0.0, numbered(40)))
    sent, numbers = [], []
    with subscribe(player):

        def work():
            for _ in range(5):
                sent.append(player.advance())
                ask(player)
                numbers.append(player.await_call("GET_HEALTH").number)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sent == [1] * 40
        assert player.streams[0].events_sent == 40
        assert len(set(numbers)) == 40
