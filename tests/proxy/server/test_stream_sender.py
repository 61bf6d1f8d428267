from itertools import count

from mesotape.cassettes.answers.answer import Ending, Notify, ReplayResponse, StreamedResponse
from mesotape.cassettes.answers.gates import Latch, Signal, WaitFor
from mesotape.cassettes.answers.stream_handle import StreamHandle
from mesotape.proxy.http.http1 import LAST_CHUNK, ConnectionLimits, encode_chunk
from mesotape.proxy.server.clock import ManualClock
from mesotape.proxy.server.response_queue import HeldResponse
from mesotape.proxy.server.schedule import Schedule
from mesotape.proxy.server.stream_sender import StreamSender


class Stage:
    """A server with a clock that is turned by hand."""

    def __init__(self):
        self.clock = ManualClock()
        self.schedule = Schedule(self.clock)
        self.limits = ConnectionLimits()

    def report_failure(self, exchange, error):
        raise error


class Outlet:
    """A connection that writes down what is sent, and when."""

    is_full = is_closed = False

    def __init__(self, clock):
        self.clock, self.log, self.closed = clock, [], None

    def write(self, data):
        self.log.append((self.clock.time(), data))

    def stream_ended(self, *, close):
        self.closed = close


def stream(*steps, live=None):
    """A stream that has begun at 0.0 on a clock that shows that."""
    return begin_stream(iter(steps), live)


def begin_stream(steps, live=None):
    stage = Stage()
    outlet = Outlet(stage.clock)
    answer = StreamedResponse(exchange=1, status=200, head=b"", steps=steps, handle=live)
    streaming = StreamSender(outlet, stage, answer, keep_alive=True)
    streaming.begin()
    stage.clock.advance(0.0)
    return stage, outlet, streaming


def test_what_is_due_together_goes_out_together():
    stage, outlet, _ = stream((1.0, b"a"), (1.0, b"b"), (2.0, b"c"))
    stage.clock.advance(5.0)
    assert outlet.log == [(1.0, encode_chunk(b"a") + encode_chunk(b"b")), (2.0, encode_chunk(b"c"))]


def test_a_stream_waits_at_a_gate_and_all_that_follows_is_late_by_as_much():
    gate = Latch("input")
    stage, outlet, _ = stream((1.0, b"a"), (3.0, WaitFor(gate, 0.5)), (3.0, b"b"), (4.0, b"c"))
    stage.clock.advance(10.0)
    assert outlet.log == [(1.0, encode_chunk(b"a"))]
    gate.open()
    stage.clock.advance(10.0)
    assert outlet.log[1:] == [(10.5, encode_chunk(b"b")), (11.5, encode_chunk(b"c"))]


def test_heartbeats_go_on_while_a_stream_waits_at_a_gate():
    gate, beats = Latch("input"), ((15.0 * number, b"beat") for number in count(1))
    stage, outlet, _ = stream((1.0, b"a"), (20.0, WaitFor(gate, heartbeats=beats)), (20.0, b"b"))
    stage.clock.advance(46.0)
    assert outlet.log[1:] == [(30.0, encode_chunk(b"beat")), (45.0, encode_chunk(b"beat"))]
    gate.open()
    stage.clock.advance(100.0)
    assert outlet.log[3:] == [(46.0, encode_chunk(b"b"))]


def test_heartbeats_of_a_stream_that_is_late_are_late_by_as_much():
    one, two = Latch("one"), Latch("two")
    beats = ((15.0 * number, b"beat") for number in count(1))
    stage, outlet, _ = stream(
        (1.0, WaitFor(one)), (1.0, b"a"), (2.0, WaitFor(two, heartbeats=beats)), (2.0, b"b")
    )
    stage.clock.advance(5.0)
    one.open()
    stage.clock.advance(20.0)
    assert outlet.log == [(5.0, encode_chunk(b"a")), (19.0, encode_chunk(b"beat"))]


def test_a_client_that_does_not_read_or_has_left_gets_no_heartbeats():
    gate, beats = Latch("input"), ((15.0 * number, b"beat") for number in count(1))
    stage, outlet, streaming = stream((0.0, WaitFor(gate, heartbeats=beats)), (0.0, b"a"))
    outlet.is_full = True
    stage.clock.advance(20.0)
    outlet.is_full = False
    stage.clock.advance(20.0)
    assert outlet.log == [(30.0, encode_chunk(b"beat"))]
    streaming.stop()
    stage.clock.advance(20.0)
    assert len(outlet.log) == 1


def test_a_stream_that_halts_goes_on_where_it_stopped():
    stage, outlet, streaming = stream((1.0, b"a"), (2.0, b"b"), (3.0, b"c"))
    stage.clock.advance(1.5)
    streaming.hold()
    stage.clock.advance(10.0)
    assert outlet.log == [(1.0, encode_chunk(b"a"))]
    streaming.release()
    stage.clock.advance(10.0)
    assert outlet.log[1:] == [(12.0, encode_chunk(b"b")), (13.0, encode_chunk(b"c"))]


def test_a_stream_that_halts_between_two_events_delays_the_next_by_as_much():
    stage, outlet, streaming = stream((1.0, b"a"), (9.0, b"b"))
    stage.clock.advance(2.0)
    streaming.hold()
    stage.clock.advance(3.0)
    streaming.release()
    stage.clock.advance(20.0)
    assert outlet.log[1:] == [(12.0, encode_chunk(b"b"))]


