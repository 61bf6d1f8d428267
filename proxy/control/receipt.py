"""The receipt of a replay: what was played and what was not, for programs.

    {
      "mesotape": "0.1.0",
      "ended": true,
      "exit_code": 3,
      "cassettes": [{"path": "master.yaml", "sha256": "9f86…"}],
      "counts": {"served": 12, "refused": 0, "missed": 1, "failed": 0, "unused": 1, "left_out": 0},
      "served": [{"cassette": "master.yaml", "exchange": 1, "times": 12}],
      …

No times and no addresses are in it, so that equal runs give equal receipts.
"""

import hashlib
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import msgspec
from msgspec import Struct

from ...cassettes.format.exchange_ref import ExchangeRef
from ...cassettes.matching.recorded_request import recorded_request
from ...cassettes.matching.request_key import parse_request
from ...cassettes.playback.journal import Journal
from ...cassettes.storage.reader import Cassette
from ..server.server import ReplayServer


class Played(Struct, frozen=True):
    """A cassette, and the SHA-256 of the file in hex; None if it cannot be read again (a pipe)."""

    path: str
    sha256: str | None


class Named(Struct, frozen=True, omit_defaults=True):
    """An exchange of a cassette, by the path; how often it was served, or which call it is."""

    cassette: str
    exchange: int
    times: int | None = None
    call: str | None = None


class Totals(Struct, frozen=True, kw_only=True):
    """How many requests were served, refused, missed or failed, and exchanges nobody asked for.

    `left_out` counts the mutating calls among these whose party took part.
    """

    served: int
    refused: int
    missed: int
    failed: int
    unused: int
    left_out: int


class Receipt(Struct, frozen=True, kw_only=True):
    """What a replay did. One that has not `ended` was killed, or is still running.

    `exit_code` is that of the command that replays, `command` that of the one that it ran. `misses`
    and `refusals` are the first of each; `held` is what was still waiting, and for what. `faults`
    counts how often each struck that was asked for, as the `seed` decided, and `strikes` tells of
    the first.
    """

    mesotape: str = version("mesotape")
    ended: bool = False
    exit_code: int | None = None
    command: int | None = None
    cassettes: list[Played]
    counts: Totals | None = None
    served: list[Named] = []
    misses: list[dict[str, object]] = []
    refusals: list[dict[str, object]] = []
    failures: list[str] = []
    unused: list[Named] = []
    left_out: list[Named] = []
    held: list[str] = []
    faults: dict[str, int] = {}
    seed: int | None = None
    strikes: list[str] = []

    def text(self) -> str:
        """Format it as indented JSON."""
        return f"{msgspec.json.format(msgspec.json.encode(self), indent=2).decode()}\n"


def digest_cassettes(paths: Sequence[Path]) -> list[Played]:
    """Take the digests of cassettes."""
    return [Played(str(path), _digest(path)) for path in paths]


def build_receipt(
    server: ReplayServer,
    cassettes: list[Played],
    *,
    held: Sequence[str] = (),
    failures: Sequence[str] = (),
) -> Receipt:
    """Sum up what a server has done since its start."""
    journal, opened = server.journal, server.playback.cassettes
    served = sorted(journal.served.items())
    return Receipt(
        cassettes=cassettes,
        counts=totals(server, journal, len(failures)),
        served=[_named(opened, place, times=times) for place, times in served],
        misses=[miss.to_dict() for miss in journal.misses],
        refusals=[
            {"refusal": str(each.refusal), **each.miss.to_dict()} for each in journal.refusals
        ],
        failures=list(failures),
        unused=[_named(opened, place) for place in server.unused],
        left_out=[
            _named(opened, place, call=call(opened[place.cassette], place.exchange))
            for place in server.left_out
        ],
        held=list(held),
        faults={
            fault: journal.fault_hit_counts[fault] for fault in server.playback.fault_hit_counts
        },
        seed=server.playback.options.seed if server.playback.fault_hit_counts else None,
        strikes=[str(strike) for strike in journal.fault_hits],
    )


def totals(server: ReplayServer, journal: Journal, failed: int) -> Totals:
    """Count what a server has done; `failed` are the answers that it owed."""
    return Totals(
        served=journal.served_count,
        refused=journal.refused_count,
        missed=journal.missed_count,
        failed=failed,
        unused=len(server.unused),
        left_out=len(server.left_out),
    )


def call(cassette: Cassette, exchange: int) -> str:
    """Say which call an exchange was, like `scheduler call ACCEPT`."""
    recorded = cassette.exchange(exchange)
    what = parse_request(recorded_request(cassette, recorded), cassette.header.server).description
    return what or f"{recorded.request.method} {recorded.request.path}"


def describe_left_out(cassettes: Sequence[Cassette], place: ExchangeRef) -> str:
    """Tell people of a call that was left out."""
    cassette = cassettes[place.cassette]
    which = f"exchange {place.exchange}" + (f" of {cassette.path}" if len(cassettes) > 1 else "")
    said = call(cassette, place.exchange)
    return f"left out: {which}, {said}: nobody made it, though others of its party were made"


def describe_problems(server: ReplayServer, failures: Sequence[str]) -> list[str]:
    """Tell people what a replay that went well does not have."""
    journal = server.journal
    told = [*map(str, journal.misses), *map(str, journal.refusals), *failures]
    if (
        more := journal.missed_count
        + journal.refused_count
        - len(journal.misses)
        - len(journal.refusals)
    ):
        told.append(f"and {more} more requests without a recorded answer")
    told += [describe_left_out(server.playback.cassettes, place) for place in server.left_out]
    return told + server.playback.describe_idle_faults(journal.fault_hit_counts)


def _named(
    cassettes: Sequence[Cassette],
    place: ExchangeRef,
    *,
    times: int | None = None,
    call: str | None = None,
) -> Named:
    return Named(str(cassettes[place.cassette].path), place.exchange, times, call)


def _digest(path: Path) -> str | None:
    try:
        if not path.is_file():
            return None
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
