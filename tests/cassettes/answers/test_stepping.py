from mesotape.cassettes.answers.answer import Ending
from mesotape.cassettes.answers.gates import Latch, Signal, WaitFor
from mesotape.cassettes.answers.stepping import END_TYPE, EventLatch, insert_event_latches


def step(*steps, start_at=0.0, offset=0.0):
    return insert_event_latches(
        iter(steps),
        exchange=7,
        start_at=start_at,
        offset_seconds=offset,
        now_seconds=50.0,
        type_of=lambda data: data.decode().upper(),
    )


def simplified(steps):
    """The latches of events as (time, type), and all other steps as they are."""
    for at_seconds, each in steps:
        assert at_seconds == 50.0
        pending = isinstance(each, WaitFor) and isinstance(each.latch, EventLatch)
        yield (each.latch.at_seconds, each.latch.type) if pending else each


def test_each_event_and_the_end_have_a_latch():
    steps = step((1.0, b"a"), (1.0, b"b"), (2.5, Ending.CUT))
    assert list(simplified(steps)) == [
        (1.0, "A"),
        b"a",
        (1.0, "B"),
        b"b",
        (2.5, END_TYPE),
        Ending.CUT,
    ]


def test_times_are_those_of_the_first_cassette():
    assert next(simplified(step((1.0, b"a"), offset=30.0))) == (31.0, "A")


def test_an_event_before_the_start_has_no_latch():
    steps = step((1.0, b"a"), (2.0, b"b"), (2.5, b"c"), start_at=2.1)
    assert list(simplified(steps)) == [b"a", b"b", (2.5, "C"), b"c"]


def test_another_condition_of_an_event_comes_after_its_latch():
    wait = WaitFor(Latch("input"))
    assert list(simplified(step((1.0, wait), (1.0, b"a")))) == [(1.0, "A"), wait, b"a"]


def test_a_signal_does_not_wait_for_the_next_event():
    reach = Signal(Latch("the answer"))
    assert list(simplified(step((1.0, b"a"), (1.0, reach), (4.0, b"b")))) == [
        (1.0, "A"),
        b"a",
        reach,
        (4.0, "B"),
        b"b",
    ]


def test_a_signal_after_a_wait_stays_after_it():
    wait, reach = WaitFor(Latch("input")), Signal(Latch("the answer"))
    steps = step((4.0, wait), (1.0, reach), (4.0, b"b"))
    assert list(simplified(steps)) == [(4.0, "B"), wait, reach, b"b"]


def test_events_are_read_one_by_one():
    def endless():
        while True:
            yield 1.0, b"a"

    steps = insert_event_latches(
        endless(), exchange=1, start_at=0.0, offset_seconds=0.0, now_seconds=50.0, type_of=str
    )
    assert isinstance(next(steps)[1], WaitFor)


def test_an_event_at_the_very_start_has_one():
    assert list(simplified(step((0.0, b"a")))) == [(0.0, "A"), b"a"]
    assert list(simplified(step((2.0, b"a"), start_at=2.0))) == [(2.0, "A"), b"a"]
