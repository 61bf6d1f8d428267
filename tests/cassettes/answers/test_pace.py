import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesotape.cassettes.answers.pace import (
    Every,
    Instant,
    Recorded,
    Stepped,
    cap,
    parse_pace,
    relative,
    scale,
)

EVENTS = [(10.5, "a"), (10.6, "b"), (40.6, "c")]

times = st.lists(st.floats(0, 1e6), max_size=30).map(sorted)


def test_a_recorded_event_is_due_as_long_after_the_request_as_it_was():
    deadlines = list(Recorded().deadlines(EVENTS, 10.0, 1000.0))
    assert deadlines == [(1000.5, "a"), (pytest.approx(1000.6), "b"), (pytest.approx(1030.6), "c")]


def test_speed_divides_all_times():
    assert list(scale([(1.0, "a"), (5.0, "b")], 2.0)) == [(0.5, "a"), (2.5, "b")]


def test_a_gap_is_capped_and_what_follows_moves_up():
    assert list(cap([(5.0, "a"), (6.0, "b"), (26.0, "c")], 2.0)) == [
        (2.0, "a"),
        (3.0, "b"),
        (5.0, "c"),
    ]


def test_the_cap_is_in_recorded_seconds_before_the_speed():
    deadlines = list(Recorded(speed=10, max_gap=20).deadlines([(30.0, "a")], 0.0, 0.0))
    assert deadlines == [(2.0, "a")]


def test_instant_makes_everything_due_at_the_request():
    assert list(Instant().deadlines(EVENTS, 10.0, 7.0)) == [(7.0, "a"), (7.0, "b"), (7.0, "c")]


def test_generators_take_events_one_by_one():
    def endless():
        at = 0.0
        while True:
            at += 1.0
            yield at, None

    assert next(Recorded(max_gap=3.0).deadlines(endless(), 0.0, 0.0)) == (1.0, None)


@given(times, st.floats(0, 100))
def test_capping_keeps_the_order_and_no_gap_is_longer(at, max_gap):
    capped = [when for when, _ in cap(((when, None) for when in at), max_gap)]
    last = 0.0
    for when in capped:
        assert -1e-6 <= when - last <= max_gap + 1e-6
        last = when


@given(times, st.floats(0, 1e6))
def test_relative_undoes_nothing_but_the_start(at, start):
    assert [when for when, _ in relative(((when, None) for when in at), start)] == [
        when - start for when in at
    ]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"speed": 0}, "speed is 0, expected a number above 0"),
        ({"speed": float("nan")}, "speed is nan, expected a number above 0"),
        ({"max_gap": -1}, "max-gap is -1, expected 0 seconds or more"),
    ],
)
def test_a_pace_that_leads_nowhere_is_refused(options, text):
    with pytest.raises(ValueError, match=text):
        Recorded(**options)


def test_what_came_before_the_start_is_due_at_once_and_the_rest_in_its_rhythm():
    deadlines = list(Recorded(start_at=10.55).deadlines(EVENTS, 10.0, 1000.0))
    assert deadlines == [
        (1000.0, "a"),
        (pytest.approx(1000.05), "b"),
        (pytest.approx(1030.05), "c"),
    ]


def test_a_start_before_the_request_changes_nothing():
    began = list(Recorded(start_at=9.0).deadlines(EVENTS, 10.0, 1000.0))
    assert began == list(Recorded().deadlines(EVENTS, 10.0, 1000.0))


def test_gaps_and_speed_count_from_the_start_on():
    pace = Recorded(start_at=10.6, speed=2, max_gap=4)
    assert list(pace.deadlines(EVENTS, 10.0, 0.0)) == [(0.0, "a"), (0.0, "b"), (2.0, "c")]


def test_every_spaces_events_whatever_their_rhythm_was():
    deadlines = list(Every(0.5).deadlines(EVENTS, 10.0, 7.0))
    assert deadlines == [(7.0, "a"), (7.5, "b"), (8.0, "c")]


def test_every_does_not_drift():
    events = ((float(at), None) for at in range(100_001))
    *_, (last, _) = Every(0.1).deadlines(events, 0.0, 5.0)
    assert last == pytest.approx(10_005.0, abs=1e-9)


def test_every_has_what_came_before_the_start_all_at_once():
    deadlines = list(Every(1.0, start_at=10.6).deadlines(EVENTS, 10.0, 0.0))
    assert deadlines == [(0.0, "a"), (0.0, "b"), (1.0, "c")]


def test_only_where_time_passes_do_heartbeats_come_that_were_not_recorded():
    paces = [Recorded(speed=3), Every(0.1), Instant(), Stepped()]
    assert [pace.heartbeat_interval_seconds(15.0) for pace in paces] == [5.0, 15.0, None, None]


@pytest.mark.parametrize(
    ("text", "options", "pace"),
    [
        ("recorded", {}, Recorded()),
        ("recorded", {"speed": 2.0, "max_gap": 3.0}, Recorded(speed=2.0, max_gap=3.0)),
        ("recorded", {"start_at": 4.0}, Recorded(start_at=4.0)),
        ("every:0.1", {}, Every(0.1)),
        ("every:2", {"start_at": 4.0}, Every(2.0, 4.0)),
        ("instant", {}, Instant()),
        ("step", {"start_at": 4.0}, Stepped(start_at=4.0)),
    ],
)
def test_a_pace_is_read(text, options, pace):
    assert parse_pace(text, **options) == pace


@pytest.mark.parametrize(
    ("text", "options", "error"),
    [
        ("fast", {}, "pace is 'fast', expected recorded, every:SECONDS (like every:0.1), instant"),
        ("instant:1", {}, "pace is 'instant:1', expected recorded, every:SECONDS"),
        ("every", {}, "pace is 'every', expected a number of seconds, like every:0.1"),
        ("every:soon", {}, "pace is 'every:soon', expected a number of seconds, like every:0.1"),
        ("every:-1", {}, "pace is every -1.0 seconds, expected 0 or more"),
        ("every:nan", {}, "pace is every nan seconds, expected 0 or more"),
        ("every:inf", {}, "pace is every inf seconds, expected 0 or more"),
        ("step", {"start_at": -1.0}, "start-at is -1.0, expected 0 seconds or more"),
        ("instant", {"start_at": 1.0}, "start-at makes no sense at pace instant"),
        ("step", {"speed": 2.0}, "speed makes no sense at pace step"),
        ("every:1", {"max_gap": 2.0}, "max-gap makes no sense at pace every:1"),
    ],
)
def test_a_pace_that_makes_no_sense_is_one_line(text, options, error):
    with pytest.raises(ValueError, match=f"^{re.escape(error)}[^\n]*$"):
        parse_pace(text, **options)
