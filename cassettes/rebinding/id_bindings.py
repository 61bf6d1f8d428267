"""Bindings: recorded ids, and the ids of this run that stand for them, one to one.

    task-id  of framework b5ed-0001:  "task-1"  ↔  "sleeper.3fa2"

A pair that contradicts another one is none: neither end may be in two.
"""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from ...proto.messages.ids import IdKind

type IdValue = str | bytes
type IdPair = tuple[ScopedId, IdValue]
"""A recorded id, and the value that stands for it in this run."""


class ScopedId(NamedTuple):
    """An id. `scope` is the recorded framework that it is known in, if it is known in one."""

    kind: IdKind | Literal["stream-id"]
    scope: str
    value: IdValue


class IdBindings:
    """Pairs of ids. `translates` tells whether there is one of two values."""

    def __init__(self) -> None:
        self._live: dict[ScopedId, IdValue] = {}
        self._recorded: dict[ScopedId, IdValue] = {}
        self.has_translations = False

    def live_value(self, recorded: ScopedId) -> IdValue | None:
        """What stands for a recorded id."""
        return self._live.get(recorded)

    def recorded_value(self, live: ScopedId) -> IdValue | None:
        """What an id of this run stands for."""
        return self._recorded.get(live)

    def can_bind(self, pairs: Iterable[IdPair]) -> bool:
        """Whether pairs contradict neither these nor each other."""
        live, recorded = dict[ScopedId, IdValue](), dict[ScopedId, IdValue]()
        for each, value in pairs:
            other = each._replace(value=value)
            if self._live.get(each, live.setdefault(each, value)) != value:
                return False
            if self._recorded.get(other, recorded.setdefault(other, each.value)) != each.value:
                return False
            if live[each] != value or recorded[other] != each.value:
                return False
        return True

    def bind(self, pairs: Iterable[IdPair]) -> None:
        """Add pairs that fit."""
        for each, value in pairs:
            self._live[each] = value
            self._recorded[each._replace(value=value)] = each.value
            self.has_translations = self.has_translations or each.value != value

    def forget_scope(self, scope: str) -> None:
        """Forget the ids that are known in a framework."""
        for pairs in (self._live, self._recorded):
            for each in [each for each in pairs if each.scope == scope]:
                del pairs[each]
