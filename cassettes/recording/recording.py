"""From what a proxy saw to the documents of a cassette, without I/O.

Feed facts in order; documents come out as they are complete: an exchange with a streamed response
when the head of the response is there, any other when the response is, events one by one. Whatever
does not decode is kept as bytes, with the reason beside it. All headers pass `redaction` here, on
their way out.

What comes out as bytes is a document too, in the layout of the file already: most events are so
plain that there is nothing more to decide about them.

Nothing here may read the clock: times are the facts'.
"""

from collections.abc import Sequence
from http import HTTPStatus

from ...proto.api import calls
from ...proto.api.apis import Api, CallType, ServerKind
from ...proto.api.endpoints import find_api
from ...proto.api.negotiation import JSON, PROTOBUF, RECORDIO
from ...proto.http.gzip_coding import ContentCodingError
from ...proto.http.headers import header_value
from ...proto.http.reason_phrases import reason_phrase
from ..format import bodies
from ..format.documents import (
    INCOMPLETE_REQUEST,
    Document,
    EndCause,
    Exchange,
    Headers,
    Note,
    Request,
    Response,
)
from ..format.headers import decompress_body, group_headers
from . import redaction
from .observations import (
    AnyObservation,
    BodyData,
    DroppedData,
    ExchangeEnd,
    RecorderNote,
    RecordingStopped,
    RequestEnd,
    RequestHead,
    ResponseHead,
)
from .stream import StreamRecorder


class Recording:
    """Turns facts into documents, for any number of exchanges at once."""

    def __init__(self, server: ServerKind | None = None) -> None:
        self._server: ServerKind | None = server
        self._open: dict[int, _OpenExchange] = {}

    def feed(self, fact: AnyObservation) -> Sequence[Document | bytes]:
        """Give the documents that a fact completes; facts of an unknown exchange give none."""
        match fact:
            case BodyData():  # First, for nearly all facts are data.
                exchange = self._open.get(fact.exchange)
                return [] if exchange is None else exchange.take(fact)
            case RequestHead():
                self._open[fact.exchange] = _OpenExchange(fact, find_api(fact.path, self._server))
                return []
            case RecorderNote():
                return [Note(note=fact.text, at=fact.at_seconds, of=fact.exchange or None)]
            case RecordingStopped():
                ends = [ExchangeEnd(number, fact.at_seconds, "stopped") for number in self._open]
                return [document for end in ends for document in self.feed(end)]
            case _ if (exchange := self._open.get(fact.exchange)) is None:
                return []
            case ResponseHead():
                return exchange.respond(fact)
            case RequestEnd():
                return exchange.end_request(fact)
            case DroppedData():
                return exchange.lose(fact)
            case ExchangeEnd():
                del self._open[fact.exchange]
                return exchange.end(fact)


