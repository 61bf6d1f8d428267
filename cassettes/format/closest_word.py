"""The known word that an unknown one stands for, for error texts."""

from collections.abc import Iterable

_MAX_COMPARED_CHARACTERS = 60
"""difflib takes long for long words."""


def closest_word(word: str, known: Iterable[str], *, cutoff: float = 0.5) -> str | None:
    """Return the known word that is most similar to a word; None if none is similar.

    `cutoff` is the least similarity, from 0 (any word) to 1 (the very word).
    """
    from difflib import get_close_matches

    compared = word[:_MAX_COMPARED_CHARACTERS]
    return next(iter(get_close_matches(compared, list(known), n=1, cutoff=cutoff)), None)


def nearest_hint(word: str, known: Iterable[str]) -> str:
    """Return `; the nearest is WORD` for the end of an error text; empty if none is similar."""
    near = closest_word(word, known)
    return "" if near is None else f"; the nearest is {near}"
