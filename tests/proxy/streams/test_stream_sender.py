import gc
import weakref
from itertools import count

from mesotape.cassettes.answers.answer import (
    Ending,
    Notify,
    RawBytes,
    RecordBlock,
    ReplayResponse,
    StreamedResponse,
    encode_chunk,
)
from mesotape.cassettes.answers.gates import Latch, Signal, WaitFor
from mesotape.cassettes.answers.stream_handle import StreamHandle
from mesotape.proxy.http.http1 import LAST_CHUNK, ConnectionLimits
from mesotape.proxy.server.response_queue import HeldResponse
from mesotape.proxy.streams.clock import ManualClock
from mesotape.proxy.streams.schedule import Schedule
from mesotape.proxy.streams.stream_sender import SendState, StreamSender


class ManualContext:
    """A server with a manual clock, and the failures that were reported to it."""

    def __init__(self):
        self.clock = ManualClock()
        self.schedule = Schedule(self.clock)
        self.limits = ConnectionLimits()
        self.failures = []

    def report_failure(self, exchange, error):
        self.failures.append((exchange, error))


class LoggingWriter:
    """A connection that logs the bytes that are sent, and the time."""

    is_full = is_closed = False

    def __init__(self, clock):
        self.clock, self.log, self.closed = clock, [], None

    def write(self, data):
        self.log.append((self.clock.time(), data))

    def stream_ended(self, *, close):
        self.closed = close


def stream(*steps, live=None):
    """A stream that begins at 0.0, the time of its manual clock."""
    return begin_stream(iter(steps), live)


def begin_stream(steps, live=None):
    context = ManualContext()
    writer = LoggingWriter(context.clock)
    answer = StreamedResponse(exchange=1, status=200, head=b"", steps=steps, handle=live)
    sender = StreamSender(writer, context, answer, keep_alive=True)
    sender.begin()
    context.clock.advance(0.0)
    return context, writer, sender


def test_events_that_are_due_together_share_a_write():
    context, writer, _ = stream((1.0, b"a"), (1.0, b"b"), (2.0, b"c"))
    context.clock.advance(5.0)
    assert writer.log == [(1.0, encode_chunk(b"a") + encode_chunk(b"b")), (2.0, encode_chunk(b"c"))]


def test_a_latch_that_opens_late_delays_all_later_events():
    latch = Latch("input")
    context, writer, _ = stream((1.0, b"a"), (3.0, WaitFor(latch, 0.5)), (3.0, b"b"), (4.0, b"c"))
    context.clock.advance(10.0)
    assert writer.log == [(1.0, encode_chunk(b"a"))]
    latch.open()
    context.clock.advance(10.0)
    assert writer.log[1:] == [(10.5, encode_chunk(b"b")), (11.5, encode_chunk(b"c"))]


def test_heartbeats_continue_while_a_stream_waits_at_a_latch():
    latch, beats = Latch("input"), ((15.0 * number, b"beat") for number in count(1))
    context, writer, _ = stream((1.0, b"a"), (20.0, WaitFor(latch, heartbeats=beats)), (20.0, b"b"))
    context.clock.advance(46.0)
    assert writer.log[1:] == [(30.0, encode_chunk(b"beat")), (45.0, encode_chunk(b"beat"))]
    latch.open()
    context.clock.advance(100.0)
    assert writer.log[3:] == [(46.0, encode_chunk(b"b"))]


def test_heartbeats_of_a_delayed_stream_are_delayed_by_as_much():
    one, two = Latch("one"), Latch("two")
    beats = ((15.0 * number, b"beat") for number in count(1))
    context, writer, _ = stream(
        (1.0, WaitFor(one)), (1.0, b"a"), (2.0, WaitFor(two, heartbeats=beats)), (2.0, b"b")
    )
    context.clock.advance(5.0)
    one.open()
    context.clock.advance(20.0)
    assert writer.log == [(5.0, encode_chunk(b"a")), (19.0, encode_chunk(b"beat"))]


def test_a_client_that_does_not_read_or_has_left_gets_no_heartbeats():
    latch, beats = Latch("input"), ((15.0 * number, b"beat") for number in count(1))
    context, writer, sender = stream((0.0, WaitFor(latch, heartbeats=beats)), (0.0, b"a"))
    writer.is_full = True
    context.clock.advance(20.0)
    writer.is_full = False
    context.clock.advance(20.0)
    assert writer.log == [(30.0, encode_chunk(b"beat"))]
    sender.stop()
    context.clock.advance(20.0)
    assert len(writer.log) == 1


