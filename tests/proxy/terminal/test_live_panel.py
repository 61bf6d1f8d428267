import pytest

from mesotape.proxy.terminal.live_panel import Rate, format_clock, format_size, join_facts


def test_a_rate_is_that_of_the_last_seconds() -> None:
    rate = Rate(window_seconds=2.0)
    assert rate.update(0.0, 0) == 0.0
    assert rate.update(1.0, 10) == 10.0
    assert rate.update(2.0, 20) == 10.0
    assert rate.update(3.0, 20) == 5.0
    assert rate.update(4.0, 20) == 0.0
    assert rate.update(5.0, 3) == 0.0  # it began anew


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.9, "0:00:00"), (83.0, "0:01:23"), (36_000.0, "10:00:00")]
)
def test_a_duration_is_a_clock(seconds: float, text: str) -> None:
    assert format_clock(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (999, "999 B"), (12_000, "12.0 kB"), (3_100_000, "3.1 MB")]
)
def test_a_size_has_a_unit(size: int, text: str) -> None:
    assert format_size(size) == text


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (20, "one  two  three"),
        (9, "one  two\nthree"),
        (8, "one  two\nthree"),
        (3, "one\ntwo\nthree"),
    ],
)
def test_facts_are_never_cut_apart(width: int, text: str) -> None:
    assert join_facts(["one", "two", "three"], width) == text
