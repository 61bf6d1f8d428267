"""The tables of the captures say what `mesotape inspect` says of them."""

from collections.abc import Callable, Iterator
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import pytest
from support.capture_to_cassette import taped
from support.captured_cassettes import captured as captured
from support.captures import load, names_for_formats

from mesotape.cassettes.inspection.cassette_rows import read_cassette_rows
from mesotape.cassettes.inspection.rows import Row
from mesotape.cassettes.storage.reader import Cassette
from mesotape.cassettes.tables.arrow import SCHEMAS, CassetteDataset, read_batches
from mesotape.cassettes.tables.source import open_source

EACH_CAPTURE = pytest.mark.parametrize("name", names_for_formats())


@pytest.fixture(scope="module")
def two_streams(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cassette of some 1,300 documents, with a long one, and one that is cut off."""
    path = taped(load("all-events"), tmp_path_factory.mktemp("tables") / "two-streams.yaml")
    data = path.read_bytes()
    events = data[data.index(b"---\nevent: ") :]
    path.write_bytes(data + events * 5 + b"---\nevent: 9\nof: 1\nat: 2")
    return path


@pytest.mark.parametrize("table", SCHEMAS)
def test_ranges_of_a_cassette_have_all_rows_once(two_streams: Path, table: str) -> None:
    if table == "problems":
        return
    whole = list(read(two_streams, table, None))
    assert len(whole) > 5
    size = two_streams.stat().st_size
    with Cassette.open(two_streams, lenient=True) as opened:
        starts = [opened.span(document)[0] for document in (1, 2, 7)]
    stops = sorted({*starts, *(each + 1 for each in starts), *range(9999, size, 55_555), size})
    parts = [read(two_streams, table, span) for span in pairwise([0, *stops])]
    assert list(chain.from_iterable(parts)) == whole


def read(path: Path, table: str, span: tuple[int, int] | None) -> Iterator[dict[str, Any]]:
    with open_source(path, span) as source:
        for batch in read_batches(source, table, SCHEMAS[table].names):
            yield from batch.to_pylist()


def rows(path: Path, table: str, *columns: str) -> list[dict[str, Any]]:
    dataset = CassetteDataset([path], table, lambda path, done: None)
    return dataset.scanner(columns=list(columns) or None).to_reader().read_all().to_pylist()


def inspected(path: Path, row_type: str) -> Iterator[Row]:
    with Cassette.open(path, lenient=True) as opened:
        yield from (row for row in read_cassette_rows(opened) if row.row_type == row_type)


@EACH_CAPTURE
def test_the_events_are_those_of_inspect(captured: Callable[[str], Path], name: str) -> None:
    path = captured(name)
    found = [
        (each["exchange"], each["side"], each["at_seconds"], each["type"], each["size"])
        for each in rows(path, "events")
        if each["malformed"] is None and each["type"] is not None
    ]
    expected = [
        (row.exchange, row.side, row.at, row.type, len(row.body))
        for row in inspected(path, "event")
        if row.finding is not None and row.severity != "malformed"
    ]
    assert found == expected


@EACH_CAPTURE
def test_the_exchanges_are_those_of_inspect(captured: Callable[[str], Path], name: str) -> None:
    path = captured(name)
    found = {
        each["exchange"]: (
            *(each["at_seconds"], each["client"], each["method"], each["path"], each["status"]),
            *(each["size"], each["request_size"], each["stream"]),
        )
        for each in rows(path, "exchanges")
    }
    assert found == {
        row.exchange: (
            *(row.at, row.client, row.method, row.path, row.status),
            *(row.size, len(row.request_body), row.text),
        )
        for row in inspected(path, "exchange")
    }


@EACH_CAPTURE
def test_the_calls_are_those_of_inspect(captured: Callable[[str], Path], name: str) -> None:
    path = captured(name)
    found = {
        each["exchange"]: each["call"]
        for each in rows(path, "exchanges")
        if each["request_encoding"] not in (None, "base64")
    }
    expected = {
        row.exchange: row.call
        for row in inspected(path, "exchange")
        if row.exchange in found and row.content is not None and not row.content.diagnostics
    }
    assert expected.items() <= found.items()
