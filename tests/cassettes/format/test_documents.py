"""What the documents say of themselves."""

import datetime

import pytest

from mesotape.cassettes.format.documents import Header

NOON = datetime.datetime(2026, 11, 22, 12)
IN_BERLIN = datetime.timezone(datetime.timedelta(hours=1))


@pytest.mark.parametrize(
    "recorded_at",
    [NOON, NOON.replace(tzinfo=datetime.UTC), NOON.replace(hour=13, tzinfo=IN_BERLIN)],
)
def test_a_recording_without_a_time_zone_began_in_utc(recorded_at: datetime.datetime) -> None:
    began = Header(mesotape=1, recorded_at=recorded_at).began
    assert began == NOON.replace(tzinfo=datetime.UTC)