class _OpenExchange:
    """An exchange of which more may come."""

    def __init__(self, head: RequestHead, api: Api | None) -> None:
        self._head = head
        self._headers = group_headers(head.headers)
        self._api = api
        self._request, self._response = bytearray(), bytearray()
        self._request_open = True
        self._answer: ResponseHead | None = None
        self._lost: str | None = None
        self._input = self._output = None
        if api is not None and header_value(self._headers, "content-type") == RECORDIO:
            message = _record_message(api.call_message, self._headers)
            self._input: StreamRecorder | None = StreamRecorder(
                head.exchange, "client", message, is_recordio=True
            )
        self._output: StreamRecorder | None = None

    def respond(self, fact: ResponseHead) -> list[Document]:
        """Take the head of the response: call type, status and framing tell what it is."""
        self._answer = fact
        headers = group_headers(fact.headers)
        if "chunked" not in (header_value(headers, "transfer-encoding") or "").lower():
            return []
        call = self._call() if fact.status == HTTPStatus.OK else None
        record = call.record_message if call is not None else None
        message = _record_message(record, headers) if record is not None else None
        number = fact.exchange
        self._output = StreamRecorder(number, "server", message, is_recordio=record is not None)
        return [self._exchange(fact.at_seconds, None)]

    def take(self, fact: BodyData) -> Sequence[Document | bytes]:
        """Take a piece of a body."""
        stream = self._output if fact.side == "server" else self._input
        if stream is not None:
            return stream.feed(fact.at_seconds, fact.data)
        (self._response if fact.side == "server" else self._request).extend(fact.data)
        return []

    def end_request(self, fact: RequestEnd) -> list[Document]:
        """Close the client's side."""
        self._request_open = False
        return [] if self._input is None else [*self._input.close(fact.at_seconds, "client")]

    def lose(self, fact: DroppedData) -> list[Document]:
        """Say what is missing; a stream is taken up again at the next chunk."""
        self._lost = f"{fact.chunk_count} chunks ({fact.size} bytes) of the {fact.side} were lost"
        note = Note(
            note=f"{self._lost}: the disk was too slow", at=fact.at_seconds, of=fact.exchange
        )
        stream = self._output if fact.side == "server" else self._input
        return [
            *(stream.skip_lost_bytes(fact.at_seconds, fact.size) if stream is not None else []),
            note,
        ]

    def end(self, fact: ExchangeEnd) -> list[Document]:
        """Close what is still open, and write what was not written before."""
        documents: list[Document] = []
        if self._request_open and self._input is not None:
            documents += self._input.close(fact.at_seconds, fact.cause)
        if self._output is not None:
            return documents + self._output.close(fact.at_seconds, fact.cause)
        return [*documents, self._exchange(fact.at_seconds, fact.cause)]

    def _call(self) -> CallType | None:
        """The call of the request, as far as it has come."""
        if self._api is None:
            return None
        if self._input is not None:
            kind = header_value(self._headers, "message-content-type")
            return calls.identify_call_type(self._input.first_payload or b"", kind, self._api)
        try:
            body = decompress_body(bytes(self._request), self._headers)
        except ContentCodingError:
            return None
        return calls.identify_call_type(
            body, header_value(self._headers, "content-type"), self._api
        )

    def _message(self, answer: ResponseHead, headers: Headers) -> str | None:
        """What a unary answer holds; only protobuf needs to know."""
        if answer.status != HTTPStatus.OK or header_value(headers, "content-type") != PROTOBUF:
            return None
        call = self._call()
        return call.response_message if call is not None else None

    def _exchange(self, at: float, cause: EndCause | None) -> Exchange:
        head = self._head
        return Exchange(
            exchange=head.exchange,
            at=round(head.at_seconds, 6),
            client=head.client,
            peer=head.peer,
            request=self._shown_request(),
            response=self._shown_response(at, cause),
        )

    def _shown_request(self) -> Request:
        head, body = self._head, bodies.BodyFields()
        if self._input is None:
            message = self._api.call_message if self._api is not None else None
            body = _shown(bytes(self._request), self._headers, message)
            if self._request_open:
                body["malformed"] = INCOMPLETE_REQUEST
        return Request(
            method=head.method,
            path=head.path,
            version=head.version,
            headers=redaction.redact_headers(self._headers),
            stream="recordio" if self._input is not None else None,
            **body,
        )

    def _shown_response(self, at: float, cause: EndCause | None) -> Response:
        answer, begun, body = self._answer, self._head.at_seconds, bodies.BodyFields()
        unusual = None if cause == "server" else cause
        if answer is None:
            return Response(after=round(at - begun, 6), cause=unusual or "server-cut")
        headers, stream = group_headers(answer.headers), None
        if self._output is not None:
            stream = "recordio" if self._output.is_recordio else "chunks"
        else:
            body = _shown(bytes(self._response), headers, self._message(answer, headers))
        if self._lost is not None:
            body["malformed"] = self._lost
        return Response(
            after=round(answer.at_seconds - begun, 6),
            status=answer.status,
            reason=None if answer.reason == reason_phrase(answer.status) else answer.reason,
            headers=redaction.redact_headers(headers),
            stream=stream,
            cause=unusual,
            **body,
        )


def _record_message(name: str, headers: Headers) -> str | None:
    """The protobuf message of a stream's records, or None if they are JSON."""
    kind = header_value(headers, "message-content-type") or header_value(headers, "content-type")
    return name if kind == PROTOBUF else None


def _shown(data: bytes, headers: Headers, message: str | None) -> bodies.BodyFields:
    """A whole body, decompressed; one that cannot be understood stays as it was on the wire."""
    try:
        plain = decompress_body(data, headers)
    except ContentCodingError as error:
        return bodies.BodyFields(base64=data, malformed=str(error))
    kind = header_value(headers, "content-type") or ""
    if kind.startswith(JSON):
        body = bodies.decode_body(plain, "json")
    elif kind == PROTOBUF and message is not None:
        body = bodies.decode_body(plain, "proto", message)
    else:
        body = bodies.decode_body(plain)
    if plain is not data and "malformed" in body:
        return bodies.BodyFields(base64=data, malformed=body["malformed"])
    return body
