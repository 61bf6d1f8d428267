"""What is in a cassette, as rows in the order of the file.

Streams go through the examiner again, for the recorder gives up at a bad length as Mesos does. So
an event may be told with another number here than in the file, and `line` is where it stands.
"""

from collections.abc import Iterator

from ...proto import recordio
from ...proto.api import calls, endpoints
from ...proto.api.apis import AGENT, CallType, ServerKind
from ...proto.api.negotiation import JSON, PROTOBUF, Encoding
from ...proto.diagnosis.problems import Diagnostic
from ...proto.diagnosis.stream_type import examine_payload
from ...proto.http.headers import header_value
from ..format.bodies import BodyError, encode_body
from ..format.documents import Body, CassetteError, End, Event, Exchange, Note, Side
from ..storage.reader import Cassette
from .rows import Row
from .stream_rows import StreamOrigin, StreamRows

ENCODINGS: dict[str | None, Encoding] = {JSON: "json", PROTOBUF: "protobuf"}
"""Encodings of a body or a record, by media type."""


def read_cassette_rows(cassette: Cassette) -> Iterator[Row]:
    """Read everything, once. Raises CassetteError at a document that is wrong."""
    return _Inspection(cassette).rows()


class _Inspection:
    def __init__(self, cassette: Cassette) -> None:
        self._cassette = cassette
        self._streams: dict[tuple[int, Side], StreamRows] = {}
        self._origins: dict[int, StreamOrigin] = {}
        self._messages: dict[int, str | None] = {}
        self._chunks: set[int] = set()
        self._bare: dict[int, int] = {}

    def rows(self) -> Iterator[Row]:
        for told, line in self._cassette.documents_or_errors():
            match told:
                case CassetteError():
                    raise told
                case Exchange():
                    yield self._exchange(told, line)
                case Event():
                    yield from self._event(told, line)
                case End():
                    yield from self._end(told, line)
                case Note():
                    yield Row(
                        row_type="note", at=told.at, exchange=told.of, line=line, text=told.note
                    )
                case _:
                    pass
        for stream in self._streams.values():
            yield from stream.close()

    def _exchange(self, told: Exchange, line: int) -> Row:
        row = exchange_row(told, self._cassette.header.server)
        row.line = line
        self._origins[told.exchange] = StreamOrigin(told.exchange, told.client, told.peer, row.call)
        if told.response.stream == "chunks":
            self._chunks.add(told.exchange)
        if told.response.stream is not None:
            self._messages[told.exchange] = row.message_name
        if (early := self._streams.get((told.exchange, "client"))) is not None:
            early.origin = StreamOrigin(told.exchange, told.client, told.peer, row.call, "client")
        return row

    def _stream(self, number: int, side: Side) -> StreamRows:
        """Find a stream; a streamed request may begin before the exchange is told."""
        if (number, side) not in self._streams:
            own = self._origins.get(number, StreamOrigin(number))
            origin = StreamOrigin(number, own.client, own.peer, own.call, side)
            message = self._messages.get(number) if side == "server" else AGENT.call_message
            self._streams[number, side] = StreamRows(origin, message, patient=False)
        return self._streams[number, side]

    def _event(self, told: Event, line: int) -> Iterator[Row]:
        side = told.from_ or "server"
        message = self._messages.get(told.of) if side == "server" else AGENT.call_message
        data = body_bytes(told, message)
        if told.of in self._chunks and side == "server":
            yield self._chunk(told, data, line)
            return
        if told.offset is None:
            data = recordio.encode(data)
        chunks = 1 if told.chunks is None else max(1, len(told.chunks))
        yield from self._stream(told.of, side).feed(data, told.at, line, chunks)

    def _chunk(self, told: Event, data: bytes, line: int) -> Row:
        """A chunk of a body that is not RecordIO."""
        own = self._origins[told.of]
        return Row(
            row_type="event",
            at=told.at,
            exchange=told.of,
            number=told.event,
            client=own.client,
            call=own.call,
            peer=own.peer,
            type="(chunk)",
            size=len(data),
            line=line,
            body=data,
        )

    def _end(self, told: End, line: int) -> Iterator[Row]:
        stream = self._stream(told.end, told.from_ or "server")
        yield from stream.close(told.at, told.cause, line)
        del self._streams[told.end, told.from_ or "server"]


def exchange_row(told: Exchange, server: ServerKind | None) -> Row:
    """Look at one exchange: which call it is, and whether the bodies are what they should be."""
    request, response = told.request, told.response
    api = endpoints.find_api(request.path, server)
    data = body_bytes(request, None if api is None else api.call_message)
    sort = header_value(request.headers, "content-type")
    kind: CallType | None = None
    remarks: list[Diagnostic] = []
    call = None
    content = None
    if api is not None and request.method == "POST" and request.stream is None:
        kind = calls.identify_call_type(data, sort, api)
        call = None if kind is None else kind.name
        if data and sort in ENCODINGS:
            content = examine_payload(data, api.call_message, ENCODINGS[sort])
            call = content.type
            remarks += _placed(content.diagnostics, "the request ")
    if request.stream is not None and api is not None:
        call = "ATTACH_CONTAINER_INPUT"
    message = None
    if kind is not None:
        message = kind.record_message if response.stream is not None else kind.response_message
    answer = body_bytes(response, message)
    remarks += _about_answer(told, kind, message, answer)
    return Row(
        row_type="exchange",
        at=told.at,
        exchange=told.exchange,
        client=told.client,
        peer=told.peer,
        call=call,
        type=call,
        method=request.method,
        path=request.path,
        status=response.status,
        content=content,
        size=None if response.stream else len(answer),
        cause=response.cause,
        text=None if response.stream is None else response.stream,
        diagnostics=tuple(remarks),
        message_name=message,
        body=answer,
        request_body=data,
        request_message_name=None if api is None else api.call_message,
    )


def _about_answer(
    told: Exchange, kind: CallType | None, message: str | None, answer: bytes
) -> list[Diagnostic]:
    response = told.response
    coding = header_value(response.headers, "content-encoding")
    if response.stream is not None:
        text = "the stream is said to be compressed; Mesos never compresses one"
        return [Diagnostic("gzip", text)] if coding else []
    if response.cause is not None:
        return [Diagnostic("cut", f"the answer did not come whole ({response.cause})")]
    encoding = ENCODINGS.get(header_value(response.headers, "content-type"))
    if response.status != 200 or kind is None or encoding is None or not answer:
        return []
    if kind.record_message is not None:
        text = f"the answer to {kind.name} is no stream, expected records"
        return [Diagnostic("plain-json", text)]
    if message is None:
        return []
    return _placed(examine_payload(answer, message, encoding).diagnostics, "the answer ")


def body_bytes(body: Body, message: str | None) -> bytes:
    """Give the bytes of a body; nothing if the cassette does not tell them."""
    try:
        return encode_body(body, message)
    except BodyError:
        return b""


def _placed(remarks: tuple[Diagnostic, ...], place: str) -> list[Diagnostic]:
    return [Diagnostic(one.reason, place + one.text) for one in remarks]