def test_a_released_stream_continues_where_it_was_held():
    context, writer, sender = stream((1.0, b"a"), (2.0, b"b"), (3.0, b"c"))
    context.clock.advance(1.5)
    sender.hold()
    context.clock.advance(10.0)
    assert writer.log == [(1.0, encode_chunk(b"a"))]
    sender.release()
    context.clock.advance(10.0)
    assert writer.log[1:] == [(12.0, encode_chunk(b"b")), (13.0, encode_chunk(b"c"))]


def test_a_hold_between_two_events_delays_the_next():
    context, writer, sender = stream((1.0, b"a"), (9.0, b"b"))
    context.clock.advance(2.0)
    sender.hold()
    context.clock.advance(3.0)
    sender.release()
    context.clock.advance(20.0)
    assert writer.log[1:] == [(12.0, encode_chunk(b"b"))]


def test_a_stream_on_hold_at_a_latch_sends_heartbeats_only_after_its_release():
    latch, beats = Latch("input"), ((15.0 * number, b"beat") for number in count(1))
    context, writer, sender = stream((0.0, WaitFor(latch, heartbeats=beats)), (0.0, b"a"))
    context.clock.advance(20.0)
    sender.hold()
    context.clock.advance(40.0)
    assert writer.log == [(15.0, encode_chunk(b"beat"))]
    sender.release()
    context.clock.advance(30.0)
    assert [data for _, data in writer.log[1:]] == [encode_chunk(b"beat")] * 2
    sender.hold()
    context.clock.advance(2.0)
    latch.open()
    context.clock.advance(3.0)
    assert len(writer.log) == 3
    sender.release()
    context.clock.advance(5.0)
    assert writer.log[3:] == [(95.0, encode_chunk(b"a"))]


def test_events_are_counted_and_the_end_is_not():
    _, _, sender = stream((0.0, b"a"), (0.0, b"b"), (0.0, Ending.FINAL_CHUNK))
    assert sender.events_sent == 2
    assert sender.is_over


def test_a_latch_that_opens_in_time_delays_no_event():
    latch = Latch("input")
    context, writer, _ = stream((3.0, WaitFor(latch, 0.5)), (3.0, b"b"))
    context.clock.advance(2.0)
    latch.open()
    context.clock.advance(8.0)
    assert writer.log == [(3.0, encode_chunk(b"b"))]


def test_events_before_a_latch_are_sent():
    latch = Latch("input")
    _, writer, _ = stream((0.0, b"a"), (0.0, WaitFor(latch)), (0.0, b"b"))
    assert writer.log == [(0.0, encode_chunk(b"a"))]
    latch.open()
    writer.clock.advance(0.0)
    assert writer.log[1:] == [(0.0, encode_chunk(b"b"))]


def test_a_signal_opens_its_latch_after_all_earlier_events():
    latch, seen = Latch("so far"), []
    context, writer, _ = stream((1.0, b"a"), (1.0, Signal(latch)), (1.0, b"b"))
    latch.add_open_callback(lambda: seen.extend(writer.log))
    context.clock.advance(2.0)
    assert seen == [(1.0, encode_chunk(b"a"))]
    assert writer.log[1:] == [(1.0, encode_chunk(b"b"))]


def test_a_notification_is_called_after_the_records_before_it_and_before_the_next_step_is_read():
    seen = []

    def steps():
        yield 1.0, b"a"
        yield 1.0, Notify(lambda: seen.append(list(writer.log)))
        seen.append("read")
        yield 1.0, b"b"

    context, writer, _ = begin_stream(steps())
    context.clock.advance(2.0)
    assert seen == [[(1.0, encode_chunk(b"a"))], "read"]
    assert writer.log[1:] == [(1.0, encode_chunk(b"b"))]


def test_a_stream_waits_at_no_latch_after_its_client_has_left():
    waiting, over = set(), []
    latch = Latch("input", waiting)
    context, writer, sender = stream(
        (0.0, WaitFor(latch)), (0.0, b"a"), live=StreamHandle(over.append)
    )
    assert waiting == {latch}
    writer.is_closed = True
    sender.stop()
    assert waiting == set()
    assert over == [True]
    latch.open()
    context.clock.advance(1.0)
    assert writer.log == []


