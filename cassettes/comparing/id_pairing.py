"""Find which ids of two recordings stand for each other, one to one within a kind.

    A   task-1          launched by ACCEPT, a TaskInfo with `sleep 10`, on agent S0
    B   sleeper.3fa2    launched by ACCEPT, a TaskInfo with `sleep 10`, on agent S4

Ids with equal values are paired first. Then the ids of a kind are aligned in the order in which
they were described: those with equal descriptions, near ids that are paired already. What is left
is paired when the messages with these ids are aligned by the others (`bind_aligned`), as a replay
with --rebind does, and at last in the order of the rest (`pair_loosely`).
"""

from array import array
from collections.abc import Callable, Iterable, Sequence

from ...proto.messages.ids import ASSIGNED_BY_MESOS
from .alignment import align, pair_moved, unpaired
from .id_table import NO_ID, IdTable
from .message_forms import ID_ORDER

_ASSIGNED_EACH_TIME = frozenset(map(ID_ORDER.index, ASSIGNED_BY_MESOS))
"""Kinds of ids that are new each time, and many."""

_FRAMEWORK = ID_ORDER.index("framework-id")
_LAST_NAMING_KIND = ID_ORDER.index("operation-id")
"""Ids up to this kind name things that many messages are about."""

_MAX_DOUBTFUL = 100_000
"""Pairs of ids that are looked at again."""


