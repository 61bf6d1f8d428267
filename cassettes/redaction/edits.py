"""Replacing parts of a text, with little memory also if there are very many."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

_MOST_PIECES = 8192
"""Then they are joined: a piece takes more memory than the few characters in it."""

type Edit[T] = tuple[int, int, T]
"""What stands between two offsets, and the text or bytes that replace it."""


def apply_edits[T: (str, bytes)](text: T, edits: Iterable[Edit[T]]) -> T:
    """Return a text with edits, which are in order; the same object if there are none."""
    empty: Any = text[:0]
    blocks: list[T] = []
    pieces: list[T] = []
    position = 0
    for begin, end, new in edits:
        pieces += text[position:begin], new
        position = end
        if len(pieces) >= _MOST_PIECES:
            blocks.append(empty.join(pieces))
            pieces.clear()
    if not position:
        return text
    return empty.join([*blocks, *pieces, text[position:]])


def replace_matches(
    expression: re.Pattern[str], text: str, replacement: Callable[[re.Match[str]], str]
) -> str:
    """Return a text like `expression.sub(replacement, text)`; the same object if it is equal."""
    return apply_edits(text, _changes(expression, text, replacement))


def _changes(
    expression: re.Pattern[str], text: str, replacement: Callable[[re.Match[str]], str]
) -> Iterator[Edit[str]]:
    for found in expression.finditer(text):
        new = replacement(found)
        if new != found.group():
            yield found.start(), found.end(), new
