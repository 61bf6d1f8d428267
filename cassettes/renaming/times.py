"""Absolute times in a cassette, moved so that the recording began at a round one.

    recorded_at: 2026-11-22T12:18:29.104233Z    2000-01-01T00:00:00.104233Z
    Date: Sun, 22 Nov 2026 12:18:29 GMT         Sat, 01 Jan 2000 00:00:00 GMT
    "timestamp": 1795349909.11                  946684800.11
    "nanoseconds": 1795349909110000000          946684800110000000

All move by the same whole seconds. `at` and `after` count from `recorded_at`, and stay.
"""

import datetime
import re
from email.utils import format_datetime, parsedate_to_datetime

ROUND_TIME = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)

_MOST_YEARS_APART = 30
_NANOSECONDS = 1_000_000_000
_FIELD = re.compile(
    r'("(?:timestamp|(?:start|elected|registered|reregistered|unregistered)_time|nanoseconds)"'
    r"\s*:\s*)([0-9]{9,19})(\.[0-9]+)?(?![0-9.eE])"
)
_HTTP_DATE = re.compile(
    r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT"
)


class TimeShift:
    """Moves the times of a cassette whose recording began at a time, with its time zone."""

    def __init__(self, began: datetime.datetime) -> None:
        self._began_seconds = int(began.timestamp())
        self.seconds = self._began_seconds - int(ROUND_TIME.timestamp())

    def move_start(self, recorded_at: datetime.datetime) -> datetime.datetime:
        """Move the time of the header."""
        return recorded_at - datetime.timedelta(seconds=self.seconds)

    def move_fields(self, text: str) -> str:
        """Move the times in the fields of a message that is shown as JSON."""
        return _FIELD.sub(self._moved_field, text) if self.seconds else text

    def move_dates(self, text: str) -> str:
        """Move the dates in a header."""
        return _HTTP_DATE.sub(self._moved_date, text) if self.seconds else text

    def _moved_field(self, match: re.Match[str]) -> str:
        key, digits, fraction = match.groups()
        unit = _NANOSECONDS if "nanoseconds" in key else 1
        if not self._is_near(int(digits) // unit):
            return match[0]
        return f"{key}{int(digits) - self.seconds * unit}{fraction or ''}"

    def _moved_date(self, match: re.Match[str]) -> str:
        try:
            date = parsedate_to_datetime(match[0])
        except ValueError:
            return match[0]
        if not self._is_near(int(date.timestamp())):
            return match[0]
        return format_datetime(date - datetime.timedelta(seconds=self.seconds), usegmt=True)

    def _is_near(self, seconds: int) -> bool:
        """Return whether a time is one of the cluster: other numbers are durations or are unset."""
        return abs(seconds - self._began_seconds) < _MOST_YEARS_APART * 365 * 86400
