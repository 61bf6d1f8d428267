"""How many tasks, agents and offers there were over time, by state.

What the traffic says about one of them (cassettes/tables) is its history. The calls and events of
several streams may say the same, which counts once. A thing counts from when it is first named.
"""

from array import array
from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Struct

from ..tables.event_rows import Columns
from ..tables.source import Source
from ..tables.state_rows import block_columns

_MOST_POINTS = 4000
"""Points of a chart; a screen has fewer. Of several within a short time, the last one is kept."""

_MOST_STATES = 16
"""Names of states that no Mesos has, of a damaged cassette, count as `other`."""

_AGENT_STATES = {
    "listed": "active",
    "added": "active",
    "removed": "removed",
    "failed": "failed",
    "gone": "gone",
}
_OFFER_STATES = {
    "offered": "outstanding",
    "rescinded": "rescinded",
    "accepted": "accepted",
    "declined": "declined",
}

type _Key = tuple[str | None, str]
type _Statement = tuple[float, _Key, str]


class StateCounts(Struct, frozen=True):
    """A chart: times, and for each state how many were in it from that time on."""

    title: str
    times: list[float]
    states: dict[str, list[int]]


class StateHistory:
    """Collects what cassettes say about tasks, agents and offers."""

    def __init__(self) -> None:
        self._charts = {table: _Chart() for table in _READERS}

    def add(self, source: Source, offset: float, framework_of: Callable[[int], str | None]) -> None:
        """Add a cassette. `framework_of` returns the framework of the stream of an exchange."""
        for documents in source.blocks():
            for table, read in _READERS.items():
                if columns := block_columns(documents, table):
                    for at_seconds, key, state in read(columns, framework_of):
                        self._charts[table].add(at_seconds + offset, key, state)

    def counts(self) -> list[StateCounts]:
        """Return the charts that are not empty."""
        charts = [chart.count(table) for table, chart in self._charts.items()]
        return [chart for chart in charts if chart.times]


class _Chart:
    """Statements about things of one kind, as numbers."""

    def __init__(self) -> None:
        self._keys: dict[_Key, int] = {}
        self._states: dict[str, int] = {}
        self._times, self._things, self._said = array("d"), array("I"), array("H")

    def add(self, at_seconds: float, key: _Key, state: str) -> None:
        self._times.append(at_seconds)
        self._things.append(self._keys.setdefault(key, len(self._keys)))
        if len(self._states) >= _MOST_STATES:
            state = state if state in self._states else "other"
        self._said.append(self._states.setdefault(state, len(self._states)))

    def count(self, title: str) -> StateCounts:
        """Count the things in each state after each statement, in the order of time."""
        order = sorted(range(len(self._times)), key=self._times.__getitem__)
        names = list(self._states)
        present: dict[int, int] = {}
        counts = [0] * len(names)
        result = StateCounts(title, [], {name: [] for name in names})
        shortest = self._shortest_step(order)
        for position in order:
            at, thing, state = self._times[position], self._things[position], self._said[position]
            before = present.get(thing)
            if before == state:
                continue
            if before is not None:
                counts[before] -= 1
            counts[state] += 1
            present[thing] = state
            if result.times and at - result.times[-1] <= shortest:
                for name, count in zip(names, counts, strict=True):
                    result.states[name][-1] = count
                continue
            result.times.append(at)
            for name, count in zip(names, counts, strict=True):
                result.states[name].append(count)
        return result

    def _shortest_step(self, order: list[int]) -> float:
        """Return the seconds within which only the last count is kept."""
        if len(order) <= _MOST_POINTS:
            return 0.0
        return (self._times[order[-1]] - self._times[order[0]]) / _MOST_POINTS


def _task_statements(
    columns: Columns, framework_of: Callable[[int], str | None]
) -> Iterator[_Statement]:
    names = ("at_seconds", "exchange", "task_id", "framework_id", "state")
    for at, exchange, task, framework, state in _rows(columns, *names):
        if task is not None and state is not None:
            key = framework or framework_of(exchange), task
            yield at, key, state.removeprefix("TASK_").lower()


def _agent_statements(
    columns: Columns, framework_of: Callable[[int], str | None]
) -> Iterator[_Statement]:
    for at, agent, change in _rows(columns, "at_seconds", "agent_id", "change"):
        if agent is not None:
            yield at, (None, agent), _AGENT_STATES[change]


def _offer_statements(
    columns: Columns, framework_of: Callable[[int], str | None]
) -> Iterator[_Statement]:
    for at, offer, change in _rows(columns, "at_seconds", "offer_id", "change"):
        if offer is not None:
            yield at, (None, offer), _OFFER_STATES[change]


def _rows(columns: Columns, *names: str) -> Iterator[tuple[Any, ...]]:
    return zip(*(columns[name] for name in names), strict=True)


_READERS: dict[str, Callable[[Columns, Callable[[int], str | None]], Iterator[_Statement]]] = {
    "tasks": _task_statements,
    "agents": _agent_statements,
    "offers": _offer_statements,
}
