"""Absolute times move by whole seconds, and nothing else does."""

import datetime

import pytest

from mesotape.cassettes.renaming.times import ROUND_TIME, TimeShift

BEGAN = datetime.datetime(2026, 11, 22, 12, 18, 29, 104233, tzinfo=datetime.UTC)
SHIFT = TimeShift(BEGAN)
SECONDS = int(BEGAN.timestamp())
NEW = int(ROUND_TIME.timestamp())

FIELDS = [
    (f'"timestamp": {SECONDS + 1}.25', f'"timestamp": {NEW + 1}.25'),
    (f'"timestamp":{SECONDS}', f'"timestamp":{NEW}'),
    (f'"start_time": {SECONDS - 5}.0', f'"start_time": {NEW - 5}.0'),
    (f'"nanoseconds": {SECONDS}123456789', f'"nanoseconds": {NEW}123456789'),
    ('"nanoseconds": 5000000000', '"nanoseconds": 5000000000'),
    ('"timestamp": 1.795e+09', '"timestamp": 1.795e+09'),
    (f'"bytes": {SECONDS}', f'"bytes": {SECONDS}'),
]


@pytest.mark.parametrize(("text", "expected"), FIELDS)
def test_a_field(text: str, expected: str) -> None:
    assert SHIFT.move_fields(text) == expected


DATES = [
    ("Sun, 22 Nov 2026 12:18:30 GMT", "Sat, 01 Jan 2000 00:00:01 GMT"),
    ("Sun, 32 Nov 2026 12:18:30 GMT", "Sun, 32 Nov 2026 12:18:30 GMT"),
    ("Thu, 01 Jan 1970 00:00:00 GMT", "Thu, 01 Jan 1970 00:00:00 GMT"),
]


@pytest.mark.parametrize(("text", "expected"), DATES)
def test_a_date(text: str, expected: str) -> None:
    assert SHIFT.move_dates(text) == expected


def test_the_start_keeps_its_microseconds_and_moves_once() -> None:
    moved = SHIFT.move_start(BEGAN)
    assert moved == ROUND_TIME.replace(microsecond=104233)
    assert TimeShift(moved).seconds == 0
