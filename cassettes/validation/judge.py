"""The one judge of what is sound in a cassette.

    find_problems(cassette)      all findings, by line: for `validate`
    Examination(cassette)        the same, for what reads the documents itself: `inspect`
    open_for_playing(path)       the cassette and its warnings, or CassetteError: for `replay`, the
                                 pytest plugin and `Player`

A cassette of more than `MAX_EXAMINED_BYTES` is played without looking at every body, which would
take longer than opening it. Contradictions between its documents are noticed even so: the scan of
the file tells whether there may be one, and then everything is examined.
"""

import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from ...proto.api import endpoints
from ..format.documents import CassetteError, Document, Event, Exchange, Header, PlacedError, Side
from ..storage.opened_file import ChangedError
from ..storage.reader import Cassette, DocumentSource
from .content import ExchangeContent, StreamContent, event_findings, stream_content
from .findings import FINDING_KINDS, CassetteFinding
from .structure import DocumentLines, StructureCheck

MAX_EXAMINED_BYTES = 4 << 20
"""Bytes of the longest cassette of which a replay examines every body: 50 ms for each MB."""

_WITHOUT_EXCHANGE = ("unknown-exchange", "unfinished-request", "unknown-note")

_MAX_WARNINGS = 10
"""Warnings about one cassette that a replay prints."""

_CONFLICT_MARKS = ("'<<<<<<<", "'=======", "'>>>>>>>", "'|||||||")


def find_problems(
    cassette: Cassette, on_progress: Callable[[int], None] = lambda _: None
) -> list[CassetteFinding]:
    """Return all findings of a cassette, by line.

    `on_progress` gets the offset up to which it is read.
    """
    examination = Examination(cassette)
    for _ in examination.documents():
        on_progress(examination.offset)
    return examination.finish()


def open_for_playing(
    path: Path | str, *, max_examined_bytes: int = MAX_EXAMINED_BYTES, is_copied: bool = False
) -> tuple[Cassette, list[CassetteFinding]]:
    """Open a cassette to play it; return it with its findings, all of which are warnings.

    With `is_copied`, a copy is read, so that the file may be written to. Raises `CassetteError` if
    the cassette cannot be read, or contradicts itself.
    """
    cassette = Cassette.open(path, lenient=True, is_copied=is_copied)
    try:
        return cassette, check_for_playing(cassette, max_examined_bytes=max_examined_bytes)
    except BaseException:
        cassette.close()
        raise


def describe_warnings(path: Path | str, findings: Sequence[CassetteFinding]) -> list[str]:
    """Return the texts of findings, but not too many."""
    texts = [each.describe(path) for each in findings[:_MAX_WARNINGS]]
    if len(findings) > _MAX_WARNINGS:
        more = len(findings) - _MAX_WARNINGS
        texts.append(f"{path}: {more} more: {_command(path)} lists all")
    return texts


def check_for_playing(
    cassette: Cassette, *, max_examined_bytes: int = MAX_EXAMINED_BYTES
) -> list[CassetteFinding]:
    """Return the findings of an open cassette; raises `CassetteError` if one is an error."""
    if cassette.is_regular and cassette.length_bytes > max_examined_bytes:
        return [*_left_out(cassette), *_missing_server(cassette, cassette.exchange_heads())]
    findings = find_problems(cassette)
    errors = [each for each in findings if each.level == "error"]
    if not errors:
        return findings
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    option = " --fix" if FINDING_KINDS[errors[0].code].fix else ""
    place = shlex.quote(str(cassette.path))
    raise CassetteError(
        f"{errors[0].describe(cassette.path)}{more}; run mesotape validate{option} {place}"
    )


def _command(path: Path | str) -> str:
    return shlex.join(["mesotape", "validate", str(path)])


def _left_out(cassette: Cassette) -> list[CassetteFinding]:
    """Return the findings for the parts of a file that are left out."""
    return [_left_out_finding(error) for error in cassette.left_out]


def _left_out_finding(error: PlacedError) -> CassetteFinding:
    if any(mark in error.text for mark in _CONFLICT_MARKS):
        advice = "resolve the conflict: delete the marks, and what is not to stay"
        text = f"a merge conflict: {error.text}"
        return CassetteFinding(code="conflict-mark", line=error.line, text=text, advice=advice)
    return CassetteFinding(code="cut-off", line=error.line, text=error.text)


