"""Find every problem of a cassette at once, for `mesotape validate`.

The reader finds documents that are wrong by themselves. Here the documents are compared with each
other, and bodies are converted to bytes:

    master.yaml:41: event 4 of exchange 2: at 0.5 is before event 3 (at 0.9)
"""

from pathlib import Path

from msgspec import Struct

from ...proto.api import calls, endpoints
from ...proto.http.headers import header_value
from ..format.bodies import BodyError, encode_body
from ..format.documents import (
    Body,
    CassetteError,
    Document,
    End,
    Event,
    Exchange,
    Header,
    Note,
    Side,
)
from .reader import Cassette


def validate_cassette(path: Path | str) -> list[str]:
    """Return all problems of a cassette as `file:line: problem`, by line; none if it is valid."""
    try:
        cassette = Cassette.open(path, lenient=True)
    except CassetteError as error:
        return [str(error)]
    with cassette:
        return [*cassette.warnings, *_Validation(cassette).problems()]


class _ValidatedExchange(Struct):
    """An exchange that was seen; the names are those of the messages in its streams."""

    at: float
    line: int
    streams: list[Side]
    call_message: str | None
    record_message: str | None


class _ValidatedStream(Struct):
    """A stream as far as it was seen: its first line and time, and its last event."""

    line: int
    first_at: float
    last_event: int = 0
    last_at: float = 0.0
    has_ended: bool = False


class _Validation:
    def __init__(self, cassette: Cassette) -> None:
        self._cassette = cassette
        self._problems: list[tuple[int, str]] = []
        self._exchanges: dict[int, _ValidatedExchange] = {}
        self._streams: dict[tuple[int, Side], _ValidatedStream] = {}
        self._notes: list[tuple[int, int]] = []

    def problems(self) -> list[str]:
        for count, (document, line) in enumerate(self._cassette.documents_or_errors()):
            if isinstance(document, CassetteError):
                self._problems.append((line, str(document)))
            else:
                self._check_document(document, line, is_first=count == 0)
        self._check_order_of_exchanges()
        self._check_references()
        self._check_protobuf_records()
        return [text for _, text in sorted(self._problems, key=lambda problem: problem[0])]

    def _check_document(self, document: Document, line: int, *, is_first: bool) -> None:
        match document:
            case Header():
                if not is_first:
                    self._add(line, "found a second header: two cassettes in one file")
            case Exchange():
                self._check_exchange(document, line)
            case Event():
                self._check_event(document, line)
            case End():
                self._check_end(document, line)
            case Note():
                if document.of is not None:
                    self._notes.append((document.of, line))

    def _check_exchange(self, exchange: Exchange, line: int) -> None:
        name, request, response = (
            f"exchange {exchange.exchange}",
            exchange.request,
            exchange.response,
        )
        if exchange.exchange in self._exchanges:
            earlier = self._exchanges[exchange.exchange].line
            self._add(line, f"{name}: the number is taken already, on line {earlier}")
            return
        api = endpoints.find_api(request.path, self._cassette.header.server)
        call_message = None if api is None else api.call_message
        data = self._encode(request, call_message, line, f"{name}: request")
        content_type = header_value(request.headers, "content-type")
        call_type = None
        if api is not None and content_type is not None:
            call_type = calls.identify_call_type(data, content_type, api)
        response_message = None if call_type is None else call_type.response_message
        self._encode(response, response_message, line, f"{name}: response")
        streams: list[Side] = ["client"] if request.stream else []
        if response.stream:
            streams.append("server")
        record_message = None if call_type is None else call_type.record_message
        self._exchanges[exchange.exchange] = _ValidatedExchange(
            exchange.at, line, streams, call_message, record_message
        )

    def _check_event(self, event: Event, line: int) -> None:
        name = f"event {event.event} of exchange {event.of}"
        stream = self._stream(event.of, event.from_ or "server", line, event.at)
        if stream.has_ended:
            self._add(line, f"{name}: comes after the end of its stream")
        if event.event <= stream.last_event:
            self._add(line, f"{name}: comes after event {stream.last_event}")
        self._check_time(stream, event.at, line, name)
        stream.last_event, stream.last_at = event.event, event.at
        if event.proto is None:
            self._encode(event, None, line, name)

    def _check_end(self, end: End, line: int) -> None:
        name = f"end of exchange {end.end}"
        stream = self._stream(end.end, end.from_ or "server", line, end.at)
        if stream.has_ended:
            self._add(line, f"{name}: its stream has ended already")
        self._check_time(stream, end.at, line, name)
        stream.has_ended = True

    def _stream(self, exchange: int, side: Side, line: int, at: float) -> _ValidatedStream:
        return self._streams.setdefault((exchange, side), _ValidatedStream(line, at))

    def _check_time(self, stream: _ValidatedStream, at: float, line: int, name: str) -> None:
        if at < stream.last_at:
            earlier = f"event {stream.last_event} (at {_seconds(stream.last_at)})"
            self._add(line, f"{name}: at {_seconds(at)} is before {earlier}")

    def _check_order_of_exchanges(self) -> None:
        """Check that numbers are in the order in which the requests began."""
        last, last_at = 0, 0.0
        for number, exchange in sorted(self._exchanges.items()):
            if exchange.at < last_at:
                earlier = f"exchange {last} (at {_seconds(last_at)})"
                text = f"exchange {number}: at {_seconds(exchange.at)} is before {earlier}"
                self._add(exchange.line, text)
            last, last_at = number, exchange.at

    def _check_references(self) -> None:
        """Check that each stream and note belongs to an exchange, and began after it."""
        for (number, side), stream in self._streams.items():
            name = f"stream of exchange {number}" + (" from the client" if side == "client" else "")
            exchange = self._exchanges.get(number)
            if exchange is None:
                self._add(stream.line, f"{name}: there is no exchange {number}")
            elif side not in exchange.streams:
                part = "request" if side == "client" else "response"
                self._add(stream.line, f"{name}: the {part} (line {exchange.line}) is not a stream")
            elif stream.first_at < exchange.at:
                earlier = f"its exchange (at {_seconds(exchange.at)})"
                text = f"{name}: at {_seconds(stream.first_at)} is before {earlier}"
                self._add(stream.line, text)
        for number, line in self._notes:
            if number not in self._exchanges:
                self._add(line, f"note: there is no exchange {number}")

    def _check_protobuf_records(self) -> None:
        """Encode protobuf records last: the exchange that gives their type may follow them."""
        for event, line in self._cassette.documents_or_errors():
            if isinstance(event, Event) and event.proto is not None and event.of in self._exchanges:
                exchange = self._exchanges[event.of]
                is_response = event.from_ is None
                message = exchange.record_message if is_response else exchange.call_message
                self._encode(event, message, line, f"event {event.event} of exchange {event.of}")

    def _encode(self, body: Body, message: str | None, line: int, name: str) -> bytes:
        try:
            return encode_body(body, message)
        except BodyError as error:
            self._add(line, f"{name}: {error}")
            return b""

    def _add(self, line: int, text: str) -> None:
        self._problems.append((line, f"{self._cassette.path}:{line}: {text}"))


def _seconds(at: float) -> str:
    return f"{at:.6f}".rstrip("0").rstrip(".")