def test_the_end_of_a_stream_is_reported():
    over = []
    _, writer, _ = stream((0.0, Ending.FINAL_CHUNK), live=StreamHandle(over.append))
    assert over == [False]
    assert writer.closed is False


def test_the_remaining_steps_of_a_stream_can_be_replaced():
    live = StreamHandle()
    context, writer, _ = stream((1.0, b"a"), (15.0, b"heartbeat"), live=live)
    context.clock.advance(2.0)
    live.end_with([(2.0, b"bye"), (2.0, Ending.FINAL_CHUNK)])
    context.clock.advance(100.0)
    assert writer.log[1:] == [(2.0, encode_chunk(b"bye") + LAST_CHUNK)]
    assert writer.closed is False


def test_replaced_steps_end_the_wait_at_a_latch():
    live, waiting = StreamHandle(), set()
    latch = Latch("input", waiting)
    context, writer, _ = stream((0.0, WaitFor(latch)), (0.0, b"a"), live=live)
    live.end_with([(0.0, Ending.FINAL_CHUNK)])
    context.clock.advance(0.0)
    assert writer.log == [(0.0, LAST_CHUNK)]
    assert waiting == set()


def test_a_response_waits_until_all_its_latches_are_open():
    one, two, sent = Latch("one"), Latch("two"), []
    answer = ReplayResponse(exchange=1, status=200, head=b"", latches=(one, two))
    HeldResponse(answer, lambda: sent.append("sent"), sent.append).begin()
    two.open()
    assert sent == []
    one.open()
    assert sent == ["sent"]


def test_a_held_response_is_not_sent_to_a_client_that_has_left():
    latch, sent = Latch("one"), []
    holding = HeldResponse(
        ReplayResponse(exchange=1, status=200, head=b"", latches=(latch,)), sent.append, sent.append
    )
    holding.begin()
    holding.stop()
    latch.open()
    assert sent == []


def test_a_late_step_is_due_exactly_at_its_deadline():
    """Rounding of floats must not delay a step beyond its deadline."""
    for tenths in range(1, 100):
        latch = Latch("input")
        context, writer, _ = stream((0.1, WaitFor(latch)), (0.1, b"a"), (0.7 * tenths, b"b"))
        context.clock.advance(0.3 * tenths)
        latch.open()
        context.clock.advance(1000.0)
        assert len(writer.log) == 2


def test_each_wait_has_a_state():
    latch = Latch("input")
    context, writer, sender = stream((1.0, WaitFor(latch)), (1.0, b"a"), (2.0, b"b"), (3.0, b"c"))
    assert sender.state is SendState.UNTIL_DUE
    context.clock.advance(1.0)
    assert sender.state is SendState.UNTIL_OPEN
    assert sender.awaited_latch is latch
    writer.is_full = True
    latch.open()
    context.clock.advance(0.0)
    assert sender.state is SendState.UNTIL_READ
    writer.is_full = False
    sender.resume()
    context.clock.advance(0.0)
    assert sender.state is SendState.UNTIL_DUE
    sender.hold()
    context.clock.advance(1.0)
    assert sender.state is SendState.UNTIL_RELEASED
    sender.release()
    context.clock.advance(10.0)
    assert sender.state is SendState.IDLE
    assert [data for _, data in writer.log] == [*map(encode_chunk, (b"a", b"b", b"c"))]
    sender.stop()
    assert sender.state is SendState.OVER


def test_a_client_that_reads_slowly_delays_no_deadline():
    context, writer, sender = stream((1.0, b"a"), (2.0, b"b"), (9.0, b"c"))
    writer.is_full = True
    context.clock.advance(5.0)
    writer.is_full = False
    sender.resume()
    context.clock.advance(5.0)
    assert writer.log == [
        (5.0, encode_chunk(b"a") + encode_chunk(b"b")),
        (9.0, encode_chunk(b"c")),
    ]


