from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mesotape.cassettes.comparing import alignment
from mesotape.cassettes.comparing.alignment import align, common_subsequence, pair_moved

TOKENS = st.lists(st.one_of(st.none(), st.integers(0, 6)), max_size=40)


def check(first, second, pairs):
    assert all(first[i] == second[j] is not None for i, j in pairs)
    for (i, j), (later_i, later_j) in pairwise(pairs):
        assert i < later_i
        assert j < later_j


@given(TOKENS, TOKENS)
def test_pairs_are_equal_and_do_not_cross(first, second):
    check(first, second, common_subsequence(first, second))


@given(TOKENS, TOKENS)
def test_pairs_of_long_pieces_are_equal_and_do_not_cross(first, second):
    most = alignment._MAX_CELLS
    alignment._MAX_CELLS = 0
    try:
        check(first, second, common_subsequence(first, second))
    finally:
        alignment._MAX_CELLS = most


@given(st.lists(st.integers(0, 3), max_size=12), st.data())
def test_what_is_left_of_a_sequence_is_found_in_it(sequence, data):
    kept = data.draw(st.lists(st.booleans(), min_size=len(sequence), max_size=len(sequence)))
    part = [each for each, is_kept in zip(sequence, kept, strict=True) if is_kept]
    assert len(common_subsequence(sequence, part)) == len(part)


def test_one_lost_item_of_many_is_found():
    first = list(range(50_000))
    second = first[:1234] + first[1235:]
    assert len(common_subsequence(first, second)) == 49_999


def test_many_equal_items_are_aligned_in_linear_time():
    first = [1, 2] * 25_000
    second = [2, 1] * 25_000
    assert len(common_subsequence(first, second)) > 49_000


def test_coarser_levels_pair_only_what_is_between_pairs():
    first, second = ["a1", "b1", "c1"], ["a1", "b2", "c1"]
    exact = (lambda i: hash(first[i]), lambda j: hash(second[j]))
    letter = (lambda i: hash(first[i][0]), lambda j: hash(second[j][0]))
    assert align(3, 3, [exact]) == [(0, 0), (2, 2)]
    assert align(3, 3, [exact, letter]) == [(0, 0), (1, 1), (2, 2)]


def test_moved_items_are_paired_in_their_order():
    first, second = [5, 6, 5], [5, 7, 5, 6]
    level = (first.__getitem__, second.__getitem__)
    assert pair_moved(range(3), range(4), level) == [(0, 0), (1, 3), (2, 2)]
