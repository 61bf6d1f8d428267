"""Differences as lines for people, and as annotations of a pull request on GitHub."""

from collections.abc import Iterator

from ...cassettes.comparing.differences import (
    DifferenceKind,
    FieldChange,
    Place,
    RecordingDifference,
    Tally,
)
from ...cassettes.matching.misses import ReportLine, SpanStyle
from ...proto.counted import counted
from ..ci.annotations import format_annotation

_MARKS: dict[DifferenceKind, tuple[str, SpanStyle]] = {
    "missing": ("-", "recorded"),
    "new": ("+", "received"),
    "changed": ("~", "label"),
    "moved": (">", "label"),
}
_NOTHING = "(nothing)"


def report_lines(difference: RecordingDifference) -> Iterator[ReportLine]:
    """Yield the lines of a difference, as spans with styles."""
    mark, style = _MARKS[difference.kind]
    places = ", ".join(map(_place_text, _places(difference)))
    yield [(f"{mark} {_title(difference)}", style), (f"  ({places})", "arrow")]
    if difference.after is not None:
        yield [(f"    after {difference.after}", "nearest")]
    for change in difference.changes:
        yield [
            (f"    {change.path}", "path"),
            (": ", "plain"),
            (change.first or _NOTHING, "recorded"),
            (" → ", "arrow"),
            (change.second or _NOTHING, "received"),
        ]
    if difference.more:
        yield [(f"    and {difference.more} more", "plain")]


def annotation(difference: RecordingDifference, place: Place) -> str:
    """Format a difference as a command of GitHub Actions, which annotates a line of a file."""
    lines = [_title(difference), *map(_change_text, difference.changes)]
    if difference.after is not None:
        lines.append(f"after {difference.after}")
    return format_annotation("warning", lines[0], "\n".join(lines), place.file, place.line)


def summary(tally: Tally) -> str:
    """Return what was found, and how much was compared."""
    compared = f"{counted(tally.calls, 'call')} and {counted(tally.events, 'event')} compared"
    counts = [f"{number} {kind}" for kind in _MARKS if (number := getattr(tally, kind))]
    return f"{', '.join(counts) or 'no differences'}; {compared}"


def _title(difference: RecordingDifference) -> str:
    place = _places(difference)[0]
    event = "" if place.event is None else f", event {place.event}"
    call = f" of {difference.call}" if difference.call else ""
    return f"exchange {place.exchange}{event}, {difference.what}{call}: {difference.kind}"


def _places(difference: RecordingDifference) -> list[Place]:
    return [place for place in (difference.first, difference.second) if place is not None]


def _place_text(place: Place) -> str:
    """Return file and line, or the URL of a server."""
    return place.file if "://" in place.file else f"{place.file}:{place.line}"


def _change_text(change: FieldChange) -> str:
    return f"{change.path}: {change.first or _NOTHING} → {change.second or _NOTHING}"
