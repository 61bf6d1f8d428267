"""Rows of a cassette, in the order of the file.

The recorder stops at a malformed length, as Mesos does. Here the bytes of streams are examined
again, beyond such a length. So a record may have another number than its event in the file; `line`
is the line of that event.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from ...proto import recordio
from ...proto.api import calls, endpoints
from ...proto.api.apis import AGENT, CallType, ServerKind
from ...proto.api.negotiation import ENCODINGS
from ...proto.diagnosis.problems import Diagnostic
from ...proto.diagnosis.stream_type import examine_payload
from ...proto.http.headers import header_value
from ..format.bodies import BodyError, encode_body
from ..format.documents import Body, CassetteError, Document, End, Event, Exchange, Note, Side
from ..storage.opened_file import ChangedError
from ..storage.reader import Cassette
from ..validation.findings import FINDING_KINDS, CassetteFinding
from ..validation.judge import Examination
from .rows import Row
from .stream_rows import StreamOrigin, StreamRows


def read_cassette_rows(
    cassette: Cassette, on_progress: Callable[[int], None] = lambda _: None
) -> Iterator[Row]:
    """Return the rows of a cassette, and last one for each finding (validation/judge.py).

    A document or a body that is wrong has only that. `on_progress` gets the offset up to which the
    cassette is read.
    """
    examination = Examination(cassette)
    inspection = _Inspection(cassette)
    for source, document in examination.documents():
        yield from inspection.rows(document, source.line)
        on_progress(examination.offset)
    yield from inspection.close()
    yield from _finding_rows(cassette.path, examination.finish())


def _finding_rows(path: Path, findings: Iterable[CassetteFinding]) -> Iterator[Row]:
    """Return a row for each finding.

    What is wrong with a message is in the row of the message too, which counts.
    """
    for each in findings:
        is_counted = each.level != "malformed" and each.code not in ("unknown-enum", "not-json")
        meaning = FINDING_KINDS[each.code].meaning
        yield Row(
            row_type="note",
            exchange=each.exchange,
            line=each.line,
            text=each.describe(path),
            diagnostics=(Diagnostic(each.code, meaning),) if is_counted else (),
        )


class _StreamFacts(Struct, frozen=True):
    """What an exchange says of its streams; `message` is that of the records of the server."""

    client: int | None = None
    peer: str | None = None
    call: str | None = None
    message: str | None = None
    is_chunked: bool = False


class _Inspection:
    """Of exchanges, only the facts of streams that are open are kept."""

    def __init__(self, cassette: Cassette) -> None:
        self._cassette = cassette
        self._streams: dict[tuple[int, Side], StreamRows] = {}
        self._facts: dict[int, _StreamFacts] = {}

    def rows(self, document: Document, line: int) -> Iterator[Row]:
        """Return the rows of a document, the next one of the file."""
        match document:
            case Exchange():
                yield self._exchange(document, line)
            case Event():
                yield from self._event(document, line)
            case End():
                yield from self._end(document, line)
            case Note():
                yield Row(
                    row_type="note",
                    at=document.at,
                    exchange=document.of,
                    line=line,
                    text=document.note,
                )
            case _:
                pass

    def close(self) -> Iterator[Row]:
        """Return the last rows of streams that have no end."""
        for stream in self._streams.values():
            yield from stream.close()

    def _exchange(self, exchange: Exchange, line: int) -> Row:
        row = exchange_row(exchange, self._cassette.header.server)
        row.line = line
        if exchange.request.stream is not None or exchange.response.stream is not None:
            self._facts[exchange.exchange] = _stream_facts(exchange, row)
        return row

    def _facts_of(self, number: int) -> _StreamFacts:
        """Return what is known of a stream; that of a request begins before its exchange."""
        if (facts := self._facts.get(number)) is None:
            facts = self._facts[number] = self._read_facts(number)
        return facts

    def _read_facts(self, number: int) -> _StreamFacts:
        try:
            exchange = self._cassette.exchange(number)
        except ChangedError:
            raise
        except CassetteError:  # It is a finding of the judge.
            return _StreamFacts()
        return _stream_facts(exchange, exchange_row(exchange, self._cassette.header.server))

    def _stream(self, number: int, side: Side) -> StreamRows:
        if (number, side) not in self._streams:
            own = self._facts_of(number)
            origin = StreamOrigin(number, own.client, own.peer, own.call, side)
            message = own.message if side == "server" else AGENT.call_message
            self._streams[number, side] = StreamRows(origin, message, patient=False)
        return self._streams[number, side]

    def _event(self, event: Event, line: int) -> Iterator[Row]:
        side = event.from_ or "server"
        facts = self._facts_of(event.of)
        message = facts.message if side == "server" else AGENT.call_message
        try:
            data = encode_body(event, message)
        except BodyError:
            return
        if facts.is_chunked and side == "server":
            yield _chunk_row(event, facts, data, line)
            return
        if event.offset is None:
            data = recordio.encode(data)
        chunks = 1 if event.chunks is None else max(1, len(event.chunks))
        yield from self._stream(event.of, side).feed(data, event.at, line, chunks)

    def _end(self, end: End, line: int) -> Iterator[Row]:
        side = end.from_ or "server"
        yield from self._stream(end.end, side).close(end.at, end.cause, line)
        del self._streams[end.end, side]
        self._facts.pop(end.end, None)


def _stream_facts(exchange: Exchange, row: Row) -> _StreamFacts:
    stream = exchange.response.stream
    message = None if stream is None else row.message_name
    return _StreamFacts(exchange.client, exchange.peer, row.call, message, stream == "chunks")


def _chunk_row(event: Event, facts: _StreamFacts, data: bytes, line: int) -> Row:
    """Return the row of a chunk of a body that is not RecordIO."""
    return Row(
        row_type="event",
        at=event.at,
        exchange=event.of,
        number=event.event,
        client=facts.client,
        call=facts.call,
        peer=facts.peer,
        type="(chunk)",
        size=len(data),
        line=line,
        body=data,
    )


def exchange_row(exchange: Exchange, server: ServerKind | None) -> Row:
    """Return the row of one exchange: its call, and the diagnostics of its bodies.

    `server` is the kind of the server, by which the API is found; None if it is unknown.
    """
    request, response = exchange.request, exchange.response
    api = endpoints.find_api(request.path, server)
    request_body = body_bytes(request, None if api is None else api.call_message)
    media_type = header_value(request.headers, "content-type")
    call_type: CallType | None = None
    diagnostics: list[Diagnostic] = []
    call = None
    content = None
    if api is not None and request.method == "POST" and request.stream is None:
        call_type = calls.identify_call_type(request_body, media_type, api)
        call = None if call_type is None else call_type.name
        if request_body and media_type in ENCODINGS:
            content = examine_payload(request_body, api.call_message, ENCODINGS[media_type])
            call = content.type
            diagnostics += _prefixed(content.diagnostics, "the request ")
    if request.stream is not None and api is not None:
        call = "ATTACH_CONTAINER_INPUT"
    message = None
    if call_type is not None:
        message = (
            call_type.record_message if response.stream is not None else call_type.response_message
        )
    response_body = body_bytes(response, message)
    diagnostics += _response_diagnostics(exchange, call_type, message, response_body)
    return Row(
        row_type="exchange",
        at=exchange.at,
        exchange=exchange.exchange,
        client=exchange.client,
        peer=exchange.peer,
        call=call,
        type=call,
        method=request.method,
        path=request.path,
        status=response.status,
        response_seconds=response.after,
        content=content,
        size=None if response.stream else len(response_body),
        cause=response.cause,
        text=None if response.stream is None else response.stream,
        diagnostics=tuple(diagnostics),
        message_name=message,
        body=response_body,
        request_body=request_body,
        request_message_name=None if api is None else api.call_message,
    )


def _response_diagnostics(
    exchange: Exchange, call_type: CallType | None, message: str | None, body: bytes
) -> list[Diagnostic]:
    response = exchange.response
    coding = header_value(response.headers, "content-encoding")
    if response.stream is not None:
        text = "Content-Encoding says that the stream is compressed; Mesos never compresses one"
        return [Diagnostic("gzip", text)] if coding else []
    if response.cause is not None:
        return [Diagnostic("cut", f"the response is incomplete ({response.cause})")]
    encoding = ENCODINGS.get(header_value(response.headers, "content-type"))
    if response.status != 200 or call_type is None or encoding is None or not body:
        return []
    if call_type.record_message is not None:
        text = f"the answer to {call_type.name} is not a stream, expected records"
        return [Diagnostic("plain-json", text)]
    if message is None:
        return []
    return _prefixed(examine_payload(body, message, encoding).diagnostics, "the answer ")


def body_bytes(body: Body, message: str | None) -> bytes:
    """Return the bytes of a body; none if the cassette does not give them (BodyError)."""
    try:
        return encode_body(body, message)
    except BodyError:
        return b""


def _prefixed(diagnostics: tuple[Diagnostic, ...], prefix: str) -> list[Diagnostic]:
    return [Diagnostic(one.reason, prefix + one.text) for one in diagnostics]
