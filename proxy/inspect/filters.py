"""The filters of `mesotape inspect`, and what to say about those that match no row."""

from collections.abc import Callable, Iterator

from msgspec import Struct, field

from ...cassettes.format.closest_word import closest_word
from ...cassettes.inspection.rows import Row
from ...proto.api.apis import APIS
from ...proto.api.event_types import event_type_names
from .bodies import format_body
from .options import InspectOptions
from .summary import InspectionSummary

_MOST_LISTED = 10


class _Filter(Struct, kw_only=True):
    """One filter: it accepts rows, of which it compares one `property`.

    `values` are those of the rows that it did not accept, until it accepts one. If they are names,
    `known` has all names that are possible.
    """

    option: str
    wanted: str
    accepts: Callable[[Row], bool]
    property: Callable[[Row], str | None] | None = None
    known: frozenset[str] = frozenset()
    has_matched: bool = False
    values: dict[str, None] = field(default_factory=dict[str, None])

    def test(self, row: Row) -> bool:
        """Return whether the filter accepts a row."""
        if self.accepts(row):
            self.has_matched = True
            return True
        if not self.has_matched and self.property and (value := self.property(row)) is not None:
            self.values[value] = None
        return False

    def explain(self) -> str:
        """Return that nothing matches, and what would."""
        text = f"{self.option} {self.wanted} matches no row"
        if self.known and (near := self._nearest_name()) is not None:
            return f"{text}; did you mean {near}?"
        if self.property is None:
            return text
        listed = ", ".join(list(self.values)[:_MOST_LISTED]) or "none"
        more = ", …" if len(self.values) > _MOST_LISTED else ""
        return f"{text}; found {listed}{more}"

    def _nearest_name(self) -> str | None:
        if self.wanted in self.known:
            return None
        wanted = self.wanted.upper()
        return closest_word(wanted, self.values, cutoff=0.7) or closest_word(wanted, self.known)


class RowFilters:
    """Selects the rows that pass every option, by one of its values if it may be repeated."""

    def __init__(self, options: InspectOptions) -> None:
        self._groups = [] if options.show else [group for group in _groups(options) if group]
        self._only_bad = options.bad and not options.show
        self._has_passed = False

    @property
    def is_empty(self) -> bool:
        """Whether there are no filters: all rows pass."""
        return not self._groups and not self._only_bad

    def accept(self, row: Row) -> bool:
        """Return whether a row passes."""
        # A filter that has matched nothing yet is asked about each row, whatever the others say:
        # it is to be told apart from filters that only together match nothing.
        passes = True
        for group in self._groups:
            accepted = [one.test(row) for one in group if passes or not one.has_matched]
            passes = passes and any(accepted)
        self._has_passed |= passes
        return passes and (not self._only_bad or row.severity in ("warning", "malformed"))

    def unmatched(self, total: InspectionSummary) -> list[str]:
        """Return a line for each filter that matched no row, or one for all if they never agree.

        `--bad` is a question rather than a filter: that nothing is bad is an answer.
        """
        filters = [one for group in self._groups for one in group]
        lines = [one.explain() for one in filters if not one.has_matched]
        if any(line.startswith(("--since", "--until")) for line in lines):
            lines.append(_times(total))
        if lines or self._has_passed or not filters:
            return lines
        return [f"no row matches {' and '.join(f'{one.option} {one.wanted}' for one in filters)}"]


def _groups(options: InspectOptions) -> Iterator[list[_Filter]]:
    yield [
        _Filter(
            option="--call",
            wanted=name,
            accepts=lambda row, name=name: row.call == name,
            property=lambda row: row.call,
            known=frozenset(one for api in APIS for one in api.call_types),
        )
        for name in options.calls
    ]
    yield [
        _Filter(
            option="--type",
            wanted=name,
            accepts=lambda row, name=name: _event_type(row) == name,
            property=_event_type,
            known=event_type_names() if options.types else frozenset(),
        )
        for name in options.types
    ]
    if (since := options.since) is not None:
        yield [_time_filter("--since", since, lambda at: at >= since)]
    if (until := options.until) is not None:
        yield [_time_filter("--until", until, lambda at: at <= until)]
    if (client := options.client) is not None:
        yield [
            _Filter(
                option="--client",
                wanted=client,
                accepts=lambda row: client in (str(row.client), row.peer),
                property=lambda row: None if row.client is None else str(row.client),
            )
        ]
    if (text := options.text) is not None:
        yield [
            _Filter(
                option="--text",
                wanted=repr(text),
                accepts=lambda row: text in _searchable_text(row),
            )
        ]


def _time_filter(option: str, seconds: float, accepts: Callable[[float], bool]) -> _Filter:
    return _Filter(
        option=option,
        wanted=f"{seconds:g}",
        accepts=lambda row: row.at is not None and accepts(row.at),
    )


def _times(total: InspectionSummary) -> str:
    tallies = [*total.exchanges.values(), *total.events.values()]
    first = min((one.first_at for one in tallies if one.first_at is not None), default=None)
    last = max((one.last_at for one in tallies if one.last_at is not None), default=None)
    if first is None or last is None:
        return "the rows have no times"
    return f"the rows have times from {first:.6f} to {last:.6f}"


def _event_type(row: Row) -> str | None:
    return row.type if row.row_type in ("event", "skipped") else None


def _searchable_text(row: Row) -> str:
    skipped = row.skipped.data.decode(errors="replace") if row.skipped else ""
    bodies = ((row.request_body, row.request_message_name), (row.body, row.message_name))
    texts = (
        format_body(body, message) if not body.startswith(b"{") else body.decode(errors="replace")
        for body, message in bodies
        if body
    )
    return "\n".join((*texts, skipped, row.path or "", row.text or ""))
