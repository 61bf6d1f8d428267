"""Long texts, cut to fit a line of a report or an error.

…aaaaaaaabaaaaaaaa…    cut around the first difference of two texts
aaaaaaaaaaaaaaaaaa…    cut at the end
"""

_MAX_CHARACTERS = 80
_CHARACTERS_BEFORE = 40
"""Characters of a cut text, and how many of them precede the difference."""

_MARK = "…"


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
