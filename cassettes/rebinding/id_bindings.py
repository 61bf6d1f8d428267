"""Bindings: recorded ids, and the ids of this run that stand for them, one to one.

    task-id  of framework b5ed-0001:  "task-1"  ↔  "sleeper.3fa2"

A pair that contradicts another one is none: neither end may be in two.
"""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from ...proto.messages.ids import Kind

type Value = str | bytes
type Pair = tuple[Id, Value]
"""A recorded id, and the value that stands for it in this run."""


class Id(NamedTuple):
    """An id. `scope` is the recorded framework that it is known in, if it is known in one."""

    kind: Kind | Literal["stream-id"]
    scope: str
    value: Value


class Bindings:
    """Pairs of ids. `translates` tells whether there is one of two values."""

    def __init__(self) -> None:
        self._live: dict[Id, Value] = {}
        self._recorded: dict[Id, Value] = {}
        self.translates = False

    def live(self, recorded: Id) -> Value | None:
        """What stands for a recorded id."""
        return self._live.get(recorded)

    def recorded(self, live: Id) -> Value | None:
        """What an id of this run stands for."""
        return self._recorded.get(live)

    def fit(self, pairs: Iterable[Pair]) -> bool:
        """Whether pairs contradict neither these nor each other."""
        live, recorded = dict[Id, Value](), dict[Id, Value]()
        for each, value in pairs:
            other = each._replace(value=value)
            if self._live.get(each, live.setdefault(each, value)) != value:
                return False
            if self._recorded.get(other, recorded.setdefault(other, each.value)) != each.value:
                return False
            if live[each] != value or recorded[other] != each.value:
                return False
        return True

    def bind(self, pairs: Iterable[Pair]) -> None:
        """Add pairs that fit."""
        for each, value in pairs:
            self._live[each] = value
            self._recorded[each._replace(value=value)] = each.value
            self.translates = self.translates or each.value != value

    def forget(self, scope: str) -> None:
        """Forget the ids that are known in a framework."""
        for pairs in (self._live, self._recorded):
            for each in [each for each in pairs if each.scope == scope]:
                del pairs[each]
