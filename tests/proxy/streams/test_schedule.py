import weakref

from mesotape.proxy.streams.clock import ManualClock
from mesotape.proxy.streams.schedule import RECORDS_PER_TURN, STREAM_RECORDS_PER_TURN, Schedule


class LoggingStream:
    """A stream that logs the time, its name and the deadline of each step that it sends."""

    def __init__(self, name, deadlines, log):
        self.name, self.deadlines, self.log = name, list(deadlines), log
        self.is_over = False

    def send_due(self, now_seconds, limit):
        sent = 0
        while self.deadlines and self.deadlines[0] <= now_seconds and sent < limit:
            self.log.append((now_seconds, self.name, self.deadlines.pop(0)))
            sent += 1
        return sent, self.deadlines[0] if self.deadlines else None


def schedule(**scripts):
    clock, log = ManualClock(), []
    streams = Schedule(clock)
    for name, deadlines in scripts.items():
        streams.wake_at(deadlines[0], LoggingStream(name, deadlines, log))
    return clock, log, streams


def test_no_step_is_sent_before_its_deadline():
    clock, log, _ = schedule(a=[1.0, 2.0, 5.0], b=[1.5])
    clock.advance(0.999)
    assert log == []
    clock.advance(10)
    assert log == [(1.0, "a", 1.0), (1.5, "b", 1.5), (2.0, "a", 2.0), (5.0, "a", 5.0)]


def test_a_nearer_deadline_moves_the_timer_forward():
    clock, log, streams = schedule(a=[100.0])
    streams.wake_at(1.0, LoggingStream("b", [1.0], log))
    clock.advance(1.0)
    assert log == [(1.0, "b", 1.0)]


def test_streams_that_are_due_take_turns():
    _, log, streams = schedule(a=[0.0] * 100, b=[0.0] * 100)
    streams._take_turn()
    assert [name for _, name, _ in log[: 3 * STREAM_RECORDS_PER_TURN]] == [
        "a"
    ] * STREAM_RECORDS_PER_TURN + ["b"] * STREAM_RECORDS_PER_TURN + ["a"] * STREAM_RECORDS_PER_TURN


def test_a_turn_is_limited_and_the_next_one_sends_the_rest():
    clock, log, streams = schedule(a=[0.0] * 2000)
    streams._take_turn()
    assert len(log) == RECORDS_PER_TURN
    clock.advance(0)
    assert len(log) == 2000


def test_a_stopped_schedule_wakes_no_stream():
    clock, log, streams = schedule(a=[1.0])
    streams.stop()
    clock.advance(2)
    assert log == []


def test_streams_that_are_over_are_not_kept_until_their_deadline():
    clock, log, streams = schedule()
    kept = [LoggingStream(number, [3600.0], log) for number in range(100)]
    for each in kept:
        streams.wake_at(3600.0, each)
    alive = [weakref.ref(each) for each in kept]
    for number in range(0, 100, 2):
        kept[number].is_over = True
        streams.note_over()
    kept[1].is_over = True
    streams.note_over()
    kept.clear()
    assert [each() is not None for each in alive] == [False, False, *[False, True] * 49]
    clock.advance(3600.0)
    assert [name for _, name, _ in log] == list(range(3, 100, 2))
