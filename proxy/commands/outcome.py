"""The result of a replay: counts, messages and the exit code."""

import msgspec
from msgspec import Struct

from ..control.receipt import Receipt, describe_left_out
from ..server.answering import Responder
from .console import (
    EXIT_FAILURE,
    EXIT_IDLE_FAULT,
    EXIT_LEFT_OUT,
    EXIT_MISS,
    print_result,
    print_to_stderr,
)

_MAX_PRINTED = 20
"""Calls left out that are printed one by one."""


class ReplayResult(Struct, frozen=True):
    """The receipt of a replay, and the exit code of its command, if any."""

    receipt: Receipt
    command_exit_code: int | None

    @property
    def exit_code(self) -> int:
        """The exit code of the replay; a failure of the command comes first."""
        counts, faults = self.receipt.counts, self.receipt.faults
        assert counts is not None
        if self.command_exit_code:
            return self.command_exit_code
        if counts.failed:
            return EXIT_FAILURE
        if counts.missed or counts.refused:
            return EXIT_MISS
        if counts.left_out:
            return EXIT_LEFT_OUT
        return EXIT_IDLE_FAULT if faults and not all(faults.values()) else 0


def print_left_out(responder: Responder) -> None:
    """Print the calls that were left out."""
    places = responder.left_out
    for place in places[:_MAX_PRINTED]:
        print_to_stderr(describe_left_out(responder.playback.cassettes, place))
    if len(places) > _MAX_PRINTED:
        print_to_stderr(f"left out: {len(places) - _MAX_PRINTED} more calls")
    if count := len(responder.playback.left_out_after_fault):
        calls = "1 call was" if count == 1 else f"{count} calls were"
        print_to_stderr(f"{calls} left out after a fault had kept events from the client")


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
    if receipt.faults:
        document |= {"faults": receipt.faults, "seed": receipt.seed}
    print_result(msgspec.json.encode(document).decode(), to_stderr=to_stderr)
