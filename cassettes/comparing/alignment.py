"""Align two sequences: which items of one stand for which items of the other.

    a b c d          a ↔ a
    a c x d          c ↔ c, d ↔ d; b is missing, x is new

Items are compared by their tokens, at several levels: first by tokens that are equal only if the
items are, then, between the pairs found, by ever coarser ones.

Time and memory are bounded by the lengths, whatever the sequences have in common. Tokens that occur
equally often on both sides are paired in their order, which gives nearly all pairs where most
tokens are rare; between those pairs this is repeated. The longest common subsequence is computed
only for short pieces.
"""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence

type Token = int | None
"""Equal tokens may be paired; None never is."""

type Pair = tuple[int, int]
type TokenLevel = tuple[Callable[[int], Token], Callable[[int], Token]]
"""The tokens of an item, by its index, in the one sequence and in the other."""

_MAX_CELLS = 40_000
"""Product of the lengths of two pieces for which the longest common subsequence is computed."""

_MAX_ROUNDS = 12
"""Times that the pieces between pairs are searched for further ones, each in linear time."""


def align(first: int, second: int, levels: Sequence[TokenLevel]) -> list[Pair]:
    """Return the pairs of two sequences with these lengths, in order; none of them cross."""
    pairs: list[Pair] = []
    gaps = [(0, first, 0, second)]
    for token_of_first, token_of_second in levels:
        left: list[tuple[int, int, int, int]] = []
        for a, a_end, b, b_end in gaps:
            found = common_subsequence(
                [token_of_first(index) for index in range(a, a_end)],
                [token_of_second(index) for index in range(b, b_end)],
            )
            placed = [(a + i, b + j) for i, j in found]
            pairs += placed
            left += _gaps_between(placed, (a, a_end, b, b_end))
        gaps = left
    return sorted(pairs)


def pair_moved(first: Sequence[int], second: Sequence[int], level: TokenLevel) -> list[Pair]:
    """Pair items of equal tokens wherever they are; those of one token in their order."""
    places = defaultdict[Token, list[int]](list)
    for index in reversed(second):
        places[level[1](index)].append(index)
    places.pop(None, None)
    return [(index, found.pop()) for index in first if (found := places.get(level[0](index)))]


def unpaired(first: int, second: int, pairs: Collection[Pair]) -> tuple[list[int], list[int]]:
    """Return the indexes in two sequences with these lengths that are in none of the pairs."""
    ours, theirs = {i for i, _ in pairs}, {j for _, j in pairs}
    return [i for i in range(first) if i not in ours], [j for j in range(second) if j not in theirs]


def common_subsequence(first: Sequence[Token], second: Sequence[Token]) -> list[Pair]:
    """Return pairs of the indexes of equal tokens, in order: a long common subsequence."""
    pairs: list[Pair] = []
    pieces = [(0, len(first), 0, len(second))]
    for _ in range(_MAX_ROUNDS):
        left: list[tuple[int, int, int, int]] = []
        for piece in pieces:
            ends, (a, a_end, b, b_end) = _common_ends(first, second, piece)
            pairs += ends
            if a == a_end or b == b_end:
                continue
            if (a_end - a) * (b_end - b) <= _MAX_CELLS:
                pairs += _longest(first, second, (a, a_end, b, b_end))
                continue
            anchors = _anchors(first, second, (a, a_end, b, b_end))
            pairs += anchors
            if anchors:
                left += _gaps_between(anchors, (a, a_end, b, b_end))
            else:
                pairs += _greedy(first, second, (a, a_end, b, b_end))
        pieces = left
    for piece in pieces:
        pairs += _greedy(first, second, piece)
    return sorted(pairs)


def _gaps_between(
    pairs: Sequence[Pair], piece: tuple[int, int, int, int]
) -> list[tuple[int, int, int, int]]:
    """Return the pieces between pairs that have items on both sides."""
    a, a_end, b, b_end = piece
    gaps: list[tuple[int, int, int, int]] = []
    for i, j in [*pairs, (a_end, b_end)]:
        if a < i and b < j:
            gaps.append((a, i, b, j))
        a, b = i + 1, j + 1
    return gaps


