"""Workflow commands of GitHub Actions, which annotate a run or a line of a file.

::warning file=c.yaml,line=41,title=not used::exchange 3: master call GET_AGENTS
"""

from collections.abc import Iterator
from itertools import islice
from typing import Literal

from .reported_replay import ReportedReplay, first_line

_MOST = 10
"""GitHub shows ten of each level."""


def format_annotation(
    level: Literal["error", "warning", "notice"],
    title: str,
    text: str,
    file: str | None = None,
    line: int = 0,
) -> str:
    """Format a command."""
    place = "" if file is None else f"file={_escape_property(file)},line={line},"
    return f"::{level} {place}title={_escape_property(title)}::{_escape(text)}"


def replay_annotations(replay: ReportedReplay) -> Iterator[str]:
    """Yield an error for each problem, and a notice for each exchange that was not used."""
    for problem in replay.problems[:_MOST]:
        yield format_annotation("error", first_line(problem.text), problem.text)
    for exchange in islice(replay.receipt.unused, _MOST):
        text = replay.describe(exchange)
        yield format_annotation(
            "notice", "not used", text, exchange.cassette, replay.line(exchange)
        )


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")
