"""How much of a large file a command has read: one line on a terminal, removed at the end.

Nothing is shown of what takes less than half a second, nor if stderr is not a terminal.
"""

import contextlib
import os
import sys
import time
from collections.abc import Generator
from pathlib import Path

from ...proto.shown_text import escape_line

_SHOWN_AFTER_SECONDS = 0.5
_SHOWN_EVERY_SECONDS = 0.25
_CLEAR_LINE = "\r\x1b[K"
_UNKNOWN_WIDTH = 80
"""Columns of a terminal that says 0."""


class Progress:
    """Shows on a terminal how much of a work is done, from half a second on: one line."""

    def __init__(self, text: str, total: int = 100) -> None:
        self._text = text
        self._total = total
        self._next_at = time.monotonic() + _SHOWN_AFTER_SECONDS
        self._is_terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._is_shown = False

    def advance(self, done: int) -> None:
        """Show how much is done, unless that was shown a moment ago."""
        if not self._is_terminal or (now := time.monotonic()) < self._next_at:
            return
        self._next_at = now + _SHOWN_EVERY_SECONDS
        percent = min(100, done * 100 // max(1, self._total))
        sys.stderr.write(f"{_CLEAR_LINE}{_fit(self._text)}: {percent:2} %")
        sys.stderr.flush()
        self._is_shown = True

    def clear(self) -> None:
        """Remove it from the terminal, before something else is printed there."""
        if self._is_shown:
            sys.stderr.write(_CLEAR_LINE)
            sys.stderr.flush()
            self._is_shown = False


def _fit(text: str) -> str:
    """Return a text without its middle if it does not fit into a line with the percentage.

    A line that wraps would stay on the terminal.
    """
    from rich.cells import cell_len, chop_cells  # It takes 20 ms to import.

    text = escape_line(text)
    width = os.get_terminal_size(sys.stderr.fileno()).columns or _UNKNOWN_WIDTH
    room = max(width - len(": 100 %") - 1, 1)
    if cell_len(text) <= room:
        return text
    half = max((room - 1) // 2, 1)
    last = chop_cells(text[::-1], half)[0][::-1]
    return f"{chop_cells(text, half)[0]}…{last}"


class ReadingProgress:
    """Shows on a terminal which of several files is read, and how many percent of it."""

    def __init__(self) -> None:
        self._shown: dict[Path, Progress] = {}
        self._is_stopped = False

    def advance(self, path: Path, percent: int) -> None:
        """Show how much of a file is read."""
        if self._is_stopped:
            return
        if path not in self._shown:
            self.clear()
            self._shown = {path: Progress(f"reading {path}")}
        self._shown[path].advance(percent)

    def clear(self) -> None:
        """Remove it from the terminal."""
        for each in self._shown.values():
            each.clear()

    def stop(self) -> None:
        """Remove it from the terminal, and show no more."""
        self.clear()
        self._is_stopped = True


@contextlib.contextmanager
def progress(text: str, total: int = 100) -> Generator[Progress]:
    """Show the progress of a block."""
    shown = Progress(text, total)
    try:
        yield shown
    finally:
        shown.clear()
