"""The panel of `mesotape record`.

0:01:23  12 exchanges, 0.3/s  1204 events, 25.0/s  2 notes  1.2 MB  writer lag 0 B
open stream   events  last event
#1 SUBSCRIBE    1204  TASK_UPDATED  0.3 s ago
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from ...cassettes.recording.writer_reports import WriterStatus
from ...proto.counted import counted
from ...proto.shown_text import escape_line
from .live_panel import Rate, format_clock, format_size, join_facts, stream_table

if TYPE_CHECKING:
    from rich.console import RenderableType

_MOST_STREAMS = 8


class RecordPanel:
    """Draws a recording.

    `status` returns the last report of the writer, `waiting` how many bytes wait for it, and
    `now` the time of the recording in seconds.
    """

    def __init__(
        self,
        status: Callable[[], WriterStatus],
        waiting: Callable[[], int],
        now: Callable[[], float],
    ) -> None:
        self._status, self._waiting, self._now = status, waiting, now
        self._calls, self._events = Rate(), Rate()

    def draw(self, elapsed_seconds: float, width: int) -> "RenderableType":
        """Return what is recorded at this moment."""
        from rich.console import Group
        from rich.text import Text

        status = self._status()
        counts = join_facts(self._counts(status, elapsed_seconds), width)
        lines: list[RenderableType] = [Text(counts)]
        if status.gap is not None:
            lines.append(Text(f"nothing is recorded: {escape_line(status.gap)}", style="bold red"))
        if status.last_note:
            text = Text(f"note: {escape_line(status.last_note)}", no_wrap=True)
            text.overflow = "ellipsis"
            lines.append(text)
        if status.streams:
            lines.append(self._streams(status))
        return Group(*lines)

    def _counts(self, status: WriterStatus, elapsed_seconds: float) -> list[str]:
        calls = self._calls.update(elapsed_seconds, status.exchanges)
        events = self._events.update(elapsed_seconds, status.events)
        return [
            format_clock(elapsed_seconds),
            f"{counted(status.exchanges, 'exchange')}, {calls:.1f}/s",
            f"{counted(status.events, 'event')}, {events:.1f}/s",
            counted(status.notes, "note"),
            format_size(status.size),
            f"writer lag {format_size(self._waiting())}",
        ]

    def _streams(self, status: WriterStatus) -> "RenderableType":
        now = self._now()
        shown = sorted(status.streams[:_MOST_STREAMS], key=lambda each: each.exchange)
        rows = [
            (
                f"#{each.exchange} {escape_line(each.call)}",
                str(each.events),
                each.last_type or "-",
                f"{max(0.0, now - each.last_at):.1f} s ago" if each.events else "",
            )
            for each in shown
        ]
        heads = ("open stream", "events", "last event", "")
        return stream_table(heads, rows, status.stream_count - len(shown))
