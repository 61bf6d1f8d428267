"""The panel of `mesotape replay`.

0:01:23  12 served, 0.3/s  0 missed  1204 events, 25.0/s  1 held
open stream   events  client  state
#1 SUBSCRIBE    1204       1  waits to be advanced; next is OFFERS
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ...proto.counted import counted
from ...proto.shown_text import escape_line
from ..server.server import ReplayServer
from ..streams.stream_registry import StreamState
from .live_panel import Rate, format_clock, join_facts, stream_table

if TYPE_CHECKING:
    from rich.console import RenderableType

_MOST_STREAMS = 8
_MOST_REASONS = 2
_MOST_COUNTED = 1000
"""Streams of which is counted how many are held."""


class ReplayPanel:
    """Draws a replay; `count_failed` returns how many requests and streams could not be played."""

    def __init__(self, server: ReplayServer, count_failed: Callable[[], int]) -> None:
        self._server, self._count_failed = server, count_failed
        self._calls, self._events = Rate(), Rate()

    def draw(self, elapsed_seconds: float, width: int) -> "RenderableType":
        """Return what is played at this moment."""
        from rich.console import Group
        from rich.text import Text

        states = self._server.stream_registry.open_states(_MOST_COUNTED)
        counts = join_facts(self._counts(elapsed_seconds, states), width)
        lines: list[RenderableType] = [Text(counts)]
        lines += [
            Text(f"held: {escape_line(reason)}", no_wrap=True, overflow="ellipsis")
            for reason in self._server.responder.playback.waiting[:_MOST_REASONS]
        ]
        if states:
            heads = ("open stream", "events", "client", "state")
            rows = [_row(state) for state in states[:_MOST_STREAMS]]
            more_count = self._server.stream_registry.open_count - len(rows)
            lines.append(stream_table(heads, rows, more_count))
        return Group(*lines)

    def _counts(self, elapsed_seconds: float, states: Sequence[StreamState]) -> list[str]:
        journal = self._server.responder.journal
        served, sent = journal.served_count, self._server.stream_registry.count_events_sent()
        calls = self._calls.update(elapsed_seconds, served)
        events = self._events.update(elapsed_seconds, sent)
        facts = [
            format_clock(elapsed_seconds),
            f"{served} served, {calls:.1f}/s",
            f"{journal.missed_count} missed",
            f"{counted(sent, 'event')}, {events:.1f}/s",
            f"{sum(each.state == 'held' for each in states)} held",
        ]
        if journal.refused_count:
            facts.append(f"{journal.refused_count} refused")
        if failed := self._count_failed():
            facts.append(f"{failed} failed")
        return facts


def _row(state: StreamState) -> tuple[str, str, str, str]:
    name = f"#{state.exchange} {escape_line(state.call or '')}".rstrip()
    reason = escape_line(state.held_by) if state.held_by is not None else "plays"
    return name, str(state.events_sent), str(state.client), reason
