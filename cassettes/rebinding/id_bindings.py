"""Bindings: recorded ids and the ids of this run that replace them, one to one.

    task-id  of framework b5ed-0001:  "task-1"  ↔  "sleeper.3fa2"

An id is live if a client of this run uses it. Neither a recorded nor a live id is in two pairs.
"""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from ...proto.messages.ids import IdKind

type IdValue = str | bytes
"""The value of an id: bytes of a uuid, else text."""

type IdPair = tuple[ScopedId, IdValue]
"""A recorded id, and the live value that replaces it."""


class ScopedId(NamedTuple):
    """An id. `scope` is the recorded id of the framework in which it is unique, or empty."""

    kind: IdKind | Literal["stream-id"]
    scope: str
    value: IdValue


class IdBindings:
    """Pairs of ids. `has_translations` is true once the two values of a pair differ."""

    def __init__(self) -> None:
        self._live: dict[ScopedId, IdValue] = {}
        self._recorded: dict[ScopedId, IdValue] = {}
        self.has_translations = False

    def live_value(self, recorded: ScopedId) -> IdValue | None:
        """Return the live value of a recorded id, or None if it is not bound."""
        return self._live.get(recorded)

    def recorded_value(self, live: ScopedId) -> IdValue | None:
        """Return the recorded value of a live id, or None if it is not bound."""
        return self._recorded.get(live)

    def can_bind(self, pairs: Iterable[IdPair]) -> bool:
        """Return whether pairs contradict neither the bound pairs nor each other."""
        # One to one means two tests for each pair: the recorded id has no other live value, and the
        # live id has no other recorded value. Both have to hold
        #
        # - among the pairs that are bound (self._live, self._recorded), and
        # - among the given pairs, for a call may have an id twice. The first occurrence sets its
        #   counterpart, and the others must have the same one.
        #
        # Nothing is bound here: most candidates are dropped again.
        live, recorded = dict[ScopedId, IdValue](), dict[ScopedId, IdValue]()
        for recorded_id, value in pairs:
            live_id = recorded_id._replace(value=value)
            if live.setdefault(recorded_id, value) != value:
                return False
            if recorded.setdefault(live_id, recorded_id.value) != recorded_id.value:
                return False
            if self._live.get(recorded_id, value) != value:
                return False
            if self._recorded.get(live_id, recorded_id.value) != recorded_id.value:
                return False
        return True

    def bind(self, pairs: Iterable[IdPair]) -> None:
        """Add pairs, for which `can_bind` is true."""
        for recorded_id, value in pairs:
            self._live[recorded_id] = value
            self._recorded[recorded_id._replace(value=value)] = recorded_id.value
            self.has_translations = self.has_translations or recorded_id.value != value

    def forget_scope(self, scope: str) -> None:
        """Drop the pairs of the ids that are unique in a framework, given by its recorded id."""
        for pairs in (self._live, self._recorded):
            for each in [each for each in pairs if each.scope == scope]:
                del pairs[each]
