"""The ids of a recording, numbered, each with a description by which it can be recognised.

    17   task-id  first described by a TaskInfo with digest 8e1f…, near agent 3

An id is described by the message that defines it, or by the first that mentions it. The tables have
numbers in arrays: some 150 bytes for each id, however often it occurs.
"""

from array import array
from collections.abc import Sequence

from .message_forms import ID_ORDER, Mention, MentionedId

NO_ID = 0xFFFFFFFF

_NEIGHBOURS = 3
_NO_NEIGHBOURS = [NO_ID] * (2 * _NEIGHBOURS)
_UNRANKED = 255

_MAX_SCOPES = 64
"""Frameworks whose ids are looked for in texts."""


class IdTable:
    """The ids of one recording."""

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}
        self._scopes: dict[str, None] = {}
        self._count = 0
        self.kinds = array("B")
        self.digests = array("q")
        """Of the message that describes the id."""

        self.owners: list[str] = []
        """The type of that message."""

        self.places = array("Q")
        """Numbers that increase in the order in which the ids were described."""

        self.spellings = array("q")
        """Equal for ids of one kind with equal values, whatever their frameworks."""

        self._scope_keys = array("q")
        self._ranks = array("B")
        self._neighbours = array("I")

    def __len__(self) -> int:
        return len(self.kinds)

    def add(self, ids: Sequence[MentionedId]) -> list[int]:
        """Add the ids of a message, and return their numbers."""
        numbers = [self._number(*each) for each in ids]
        for index, ((mention, _, _), number) in enumerate(zip(ids, numbers, strict=True)):
            if mention.rank < self._ranks[number]:
                self._ranks[number] = mention.rank
                self._describe(mention, number, numbers, index)
        return numbers

    def number_of(self, kind: str, scope: str, value: str | bytes) -> int:
        """Return the number of an id; NO_ID if it is unknown."""
        return self._numbers.get(hash((kind, scope, value)), NO_ID)

    def framework_of(self, number: int) -> int:
        """Return the number of the framework in which an id is unique; NO_ID if it is unknown."""
        return self._numbers.get(self._scope_keys[number], NO_ID)

    def number_of_text(self, text: str) -> int:
        """Return the number of an id of any kind but uuids that is spelled like a text."""
        for kind in ID_ORDER:
            for scope in self._scopes:
                number = self.number_of(kind, scope, text)
                if number != NO_ID:
                    return number
        return NO_ID

    def neighbours(self, number: int) -> Sequence[int]:
        """Return the numbers of the ids before and after an id where it is described."""
        width = 2 * _NEIGHBOURS
        return self._neighbours[number * width : (number + 1) * width]

    def _number(self, mention: Mention, scope: str, value: str | bytes) -> int:
        kind = ID_ORDER[mention.kind]
        key = hash((kind, scope, value))
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self.kinds)
            if len(self._scopes) < _MAX_SCOPES:
                self._scopes[scope] = None
            self.kinds.append(mention.kind)
            self.digests.append(0)
            self.spellings.append(hash((kind, value)))
            self._scope_keys.append(hash(("framework-id", "", scope)))
            self.owners.append("")
            self.places.append(0)
            self._ranks.append(_UNRANKED)
            self._neighbours.extend(_NO_NEIGHBOURS)
        return number

    def _describe(self, mention: Mention, number: int, numbers: Sequence[int], index: int) -> None:
        self._count += 1
        self.places[number] = self._count
        self.digests[number] = mention.digest
        self.owners[number] = mention.owner
        before = numbers[max(0, index - _NEIGHBOURS) : index]
        after = numbers[index + 1 : index + 1 + _NEIGHBOURS]
        near = [*before, *after]
        start = number * 2 * _NEIGHBOURS
        for offset in range(2 * _NEIGHBOURS):
            self._neighbours[start + offset] = near[offset] if offset < len(near) else NO_ID
