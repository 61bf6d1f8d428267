"""The journal of a replay: what was served, refused and missed, and what faults did."""

from collections import Counter
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet

from msgspec import Struct

from ...proto.api.refusals import MesosRefusal
from ..faults.fault_spec import FaultHit
from ..format.exchange_ref import ExchangeRef
from ..matching.misses import Miss, ReportLine, format_report

_MAX_ENTRIES = 1000
"""Entries of a kind that are kept in full; all are counted. A client may retry endlessly."""

_MAX_REPORTED_HITS = 20
"""Hits of a fault that are reported one by one; all are counted."""


class RefusedRequest(Struct, frozen=True):
    """A request without a recorded answer that was refused as Mesos refuses it."""

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
"""An event that a replay reports to its user; `str()` returns the text."""


class Journal:
    """Counts by exchange, and the first refusals, misses and fault hits in full.

    `failed` are the exchanges that were asked for and could not be played.
    `lost_fields` are the paths of fields that transcoding the answers of an exchange left out, and
    `fault_hit_counts` counts by the text of a fault. `on_note` is called for every refusal, for the
    first hits of a fault, and the first time that an exchange loses fields.
    """

    def __init__(self) -> None:
        self.served = Counter[ExchangeRef]()
        self.failed = set[ExchangeRef]()
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

    @property
    def requested(self) -> AbstractSet[ExchangeRef]:
        """The exchanges that were asked for."""
        return self.served.keys() | self.failed

    def record_served(self, ref: ExchangeRef) -> None:
        """Record that an exchange was served."""
        self.served[ref] += 1

    def record_refusal(self, refused: RefusedRequest) -> None:
        """Record a refusal, and report it."""
        self.refused_count += 1
        if len(self.refusals) < _MAX_ENTRIES:
            self.refusals.append(refused)
        self._report(refused)

    def record_miss(self, miss: Miss) -> None:
        """Record a miss."""
        self.missed_count += 1
        if len(self.misses) < _MAX_ENTRIES:
            self.misses.append(miss)

    def record_fault_hit(self, hit: FaultHit) -> None:
        """Record what a fault did, and report it if it is one of the first hits."""
        self.fault_hit_counts[hit.fault] += 1
        if len(self.fault_hits) < _MAX_ENTRIES:
            self.fault_hits.append(hit)
        if self.fault_hit_counts[hit.fault] <= _MAX_REPORTED_HITS:
            self._report(str(hit))

    def record_lost_fields(self, ref: ExchangeRef, paths: tuple[str, ...]) -> None:
        """Record fields that transcoding left out; report the first of an exchange."""
        if ref not in self.lost_fields:
            self.lost_fields[ref] = set()
            names = ", ".join(paths)
            self._report(f"exchange {ref.exchange}: left out in the other encoding: {names}")
        self.lost_fields[ref].update(paths)

    def absorb(self, other: "Journal") -> None:
        """Add the entries of another journal."""
        self.served.update(other.served)
        self.failed |= other.failed
        self.refused_count += other.refused_count
        self.refusals += other.refusals[: _MAX_ENTRIES - len(self.refusals)]
        self.missed_count += other.missed_count
        self.misses += other.misses[: _MAX_ENTRIES - len(self.misses)]
        self.fault_hit_counts.update(other.fault_hit_counts)
        self.fault_hits += other.fault_hits[: _MAX_ENTRIES - len(self.fault_hits)]
        for ref, paths in other.lost_fields.items():
            self.lost_fields.setdefault(ref, set()).update(paths)

    def _report(self, note: ReplayNote) -> None:
        if self.on_note is not None:
            self.on_note(note)
