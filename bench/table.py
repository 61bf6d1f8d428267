"""Rows of a table of measurements: what is measured, its target, and the verdict.

    def decoding(scope: Scope) -> Generator[Sample]:
        data = records(scope.size(50_000, 1_000))
        while True:
            yield Pair(cpu_of(decode, data), cpu_of(copy, data))

    ROWS = [Row("decode 1 KB records", decoding, MICROSECONDS, AtMost(2), peer="memcpy")]

A measuring function is a generator: it prepares, yields one sample for each round, and cleans up
when it is closed. The two figures of a pair were measured beside each other, and the row is judged
by their ratio, so that a slow or busy machine changes both. A figure without a peer is divided by
the slowness of the machine (machine.py). The median of the rounds counts.
"""

import statistics
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

WIDTH = 100
ROUNDS, QUICK_ROUNDS = 5, 1
_COLUMNS = "{:<33} {:>9} {:>13} {:>8} {:>20}  {}"


@dataclass(frozen=True)
class Unit:
    """A unit; times grow with the slowness of a machine, rates fall with it."""

    name: str
    slowness: Literal[-1, 0, 1] = 0


MICROSECONDS, MILLISECONDS, SECONDS = Unit("µs", 1), Unit("ms", 1), Unit("s", 1)
PER_SECOND, MB_PER_SECOND = Unit("/s", -1), Unit("MB/s", -1)
BYTES, KILOBYTES, MEGABYTES = Unit("B"), Unit("KB"), Unit("MB")
TIMES, COUNT = Unit("×"), Unit("")


class Pair(NamedTuple):
    """A figure of mesotape and the figure of a peer, in the same unit."""

    ours: float
    peer: float


type Figure = float | Pair
type Sample = Figure | Mapping[str, Figure]
"""What one round measures: a figure, or one for each `part` of rows that are measured together."""


class Scope(NamedTuple):
    """What is asked of a measuring function: a quick run or a whole one, and which parts."""

    is_quick: bool
    parts: frozenset[str]

    def size(self, whole: int, quick: int) -> int:
        """Return one of two sizes."""
        return quick if self.is_quick else whole


type Measure = Callable[[Scope], Generator[Sample]]


class Skipped(Exception):  # noqa: N818
    """A row cannot be measured here; the text has the reason, and the way out."""


@dataclass(frozen=True)
class AtMost:
    """A target that larger figures miss."""

    limit: float
    sign = "≤"

    def missed_by(self, value: float) -> str | None:
        """Return by how much a value misses the target, or None."""
        if value <= self.limit:
            return None
        if self.limit == 0 or value > 2 * self.limit:
            return f"{shown(value / self.limit)} × it" if self.limit else "missed"
        return f"{value / self.limit - 1:.0%} over".replace("%", " %")


@dataclass(frozen=True)
class AtLeast:
    """A target that smaller figures miss."""

    limit: float
    sign = "≥"

    def missed_by(self, value: float) -> str | None:
        """Return by how much a value misses the target, or None."""
        if value >= self.limit:
            return None
        return f"{1 - value / self.limit:.0%} short".replace("%", " %")


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Rows with the same `measure` are measured together, and each has its `part` of a sample. A row
    without target is only shown. `peer` names what the second figure of a pair is of.
    """

    name: str
    measure: Measure
    unit: Unit
    target: AtMost | AtLeast | None = None
    peer: str = ""
    part: str = ""
    rounds: int = ROUNDS

    def figure(self, sample: Sample) -> Figure:
        """Return what a sample has for this row."""
        return sample[self.part] if isinstance(sample, Mapping) else sample


type Verdict = Literal["met", "missed", "no target", "skipped", "failed"]


@dataclass(frozen=True)
class Result:
    """What was measured for a row.

    `median`, `low` and `high` (the quartiles) are in `unit`: ratios to the peer, or figures that
    were divided by the slowness of the machine. `figures` are the medians that were measured.
    """

    topic: str
    row: str
    verdict: Verdict
    unit: str
    target: str = ""
    median: float | None = None
    low: float | None = None
    high: float | None = None
    missed_by: str = ""
    figures: list[float] = field(default_factory=list[float])
    figures_unit: str = ""
    peer: str = ""
    slowness: float = 1.0
    rounds: int = 0
    seconds: float = 0.0
    reason: str = ""

    @property
    def is_wrong(self) -> bool:
        """Whether a run with this result fails."""
        return self.verdict in ("missed", "failed")


def judge(
    topic: str, row: Row, figures: Sequence[Figure], slowness: float, seconds: float
) -> Result:
    """Return the result of the rounds of a row; there is at least one."""
    pairs = [figure for figure in figures if isinstance(figure, Pair)]
    if pairs:
        values = [ours / peer for ours, peer in pairs]
        unit = TIMES
        medians = [statistics.median(column) for column in zip(*pairs, strict=True)]
    else:
        unit = row.unit
        measured = [figure for figure in figures if not isinstance(figure, Pair)]
        values = [value / slowness**unit.slowness for value in measured]
        medians = [statistics.median(measured)]
    median = statistics.median(values)
    low, high = _quartiles(values)
    missed_by = None if row.target is None else row.target.missed_by(median)
    return Result(
        topic,
        row.name,
        "no target" if row.target is None else "met" if missed_by is None else "missed",
        unit.name,
        f"{row.target.sign} {shown(row.target.limit)}" if row.target is not None else "",
        median,
        low,
        high,
        missed_by or "",
        medians,
        row.unit.name,
        row.peer,
        slowness,
        len(values),
        round(seconds, 1),
    )


def unmeasured(topic: str, row: Row, verdict: Literal["skipped", "failed"], reason: str) -> Result:
    """Return the result of a row without figures."""
    return Result(topic, row.name, verdict, row.unit.name, peer=row.peer, reason=reason)


def _quartiles(values: Sequence[float]) -> tuple[float, float]:
    if len(values) < 2:
        return values[0], values[0]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high


def head() -> str:
    """Return the first lines of the table."""
    names = _COLUMNS.format("", "median", "quartiles", "target", "ours : peer", "verdict")
    return f"{names}\n{'─' * WIDTH}"


def line(result: Result) -> str:
    """Return the line of a result."""
    if result.median is None or result.low is None or result.high is None:
        return f"{result.row:<33} {result.verdict}: {result.reason}"
    figures = " : ".join(map(shown, result.figures))
    return _COLUMNS.format(
        result.row,
        f"{shown(result.median)} {result.unit}".rstrip(),
        f"{shown(result.low)}–{shown(result.high)}",
        result.target,
        f"{figures} {result.figures_unit}" if len(result.figures) > 1 else "",
        result.missed_by or ("" if result.verdict == "no target" else result.verdict),
    ).rstrip()


def shown(value: float) -> str:
    """Return three digits of a number, or all before the decimal point up to a million."""
    if abs(value) >= 1e6:
        return f"{value / 1e6:.3g}M"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
