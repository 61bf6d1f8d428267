"""Texts for reports and errors: long ones cut to fit a line, and the known word that is closest.

…aaaaaaaabaaaaaaaa…    cut around the first difference of two texts
aaaaaaaaaaaaaaaaaa…    cut at the end
"""

from collections.abc import Iterable
from difflib import get_close_matches

_MAX_CHARACTERS = 80
_CHARACTERS_BEFORE = 40
"""Characters of a cut text, and how many of them precede the difference."""

_MAX_WORD_CHARACTERS = 100
"""Characters of an unknown word that are compared: difflib takes long for long words."""

_MARK = "…"


def closest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is most similar to a word, or None if none is similar."""
    matches = get_close_matches(word[:_MAX_WORD_CHARACTERS], list(known), n=1, cutoff=0.5)
    return matches[0] if matches else None


def truncate(text: str, max_characters: int = _MAX_CHARACTERS) -> str:
    """Cut a text at its end; a mark is appended if something is cut off."""
    return text if len(text) <= max_characters else f"{text[:max_characters]}{_MARK}"


def truncate_around_difference(old: str | None, new: str | None) -> tuple[str | None, str | None]:
    """Cut two texts to the part around their first difference. None stays None."""
    if max(len(old or ""), len(new or "")) <= _MAX_CHARACTERS:
        return old, new
    start = max(0, _common_prefix_length(old or "", new or "") - _CHARACTERS_BEFORE)
    return _cut_from(old, start), _cut_from(new, start)


def _common_prefix_length(old: str, new: str) -> int:
    same, limit = 0, min(len(old), len(new))
    while same < limit:
        half = (same + limit + 1) // 2
        if old[same:half] == new[same:half]:
            same = half
        else:
            limit = half - 1
    return same


def _cut_from(text: str | None, start: int) -> str | None:
    if text is None:
        return None
    if start <= len(_MARK):
        return truncate(text)
    return _MARK + truncate(text[start:])
