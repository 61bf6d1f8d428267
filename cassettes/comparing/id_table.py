"""The ids of a recording, numbered, each with a description by which it can be recognised.

    17   task-id  first described by a TaskInfo with digest 8e1f…, near agent 3

An id is described by the message that defines it, or by the first that mentions it. The tables have
numbers in arrays: some 150 bytes for each id, however often it occurs.
"""

from array import array
from collections.abc import Sequence
from sys import intern
from typing import cast

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from ...proto.messages.ids import IdField, IdKind
from .message_forms import MentionedId, digest_message

ID_ORDER: tuple[IdKind, ...] = (
    "framework-id",
    "agent-id",
    "resource-provider-id",
    "offer-id",
    "executor-id",
    "task-id",
    "operation-id",
    "container-id",
    "uuid",
)
"""Kinds of ids; those that come first help to recognise those that follow."""

NO_ID = 0xFFFFFFFF

_NEIGHBOURS = 3
_NO_NEIGHBOURS = [NO_ID] * (2 * _NEIGHBOURS)
_UNRANKED = 255

_MAX_SCOPES = 64
"""Frameworks whose ids are looked for in texts."""

_DEFINING: dict[IdKind, tuple[str, ...]] = {
    "framework-id": ("mesos.v1.FrameworkInfo",),
    "agent-id": ("mesos.v1.AgentInfo", "mesos.v1.Offer"),
    "offer-id": ("mesos.v1.Offer", "mesos.v1.InverseOffer"),
    "executor-id": ("mesos.v1.ExecutorInfo",),
    "task-id": ("mesos.v1.TaskInfo", "mesos.v1.Task"),
    "operation-id": ("mesos.v1.Offer.Operation", "mesos.v1.Operation"),
    "uuid": ("mesos.v1.TaskStatus", "mesos.v1.OperationStatus"),
}
"""The messages that describe the thing with an id, the best first."""


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
        for index, ((field, _), number) in enumerate(zip(ids, numbers, strict=True)):
            known = self._ranks[number]
            if known and (rank := _rank(field)) < known:
                self._ranks[number] = rank
                self._describe(field.owner, number, numbers, index)
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

    def _number(self, field: IdField, value: str | bytes) -> int:
        key = hash((field.kind, field.scope, value))
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self.kinds)
            if len(self._scopes) < _MAX_SCOPES:
                self._scopes[field.scope] = None
            self.kinds.append(ID_ORDER.index(field.kind))
            self.digests.append(0)
            self.spellings.append(hash((field.kind, value)))
            self._scope_keys.append(hash(("framework-id", "", field.scope)))
            self.owners.append("")
            self.places.append(0)
            self._ranks.append(_UNRANKED)
            self._neighbours.extend(_NO_NEIGHBOURS)
        return number

    def _describe(self, owner: Message, number: int, numbers: Sequence[int], index: int) -> None:
        self._count += 1
        self.places[number] = self._count
        self.digests[number] = digest_message(owner)
        self.owners[number] = intern(cast("Descriptor", owner.DESCRIPTOR).full_name)
        before = numbers[max(0, index - _NEIGHBOURS) : index]
        after = numbers[index + 1 : index + 1 + _NEIGHBOURS]
        near = [*before, *after]
        start = number * 2 * _NEIGHBOURS
        for offset in range(2 * _NEIGHBOURS):
            self._neighbours[start + offset] = near[offset] if offset < len(near) else NO_ID


def _rank(field: IdField) -> int:
    """Return how well an id is described where it is: 0 is best."""
    defining = _DEFINING.get(field.kind, ())
    owner = cast("Descriptor", field.owner.DESCRIPTOR).full_name
    return defining.index(owner) if owner in defining else len(defining)
