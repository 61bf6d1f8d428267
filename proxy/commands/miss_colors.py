"""Reports of misses in colour: what was recorded in red, what was received in green.

Without a terminal, or with NO_COLOR set (no-color.org), the text has no colours.
"""

import os
import sys
from collections.abc import Iterable
from io import StringIO

from ...cassettes.matching.misses import Miss, ReportLine, SpanStyle
from ...cassettes.playback.journal import ReplayNote
from ...proto.shown_text import escape_line
from .console import print_colored, print_to_stderr

_RICH_STYLES: dict[SpanStyle, str] = {
    "plain": "",
    "error": "bold red",
    "label": "bold yellow",
    "nearest": "cyan",
    "nearest-played": "dim cyan",
    "path": "bold",
    "recorded": "red",
    "arrow": "dim",
    "received": "green",
}


def is_colorful() -> bool:
    """Return whether stderr is a terminal that shows colours, and NO_COLOR is not set."""
    # rich stands in for stderr while a status line is shown; before 15.0, it is never a terminal.
    stream = getattr(sys.stderr, "rich_proxied_file", sys.stderr)
    return stream.isatty() and allows_colors()


def allows_colors() -> bool:
    """Return whether the environment lets a terminal show colours: NO_COLOR is not set."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def colorize_report(report: Iterable[ReportLine]) -> str:
    """Return a report with escape sequences for colours; its characters stay the same."""
    from rich.console import Console
    from rich.text import Text

    console = Console(file=StringIO(), force_terminal=True, color_system="standard", no_color=False)
    lines = [
        Text.assemble(*((escape_line(text), _RICH_STYLES[style]) for text, style in line))
        for line in report
    ]
    console.print(Text("\n").join(lines), soft_wrap=True, end="")
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def report_note(note: Miss | ReplayNote) -> None:
    """Print a miss or a note on stderr, in colours if it is to have them."""
    if isinstance(note, str) or not is_colorful():
        print_to_stderr(str(note))
    else:
        print_colored(colorize_report(note.report_lines()))
