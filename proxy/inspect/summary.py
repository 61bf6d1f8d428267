"""The summary of an inspection: counts, sizes and rates by type, and the ends of streams."""

from collections import Counter
from typing import Any

from msgspec import Struct, field
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ...cassettes.inspection.rows import Row
from ...proto.counted import counted
from ...proto.diagnosis.findings import RecordRun
from ...proto.diagnosis.problems import SEVERITIES, Severity
from ...proto.shown_text import escape_line


class TypeTally(Struct):
    """Count, sizes in bytes and times in seconds of one type."""

    count: int = 0
    size: int = 0
    largest: int = 0
    first_at: float | None = None
    last_at: float | None = None

    def add(self, row: Row) -> None:
        """Count a row."""
        size = row.size or 0
        self.count += 1
        self.size += size
        if size > self.largest:
            self.largest = size
        if row.at is not None:
            self.first_at = row.at if self.first_at is None else min(self.first_at, row.at)
            self.last_at = row.at if self.last_at is None else max(self.last_at, row.at)

    def add_sizes(self, sizes: list[int]) -> None:
        """Count rows of these sizes, whose times are unknown."""
        self.count += len(sizes)
        self.size += sum(sizes)
        self.largest = max(self.largest, *sizes)

    @property
    def rate(self) -> float | None:
        """Rows per second, or None for fewer than three, or at one time."""
        if (
            self.count < 3
            or self.first_at is None
            or self.last_at is None
            or self.last_at <= self.first_at
        ):
            return None
        return (self.count - 1) / (self.last_at - self.first_at)


class InspectionSummary(Struct):
    """Counts of all rows, by type."""

    rows: int = 0
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
        self.rows += 1
        for diagnostic in row.diagnostics:
            self.reasons[diagnostic.reason] += 1
            self.levels[diagnostic.severity] += 1
        match row.row_type:
            case "exchange":
                name = f"{row.type or row.method} {row.status or 'no answer'}"
                self.exchanges.setdefault(name, TypeTally()).add(row)
            case "event" if isinstance(row.finding, RecordRun):
                self._add_run(row.finding)
            case "event":
                name = row.type or "(record)"
                if (tally := self.events.get(name)) is None:
                    tally = self.events[name] = TypeTally()
                tally.add(row)
                self._measure_gap(row)
            case "skipped":
                self.events.setdefault("(malformed)", TypeTally()).add(row)
                self.skipped_bytes += row.size or 0
                self._measure_gap(row)
            case "end":
                self._last.pop((row.exchange, row.side), None)
                if row.cause is not None:
                    self.endings[row.cause] += 1
            case _:
                pass

    def _add_run(self, run: RecordRun) -> None:
        self.rows += run.count - 1
        for name, sizes in run.sizes.items():
            self.events.setdefault(name, TypeTally()).add_sizes(sizes)

    def _measure_gap(self, row: Row) -> None:
        if row.at is None:
            return
        key = row.exchange, row.side
        self.longest_gap = max(self.longest_gap, row.at - self._last.get(key, row.at))
        self._last[key] = row.at

    @property
    def worst_severity(self) -> Severity | None:
        """The worst severity of all rows, or None."""
        return next((level for level in reversed(SEVERITIES) if self.levels[level]), None)

    def to_dict(self) -> dict[str, Any]:
        """Return the summary as `--json` prints it."""
        return {
            "exchanges": {name: _tally_to_dict(tally) for name, tally in self.exchanges.items()},
            "events": {name: _tally_to_dict(tally) for name, tally in self.events.items()},
            "endings": dict(self.endings),
            "reasons": dict(self.reasons),
            "level": self.worst_severity or "clean",
            "longest_gap": round(self.longest_gap, 6),
            "skipped_bytes": self.skipped_bytes,
        }

    def print_to(self, out: Console) -> None:
        """Print the summary as tables."""
        for title, tallies in (("calls", self.exchanges), ("events", self.events)):
            if tallies:
                out.print(_table(title, tallies), soft_wrap=not out.is_terminal)
        facts = [f"{counted(sum(self.endings.values()), 'stream')} ended"] if self.endings else []
        facts += [f"{count} by {cause}" for cause, count in self.endings.most_common()]
        if self.longest_gap:
            facts.append(f"longest gap {self.longest_gap:.3f} s")
        if facts:
            out.print(", ".join(facts), highlight=False, soft_wrap=True)
        if self.reasons:
            text = ", ".join(f"{reason} {count}" for reason, count in self.reasons.most_common())
            if self.skipped_bytes:
                text += f"; {counted(self.skipped_bytes, 'byte')} skipped"
            out.print(f"{self.worst_severity}: {text}", highlight=False, soft_wrap=True)
        else:
            out.print("clean", highlight=False)


def _tally_to_dict(tally: TypeTally) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "count": tally.count,
        "bytes": tally.size,
        "largest": tally.largest,
    }
    if tally.rate is not None:
        fields["per_second"] = round(tally.rate, 3)
    return fields


def _table(title: str, tallies: dict[str, TypeTally]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(title, no_wrap=True, overflow="ellipsis")
    for name in ("count", "bytes", "largest", "per second"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, tally in sorted(tallies.items(), key=lambda one: -one[1].count):
        rate = "" if tally.rate is None else f"{tally.rate:.2f}"
        table.add_row(
            Text(escape_line(name)), str(tally.count), str(tally.size), str(tally.largest), rate
        )
    return table
