import io

import pytest
from rich.console import Console

from mesotape.cassettes.recording.writer_reports import OpenStream, WriterStatus
from mesotape.proxy.terminal.record_panel import RecordPanel

STREAMS = [
    OpenStream(exchange=7, call="GET /x\x1b[2J"),
    OpenStream(exchange=2, call="SUBSCRIBE", events=1204, last_type="TASK_UPDATED", last_at=9.7),
]
STATUS = WriterStatus(
    exchanges=1, events=1204, notes=2, size=1_200_000, stream_count=3, streams=STREAMS
)


def drawn(status: WriterStatus, width: int) -> list[str]:
    panel = RecordPanel(lambda: status, lambda: 0, lambda: 10.0)
    console = Console(file=io.StringIO(), width=width)
    with console.capture() as captured:
        console.print(panel.draw(10.0, width))
    return [line.rstrip() for line in captured.get().splitlines()]


def test_the_panel_has_counts_and_open_streams() -> None:
    assert drawn(STATUS, 100) == [
        "0:00:10  1 exchange, 0.1/s  1204 events, 120.4/s  2 notes  1.2 MB  writer lag 0 B",
        "open stream       events  last event",
        "#2 SUBSCRIBE        1204  TASK_UPDATED  0.3 s ago",
        r"#7 GET /x\x1b[2J       0  -",
        "and 1 more",
    ]


@pytest.mark.parametrize("width", [40, 80, 160])
def test_the_panel_fits_into_its_width(width: int) -> None:
    lines = drawn(STATUS, width)
    assert max(map(len, lines)) <= width
    assert any("1204" in line and "SUBSCRIBE" in line for line in lines)


def test_a_gap_and_the_last_note_are_shown() -> None:
    lines = drawn(WriterStatus(gap="the disk is full", last_note="a\nb"), 80)
    assert lines[1:] == ["nothing is recorded: the disk is full", r"note: a\nb"]