def _missing_server(cassette: Cassette, exchanges: Iterable[Exchange]) -> list[CassetteFinding]:
    """Return a finding if the header lacks the kind of server, and an exchange depends on it."""
    if cassette.header.server is not None:
        return []
    for exchange in exchanges:
        path = exchange.request.path
        if endpoints.find_api(path, None) is None and endpoints.find_api(path, "master"):
            number = exchange.exchange
            text = (
                "the header has neither `server: master` nor `server: agent`, "
                f"so calls to /api/v1 match byte by byte, from exchange {number} on"
            )
            return [CassetteFinding(code="no-server", line=2, text=text, exchange=number)]
    return []


class Examination:
    """Examines a cassette while its documents are read; `offset` is how far it is."""

    def __init__(self, cassette: Cassette) -> None:
        self.offset = 0
        self._cassette = cassette
        self._streams: dict[tuple[int, Side], StreamContent | None] = {}
        self._findings: list[CassetteFinding] = []
        self._repeated = cassette.repeated_exchanges
        self._structure = StructureCheck(cassette.exchange_starts(), self._repeated)
        self._has_server = cassette.header.server is not None

    def documents(self) -> Iterator[tuple[DocumentSource, Document]]:
        """Read the documents in the order of the file; a wrong one is a finding."""
        for source in self._cassette.sources():
            try:
                document, data = self._cassette.read_source(source)
            except PlacedError as error:
                self._add(CassetteFinding(code="document", line=error.line, text=error.text))
                continue
            self._examine(source, document, data)
            yield source, document
            self.offset += len(data)

    def finish(self) -> list[CassetteFinding]:
        """Return all findings, by line, when the documents were read."""
        self._findings += _left_out(self._cassette)
        self._findings += self._structure.finish()
        self._leave_out_consequences()
        known = {each.line for each in self._findings if each.level == "error"}
        for error in self._cassette.wrong_documents:
            if error.line not in known:
                self._add(CassetteFinding(code="document", line=error.line, text=error.text))
        return sorted(self._findings, key=lambda each: each.line)

    def _examine(self, source: DocumentSource, document: Document, data: bytes) -> None:
        line = source.line
        last = line - 1 + data.rstrip(b"\n").count(b"\n")
        self._findings += self._structure.check(document, DocumentLines(line, line - 1, last))
        match document:
            case Header() if source.number > 0:
                text = "found a second header: two cassettes in one file"
                advice = f"cut the file before line {line - 1}"
                self._add(
                    CassetteFinding(code="second-header", line=line, text=text, advice=advice)
                )
            case Exchange():
                self._examine_exchange(document, line, data)
            case Event() if document.of not in self._repeated:
                self._examine_event(document, line, data)
            case _:
                pass

    def _leave_out_consequences(self) -> None:
        """Of records that belong to no exchange, report that alone."""
        unknown = {each.exchange for each in self._findings if each.code in _WITHOUT_EXCHANGE}
        self._findings = [
            each
            for each in self._findings
            if each.exchange not in unknown or each.code in _WITHOUT_EXCHANGE
        ]

    def _examine_exchange(self, exchange: Exchange, line: int, data: bytes) -> None:
        if not self._has_server and (found := _missing_server(self._cassette, [exchange])):
            self._findings += found
            self._has_server = True  # It is reported once.
        content = ExchangeContent(exchange, self._cassette.header.server, line, data)
        self._findings += content.findings

    def _examine_event(self, event: Event, line: int, data: bytes) -> None:
        side = event.from_ or "server"
        if (event.of, side) not in self._streams:
            self._streams[event.of, side] = self._find_stream(event.of, side)
        stream = self._streams[event.of, side]
        if stream is not None:
            self._findings += event_findings(event, stream, line, data)

    def _find_stream(self, number: int, side: Side) -> StreamContent | None:
        """Return what the records of a stream are; None if its exchange cannot be read.

        The exchange may be after its records in the file.
        """
        try:
            exchange = self._cassette.exchange(number)
        except ChangedError:
            raise
        except CassetteError:
            return None
        return stream_content(exchange, self._cassette.header.server, side)

    def _add(self, finding: CassetteFinding) -> None:
        self._findings.append(finding)
