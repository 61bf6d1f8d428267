"""What a failed test is told: the missing cassette, advice, why the recorder got no answer."""

import os
import shlex
from collections.abc import Sequence
from functools import partial
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


def audience_of(
    request: pytest.FixtureRequest, cassettes: Sequence[Path], settings: Settings, upstream: str
) -> Audience:
    """Return how advice is written for a test: keywords of its marker, and runs of pytest."""
    return Audience(as_keyword, partial(_write_recording, request, cassettes, settings, upstream))


def describe_missing(
    missing: Path,
    request: pytest.FixtureRequest,
    cassettes: Sequence[Path],
    settings: Settings,
    upstream: str,
) -> str:
    """Return the message for a cassette that does not exist, with the command that records it."""
    wanted = WantedRecording(str(missing), settings.server, None, is_append=False)
    command = _write_recording(request, cassettes, settings, upstream, wanted, mode="once")
    record = f"\nto record it from a Mesos server:\n    {command}" if command else ""
    return f"there is no cassette {missing}{similar_name_hint(missing)}{record}"


def _write_recording(
    request: pytest.FixtureRequest,
    cassettes: Sequence[Path],
    settings: Settings,
    upstream: str,
    wanted: WantedRecording,
    mode: str | None = None,
) -> str | None:
    """Return a run of pytest that records a cassette, or the command if a test cannot."""
    if len(cassettes) > 1 or wanted.path.endswith(".gz"):
        return record_command(wanted)
    mode = mode or ("new_episodes" if wanted.is_append else "all")
    words = ["pytest", _node_id(request), f"--mesotape-record={mode}"]
    if settings.upstream is None:
        url = known_upstream(upstream or wanted.upstream, settings.server)
        words.append(f"--mesotape-upstream={url}")
    return shlex.join(words)


def _node_id(request: pytest.FixtureRequest) -> str:
    """Return the id of a test, as seen from the folder in which pytest was started."""
    _, separator, rest = request.node.nodeid.partition("::")
    return os.path.relpath(request.path, request.config.invocation_params.dir) + separator + rest
