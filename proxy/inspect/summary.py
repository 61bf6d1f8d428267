"""The summary of an inspection: how many of what, how large, how often, and how streams ended."""

from collections import Counter
from typing import Any

from msgspec import Struct, field
from rich.console import Console
from rich.table import Table

from ...cassettes.inspection.rows import Row
from ...proto.diagnosis.problems import SEVERITIES, Severity


class TypeTally(Struct):
    """What was counted of one type."""

    count: int = 0
    size: int = 0
    largest: int = 0
    first_at: float | None = None
    last_at: float | None = None

    def add(self, row: Row) -> None:
        """Count one more."""
        self.count += 1
        self.size += row.size or 0
        self.largest = max(self.largest, row.size or 0)
        if row.at is not None:
            self.first_at = row.at if self.first_at is None else min(self.first_at, row.at)
            self.last_at = row.at if self.last_at is None else max(self.last_at, row.at)

    @property
    def rate(self) -> float | None:
        """How many there are in a second."""
        if self.first_at is None or self.last_at is None or self.last_at <= self.first_at:
            return None
        return (self.count - 1) / (self.last_at - self.first_at)


class InspectionSummary(Struct):
    """Counts rows."""

    exchanges: dict[str, TypeTally] = field(default_factory=dict[str, TypeTally])
    events: dict[str, TypeTally] = field(default_factory=dict[str, TypeTally])
    endings: Counter[str] = field(default_factory=Counter[str])
    reasons: Counter[str] = field(default_factory=Counter[str])
    levels: Counter[Severity] = field(default_factory=Counter[Severity])
    longest_gap: float = 0.0
    skipped_bytes: int = 0
    _last: dict[tuple[int | None, str], float] = field(
        default_factory=dict[tuple[int | None, str], float]
    )

    def add_row(self, row: Row) -> None:
        """Count one row."""
        for remark in row.diagnostics:
            self.reasons[remark.reason] += 1
            self.levels[remark.severity] += 1
        match row.row_type:
            case "exchange":
                name = f"{row.type or row.method} {row.status or 'no answer'}"
                self.exchanges.setdefault(name, TypeTally()).add(row)
            case "event":
                self.events.setdefault(row.type or "(record)", TypeTally()).add(row)
                self._gap(row)
            case "skipped":
                self.events.setdefault("(malformed)", TypeTally()).add(row)
                self.skipped_bytes += row.size or 0
                self._gap(row)
            case "end" if row.cause is not None:
                self.endings[row.cause] += 1
            case _:
                pass

    def _gap(self, row: Row) -> None:
        if row.at is None:
            return
        key = row.exchange, row.side
        self.longest_gap = max(self.longest_gap, row.at - self._last.get(key, row.at))
        self._last[key] = row.at

    @property
    def worst_severity(self) -> Severity | None:
        """The worst of all."""
        return next((level for level in reversed(SEVERITIES) if self.levels[level]), None)

    def to_dict(self) -> dict[str, Any]:
        """Give the summary for programs."""
        return {
            "exchanges": {name: _told(kind) for name, kind in self.exchanges.items()},
            "events": {name: _told(kind) for name, kind in self.events.items()},
            "endings": dict(self.endings),
            "reasons": dict(self.reasons),
            "level": self.worst_severity or "clean",
            "longest_gap": round(self.longest_gap, 6),
            "skipped_bytes": self.skipped_bytes,
        }

    def print_to(self, out: Console) -> None:
        """Print the summary for people."""
        for title, kinds in (("calls", self.exchanges), ("events", self.events)):
            if kinds:
                out.print(_table(title, kinds), soft_wrap=not out.is_terminal)
        facts = [f"{sum(self.endings.values())} streams ended"] if self.endings else []
        facts += [f"{count} by {cause}" for cause, count in self.endings.most_common()]
        if self.longest_gap:
            facts.append(f"longest gap {self.longest_gap:.3f} s")
        if facts:
            out.print(", ".join(facts), highlight=False, soft_wrap=True)
        if self.reasons:
            text = ", ".join(f"{reason} {count}" for reason, count in self.reasons.most_common())
            skipped = f"; {self.skipped_bytes} bytes skipped" if self.skipped_bytes else ""
            out.print(f"{self.worst_severity}: {text}{skipped}", highlight=False, soft_wrap=True)
        else:
            out.print("clean", highlight=False)


def _told(kind: TypeTally) -> dict[str, Any]:
    told: dict[str, Any] = {"count": kind.count, "bytes": kind.size, "largest": kind.largest}
    if kind.rate is not None:
        told["per_second"] = round(kind.rate, 3)
    return told


def _table(title: str, kinds: dict[str, TypeTally]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(title, no_wrap=True, overflow="ellipsis")
    for name in ("count", "bytes", "largest", "per second"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, kind in sorted(kinds.items(), key=lambda one: -one[1].count):
        rate = "" if kind.rate is None else f"{kind.rate:.2f}"
        table.add_row(name, str(kind.count), str(kind.size), str(kind.largest), rate)
    return table