def test_raw_bytes_are_a_write_of_their_own_and_no_event():
    context, writer, sender = stream((1.0, b"a"), (1.0, RawBytes(b"raw")), (1.0, b"b"))
    context.clock.advance(1.0)
    assert [data for _, data in writer.log] == [encode_chunk(b"a"), b"raw", encode_chunk(b"b")]
    assert (sender.events_sent, sender.raw_writes) == (2, 1)


def test_raw_bytes_that_are_next_are_sent_before_replaced_steps():
    handle = StreamHandle()
    _, writer, _ = stream((1.0, RawBytes(b"head")), (2.0, b"a"), live=handle)
    handle.end_with([(0.0, Ending.FINAL_CHUNK)])
    writer.clock.advance(5.0)
    assert [data for _, data in writer.log] == [b"head", LAST_CHUNK]


def test_the_steps_of_a_stream_that_is_over_cannot_be_replaced():
    handle = StreamHandle()
    context, writer, sender = stream((0.0, Ending.FINAL_CHUNK), live=handle)
    handle.end_with([(0.0, b"a")])
    context.clock.advance(1.0)
    assert writer.log == [(0.0, LAST_CHUNK)]
    assert sender.is_over


def test_heartbeats_that_cannot_be_read_end_the_stream():
    error = ValueError("cassette.yaml:3: broken")

    def heartbeats():
        yield 15.0, b"beat"
        raise error

    latch = Latch("input")
    context, writer, _ = stream((0.0, WaitFor(latch, heartbeats=heartbeats())), (0.0, b"a"))
    context.clock.advance(40.0)
    latch.open()
    context.clock.advance(0.0)
    assert writer.log == [(15.0, encode_chunk(b"beat"))]
    assert writer.closed is True
    assert context.failures == [(1, error)]


def test_a_block_of_records_is_a_write_of_its_own_and_counts_all_of_them():
    block = RecordBlock(b"block", 40)
    context, writer, sender = stream(
        (1.0, b"a"), (1.0, block), (1.0, b"b"), (2.0, block), (2.0, Ending.FINAL_CHUNK)
    )
    context.clock.advance(1.0)
    a, b = encode_chunk(b"a"), encode_chunk(b"b")
    assert [data for _, data in writer.log] == [a, b"block", b]
    assert sender.events_sent == 42
    writer.is_full = True
    context.clock.advance(1.0)
    assert (sender.events_sent, sender.state) == (42, SendState.UNTIL_READ)
    writer.is_full = False
    sender.resume()
    context.clock.advance(0.0)
    assert [data for _, data in writer.log[3:]] == [b"block", LAST_CHUNK]
    assert (sender.events_sent, sender.is_over) == (82, True)


def test_blocks_are_sent_instead_of_steps_and_replaced_like_them():
    handle, context = StreamHandle(), ManualContext()
    writer = LoggingWriter(context.clock)
    blocks = iter([(0.0, RecordBlock(b"block", 2)), (5.0, RecordBlock(b"late", 1))])
    answer = StreamedResponse(
        exchange=1, status=200, head=b"", steps=iter([(0.0, b"a")]), blocks=blocks, handle=handle
    )
    sender = StreamSender(writer, context, answer, keep_alive=True)
    sender.begin()
    context.clock.advance(1.0)
    handle.end_with([(0.0, Ending.FINAL_CHUNK)])
    context.clock.advance(9.0)
    assert [data for _, data in writer.log] == [b"block", LAST_CHUNK]
    assert sender.events_sent == 2


def test_streams_that_send_blocks_take_turns():
    context = ManualContext()
    writers = [LoggingWriter(context.clock) for _ in range(2)]
    log = []
    for name, writer in enumerate(writers):
        writer.write = lambda data, name=name: log.append(name)
        steps = iter([(0.0, RecordBlock(b"block", 300))] * 3)
        answer = StreamedResponse(exchange=1, status=200, head=b"", steps=steps)
        StreamSender(writer, context, answer, keep_alive=True).begin()
    context.clock.advance(0.0)
    assert log == [0, 1] * 3


def test_a_stream_that_is_over_is_in_no_circle_of_references():
    handle = StreamHandle()
    gc.disable()
    try:
        context, _, sender = stream((3600.0, b"a"), live=handle)
        alive = weakref.ref(sender)
        sender.stop()
        del sender
        assert alive() is None
    finally:
        gc.enable()
    assert (handle.is_over, context.failures) == (True, [])
