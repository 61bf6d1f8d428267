"""Reports of the writer on a pipe that the proxy reads late."""

import os

import msgspec

from mesotape.addons.writing.reports import Reports
from mesotape.cassettes.recording.writer_reports import WriterStatus


def test_a_report_that_was_written_in_part_is_completed_first() -> None:
    reader, writer = os.pipe()
    reports = Reports(writer)
    lines = list[WriterStatus]()
    while reports.write(status := WriterStatus(error="x" * 40_000, exchanges=len(lines) + 1)):
        lines.append(status)
    assert len(lines) == 2  # The second in part; the third was dropped.
    received = os.read(reader, 1 << 20)
    last = WriterStatus(exchanges=9)
    assert reports.write(last)
    received += os.read(reader, 1 << 20)
    os.close(reader)
    os.close(writer)
    assert [msgspec.json.decode(line, type=WriterStatus) for line in received.splitlines()] == [
        *lines,
        last,
    ]
