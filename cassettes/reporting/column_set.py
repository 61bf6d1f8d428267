"""Columns of numbers, packed for typed arrays of JavaScript."""

import sys
from array import array
from collections.abc import Mapping
from itertools import chain
from typing import Any

_ALIGNMENT = 8


class ColumnSet:
    """Columns of one length. `types` has their type codes of `array`, by name."""

    def __init__(self, **types: str) -> None:
        self._columns: dict[str, array[Any]] = {name: array(code) for name, code in types.items()}
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, name: str) -> "array[Any]":
        return self._columns[name]

    def add(self, **values: float) -> int:
        """Add a row; return its position. Raises KeyError if a value is missing."""
        for name, column in self._columns.items():
            column.append(values[name])
        self._length += 1
        return self._length - 1

    def items(self) -> list[tuple[str, "array[Any]"]]:
        """Return the columns with their names."""
        return list(self._columns.items())


class TextTable:
    """Texts by number, each once. Number 0 is the empty text."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {"": 0}

    def number_of(self, text: str | None) -> int:
        """Return the number of a text, a new one if it is new."""
        return self._numbers.setdefault(text or "", len(self._numbers))

    def texts(self) -> list[str]:
        """Return all texts in the order of their numbers."""
        return list(self._numbers)


def pack_columns(
    sets: Mapping[str, ColumnSet],
) -> tuple[bytes, dict[str, dict[str, tuple[str, int, int]]]]:
    """Return all columns as bytes, and for each its type code, its offset there and its length.

    The bytes are little endian, and each column begins at a multiple of eight.
    """
    data = bytearray()
    places: dict[str, dict[str, tuple[str, int, int]]] = {}
    columns = chain.from_iterable(
        ((name, column, values) for column, values in each.items()) for name, each in sets.items()
    )
    for name, column, values in columns:
        places.setdefault(name, {})[column] = values.typecode, len(data), len(values)
        if sys.byteorder == "big":
            values.byteswap()
        data += values.tobytes()
        data += bytes(-len(data) % _ALIGNMENT)
    return bytes(data), places
