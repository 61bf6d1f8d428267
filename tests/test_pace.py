import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesotape.cassettes.pace import Instant, Recorded, cap, relative, scale

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