def test_a_stream_that_halts_at_a_gate_sends_no_heartbeats_and_then_goes_on_with_them():
    gate, beats = Latch("input"), ((15.0 * number, b"beat") for number in count(1))
    stage, outlet, streaming = stream((0.0, WaitFor(gate, heartbeats=beats)), (0.0, b"a"))
    stage.clock.advance(20.0)
    streaming.hold()
    stage.clock.advance(40.0)
    assert outlet.log == [(15.0, encode_chunk(b"beat"))]
    streaming.release()
    stage.clock.advance(30.0)
    assert [data for _, data in outlet.log[1:]] == [encode_chunk(b"beat")] * 2
    streaming.hold()
    stage.clock.advance(2.0)
    gate.open()
    stage.clock.advance(3.0)
    assert len(outlet.log) == 3
    streaming.release()
    stage.clock.advance(5.0)
    assert outlet.log[3:] == [(95.0, encode_chunk(b"a"))]


def test_what_was_sent_is_counted_apart_from_the_end():
    _, _, streaming = stream((0.0, b"a"), (0.0, b"b"), (0.0, Ending.FINAL_CHUNK))
    assert streaming.events_sent == 2
    assert streaming.is_over


def test_a_gate_that_opens_in_time_delays_nothing():
    gate = Latch("input")
    stage, outlet, _ = stream((3.0, WaitFor(gate, 0.5)), (3.0, b"b"))
    stage.clock.advance(2.0)
    gate.open()
    stage.clock.advance(8.0)
    assert outlet.log == [(3.0, encode_chunk(b"b"))]


def test_what_stands_before_a_gate_goes_out():
    gate = Latch("input")
    _, outlet, _ = stream((0.0, b"a"), (0.0, WaitFor(gate)), (0.0, b"b"))
    assert outlet.log == [(0.0, encode_chunk(b"a"))]
    gate.open()
    outlet.clock.advance(0.0)
    assert outlet.log[1:] == [(0.0, encode_chunk(b"b"))]


def test_a_gate_is_reached_when_all_before_it_was_sent():
    gate, seen = Latch("so far"), []
    stage, outlet, _ = stream((1.0, b"a"), (1.0, Signal(gate)), (1.0, b"b"))
    gate.add_open_callback(lambda: seen.extend(outlet.log))
    stage.clock.advance(2.0)
    assert seen == [(1.0, encode_chunk(b"a"))]
    assert outlet.log[1:] == [(1.0, encode_chunk(b"b"))]


def test_a_notification_comes_when_all_before_it_was_sent_and_before_the_next_step_is_read():
    seen = []

    def steps():
        yield 1.0, b"a"
        yield 1.0, Notify(lambda: seen.append(list(outlet.log)))
        seen.append("read")
        yield 1.0, b"b"

    stage, outlet, _ = begin_stream(steps())
    stage.clock.advance(2.0)
    assert seen == [[(1.0, encode_chunk(b"a"))], "read"]
    assert outlet.log[1:] == [(1.0, encode_chunk(b"b"))]


def test_a_client_that_leaves_waits_at_no_gate():
    waiting, over = set(), []
    gate = Latch("input", waiting)
    stage, outlet, streaming = stream(
        (0.0, WaitFor(gate)), (0.0, b"a"), live=StreamHandle(over.append)
    )
    assert waiting == {gate}
    outlet.is_closed = True
    streaming.stop()
    assert waiting == set()
    assert over == [True]
    gate.open()
    stage.clock.advance(1.0)
    assert outlet.log == []


def test_the_end_of_a_stream_is_told():
    over = []
    _, outlet, _ = stream((0.0, Ending.FINAL_CHUNK), live=StreamHandle(over.append))
    assert over == [False]
    assert outlet.closed is False


def test_a_stream_may_be_given_another_end():
    live = StreamHandle()
    stage, outlet, _ = stream((1.0, b"a"), (15.0, b"heartbeat"), live=live)
    stage.clock.advance(2.0)
    live.end_with([(2.0, b"bye"), (2.0, Ending.FINAL_CHUNK)])
    stage.clock.advance(100.0)
    assert outlet.log[1:] == [(2.0, encode_chunk(b"bye") + LAST_CHUNK)]
    assert outlet.closed is False


def test_a_stream_that_waits_at_a_gate_may_be_given_another_end():
    live, waiting = StreamHandle(), set()
    gate = Latch("input", waiting)
    stage, outlet, _ = stream((0.0, WaitFor(gate)), (0.0, b"a"), live=live)
    live.end_with([(0.0, Ending.FINAL_CHUNK)])
    stage.clock.advance(0.0)
    assert outlet.log == [(0.0, LAST_CHUNK)]
    assert waiting == set()


def test_an_answer_waits_until_all_its_gates_are_open():
    one, two, sent = Latch("one"), Latch("two"), []
    answer = ReplayResponse(exchange=1, status=200, head=b"", latches=(one, two))
    HeldResponse(answer, lambda: sent.append("sent")).begin()
    two.open()
    assert sent == []
    one.open()
    assert sent == ["sent"]


def test_an_answer_is_not_sent_to_a_client_that_has_left():
    gate, sent = Latch("one"), []
    holding = HeldResponse(
        ReplayResponse(exchange=1, status=200, head=b"", latches=(gate,)), sent.append
    )
    holding.begin()
    holding.stop()
    gate.open()
    assert sent == []


def test_a_late_step_is_due_at_its_very_deadline():
    """How floats are rounded must not keep a step waiting while its deadline says now."""
    for tenths in range(1, 100):
        gate = Latch("input")
        stage, outlet, _ = stream((0.1, WaitFor(gate)), (0.1, b"a"), (0.7 * tenths, b"b"))
        stage.clock.advance(0.3 * tenths)
        gate.open()
        stage.clock.advance(1000.0)
        assert len(outlet.log) == 2
