"""Passes over columns give the same with the compiled module and without it."""

from array import array
from random import Random
from unittest.mock import patch

import pytest

from mesotape.cassettes.indexing import columns


def in_python(function, *arguments, **settings):
    with patch.object(columns, "native", None):
        return function(*arguments, **settings)


@pytest.mark.parametrize("kind", "IQd")
@pytest.mark.parametrize("strictly", [False, True])
@pytest.mark.parametrize(
    "numbers", [[], [7], [1, 2, 3], [1, 2, 2], [1, 3, 2], [2, 1], [0, 2**32 - 1], [5, 5]]
)
def test_a_column_is_ascending(kind, strictly, numbers):
    column = array(kind, numbers)
    expected = numbers == sorted(set(numbers) if strictly else numbers)
    assert columns.is_ascending(column, strictly=strictly) == expected
    assert in_python(columns.is_ascending, column, strictly=strictly) == expected


def test_rows_are_divided_by_group():
    random = Random(7)
    groups = array("I", (random.choice([0, 1, 2, 5, 2**32 - 1]) for _ in range(500)))
    found = columns.rows_by_group(groups, 3)
    assert found == in_python(columns.rows_by_group, groups, 3)
    assert [len(rows) for rows in found] == [
        *map(groups.count, range(3)),
        500 - sum(map(groups.count, range(3))),
    ]
