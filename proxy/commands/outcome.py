"""The result of a replay: counts, messages and the exit code."""

from collections.abc import Sequence

from msgspec import Struct

from ...cassettes.storage.reader import Cassette
from ...proto.counted import counted, was
from ..control.receipt import Receipt
from ..control.verdict import Problem, ProblemKind
from ..server.answering import Responder
from .console import (
    EXIT_FAILURE,
    EXIT_IDLE_FAULT,
    EXIT_LEFT_OUT,
    EXIT_MISS,
    EXIT_UNMET,
    print_json,
    print_to_stderr,
)

_MAX_PRINTED = 20
"""Calls left out that are printed one by one."""

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


def print_counts(receipt: Receipt, *, as_json: bool, to_stderr: bool) -> None:
    """Print the counts on stderr, or as JSON on stdout unless `to_stderr`."""
    counts = receipt.counts
    assert counts is not None
    if not as_json:
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
    print_json(document, to_stderr=to_stderr)
