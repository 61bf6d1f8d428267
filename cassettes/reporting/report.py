"""Write the report of some cassettes.

The page is written as the cassettes are read: first its skeleton, then blocks of messages, then the
columns, and at last the script. So only numbers are in memory, about 60 bytes for each event.
"""

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import IO

from msgspec import Struct

from ...proto.shown_text import encode_json
from ..format.documents import CassetteError
from ..inspection.cassette_rows import read_cassette_rows
from ..inspection.rows import Row
from ..storage.new_file import check_is_not_read, new_file
from ..storage.reader import Cassette
from ..tables.source import open_source
from .column_set import TextTable, pack_columns
from .message_blocks import MAX_PACKED_BYTES, MessageBlocks, pack
from .page_parts import page_end, page_start
from .receipt_overlay import ReceiptFacts, ReceiptOverlay, lay_over, match_cassettes
from .state_counts import StateCounts, StateHistory
from .traffic_columns import Lane, TrafficColumns


class ReportCounts(Struct, frozen=True):
    """What a report shows. `messages_left_out` are those that its page had no room for."""

    cassettes: int
    exchanges: int
    events: int
    problems: int
    messages_left_out: int


class CassetteFacts(Struct, frozen=True):
    """A cassette, for the head of the page."""

    path: str
    server: str | None
    upstream: str | None
    recorded_at: datetime.datetime


class _PageFacts(Struct, frozen=True, kw_only=True):
    """What the page gets besides the columns, as JSON."""

    cassettes: list[CassetteFacts]
    begin: datetime.datetime
    seconds: float
    texts: list[str]
    lanes: list[Lane]
    blocks: list[int]
    columns: dict[str, dict[str, tuple[str, int, int]]]
    states: list[StateCounts]
    counts: ReportCounts
    receipt: ReceiptOverlay | None


def write_report(
    paths: list[Path],
    output: Path,
    receipt: ReceiptFacts | None = None,
    *,
    on_progress: Callable[[Path, int], None] = lambda path, percent: None,
    max_packed_bytes: int = MAX_PACKED_BYTES,
) -> ReportCounts:
    """Write the page. Raises CassetteError, or OSError if it cannot be written."""
    with new_file(output, packs=False) as page:
        page.write(page_start())
        report = _Report(page, _begin(paths), max_packed_bytes, has_receipt=receipt is not None)
        for path in paths:
            report.add(path, output, lambda percent, path=path: on_progress(path, percent))
        return report.finish(paths, receipt)


def _begin(paths: list[Path]) -> datetime.datetime:
    """Return when the earliest cassette began."""
    times: list[datetime.datetime] = []
    for path in paths:
        with open_source(path) as source:
            times.append(source.header.began)
    return min(times)


class _Report:
    def __init__(
        self, page: IO[bytes], begin: datetime.datetime, max_packed_bytes: int, *, has_receipt: bool
    ) -> None:
        self._page = page
        self._begin = begin
        self._has_receipt = has_receipt
        self._texts = TextTable()
        self._messages = MessageBlocks(page, max_packed_bytes)
        self._traffic = TrafficColumns(self._texts, self._messages)
        self._states = StateHistory()
        self._cassettes: list[CassetteFacts] = []
        self._digests: list[str | None] = []

    def add(self, path: Path, output: Path, on_progress: Callable[[int], None]) -> None:
        with Cassette.open(path, lenient=True, may_grow=True) as cassette:
            check_is_not_read(output, [cassette])
            header = cassette.header
            facts = CassetteFacts(str(path), header.server, header.upstream, header.began)
            self._cassettes.append(facts)
            self._digests.append(cassette.digest if self._has_receipt else None)
            offset = (header.began - self._begin).total_seconds()
            self._traffic.begin_cassette(offset, header.server)
            frameworks = _Frameworks()
            length = max(1, cassette.length_bytes)
            for row in read_cassette_rows(cassette, lambda done: on_progress(done * 80 // length)):
                self._traffic.add(row)
                frameworks.add(row)
        with open_source(path) as source:
            self._states.add(source, offset, frameworks.of)
        on_progress(100)

    def finish(self, paths: list[Path], receipt: ReceiptFacts | None) -> ReportCounts:
        traffic, messages = self._traffic, self._messages
        messages.flush()
        traffic.close()
        overlay = None if receipt is None else self._lay_over(receipt, paths)
        packed, places = pack_columns(
            {
                "exchanges": traffic.exchanges,
                "events": traffic.events,
                "problems": traffic.problems,
                "causes": traffic.causes,
            }
        )
        counts = ReportCounts(
            len(paths),
            len(traffic.exchanges),
            len(traffic.events),
            traffic.problem_count,
            messages.left_out,
        )
        facts = _PageFacts(
            cassettes=self._cassettes,
            begin=self._begin,
            seconds=traffic.last_seconds,
            texts=self._texts.texts(),
            lanes=traffic.lanes,
            blocks=messages.first_numbers,
            columns=places,
            states=self._states.counts(),
            counts=counts,
            receipt=overlay,
        )
        self._page.write(page_end(pack(encode_json(facts)), pack(packed)))
        return counts

    def _lay_over(self, receipt: ReceiptFacts, paths: list[Path]) -> ReceiptOverlay:
        traffic = self._traffic
        cassettes = match_cassettes(receipt, paths, self._digests.__getitem__)
        if not cassettes:
            played = ", ".join(receipt.digests) or "no cassette"
            raise CassetteError(
                f"{paths[0]}: the receipt is of {played}, or of another version of that file:"
                " name the cassettes that were played"
            )
        served = traffic.exchanges["served"]
        return lay_over(receipt, cassettes, traffic.row_of, served.__setitem__)


class _Frameworks:
    """The frameworks of the streams of a cassette, as their first events tell."""

    def __init__(self) -> None:
        self._ids: dict[int, str] = {}

    def add(self, row: Row) -> None:
        if row.row_type == "event" and row.type == "SUBSCRIBED" and row.exchange is not None:
            framework = row.summary_fields.get("framework")
            if framework is not None:
                self._ids[row.exchange] = framework

    def of(self, exchange: int) -> str | None:
        """Return the framework of the stream of an exchange, if it is known."""
        return self._ids.get(exchange)
