"""Workflow commands of GitHub Actions, which annotate a run or a line of a file.

::warning file=c.yaml,line=41,title=not used::exchange 3: master call GET_AGENTS
"""

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
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
    place = "" if file is None else f"file={_escape_property(_from_workspace(file))},line={line},"
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


def _from_workspace(path: str) -> str:
    """Return a path from the folder of the repository, whichever is the folder of the step."""
    workspace = os.environ.get("GITHUB_WORKSPACE")
    return os.path.relpath(path, workspace) if workspace and Path(path).is_file() else path


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")