class IdPairing:
    """The ids of two recordings, and the pairs of them."""

    def __init__(self, first: IdTable, second: IdTable) -> None:
        self.first = first
        self.second = second
        self.partner_of_second = array("I", [NO_ID]) * len(second)
        self.partner_of_first = array("I", [NO_ID]) * len(first)
        self.last_kind = _LAST_NAMING_KIND
        """Of the kinds that are paired so far, the last in their order."""

        self._pair_equal()
        self._pair_frameworks()
        for kind in range(self.last_kind + 1):
            self._pair_described(kind)

    def name_in_first(self, number: int) -> int:
        """Return a number that an id of the first recording shares with its partner."""
        return number

    def name_in_second(self, number: int) -> int:
        """Return the same for an id of the second recording."""
        partner = self.partner_of_second[number]
        return len(self.first) + number if partner == NO_ID else partner

    def is_paired_in_first(self, number: int) -> bool:
        """Return whether an id of the first recording has a partner."""
        return self.partner_of_first[number] != NO_ID

    def is_paired_in_second(self, number: int) -> bool:
        """Return whether an id of the second recording has a partner."""
        return self.partner_of_second[number] != NO_ID

    def are_same_text(self, first: str, second: str) -> bool:
        """Return whether two texts are ids that are paired."""
        number = self.second.number_of_text(second)
        return number != NO_ID and self.partner_of_second[number] == self.first.number_of_text(
            first
        )

    def has_text(self, first: str, second: str) -> bool:
        """Return whether a text is an id of the first recording, or another one of the second."""
        return (self.first.number_of_text(first), self.second.number_of_text(second)) != (
            NO_ID,
            NO_ID,
        )

    def has_unpaired(self) -> bool:
        """Return whether both recordings have ids without a partner, of the kinds so far."""
        tables = (self.first, self.partner_of_first), (self.second, self.partner_of_second)
        return all(
            any(
                partner == NO_ID and kind <= self.last_kind
                for partner, kind in zip(partners, ids.kinds, strict=True)
            )
            for ids, partners in tables
        )

    def pair_other_kinds(self) -> None:
        """Pair the ids of the other kinds, which are recognised by the ids around them."""
        for kind in range(self.last_kind + 1, len(ID_ORDER)):
            self._pair_described(kind)
        self.last_kind = len(ID_ORDER) - 1

    def bind_aligned(self, ours: Sequence[int], theirs: Sequence[int]) -> bool:
        """Pair the ids without a partner in two messages that stand for each other.

        They are paired only if the messages have ids of the same kinds. Returns whether any was.
        """
        kinds, other_kinds = self.first.kinds, self.second.kinds
        if len(ours) != len(theirs) or any(
            kinds[a] != other_kinds[b] for a, b in zip(ours, theirs, strict=True)
        ):
            return False
        has_bound = False
        for a, b in zip(ours, theirs, strict=True):
            if kinds[a] <= self.last_kind:
                has_bound = self._bind_free(a, b) or has_bound
        return has_bound

    def mend(self, messages: Iterable[tuple[Sequence[int], Sequence[int]]]) -> bool:
        """Pair ids anew that messages contradict, and none confirms. Return whether there were any.

        `messages` are the ids of those that stand for each other, and are equal but for their ids.
        Such pairs come from ids that are described alike, of which one recording lacks some.
        """
        confirmed = bytearray(len(self.first))
        doubtful: dict[tuple[int, int], None] = {}
        for ours, theirs in messages:
            for a, b in zip(ours, theirs, strict=True):
                if self.partner_of_first[a] == b:
                    confirmed[a] = True
                elif len(doubtful) < _MAX_DOUBTFUL:
                    doubtful[a, b] = None
        has_mended = False
        for a, b in doubtful:
            before, after = self.partner_of_second[b], self.partner_of_first[a]
            if confirmed[a] or (before != NO_ID and confirmed[before]):
                continue
            if before != NO_ID:
                self.partner_of_first[before] = NO_ID
            if after != NO_ID:
                self.partner_of_second[after] = NO_ID
            self._bind([(a, b)])
            confirmed[a] = has_mended = True
        return has_mended

    def pair_loosely(self) -> None:
        """Pair the rest of the ids in their order, by the types of messages that describe them."""
        for kind in range(len(ID_ORDER)):
            ours, theirs = self._unpaired(kind)
            owners = (
                [hash(self.first.owners[n]) for n in ours],
                [hash(self.second.owners[n]) for n in theirs],
            )
            level = owners[0].__getitem__, owners[1].__getitem__
            self._bind((ours[i], theirs[j]) for i, j in align(len(ours), len(theirs), [level]))

    def _unpaired(self, kind: int) -> tuple[list[int], list[int]]:
        """Return the ids of a kind without a partner, in the order in which they were described."""
        tables = (self.first, self.partner_of_first), (self.second, self.partner_of_second)
        ours, theirs = (
            sorted(
                (n for n in range(len(ids)) if ids.kinds[n] == kind and partners[n] == NO_ID),
                key=ids.places.__getitem__,
            )
            for ids, partners in tables
        )
        return ours, theirs

    def _pair_equal(self) -> None:
        """Pair ids that have equal values, if no other id of their kind has, and their frameworks.

        Clients may give the same names to tasks in each run; of one cluster, agents stay the same.
        """
        ours, theirs = _unique_spellings(self.first), _unique_spellings(self.second)
        for spelling in ours.keys() & theirs.keys():
            a, b = ours[spelling], theirs[spelling]
            self._bind_free(a, b)
            frameworks = self.first.framework_of(a), self.second.framework_of(b)
            if NO_ID not in frameworks:
                self._bind_free(*frameworks)

    def _pair_frameworks(self) -> None:
        """Pair frameworks by ids in them that are described as no other id of the kind is.

        Frameworks are often described equally, and listed in any order.
        """
        ours, theirs = self._unpaired(_FRAMEWORK)
        if len(ours) < 2 and len(theirs) < 2:
            return
        known, others = (
            _unique((kind, digest) for kind, digest in zip(ids.kinds, ids.digests, strict=True))
            for ids in (self.first, self.second)
        )
        for description in known.keys() & others.keys():
            frameworks = (
                self.first.framework_of(known[description]),
                self.second.framework_of(others[description]),
            )
            if NO_ID not in frameworks:
                self._bind_free(*frameworks)

    def _bind_free(self, a: int, b: int) -> bool:
        """Pair two ids unless one of them has a partner. Return whether they were paired."""
        is_free = self.partner_of_first[a] == NO_ID and self.partner_of_second[b] == NO_ID
        if is_free:
            self._bind([(a, b)])
        return is_free

    def _pair_described(self, kind: int) -> None:
        ours, theirs = self._unpaired(kind)
        if not ours or not theirs:
            return
        tokens = (
            [_described(self.first, self.partner_of_first, self.name_in_first, n) for n in ours],
            [
                _described(self.second, self.partner_of_second, self.name_in_second, n)
                for n in theirs
            ],
        )
        level = tokens[0].__getitem__, tokens[1].__getitem__
        pairs = align(len(ours), len(theirs), [level])
        pairs += pair_moved(*unpaired(len(ours), len(theirs), pairs), level)
        self._bind((ours[i], theirs[j]) for i, j in pairs)

    def _bind(self, pairs: Iterable[tuple[int, int]]) -> None:
        for ours, theirs in pairs:
            self.partner_of_first[ours] = theirs
            self.partner_of_second[theirs] = ours


def _unique_spellings(ids: IdTable) -> dict[int | None, int]:
    """Return the numbers of ids by their spellings, those that no other id of the kind has."""
    return _unique(
        None if kind in _ASSIGNED_EACH_TIME else spelling
        for kind, spelling in zip(ids.kinds, ids.spellings, strict=True)
    )


def _unique[T](values: Iterable[T]) -> dict[T, int]:
    """Return the numbers of values from 0 on, without None and those that occur twice."""
    found: dict[T, int] = {}
    for number, value in enumerate(values):
        found[value] = NO_ID if value in found or value is None else number
    return {value: number for value, number in found.items() if number != NO_ID}


def _described(
    ids: IdTable, partners: Sequence[int], name: Callable[[int], int], number: int
) -> int:
    """Return the token of an id: equal for ids that are described equally."""
    near = [
        name(each)
        for each in ids.neighbours(number)
        if each != NO_ID and ids.kinds[each] < ids.kinds[number] and partners[each] != NO_ID
    ]
    return hash((ids.digests[number], *near))
