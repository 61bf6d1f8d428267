"""The result of a recording or a replay: counts, messages and the exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from ...cassettes.redaction.rules import counts_text
from ...proto.counted import counted, was
from .console import (
    EXIT_FAILURE,
    EXIT_IDLE_FAULT,
    EXIT_LEFT_OUT,
    EXIT_MISS,
    EXIT_UNMET,
    print_json,
    print_json_line,
    print_to_stderr,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from ...cassettes.storage.reader import Cassette
    from ..control.receipt import Receipt
    from ..control.verdict import Problem, ProblemKind
    from ..server.answering import Responder
    from ..streams.stream_registry import StreamState

_MAX_PRINTED = 20
"""Calls left out, and streams, that are printed one by one."""

_EXIT_CODES: dict[ProblemKind, int] = {
    "failed": EXIT_FAILURE,
    "missed": EXIT_MISS,
    "left_out": EXIT_LEFT_OUT,
    "idle_fault": EXIT_IDLE_FAULT,
    "unmet": EXIT_UNMET,
}


class ReplayResult(Struct, frozen=True):
    """The receipt of a replay, its problems, the exit code of its command, if any.

    `cassettes` are those that were played at the end.
    """

    receipt: Receipt
    problems: list[Problem]
    command_exit_code: int | None
    cassettes: Sequence[Cassette]

    @property
    def exit_code(self) -> int:
        """The exit code of the replay; a failure of the command comes first."""
        if self.command_exit_code:
            return self.command_exit_code
        return min((_EXIT_CODES[each.kind] for each in self.problems), default=0)


def print_exhausted(streams: Iterable[StreamState]) -> None:
    """Print the streams that were open after their last event: a client may wait in vain."""
    exhausted = [state for state in streams if state.exhausted]
    for state in exhausted[:_MAX_PRINTED]:
        print_to_stderr(str(state))
    if (omitted := len(exhausted) - _MAX_PRINTED) > 0:
        print_to_stderr(f"and {counted(omitted, 'more stream')} of which no more is recorded")


def print_unused(responder: Responder, problems: Sequence[Problem]) -> None:
    """Print the calls that were left out, and the requirement that was not met."""
    left_out = [each.text for each in problems if each.kind == "left_out"]
    for text in left_out[:_MAX_PRINTED]:
        print_to_stderr(text)
    if (more := len(left_out) - _MAX_PRINTED) > 0:
        print_to_stderr(f"left out: {counted(more, 'more call')}")
    if count := len(responder.playback.left_out_after_fault):
        calls = f"{counted(count, 'call')} {was(count)}"
        print_to_stderr(f"{calls} left out after a fault had kept events from the client")
    for problem in problems:
        if problem.kind == "unmet":
            print_to_stderr(problem.text)


class RecordingCounts(Struct, frozen=True, kw_only=True):
    """Counts of recorded documents, and how often each rule of redaction fired.

    `proxy_answers` counts requests that the proxy answered, because the upstream did not.
    """

    exchanges: int
    events: int
    notes: int
    secrets: dict[str, int] = {}
    proxy_answers: int = 0

    def __str__(self) -> str:
        exchanges, events = counted(self.exchanges, "exchange"), counted(self.events, "event")
        return f"{exchanges}, {events}, {counted(self.notes, 'note')}"


def print_recorded(counts: RecordingCounts, path: Path, *, as_json: bool, is_quiet: bool) -> None:
    """Print the counts of a recording on stderr, or as JSON on stdout."""
    if as_json:
        _print_last_line(counts, is_quiet=is_quiet)
    elif not is_quiet:
        secrets = f"; secrets replaced: {counts_text(counts.secrets)}" if counts.secrets else ""
        print_to_stderr(f"recorded {counts} into {path}{secrets}")


def print_counts(receipt: Receipt, *, as_json: bool, is_quiet: bool, to_stderr: bool) -> None:
    """Print the counts of a replay on stderr, or as JSON on stdout unless `to_stderr`."""
    counts = receipt.counts
    assert counts is not None
    if not as_json:
        if not is_quiet:
            print_to_stderr(f"replayed: {counts}")
        return
    document: dict[str, object] = {
        "served": counts.served,
        "refused": counts.refused,
        "missed": counts.missed,
        "failed": counts.failed,
        "unused": [each.exchange for each in receipt.unused],
    }
    if receipt.left_out:
        document["left_out"] = [each.exchange for each in receipt.left_out]
    if receipt.required is not None and not receipt.required.met:
        unmet = [each.exchange for each in receipt.required.unmet]
        document["unmet"] = {"require": receipt.required.require, "exchanges": unmet}
    if receipt.faults:
        document |= {"faults": receipt.faults, "seed": receipt.seed}
    _print_last_line(document, is_quiet=is_quiet, to_stderr=to_stderr)


def _print_last_line(value: object, *, is_quiet: bool, to_stderr: bool = False) -> None:
    """Print JSON after the lines before it; if it is quiet, there are none that could be unread."""
    (print_json if is_quiet else print_json_line)(value, to_stderr=to_stderr)
