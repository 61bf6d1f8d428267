"""The age of cassettes, by itself and in runs of pytest."""

import datetime
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from support.cassette_builder import RECORDED_AT

from mesotape.proxy.testing.age import OldCassetteWarning, parse_age, warn_of_age

pytest_plugins = ["pytester", "support.pytest_runs"]

type Run = Callable[..., pytest.RunResult]

TEST = "def test_it(mesotape): get(mesotape.url, 'GET_HEALTH')\n"
SAID = f"*test_it.yaml was recorded on {RECORDED_AT:%Y-%m-%d}, longer ago than --*=1d: record *"


@pytest.mark.parametrize(
    ("max_age", "hours", "is_old"),
    [("36h", 35, False), ("36h", 37, True), ("2d", 47, False), ("2d", 49, True), ("1w", 169, True)],
)
def test_an_age_is_compared(max_age: str, hours: int, is_old: bool) -> None:
    began = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=hours)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_age(Path("a.yaml"), began, max_age)
    assert [each.category for each in caught] == [OldCassetteWarning] * is_old


@pytest.mark.parametrize("text", ["90", "d", "-1d", "1.5d", "90 d", "1y", "9999999d", "९d"])
def test_what_is_no_age_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="is no age, expected a number of hours, days or weeks"):
        parse_age(text)


@pytest.mark.parametrize(
    ("options", "outcome"),
    [
        (["--mesotape-max-age=1d"], {"errors": 1}),  # The ini file has filterwarnings = error.
        (["--mesotape-max-age=1d", "-W", "default"], {"passed": 1, "warnings": 1}),
        (["-o", "mesotape_max_age=1d"], {"errors": 1}),
        (["-o", "mesotape_max_age=1d", "--mesotape-max-age=9999w"], {"passed": 1}),
    ],
)
def test_a_run_warns(tested: Run, options: list[str], outcome: dict[str, int]) -> None:
    done = tested(TEST, *options)
    done.assert_outcomes(**outcome)
    if outcome != {"passed": 1}:
        done.stdout.fnmatch_lines([SAID])


def test_a_run_with_a_bad_age_does_not_start(tested: Run) -> None:
    done = tested(TEST, "--mesotape-max-age=old")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["ERROR: mesotape_max_age: 'old' is no age, expected *"])
