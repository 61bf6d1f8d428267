"""The exchanges of a cassette as whole ones, with the bytes that the recorder saw.

A body that the recorder decompressed is compressed again. Memory is bounded by `max_body_bytes`: a
longer body is left out.
"""

from collections.abc import Callable, Iterator

from ...proto import recordio
from ...proto.api import calls, endpoints
from ...proto.http.gzip_coding import gzip_compress
from ...proto.http.headers import header_pairs, header_value
from ...proto.http.reason_phrases import reason_phrase
from ..format.documents import (
    INCOMPLETE_REQUEST,
    Body,
    Event,
    Exchange,
    Headers,
    Request,
    Response,
    Side,
    StreamFraming,
)
from ..matching.recorded_request import recorded_request, response_message_name
from ..recording.whole_exchange import Chunks, WholeExchange, WholeRequest, WholeResponse
from ..storage.reader import Cassette
from ..storage.recorded_bodies import encode_event, encode_request, encode_response
from .losses import Losses

_LOST = (" were lost", " is missing")
"""How the `malformed` of a body ends that the recorder did not see completely."""


def message_name(cassette: Cassette, exchange: Exchange, side: Side) -> str | None:
    """Return the full name of the message in a body, or of its records; None if not known."""
    request = exchange.request
    api = endpoints.find_api(request.path, cassette.header.server)
    if api is None or side == "client":
        return None if api is None else api.call_message
    body = recorded_request(cassette, exchange).body
    media_type = header_value(request.headers, "content-type")
    if request.stream is not None:
        first = next(iter(recordio.Decoder().feed(body)), None)
        body = first.payload if isinstance(first, recordio.Record) else b""
        media_type = header_value(request.headers, "message-content-type")
    return response_message_name(exchange, calls.identify_call_type(body, media_type, api))


def event_bytes(
    cassette: Cassette, event: Event, stream: StreamFraming | None, message: str | None
) -> bytes:
    """Return the bytes of an event in its stream, framing included. Raises ExchangeError."""
    data = encode_event(cassette, event, message)
    is_record = stream != "chunks" and event.offset is None
    return recordio.encode(data) if is_record else data


class RecordedExchanges:
    """Reads the exchanges of a cassette; what is not in it, or too long, is among the losses.

    `on_progress` gets percentages.
    """

    def __init__(
        self,
        cassette: Cassette,
        losses: Losses,
        max_body_bytes: int,
        on_progress: Callable[[int], None] = lambda percent: None,
    ) -> None:
        self._cassette = cassette
        self._losses = losses
        self._max_body_bytes = max_body_bytes
        self._on_progress = on_progress

    def __iter__(self) -> Iterator[WholeExchange]:
        """Iterate over the exchanges, in the order in which they began. Raises CassetteError."""
        for count, exchange in enumerate(self._cassette.exchanges(), 1):
            yield self._read(exchange)
            self._on_progress(count * 100 // len(self._cassette))

    def _read(self, exchange: Exchange) -> WholeExchange:
        number, response = exchange.exchange, exchange.response
        server_end = self._cassette.stream_end(number)
        client_end = self._cassette.stream_end(number, "client")
        headed_at = exchange.answered_at
        ended_at, cause = headed_at, response.cause or "server"
        if server_end is not None:
            ended_at, cause = server_end.at, server_end.cause
        elif response.stream is not None:
            ended_at = None
        elif client_end is not None and client_end.cause != "client":
            ended_at = client_end.at
        request_ended_at = exchange.at
        if exchange.request.stream is not None:
            request_ended_at = None
            if client_end is not None and client_end.cause == "client":
                request_ended_at = client_end.at
        return WholeExchange(
            number=number,
            at=exchange.at,
            client=exchange.client,
            peer=exchange.peer,
            request=self._request(exchange, request_ended_at),
            response=None
            if response.status is None
            else self._response(exchange, response, headed_at),
            ended_at=ended_at,
            cause=cause,
        )

    def _request(self, exchange: Exchange, ended_at: float | None) -> WholeRequest:
        request = exchange.request
        body, chunks, missing = self._body(exchange, "client", request)
        if request.malformed == INCOMPLETE_REQUEST or missing is not None:
            ended_at = None
        return WholeRequest(
            headers=header_pairs(request.headers),
            body=body,
            chunks=chunks,
            missing=missing,
            method=request.method,
            path=request.path,
            version=request.version,
            ended_at=ended_at,
        )

    def _response(self, exchange: Exchange, response: Response, at: float) -> WholeResponse:
        status = response.status or 0
        body, chunks, missing = self._body(exchange, "server", response)
        return WholeResponse(
            headers=header_pairs(response.headers),
            body=body,
            chunks=chunks,
            missing=missing,
            at=at,
            status=status,
            reason=reason_phrase(status) if response.reason is None else response.reason,
        )

    def _body(
        self, exchange: Exchange, side: Side, message: Request | Response
    ) -> tuple[bytes, Chunks | None, str | None]:
        """Return a body, its chunks if they are known, and why it is missing if it is."""
        name = message_name(self._cassette, exchange, side)
        if message.stream is not None:
            return self._stream_body(exchange, side, message.stream, name)
        if message.omitted is not None:
            self._losses.add("bodies that the recording left out", exchange.exchange)
            return b"", None, f"it was not recorded ({message.omitted})"
        encode = encode_request if side == "client" else encode_response
        body = _compressed(message, encode(self._cassette, exchange, name), message.headers)
        if len(body) > self._max_body_bytes:
            return self._too_long(exchange.exchange)
        missing = message.malformed if (message.malformed or "").endswith(_LOST) else None
        return body, None, missing

    def _stream_body(
        self, exchange: Exchange, side: Side, stream: StreamFraming, name: str | None
    ) -> tuple[bytes, Chunks | None, str | None]:
        number = exchange.exchange
        body = bytearray()
        chunks: Chunks = []
        records: Chunks = []
        for event in self._cassette.events(number, side):
            if event.omitted is not None:
                self._losses.add("records that the recording left out", number)
                continue
            data = event_bytes(self._cassette, event, stream, name)
            body += data
            if len(body) > self._max_body_bytes:
                return self._too_long(number)
            records.append((len(data), event.at))
            chunks += [(len(data), event.at)] if event.chunks is None else event.chunks
        if sum(size for size, _ in chunks) != len(body):
            self._losses.add("HTTP chunks that do not fit their records", number)
            chunks = records
        return bytes(body), chunks, None

    def _too_long(self, number: int) -> tuple[bytes, Chunks | None, str | None]:
        text = f"is longer than {self._max_body_bytes} bytes"
        self._losses.add(f"bodies of which each {text} (--max-body)", number)
        return b"", None, f"it {text}"


def _compressed(body: Body, data: bytes, headers: Headers) -> bytes:
    """Return the bytes of a body on the wire: one that did not decompress is as it was there."""
    is_plain = body.malformed is None or body.base64 is None
    if data and is_plain and header_value(headers, "content-encoding") == "gzip":
        return gzip_compress(data)
    return data
