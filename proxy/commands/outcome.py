"""The result of a replay: counts, messages and the exit code."""

import sys

import msgspec
from msgspec import Struct

from ..control.receipt import Receipt, describe_left_out
from ..server.server import ReplayServer
from .console import EXIT_FAILURE, EXIT_IDLE_FAULT, EXIT_LEFT_OUT, EXIT_MISS, print_to_stderr

_MAX_PRINTED = 20
"""Calls left out that are printed one by one."""


class ReplayCounts(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The counts of a replay, as `--json` prints them.

    `refused` counts requests without a recorded answer that Mesos would refuse. `unused` has the
    numbers of exchanges that no request used, and `left_out` those of them that are mutating calls
    of a party that took part. With faults, `faults` counts how often each fired, and `seed` is
    their seed.
    """

    served: int
    refused: int
    missed: int
    failed: int
    unused: tuple[int, ...]
    left_out: tuple[int, ...] = ()
    faults: dict[str, int] | None = None
    seed: int | None = None

    def __str__(self) -> str:
        refused = f", {self.refused} refused" if self.refused else ""
        failed = f", {self.failed} failed" if self.failed else ""
        left_out = f", {len(self.left_out)} left out" if self.left_out else ""
        rest = f"{len(self.unused)} unused{left_out}{failed}"
        return f"{self.served} served{refused}, {self.missed} missed, {rest}"


class ReplayResult(Struct, frozen=True):
    """The counts and the receipt of a replay, and the exit code of its command, if any."""

    counts: ReplayCounts
    receipt: Receipt
    command_exit_code: int | None

    @property
    def exit_code(self) -> int:
        """The exit code of the replay; a failure of the command comes first."""
        counts = self.counts
        if self.command_exit_code:
            return self.command_exit_code
        if counts.failed:
            return EXIT_FAILURE
        if counts.missed or counts.refused:
            return EXIT_MISS
        if counts.left_out:
            return EXIT_LEFT_OUT
        return EXIT_IDLE_FAULT if counts.faults and not all(counts.faults.values()) else 0


def collect_counts(server: ReplayServer, failed: int) -> ReplayCounts:
    """Collect the counts of a server; `failed` counts answers that could not be played."""
    playback, journal = server.playback, server.journal
    return ReplayCounts(
        served=journal.served_count,
        refused=journal.refused_count,
        missed=journal.missed_count,
        failed=failed,
        unused=tuple(place.exchange for place in server.unused),
        left_out=tuple(place.exchange for place in server.left_out),
        faults={fault: journal.fault_hit_counts[fault] for fault in playback.fault_hit_counts}
        or None,
        seed=playback.options.seed if playback.fault_hit_counts else None,
    )


def print_left_out(server: ReplayServer) -> None:
    """Print the calls that were left out."""
    places = server.left_out
    for place in places[:_MAX_PRINTED]:
        print_to_stderr(describe_left_out(server.playback.cassettes, place))
    if len(places) > _MAX_PRINTED:
        print_to_stderr(f"left out: {len(places) - _MAX_PRINTED} more calls")


def print_counts(counts: ReplayCounts, *, as_json: bool, to_stderr: bool) -> None:
    """Print the counts on stderr, or as JSON on stdout unless `to_stderr`."""
    if as_json:
        print(msgspec.json.encode(counts).decode(), file=sys.stderr if to_stderr else sys.stdout)
    else:
        print_to_stderr(f"replayed: {counts}")
