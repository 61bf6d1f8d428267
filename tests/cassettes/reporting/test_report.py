"""The columns of a report: events and their exchanges, lanes, causes, states."""

import base64
import json
import re
import zlib
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.captured_cassettes import captured as captured
from support.paths import ROOT

from mesotape.cassettes.reporting.report import write_report

SAMPLE = ROOT / "cassettes" / "samples" / "master.yaml"


class Data:
    """What the script of a page reads."""

    def __init__(self, page: bytes) -> None:
        self.facts: dict[str, Any] = json.loads(self._part(page, b"facts"))
        self._columns = self._part(page, b"columns")

    @staticmethod
    def _part(page: bytes, name: bytes) -> bytes:
        found = re.search(rb'id="%s">(.*?)</script>' % name, page)
        assert found is not None
        return zlib.decompress(base64.b64decode(found[1]))

    def column(self, table: str, name: str) -> list[Any]:
        code, offset, length = self.facts["columns"][table][name]
        values = array(code)
        values.frombytes(self._columns[offset : offset + length * values.itemsize])
        return values.tolist()

    def texts(self, table: str, name: str) -> list[str]:
        return [self.facts["texts"][number] for number in self.column(table, name)]


def report(tmp_path: Path, *paths: Path) -> Data:
    write_report(list(paths), tmp_path / "report.html")
    return Data((tmp_path / "report.html").read_bytes())


def test_events_have_their_exchanges_and_lanes(tmp_path: Path) -> None:
    data = report(tmp_path, SAMPLE)
    numbers = data.column("exchanges", "number")
    assert sorted(numbers) == [1, 2, 3, 4, 5, 6, 7]
    events = [numbers[row] for row in data.column("events", "exchange")]
    assert (events.count(1), events.count(2)) == (18, 18)
    lanes = data.facts["lanes"]
    assert [lane["client"] for lane in lanes] == [1, 2, 3, 4]
    assert [lane["exchange"] is None for lane in lanes] == [False, False, True, True]
    assert data.texts("exchanges", "call").count("SUBSCRIBE") == 2


def test_two_cassettes_are_on_one_clock(tmp_path: Path) -> None:
    later = tmp_path / "later.yaml"
    later.write_bytes(SAMPLE.read_bytes().replace(b"21:04:33.124171Z", b"21:04:43.124171Z", 1))
    data = report(tmp_path, SAMPLE, later)
    times = data.column("events", "at")
    shifts = {round(b - a, 6) for a, b in zip(times[:36], times[36:], strict=True)}
    assert shifts == {10.0}
    assert {lane["cassette"] for lane in data.facts["lanes"]} == {0, 1}
    earlier_last = report(tmp_path, later, SAMPLE)
    assert min(earlier_last.column("events", "at")) == min(times)


def test_calls_cause_the_events_that_name_their_ids(
    tmp_path: Path, captured: Callable[[str], Path]
) -> None:
    data = report(tmp_path, captured("sched-all"))
    calls, types = data.texts("exchanges", "call"), data.texts("events", "type")
    call_times, event_times = data.column("exchanges", "at"), data.column("events", "at")
    pairs = list(
        zip(data.column("causes", "exchange"), data.column("causes", "event"), strict=True)
    )
    assert {calls[call] for call, _ in pairs} >= {"ACCEPT", "KILL"}
    assert {types[event] for _, event in pairs} <= {"UPDATE", "UPDATE_OPERATION_STATUS"}
    assert all(call_times[call] < event_times[event] for call, event in pairs)


def test_states_are_counted_once_whoever_tells_them(tmp_path: Path) -> None:
    states = {chart["title"]: chart for chart in report(tmp_path, SAMPLE).facts["states"]}
    tasks = states["tasks"]["states"]
    assert {state: counts[-1] for state, counts in tasks.items() if counts[-1]} == {
        "finished": 1,
        "killed": 1,
        "lost": 1,
    }
    assert max(tasks["running"]) == 3
    assert states["agents"]["states"]["active"] == [1, 2, 1]


@pytest.mark.parametrize(
    "values",
    [
        {b"\nclient: 1\n": b"\nclient: 9223372036854775807\n"},
        {b"\nexchange: 1\n": b"\nexchange: 9223372036854775807\n"},
        {b"status: 200": b"status: 99999"},
        {b"\nat: 5.": b"\nat: 999999999999."},
        {b'"TASK_': b'"\\ud800TASK_'},
        {b"\nof: 1\n": b"\nof: 4294967295\n"},
    ],
    ids=str,
)
def test_unusual_values_are_shown(values: dict[bytes, bytes], tmp_path: Path) -> None:
    text = SAMPLE.read_bytes()
    for value, unusual in values.items():
        assert value in text
        text = text.replace(value, unusual)
    path = tmp_path / "unusual.yaml"
    path.write_bytes(text)
    data = report(tmp_path, path)
    assert data.facts["counts"]["problems"] > 0 or b"client: 9" in text
