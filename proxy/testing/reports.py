"""What a failed test is told: the missing cassette, advice, why the recorder got no answer."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

import pytest
from _pytest._code.code import ExceptionChainRepr, ReprEntryNative, ReprExceptionInfo

from ...cassettes.matching.advice import (
    Audience,
    WantedRecording,
    as_keyword,
    known_upstream,
    record_command,
)
from .settings import Settings, similar_name_hint


def put_first(report: pytest.TestReport, lines: Sequence[str]) -> None:
    """Print lines before the traceback of a failure, of which they are the cause.

    A failure that has no traceback gets them as a section.
    """
    match report.longrepr:
        case ExceptionChainRepr(chain=[(first, _, _), *_]) | ReprExceptionInfo(reprtraceback=first):
            entries = [ReprEntryNative([f"{line}\n" for line in lines]), *first.reprentries]
            first.reprentries = entries
        case _:
            report.sections.append(("mesotape", "\n".join(lines)))


class RecordingAdvice:
    """How the failures of a test advise to record: by keywords of its marker, and runs of pytest.

    `target` selects the tests on the command line of pytest; empty means all.
    """

    def __init__(
        self, target: str, cassettes: Sequence[Path], settings: Settings, upstream: str
    ) -> None:
        self._target = target
        self._cassettes = cassettes
        self._settings = settings
        self._upstream = upstream

    @property
    def audience(self) -> Audience:
        """How the advice of a replay is written."""
        return Audience(as_keyword, self._write_recording)

    def describe_missing(self, missing: Path) -> str:
        """Return the message for a cassette that does not exist, with the command for it."""
        wanted = WantedRecording(str(missing), self._settings.server, None, is_append=False)
        command = self._write_recording(wanted, mode="once")
        record = f"\nto record it from a Mesos server:\n    {command}" if command else ""
        return f"there is no cassette {missing}{similar_name_hint(missing)}{record}"

    def _write_recording(self, wanted: WantedRecording, mode: str | None = None) -> str | None:
        """Return a run of pytest that records a cassette, or the command if a test cannot."""
        if len(self._cassettes) > 1 or wanted.path.endswith(".gz"):
            return record_command(wanted)
        mode = mode or ("new_episodes" if wanted.is_append else "all")
        words = ["pytest", *filter(None, [self._target]), f"--mesotape-record={mode}"]
        if self._settings.upstream is None:
            url = known_upstream(self._upstream or wanted.upstream, self._settings.server)
            words.append(f"--mesotape-upstream={url}")
        return shlex.join(words)


def command_line_id(node: pytest.Item) -> str:
    """Return the id of a test, as seen from the folder in which pytest was started."""
    _, separator, rest = node.nodeid.partition("::")
    return os.path.relpath(node.path, node.config.invocation_params.dir) + separator + rest
