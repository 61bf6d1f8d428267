"""A panel below the messages on a terminal, which is drawn again while a command runs.

A thread draws it from counters, so that nothing that serves clients waits for a slow terminal.
"""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import RenderableType

_DRAW_SECONDS = 0.5
_END_SECONDS = 1.0
_WIDEST_COLUMN = 24

_MARGIN = 3
"""Columns at the right for the `^C` that terminals show; without, it could begin a line."""

type Draw = Callable[[float, int], RenderableType]
"""Return the panel, for the seconds since it began and a width."""


def has_panel() -> bool:
    """Return whether stderr is a terminal on which a panel can be drawn."""
    return sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"


@contextlib.contextmanager
def live_panel(draw: Draw, *, is_wanted: bool = True) -> Generator[None]:
    """Show a panel on stderr while the block runs, if that is a terminal."""
    if not is_wanted or not has_panel():
        yield
        return
    from rich.console import Console
    from rich.constrain import Constrain
    from rich.live import Live

    console = Console(stderr=True, highlight=False)
    begun, ended = time.monotonic(), threading.Event()
    with Live(console=console, auto_refresh=False, transient=True, redirect_stdout=False) as live:

        def draw_again() -> None:
            while True:
                # The loop changes its lists and dicts meanwhile; the next time it is drawn again.
                with contextlib.suppress(RuntimeError):
                    width = console.width - _MARGIN
                    panel = draw(time.monotonic() - begun, width)
                    live.update(Constrain(panel, width), refresh=True)
                if ended.wait(_DRAW_SECONDS):
                    return

        thread = threading.Thread(target=draw_again, name="panel", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(_END_SECONDS)


class Rate:
    """How many things came per second, over the last few seconds."""

    def __init__(self, window_seconds: float = 3.0) -> None:
        self._window_seconds = window_seconds
        self._samples = [(0.0, 0)]

    def update(self, now_seconds: float, count: int) -> float:
        """Take the count of this moment; return the rate."""
        self._samples.append((now_seconds, count))
        while len(self._samples) > 2 and self._samples[1][0] <= now_seconds - self._window_seconds:
            del self._samples[0]
        then_seconds, then_count = self._samples[0]
        elapsed_seconds = now_seconds - then_seconds
        return max(0, count - then_count) / elapsed_seconds if elapsed_seconds > 0 else 0.0


def format_clock(seconds: float) -> str:
    """Format a duration as `0:01:23`."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def format_size(size: int) -> str:
    """Format a number of bytes as `950 B`, `12.0 kB` or `3.1 MB`."""
    if size < 1000:
        return f"{size} B"
    return f"{size / 1e3:.1f} kB" if size < 1_000_000 else f"{size / 1e6:.1f} MB"


def join_facts(facts: Sequence[str], width: int) -> str:
    """Join facts with two blanks, in lines of at most a width."""
    lines = [facts[0]]
    for fact in facts[1:]:
        if len(lines[-1]) + 2 + len(fact) <= width:
            lines[-1] += f"  {fact}"
        else:
            lines.append(fact)
    return "\n".join(lines)


def stream_table(
    heads: Sequence[str], rows: Sequence[Sequence[str]], more_count: int
) -> "RenderableType":
    """Return a table of streams; in a narrow terminal the last column is cut."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for number, head in enumerate(heads[:-1]):
        width = min(max(len(row[number]) for row in [heads, *rows]), _WIDEST_COLUMN)
        is_number = head in ("events", "client")
        table.add_column(
            head, no_wrap=True, min_width=width, justify="right" if is_number else "left"
        )
    table.add_column(heads[-1], no_wrap=True, overflow="ellipsis")
    for row in rows:
        table.add_row(*map(Text, row))
    if more_count:
        table.add_row(Text(f"and {more_count} more", style="dim"))
    return table
