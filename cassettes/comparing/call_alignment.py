"""Which calls of two recordings stand for each other: client by client, in their order.

A client is a scheduler, an executor, or all connections of an operator's program; which connection
a call came on does not matter. What is left over is paired without regard to the clients.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

from .alignment import Pair, TokenLevel, align, pair_moved, unpaired
from .id_pairing import IdPairing
from .id_table import NO_ID
from .message_forms import ID_ORDER
from .tables import MessageTable, RecordedCall, RecordedStream
from .transcript import Transcript

_SUBJECTS = frozenset(
    ID_ORDER.index(kind)
    for kind in ("framework-id", "agent-id", "executor-id", "task-id", "operation-id")
)
"""Kinds of ids that name a thing which other messages are about, too."""

_TASKS = frozenset(ID_ORDER.index(kind) for kind in ("task-id", "operation-id", "uuid"))

type _Client = tuple[object, ...]
type _Lane = tuple[_Client, list[int]]
"""A client, and the indexes of its calls."""


class MessageTokens:
    """The tokens of the messages of two recordings: the same for messages that may be paired."""

    def __init__(self, first: MessageTable, second: MessageTable, ids: IdPairing) -> None:
        self._sides = (
            (first, ids.first, ids.name_in_first, ids.is_paired_in_first),
            (second, ids.second, ids.name_in_second, ids.is_paired_in_second),
        )

    def levels(
        self,
        first: Sequence[int],
        second: Sequence[int],
        *,
        with_kind_alone: bool = False,
    ) -> list[TokenLevel]:
        """Return the levels at which messages, given by their numbers, are aligned.

        First all, then type, state and ids, then those of what the message is about, then without
        the state, and at last without the ids that only one recording has. `with_kind_alone` adds
        a level with the type alone.
        """
        tokens: list[Callable[[int, int], int | None]] = [
            self.exact,
            self.with_ids,
            self._with_subjects,
            self._without_state,
            self._with_paired_ids,
        ]
        if with_kind_alone:
            tokens.append(self._kind)
        return [_level(token, first, second) for token in tokens]

    def exact(self, side: int, message: int) -> int:
        """Return the token of a message that is equal only if the messages are."""
        table, _, name, _ = self._sides[side]
        names = [name(each) for each in table.ids(message)]
        return hash((table.label(message), table.digests[message], *names))

    def with_ids(self, side: int, message: int) -> int:
        """Return the token of the type of a message, a state in it, and its ids."""
        table, _, name, _ = self._sides[side]
        return hash((table.label(message), *[name(each) for each in table.ids(message)]))

    def _with_subjects(self, side: int, message: int) -> int:
        table, _, name, _ = self._sides[side]
        return hash((table.label(message), *map(name, self._subjects(side, message))))

    def _without_state(self, side: int, message: int) -> int | None:
        table, _, name, _ = self._sides[side]
        subjects = self._subjects(side, message)
        return hash((table.kind(message), *map(name, subjects))) if subjects else None

    def _with_paired_ids(self, side: int, message: int) -> int | None:
        table, _, name, is_paired = self._sides[side]
        names = [name(each) for each in self._subjects(side, message) if is_paired(each)]
        return hash((table.kind(message), *names))

    def _kind(self, side: int, message: int) -> int | None:
        table = self._sides[side][0]
        return hash(table.kind(message))

    def _subjects(self, side: int, message: int) -> list[int]:
        table, ids, _, _ = self._sides[side]
        return [each for each in table.ids(message) if ids.kinds[each] in _SUBJECTS]


def _level(
    token: Callable[[int, int], int | None], first: Sequence[int], second: Sequence[int]
) -> TokenLevel:
    return (lambda index: token(0, first[index]), lambda index: token(1, second[index]))


def _both(level: TokenLevel, other: TokenLevel) -> TokenLevel:
    """Return a level at which items are equal that are equal at both levels."""
    return (
        lambda index: hash((level[0](index), other[0](index))),
        lambda index: hash((level[1](index), other[1](index))),
    )


class CallAlignment:
    """The pairs of calls, and those of them whose order differs.

    All are indexes of calls of the two recordings.
    """

    def __init__(self, first: Transcript, second: Transcript, ids: IdPairing) -> None:
        self._transcripts = first, second
        self._ids = ids
        self.tokens = MessageTokens(first.messages, second.messages, ids)
        self.pairs: list[Pair] = []
        self.moved: set[Pair] = set()
        for ours, theirs in self._paired_lanes():
            self._align(ours, theirs)
        self._align_rest()
        self.pairs.sort()

    def stream_pairs(
        self, ours: RecordedStream, theirs: RecordedStream
    ) -> tuple[dict[int, int], set[Pair]]:
        """Return the pairs of the events of two streams, and those of them whose order differs."""
        levels = self.tokens.levels(ours.messages, theirs.messages)
        pairs = align(len(ours), len(theirs), levels)
        moved = pair_moved(*unpaired(len(ours), len(theirs), pairs), levels[1])
        return dict(pairs) | dict(moved), set(moved)

    def bind_ids(self) -> bool:
        """Pair further ids, those in messages that are aligned. Return whether there were any.

        Clients invent ids in requests, so these are tried first. Then come messages that are equal
        but for their ids, and at last all others.
        """
        if not self._ids.has_unpaired():
            return False
        return (
            self._bind_in(self._aligned_requests(), are_equal=False)
            or self._bind_in(self._aligned_answers(), are_equal=True)
            or self._bind_in(self._aligned_answers(), are_equal=False)
        )

    def mend_ids(self) -> bool:
        """Pair ids anew by messages that are equal but for them. Return whether there were any."""
        first, second = (each.messages for each in self._transcripts)
        return self._ids.mend(
            (first.ids(a), second.ids(b))
            for a, b in chain(self._aligned_requests(), self._aligned_answers())
            if first.digests[a] == second.digests[b]
        )

    def _bind_in(self, messages: Iterable[Pair], *, are_equal: bool) -> bool:
        first, second = (each.messages for each in self._transcripts)
        has_bound = False
        for a, b in messages:
            if not are_equal or first.digests[a] == second.digests[b]:
                has_bound = self._ids.bind_aligned(first.ids(a), second.ids(b)) or has_bound
        return has_bound

    def _aligned_requests(self) -> Iterator[Pair]:
        first, second = self._transcripts
        for i, j in self.pairs:
            yield first.calls.request(i), second.calls.request(j)

    def _aligned_answers(self) -> Iterator[Pair]:
        """Return the pairs of answers and events."""
        first, second = self._transcripts
        for i, j in self.pairs:
            ours, theirs = first.calls[i], second.calls[j]
            yield ours.answer, theirs.answer
            if ours.stream is not None and theirs.stream is not None:
                events, _ = self.stream_pairs(ours.stream, theirs.stream)
                for a, b in events.items():
                    yield ours.stream.messages[a], theirs.stream.messages[b]

    def _align(self, ours: list[int], theirs: list[int]) -> None:
        requests = self._requests(ours, theirs)
        levels = self.tokens.levels(*requests, with_kind_alone=True)
        answers = self._answers(ours, theirs)
        exact, named = (
            _level(each, *answers) for each in (self.tokens.exact, self.tokens.with_ids)
        )
        alike: TokenLevel = (
            lambda index: self._answer_digest(0, ours[index]),
            lambda index: self._answer_digest(1, theirs[index]),
        )
        same = levels[0]
        levels[:0] = [_both(_both(same, exact), alike), _both(same, alike), _both(same, named)]
        pairs = align(len(ours), len(theirs), levels)
        moved = pair_moved(*unpaired(len(ours), len(theirs), pairs), levels[4])
        self.moved |= {(ours[i], theirs[j]) for i, j in moved}
        self.pairs += [(ours[i], theirs[j]) for i, j in [*pairs, *moved]]

    def _align_rest(self) -> None:
        first, second = self._transcripts
        ours, theirs = unpaired(len(first.calls), len(second.calls), self.pairs)
        levels = self.tokens.levels(*self._requests(ours, theirs))
        pairs: list[Pair] = []
        for level in levels[:2]:
            pairs += pair_moved(*unpaired(len(ours), len(theirs), pairs), level)
        self.pairs += [(ours[i], theirs[j]) for i, j in pairs]

    def _requests(self, ours: list[int], theirs: list[int]) -> tuple[list[int], list[int]]:
        first, second = self._transcripts
        return (
            [first.calls.request(index) for index in ours],
            [second.calls.request(index) for index in theirs],
        )

    def _answers(self, ours: list[int], theirs: list[int]) -> tuple[list[int], list[int]]:
        first, second = self._transcripts
        return (
            [first.calls.request(index) + 1 for index in ours],
            [second.calls.request(index) + 1 for index in theirs],
        )

    def _answer_digest(self, side: int, index: int) -> int:
        """Return a number that is equal for answers, with all events, that are so but for ids."""
        transcript = self._transcripts[side]
        call, messages = transcript.calls[index], transcript.messages
        events = () if call.stream is None else call.stream.messages
        digests = (messages.digests[each] for each in (call.answer, *events))
        return hash((messages.label(call.answer), *digests))

    def _paired_lanes(self) -> list[tuple[list[int], list[int]]]:
        """Pair the clients of the two recordings, by ever less of what is known of them.

        Those that are left of each kind count as one client.
        """
        ours, theirs = self._lanes(0), self._lanes(1)
        paired: list[tuple[list[int], list[int]]] = []
        for depth in (4, 3, 2):
            waiting = defaultdict[_Client, list[_Lane]](list)
            for lane in theirs:
                waiting[lane[0][:depth]].append(lane)
            left: list[_Lane] = []
            for lane in ours:
                found = waiting[lane[0][:depth]] if lane[0][1] else []
                if not found:
                    left.append(lane)
                    continue
                partner = found.pop(0)
                theirs.remove(partner)
                paired.append((lane[1], partner[1]))
            ours = left
        kinds = dict.fromkeys(lane[0][0] for lane in ours)
        return paired + [(_joined(ours, kind), _joined(theirs, kind)) for kind in kinds]

    def _lanes(self, side: int) -> list[_Lane]:
        lanes: dict[_Client, list[int]] = {}
        for index, call in enumerate(self._transcripts[side].calls):
            lanes.setdefault(self._client(side, call), []).append(index)
        return list(lanes.items())

    def _client(self, side: int, call: RecordedCall) -> _Client:
        """Return what is known of a client: its kind, its ids or program, its program, its host."""
        kind, agent, host, executor = call.facts.party
        if kind == "operator":
            return kind, agent, agent, host
        ids = self._ids.first if side == 0 else self._ids.second
        name = self._ids.name_in_first if side == 0 else self._ids.name_in_second
        numbers = [ids.number_of("framework-id", "", call.scope)]
        if executor:
            numbers.append(ids.number_of("executor-id", call.scope, executor))
        return kind, tuple(name(each) for each in numbers if each != NO_ID), agent, ""


def _joined(lanes: list[_Lane], kind: object) -> list[int]:
    return sorted(index for client, calls in lanes if client[0] == kind for index in calls)
