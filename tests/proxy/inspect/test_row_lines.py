"""The lines of records that are listed are those of a row for each of them."""

import base64
import gzip
import json
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from support.corruptions import CORPUS
from support.random_messages import damaged

from mesotape.cassettes.inspection.rows import Row
from mesotape.cassettes.inspection.stream_rows import StreamOrigin, StreamRows
from mesotape.proto.diagnosis import protobuf_content, stream_type
from mesotape.proto.diagnosis.valid_runs import RunDetail
from mesotape.proxy.inspect.row_lines import RowFormatter
from mesotape.proxy.inspect.summary import InspectionSummary

CASES: list[dict[str, Any]] = json.loads(gzip.decompress(CORPUS.read_bytes()))
FORMATTERS = [RowFormatter(), RowFormatter(width=70), RowFormatter(width=130, use_color=True)]


@pytest.fixture(params=["compiled", "python"], autouse=True)
def implementation(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protobuf_content, "WARM_RECORDS", 3)
    if request.param == "python":
        monkeypatch.setattr(stream_type, "plain_record_reader", lambda *_, **__: None)


def lines(case: dict[str, Any], data: bytes, runs: RunDetail | None) -> Iterator[list[str]]:
    """Yield the lines of a stream, formatted in several ways, and its summary."""
    stream = StreamRows(StreamOrigin(), case["message"], case["encoding"], runs=runs)
    middle = len(data) // 2
    rows: list[Row] = [*stream.feed(data[:middle]), *stream.feed(data[middle:]), *stream.close()]
    for formatter in FORMATTERS:
        summary, shown = InspectionSummary(), list[str]()
        for row in rows:
            number = summary.rows + 1
            summary.add_row(row)
            shown += formatter.format_row(row, number)
        yield [*shown, json.dumps([summary.rows, summary.to_dict()])]


def test_listed_records_have_the_lines_of_their_rows() -> None:
    random = Random(13)
    joined = 0
    for case in CASES:
        data = base64.b64decode(case["data"])
        for stream in (data, data * 2, damaged(random, data)):
            expected = list(lines(case, stream, None))
            assert list(lines(case, stream, "listed")) == expected
            joined += any("TASK_UPDATED" in line for line in expected[0])
    assert joined > len(CASES) // 2


@pytest.mark.parametrize("size", [9999, 10_000, 9_999_999, 10_000_000])
def test_large_records_are_listed_with_their_size(size: int) -> None:
    text = b'{"type":"ERROR","error":{"message":"%s"}}'
    records = [text % b"a", text % (b"a" * (size - len(text) - len(str(size)) + 1)), text % b"b"]
    data = b"".join(b"%d\n%b" % (len(record), record) for record in records)
    case = {"message": "mesos.v1.scheduler.Event", "encoding": "json"}
    assert list(lines(case, data, "listed")) == list(lines(case, data, None))
