from mesotape.cassettes.answers.gates import Latch, Signal, WaitFor, insert_sync_points
from mesotape.cassettes.answers.pace import Instant, Recorded


def steps(events, cues, pace, until=float("inf")):
    """Events are (recorded at, event), of a request at 0.0 that is replayed at 100.0."""
    timed = pace.deadlines(((at, (at, event)) for at, event in events), 0.0, 100.0)
    return list(insert_sync_points(timed, iter(cues), pace, now_seconds=100.0, until_seconds=until))


def with_delays(timed):
    return [(at, step.delay_seconds if isinstance(step, WaitFor) else step) for at, step in timed]


def test_a_wait_comes_right_before_the_next_event_and_has_the_gap_to_it():
    wait = WaitFor(Latch("input"))
    timed = steps([(1.0, "a"), (4.0, "b")], [(2.5, wait)], Recorded())
    assert with_delays(timed) == [(101.0, "a"), (104.0, 1.5), (104.0, "b")]
    assert timed[1][1].latch is wait.latch


def test_the_distance_is_scaled_and_capped_like_the_gaps():
    cues = [(2.0, WaitFor(Latch("input")))]
    events = [(0.0, "a"), (12.0, "b")]
    assert with_delays(steps(events, cues, Recorded(speed=2.0)))[1] == (106.0, 5.0)
    assert with_delays(steps(events, cues, Recorded(speed=2.0, max_gap=4.0)))[1] == (102.0, 2.0)
    assert with_delays(steps(events, cues, Instant()))[1] == (100.0, 0.0)


def test_sync_points_do_not_change_when_events_are_due():
    pace, events = Recorded(max_gap=1.0), [(0.0, "a"), (9.0, "b"), (9.5, "c")]
    cues = [(3.0, Signal(Latch("r"))), (5.0, WaitFor(Latch("w"))), (9.2, Signal(Latch("r")))]
    timed = [step for step in steps(events, cues, pace) if isinstance(step[1], str)]
    assert timed == steps(events, [], pace)


def test_a_signal_comes_right_after_the_event_before_it():
    reach = Signal(Latch("r"))
    assert steps([(1.0, "a"), (4.0, "b")], [(2.5, reach)], Recorded()) == [
        (101.0, "a"),
        (101.0, reach),
        (104.0, "b"),
    ]
    assert steps([(1.0, "a")], [(0.5, reach)], Recorded()) == [(100.0, reach), (101.0, "a")]


def test_a_sync_point_at_the_time_of_an_event_comes_before_it():
    latch, signal = Latch("w"), Signal(Latch("r"))
    (_, wait), *others = steps([(1.0, "a")], [(1.0, WaitFor(latch)), (1.0, signal)], Instant())
    assert isinstance(wait, WaitFor)
    assert wait.latch is latch
    assert others == [(100.0, signal), (100.0, "a")]


def test_after_the_last_event_there_are_only_signals_up_to_the_end():
    early, late = Signal(Latch("early")), Signal(Latch("late"))
    cues = [(2.0, WaitFor(Latch("w"))), (3.0, early), (5.0, late)]
    assert steps([(1.0, "a")], cues, Recorded(), until=4.0) == [(101.0, "a"), (101.0, early)]
    assert [step for _, step in steps([], cues, Recorded())] == [early, late]
