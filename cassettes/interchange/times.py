"""Dates and times, as other formats have them, and the seconds of a cassette."""

import datetime


def format_time(began: datetime.datetime, at: float) -> str:
    """Return the date and time that is some seconds after the start of a recording."""
    moment = began + datetime.timedelta(seconds=at)
    return moment.isoformat(timespec="microseconds")


def parse_time(text: str) -> datetime.datetime:
    """Parse a date and time in the format of RFC 3339: UTC, if it has no time zone. ValueError."""
    moment = datetime.datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=datetime.UTC)