def _common_ends(
    first: Sequence[Token], second: Sequence[Token], piece: tuple[int, int, int, int]
) -> tuple[list[Pair], tuple[int, int, int, int]]:
    """Return the pairs of the common head and tail of a piece, and what is between them."""
    a, a_end, b, b_end = piece
    pairs: list[Pair] = []
    while a < a_end and b < b_end and first[a] == second[b] and first[a] is not None:
        pairs.append((a, b))
        a, b = a + 1, b + 1
    while (
        a < a_end
        and b < b_end
        and first[a_end - 1] == second[b_end - 1]
        and first[a_end - 1] is not None
    ):
        a_end, b_end = a_end - 1, b_end - 1
        pairs.append((a_end, b_end))
    return pairs, (a, a_end, b, b_end)


def _anchors(
    first: Sequence[Token], second: Sequence[Token], piece: tuple[int, int, int, int]
) -> list[Pair]:
    """Pair the tokens that occur equally often in a piece, without pairs that cross others."""
    a, a_end, b, b_end = piece
    ours, theirs = Counter(first[a:a_end]), Counter(second[b:b_end])
    places = defaultdict[Token, list[int]](list)
    for j in range(b_end - 1, b - 1, -1):
        token = second[j]
        if token is not None and ours.get(token) == theirs[token]:
            places[token].append(j)
    return _without_crossing(
        [(i, places[first[i]].pop()) for i in range(a, a_end) if first[i] in places]
    )


def _without_crossing(pairs: Sequence[Pair]) -> list[Pair]:
    """Return the most pairs that do not cross; they are given in the order of the first index."""
    tails: list[int] = []
    ends: list[int] = []
    previous: list[int] = []
    for number, (_, j) in enumerate(pairs):
        length = bisect_left(tails, j)
        previous.append(ends[length - 1] if length else -1)
        tails[length : length + 1] = [j]
        ends[length : length + 1] = [number]
    kept: list[Pair] = []
    number = ends[-1] if ends else -1
    while number >= 0:
        kept.append(pairs[number])
        number = previous[number]
    return kept[::-1]


def _longest(
    first: Sequence[Token], second: Sequence[Token], piece: tuple[int, int, int, int]
) -> list[Pair]:
    """Return the longest common subsequence of a short piece."""
    a, a_end, b, b_end = piece
    width = b_end - b
    # lengths[i][j] is the length for what follows after i in the first and j in the second.
    lengths = [[0] * (width + 1) for _ in range(a_end - a + 1)]
    for i in range(a_end - a - 1, -1, -1):
        token, row, below = first[a + i], lengths[i], lengths[i + 1]
        for j in range(width - 1, -1, -1):
            if token is not None and token == second[b + j]:
                row[j] = below[j + 1] + 1
            else:
                row[j] = max(below[j], row[j + 1])
    pairs: list[Pair] = []
    i = j = 0
    while i < a_end - a and j < width:
        token = first[a + i]
        if token is not None and token == second[b + j]:
            pairs.append((a + i, b + j))
            i, j = i + 1, j + 1
        elif lengths[i + 1][j] >= lengths[i][j + 1]:
            i += 1
        else:
            j += 1
    return pairs


def _greedy(
    first: Sequence[Token], second: Sequence[Token], piece: tuple[int, int, int, int]
) -> list[Pair]:
    """Pair each item with the next one of the same token: some common subsequence, in linear time.

    An item whose partner is far away would leave out all between, so it is not paired.
    """
    a, a_end, b, b_end = piece
    places = defaultdict[Token, list[int]](list)
    for j in range(b, b_end):
        if second[j] is not None:
            places[second[j]].append(j)
    pairs: list[Pair] = []
    reach = max(64, abs((a_end - a) - (b_end - b)))
    for i in range(a, a_end):
        found = places.get(first[i], [])
        at = bisect_right(found, b - 1)
        if at < len(found) and found[at] - b <= reach:
            pairs.append((i, found[at]))
            b = found[at] + 1
    return pairs
