"""The receipt of a replay: what was played and what was not, for programs.

    {
      "mesotape": "0.1.0",
      "ended": true,
      "exit_code": 3,
      "cassettes": [{"path": "master.yaml", "sha256": "9f86…"}],
      "counts": {"served": 12, "refused": 0, "missed": 1, "failed": 0, "unused": 1, "left_out": 0},
      "served": [{"cassette": "master.yaml", "exchange": 1, "times": 12}],
      …

It contains no times and no addresses, so that equal runs have equal receipts.
"""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from ... import __version__
from ...cassettes.format.exchange_ref import ExchangeRef
from ...cassettes.playback.requirement import Requirement
from ...cassettes.storage.reader import Cassette
from ...proto.shown_text import encode_json
from ..server.answering import Responder
from .verdict import describe_call, unmet_exchanges


class PlayedCassette(Struct, frozen=True):
    """A cassette, and the SHA-256 of its file in hex; None if it cannot be read again (a pipe)."""

    path: str
    sha256: str | None


class NamedExchange(Struct, frozen=True, omit_defaults=True):
    """An exchange of a cassette; how often it was served, or which call it is."""

    cassette: str
    exchange: int
    times: int | None = None
    call: str | None = None


class RequiredExchanges(Struct, frozen=True):
    """What the replay required, as in `--require`, and what of it was not used."""

    require: str
    met: bool
    unmet: list[NamedExchange]


class ReplayCounts(Struct, frozen=True, kw_only=True):
    """The number of requests by outcome, of exchanges that were not requested, and of omissions.

    `failed` counts requests and streams that could not be played, `left_out` the unused exchanges
    that are mutating calls of a party that took part.
    """

    served: int
    refused: int
    missed: int
    failed: int
    unused: int
    left_out: int

    def __str__(self) -> str:
        refused = f", {self.refused} refused" if self.refused else ""
        left_out = f", {self.left_out} left out" if self.left_out else ""
        failed = f", {self.failed} failed" if self.failed else ""
        answers = f"{self.served} served{refused}, {self.missed} missed"
        return f"{answers}, {self.unused} unused{left_out}{failed}"


class Receipt(Struct, frozen=True, kw_only=True):
    """The result of a replay. If it has not `ended`, the replay is running or was killed.

    `exit_code` is that of mesotape, `command` that of the command that it ran. `misses` and
    `refusals` are the first of each. `held` is what was still waiting, with the reason. `faults`
    has how often each requested fault was made, with this `seed`, and `strikes` the first of
    these.
    """

    mesotape: str = __version__
    ended: bool = False
    exit_code: int | None = None
    command: int | None = None
    cassettes: list[PlayedCassette]
    counts: ReplayCounts | None = None
    served: list[NamedExchange] = []
    misses: list[dict[str, object]] = []
    refusals: list[dict[str, object]] = []
    failures: list[str] = []
    unused: list[NamedExchange] = []
    left_out: list[NamedExchange] = []
    required: RequiredExchanges | None = None
    held: list[str] = []
    faults: dict[str, int] = {}
    seed: int | None = None
    strikes: list[str] = []

    def text(self) -> str:
        """Format it as indented JSON."""
        return f"{msgspec.json.format(encode_json(self), indent=2).decode()}\n"


def digest_cassettes(cassettes: Sequence[Cassette]) -> list[PlayedCassette]:
    """Return the paths of cassettes with their digests."""
    return [PlayedCassette(str(cassette.path), cassette.digest) for cassette in cassettes]


def build_receipt(
    responder: Responder,
    cassettes: list[PlayedCassette],
    requirement: Requirement,
    *,
    held: Sequence[str] = (),
    failures: Sequence[str] = (),
) -> Receipt:
    """Return the receipt of what was answered since the start."""
    journal, playback = responder.journal, responder.playback
    opened, faults = playback.cassettes, playback.fault_hit_counts
    served = sorted(journal.served.items())
    unmet = unmet_exchanges(responder, requirement)
    return Receipt(
        cassettes=cassettes,
        counts=count_replay(responder, len(failures)),
        served=[name_exchange(opened, ref, times=times) for ref, times in served],
        misses=[miss.to_dict() for miss in journal.misses],
        refusals=[
            {"refusal": str(each.refusal), **each.miss.to_dict()} for each in journal.refusals
        ],
        failures=list(failures),
        unused=[name_exchange(opened, ref) for ref in responder.unused],
        left_out=[
            name_exchange(opened, ref, call=describe_call(opened, ref))
            for ref in responder.left_out
        ],
        required=RequiredExchanges(
            str(requirement), unmet is None, [name_exchange(opened, ref) for ref in unmet or ()]
        ),
        held=list(held),
        faults={fault: journal.fault_hit_counts[fault] for fault in faults},
        seed=playback.options.seed if faults else None,
        strikes=[str(hit) for hit in journal.fault_hits],
    )


def count_replay(responder: Responder, failed: int) -> ReplayCounts:
    """Count what was answered since the start; `failed` is added as it is."""
    journal = responder.journal
    return ReplayCounts(
        served=journal.served_count,
        refused=journal.refused_count,
        missed=journal.missed_count,
        failed=failed,
        unused=len(responder.unused),
        left_out=len(responder.left_out),
    )


def name_exchange(
    cassettes: Sequence[Cassette],
    ref: ExchangeRef,
    *,
    times: int | None = None,
    call: str | None = None,
) -> NamedExchange:
    """Return an exchange with the path of its cassette."""
    return NamedExchange(str(cassettes[ref.cassette].path), ref.exchange, times, call)
