"""The age of cassettes: a server that was recorded long ago may answer differently today.

An old cassette is a warning, because a test that fails just because time passes helps nobody who
changes the code; `-W error::mesotape.proxy.testing.age.OldCassetteWarning` makes it a failure.
"""

import datetime
import os
import re
import warnings
from pathlib import Path

_UNITS = {"h": "hours", "d": "days", "w": "weeks"}
_AGE = re.compile(r"(\d{1,6})([hdw])", re.ASCII)


class OldCassetteWarning(UserWarning):
    """A cassette was recorded longer ago than `--mesotape-max-age` allows."""


def parse_age(text: str) -> datetime.timedelta:
    """Parse an age like `90d`, `12w` or `36h`. Raises ValueError."""
    match = _AGE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no age, expected a number of hours, days or weeks, like 90d")
    return datetime.timedelta(**{_UNITS[match[2]]: int(match[1])})


def warn_of_age(cassette: Path, began: datetime.datetime, max_age: str) -> None:
    """Warn if a cassette is older than `max_age`."""
    age = datetime.datetime.now(datetime.UTC) - began
    if age <= parse_age(max_age):
        return
    text = (
        f"{os.path.relpath(cassette)} was recorded on {began:%Y-%m-%d}, longer ago than"
        f" --mesotape-max-age={max_age}: record it again, with --mesotape-record=all"
    )
    warnings.warn(text, OldCassetteWarning, stacklevel=2)
