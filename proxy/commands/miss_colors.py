"""Misses in colour, for a terminal: what was recorded in red, what came instead in green.

Whoever sets NO_COLOR (no-color.org), or reads what is written elsewhere, gets the plain text.
"""

import os
import re
import sys
from io import StringIO

_DIFFERENCE = re.compile(r"( {6}[^ ].*?: )(.*?)( → )(.*)")
_LABEL = re.compile(r"((?:  )?(?:[a-z ]+ as Mesos does,|no recorded answer:|what to do:|or:))(.*)")


def is_colorful() -> bool:
    """Return whether stderr is a terminal that shows colours, and NO_COLOR is not set."""
    # rich stands in for stderr while a status line is shown; before 15.0, it is never a terminal.
    stream = getattr(sys.stderr, "rich_proxied_file", sys.stderr)
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def colorize_miss(text: str) -> str:
    """Paint the text of a miss, or of a refusal with one. The characters stay the same."""
    from rich.console import Console
    from rich.text import Text

    console = Console(file=StringIO(), force_terminal=True, color_system="standard", no_color=False)
    lines = [Text.assemble(*_painted(line)) for line in text.split("\n")]
    console.print(Text("\n").join(lines), soft_wrap=True, end="")
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def _painted(line: str) -> list[tuple[str, str]]:
    """Cut a line into parts, each with its style."""
    if found := _DIFFERENCE.fullmatch(line):
        path, recorded, arrow, received = found.groups()
        return [(path, "bold"), (recorded, "red"), (arrow, "dim"), (received, "green")]
    if found := _LABEL.fullmatch(line):
        label, rest = found.groups()
        return [(label, "bold red" if "answer" in label else "bold yellow"), (rest, "")]
    if line.startswith("  nearest:"):
        return [(line, "dim cyan" if line.endswith(", already played") else "cyan")]
    return [(line, "")]
