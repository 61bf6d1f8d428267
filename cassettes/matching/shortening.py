"""Long texts, cut so that they can be read in a line.

…aaaaaaaabaaaaaaaa…    around the place where two of them differ
aaaaaaaaaaaaaaaaaa…    at the end
"""

_SHOWN = 80
_BEFORE = 40
"""Characters of a text that are shown, and of them those before what differs."""

_MARK = "…"


def truncate(text: str, most: int = _SHOWN) -> str:
    """Cut a text at its end."""
    return text if len(text) <= most else f"{text[:most]}{_MARK}"


def truncate_around_difference(old: str | None, new: str | None) -> tuple[str | None, str | None]:
    """Cut two texts to the part around the place where they differ first."""
    if max(len(old or ""), len(new or "")) <= _SHOWN:
        return old, new
    start = max(0, _same(old or "", new or "") - _BEFORE)
    return _from(old, start), _from(new, start)


def _same(old: str, new: str) -> int:
    """How many characters they have in common at their beginning."""
    same, most = 0, min(len(old), len(new))
    while same < most:
        half = (same + most + 1) // 2
        if old[same:half] == new[same:half]:
            same = half
        else:
            most = half - 1
    return same


def _from(text: str | None, start: int) -> str | None:
    if text is None:
        return None
    if start <= len(_MARK):
        return truncate(text)
    return _MARK + truncate(text[start:])
