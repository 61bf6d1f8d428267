"""Find which ids of two recordings stand for each other, one to one within a kind.

    A   task-1          launched by ACCEPT, a TaskInfo with `sleep 10`, on agent S0
    B   sleeper.3fa2    launched by ACCEPT, a TaskInfo with `sleep 10`, on agent S4

The ids of a kind are aligned in the order in which they were described: first those with equal
descriptions, near ids that are paired already, then those described by messages of the same type.
Ids that are described equally, but in another order, are paired too. What is left is paired when
the messages with these ids are aligned by the others (`bind_aligned`), as a replay with --rebind
does.
"""

from array import array
from collections.abc import Callable, Iterable, Sequence

from .alignment import align, pair_moved
from .id_table import ID_ORDER, NO_ID, IdTable


class IdPairing:
    """The ids of two recordings, and the pairs of them."""

    def __init__(self, first: IdTable, second: IdTable) -> None:
        self.first = first
        self.second = second
        self.partner_of_second = array("I", [NO_ID]) * len(second)
        self.partner_of_first = array("I", [NO_ID]) * len(first)
        for kind in range(len(ID_ORDER)):
            self._pair_kind(kind)

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

    def has_unpaired(self) -> bool:
        """Return whether both recordings have ids without a partner."""
        return NO_ID in self.partner_of_first and NO_ID in self.partner_of_second

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
            if self.partner_of_first[a] == NO_ID and self.partner_of_second[b] == NO_ID:
                self._bind([(a, b)])
                has_bound = True
        return has_bound

    def _pair_kind(self, kind: int) -> None:
        ours, theirs = _of_kind(self.first, kind), _of_kind(self.second, kind)
        if not ours or not theirs:
            return
        tokens = (
            [_described(self.first, self.partner_of_first, self.name_in_first, n) for n in ours],
            [
                _described(self.second, self.partner_of_second, self.name_in_second, n)
                for n in theirs
            ],
        )
        exact = tokens[0].__getitem__, tokens[1].__getitem__
        pairs = align(len(ours), len(theirs), [exact])
        left = _left(len(ours), [i for i, _ in pairs]), _left(len(theirs), [j for _, j in pairs])
        pairs += pair_moved(*left, exact)
        self._bind((ours[i], theirs[j]) for i, j in pairs)
        rest = [n for n in ours if self.partner_of_first[n] == NO_ID]
        other_rest = [n for n in theirs if self.partner_of_second[n] == NO_ID]
        owners = (
            [hash(self.first.owners[n]) for n in rest],
            [hash(self.second.owners[n]) for n in other_rest],
        )
        loose = owners[0].__getitem__, owners[1].__getitem__
        pairs = align(len(rest), len(other_rest), [loose])
        self._bind((rest[i], other_rest[j]) for i, j in pairs)

    def _bind(self, pairs: Iterable[tuple[int, int]]) -> None:
        for ours, theirs in pairs:
            self.partner_of_first[ours] = theirs
            self.partner_of_second[theirs] = ours


def _of_kind(ids: IdTable, kind: int) -> list[int]:
    numbers = [number for number in range(len(ids)) if ids.kinds[number] == kind]
    return sorted(numbers, key=ids.places.__getitem__)


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


def _left(count: int, taken: Sequence[int]) -> list[int]:
    gone = set(taken)
    return [index for index in range(count) if index not in gone]
