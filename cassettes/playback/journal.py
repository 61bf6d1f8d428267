"""The journal of a replay: what was served, what was refused, and what was missed."""

from collections import Counter
from collections.abc import Callable, Iterator

from msgspec import Struct

from ...proto.api.refusals import MesosRefusal
from ..faults.fault_spec import FaultHit
from ..format.exchange_ref import ExchangeRef
from ..matching.misses import Miss, ReportLine, format_report

_KEPT = 1000
"""A client that retries for ever must not fill the memory; the counts go on counting."""

_TOLD = 20
"""Strikes of a fault that are told one by one; all are counted."""


class RefusedRequest(Struct, frozen=True):
    """A request that got the refusal of Mesos, because nothing recorded answers it."""

    refusal: MesosRefusal
    miss: Miss

    def report_lines(self) -> Iterator[ReportLine]:
        """Format the refusal and the miss as lines of spans."""
        yield [("refused as Mesos does,", "label"), (f" {self.refusal}", "plain")]
        first, *others = self.miss.report_lines()
        yield [("  ", "plain"), *first]
        yield from others

    def __str__(self) -> str:
        return format_report(self.report_lines())


type ReplayNote = str | RefusedRequest
"""What a replay reports to people while it runs; `str()` gives the text."""


class Journal:
    """Counts by exchange, and the first refusals and misses in full.

    `lost` are the paths of what transcoding the answers of an exchange left out, and `struck`
    counts the strikes of each fault. `on_note` is called for every refusal, for
    the first strikes of a fault, and the first time that an exchange loses something.
    """

    def __init__(self) -> None:
        self.served = Counter[ExchangeRef]()
        self.refusals: list[RefusedRequest] = []
        self.refused_count = 0
        self.misses: list[Miss] = []
        self.missed_count = 0
        self.lost_fields: dict[ExchangeRef, set[str]] = {}
        self.fault_hits: list[FaultHit] = []
        self.fault_hit_counts = Counter[str]()
        self.on_note: Callable[[ReplayNote], object] | None = None

    @property
    def served_count(self) -> int:
        """How many requests were answered from the recording."""
        return self.served.total()

    def record_served(self, place: ExchangeRef) -> None:
        """Take down an answer."""
        self.served[place] += 1

    def record_refusal(self, refused: RefusedRequest) -> None:
        """Take down a refusal."""
        self.refused_count += 1
        if len(self.refusals) < _KEPT:
            self.refusals.append(refused)
        self._say(refused)

    def record_miss(self, miss: Miss) -> None:
        """Take down a miss."""
        self.missed_count += 1
        if len(self.misses) < _KEPT:
            self.misses.append(miss)

    def record_fault_hit(self, strike: FaultHit) -> None:
        """Take down what a fault did."""
        self.fault_hit_counts[strike.fault] += 1
        if len(self.fault_hits) < _KEPT:
            self.fault_hits.append(strike)
        if self.fault_hit_counts[strike.fault] <= _TOLD:
            self._say(str(strike))

    def record_lost_fields(self, place: ExchangeRef, paths: tuple[str, ...]) -> None:
        """Take down what transcoding left out."""
        if place not in self.lost_fields:
            self.lost_fields[place] = set()
            names = ", ".join(paths)
            self._say(f"exchange {place.exchange}: left out in the other encoding: {names}")
        self.lost_fields[place].update(paths)

    def absorb(self, other: "Journal") -> None:
        """Take over what another one has taken down."""
        self.served.update(other.served)
        self.refused_count += other.refused_count
        self.refusals += other.refusals[: _KEPT - len(self.refusals)]
        self.missed_count += other.missed_count
        self.misses += other.misses[: _KEPT - len(self.misses)]
        self.fault_hit_counts.update(other.fault_hit_counts)
        self.fault_hits += other.fault_hits[: _KEPT - len(self.fault_hits)]
        for place, paths in other.lost_fields.items():
            self.lost_fields.setdefault(place, set()).update(paths)

    def _say(self, note: ReplayNote) -> None:
        if self.on_note is not None:
            self.on_note(note)
