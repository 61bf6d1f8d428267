"""An exchange while it is recorded, from the head of its request to its end."""

from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus

from ...proto.api import calls
from ...proto.api.apis import Api, CallType
from ...proto.api.negotiation import PROTOBUF, RECORDIO, body_encoding
from ...proto.counted import counted, was
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
    Side,
)
from ..format.headers import group_headers
from .held_body import HeldBody, HeldBytes
from .observations import (
    BodyData,
    DroppedData,
    ExchangeEnd,
    MissingBody,
    RequestHead,
    ResponseHead,
)
from .stream import StreamRecorder

_OUTPUT_CALLS = ("ATTACH_CONTAINER_OUTPUT", "LAUNCH_NESTED_CONTAINER_SESSION")


def _always(_: bytes) -> bool:
    return True


class OpenExchange:
    """An exchange of which the head of the request was recorded, and not the end."""

    def __init__(
        self,
        head: RequestHead,
        api: Api | None,
        is_suspect: Callable[[bytes], bool],
        held: HeldBytes,
    ) -> None:
        self._head = head
        self._headers = group_headers(head.headers)
        self._api = api
        self._is_suspect = is_suspect
        self._held = held
        self._request_body, self._response_body = HeldBody(held), HeldBody(held)
        self._is_request_open = True
        self._response_head: ResponseHead | None = None
        self._losses: dict[Side, str] = {}
        self._request_stream = self._response_stream = None
        if api is not None and header_value(self._headers, "content-type") == RECORDIO:
            message = _record_message(api.call_message, self._headers)
            self._request_stream: StreamRecorder | None = StreamRecorder(
                head.exchange, "client", message, is_suspect, held, is_recordio=True
            )
        self._response_stream: StreamRecorder | None = None

    @property
    def is_streaming(self) -> bool:
        """Whether the response is a stream, so that the exchange was returned."""
        return self._response_stream is not None

    def respond(self, head: ResponseHead) -> list[Document]:
        """Record the head of the response; a chunked response is a stream.

        It is a stream of records if the call has one and succeeded. The Content-Type does not
        decide: Mesos labels its streams with the type of their records.
        """
        self._response_head = head
        headers = group_headers(head.headers)
        if "chunked" not in (header_value(headers, "transfer-encoding") or "").lower():
            return []
        call_type = self._call_type() if head.status == HTTPStatus.OK else None
        record = call_type.record_message if call_type is not None else None
        message = _record_message(record, headers) if record is not None else None
        is_suspect = self._is_suspect
        if call_type is not None and call_type.name in _OUTPUT_CALLS:
            is_suspect = _always  # its events are held (output_window.py)
        self._response_stream = StreamRecorder(
            head.exchange,
            "server",
            message,
            is_suspect,
            self._held,
            is_recordio=record is not None,
        )
        exchange = self._build_exchange(head.at_seconds, None)
        return [exchange, *self._note_omissions(exchange, head.at_seconds)]

    def continue_events(self, counts: Mapping[Side, int]) -> None:
        """Number the next events of each stream after those that were recorded before."""
        streams = {"client": self._request_stream, "server": self._response_stream}
        for side, count in counts.items():
            if (stream := streams[side]) is not None:
                stream.continue_after(count)

    def take(self, side: Side, pieces: Iterable[BodyData]) -> Iterable[Document | bytes]:
        """Record the next pieces of a body, as `StreamRecorder.feed` does."""
        is_response = side == "server"
        stream = self._response_stream if is_response else self._request_stream
        if stream is not None:
            return stream.feed(pieces)
        body = self._response_body if is_response else self._request_body
        for piece in pieces:
            body.feed(piece.data)
        return ()

    def end_request(self, at: float) -> list[Document]:
        """Record the end of the request."""
        self._is_request_open = False
        return [] if self._request_stream is None else [*self._request_stream.close(at, "client")]

    def note_loss(self, lost: DroppedData) -> list[Document]:
        """Note missing bytes of a body; a stream continues with the next chunk."""
        lacking, count = counted(lost.size, "byte"), lost.size
        if lost.chunk_count:
            lacking, count = f"{counted(lost.chunk_count, 'chunk')} ({lacking})", lost.chunk_count
        loss = f"{lacking} of the {lost.side} {was(count)} lost"
        self._losses[lost.side] = loss
        text = f"{loss}: {lost.reason}"
        stream = self._response_stream if lost.side == "server" else self._request_stream
        unfinished = [] if stream is None else stream.skip_lost_bytes(lost.at_seconds, lost.size)
        return [*unfinished, Note(note=text, at=lost.at_seconds, of=lost.exchange)]

    def note_missing_body(self, missing: MissingBody) -> list[Document]:
        """Note a body that was not observed."""
        loss = f"the body of the {missing.side}, or the rest of it, is missing"
        self._losses[missing.side] = loss
        text = f"{loss}: {missing.reason}"
        return [Note(note=text, at=missing.at_seconds, of=missing.exchange)]

    def end(self, end: ExchangeEnd) -> list[Document]:
        """End both streams, and return the exchange if it was not returned with its head."""
        documents: list[Document] = []
        if self._is_request_open and self._request_stream is not None:
            documents += self._request_stream.close(end.at_seconds, end.cause)
        if self._response_stream is not None:
            self._request_body.take()
            return documents + self._response_stream.close(end.at_seconds, end.cause)
        exchange = self._build_exchange(end.at_seconds, end.cause)
        return [*documents, exchange, *self._note_omissions(exchange, end.at_seconds)]

    def _note_omissions(self, exchange: Exchange, at: float) -> list[Note]:
        sides = ("request", exchange.request), ("response", exchange.response)
        return [
            Note(
                note=f"the body of the {side} is omitted ({body.omitted}): "
                f"{self._held.omission_reason}",
                at=at,
                of=exchange.exchange,
            )
            for side, body in sides
            if body.omitted is not None
        ]

    def _call_type(self) -> CallType | None:
        """Return the call type, by the part of the request that was received."""
        if self._api is None:
            return None
        if self._request_stream is not None:
            first = self._request_stream.first_payload or b""
            media_type = header_value(self._headers, "message-content-type")
            return calls.identify_call_type(first, media_type, self._api)
        try:
            body = self._request_body.peek(self._headers)
        except ContentCodingError:
            return None
        media_type = header_value(self._headers, "content-type")
        return calls.identify_call_type(body, media_type, self._api)

    def _response_message(self, head: ResponseHead, headers: Headers) -> str | None:
        """Return the message of a unary response; None unless it is protobuf."""
        if head.status != HTTPStatus.OK or header_value(headers, "content-type") != PROTOBUF:
            return None
        call_type = self._call_type()
        return call_type.response_message if call_type is not None else None

    def _build_exchange(self, at: float, cause: EndCause | None) -> Exchange:
        head = self._head
        # It needs the call, which the request gives away.
        response = self._build_response(at, cause)
        return Exchange(
            exchange=head.exchange,
            at=round(head.at_seconds, 6),
            client=head.client,
            peer=head.peer,
            request=self._build_request(),
            response=response,
        )

    def _build_request(self) -> Request:
        head, body = self._head, bodies.BodyFields()
        if self._request_stream is None:
            message = self._api.call_message if self._api is not None else None
            body = self._request_body.fields(self._headers, message)
            if (loss := self._losses.get("client")) is not None:
                body["malformed"] = loss
            elif self._is_request_open:
                body["malformed"] = INCOMPLETE_REQUEST
        return Request(
            method=head.method,
            path=head.path,
            version=head.version,
            headers=self._headers,
            stream="recordio" if self._request_stream is not None else None,
            **body,
        )

    def _build_response(self, at: float, cause: EndCause | None) -> Response:
        head, begun, body = self._response_head, self._head.at_seconds, bodies.BodyFields()
        unusual = None if cause == "server" else cause
        if head is None:
            return Response(after=round(at - begun, 6), cause=unusual or "server-cut")
        headers, stream = group_headers(head.headers), None
        if self._response_stream is not None:
            stream = "recordio" if self._response_stream.is_recordio else "chunks"
        else:
            message = self._response_message(head, headers)
            body = self._response_body.fields(headers, message)
            if (loss := self._losses.get("server")) is not None:
                body["malformed"] = loss
                unusual = unusual or "server-cut"  # A replay must not pass it off as complete.
        return Response(
            after=round(head.at_seconds - begun, 6),
            status=head.status,
            reason=None if head.reason == reason_phrase(head.status) else head.reason,
            headers=headers,
            stream=stream,
            cause=unusual,
            **body,
        )


def _record_message(name: str, headers: Headers) -> str | None:
    """Return the message of a stream's records, which is `name`; None if they are JSON."""
    return name if body_encoding(headers) == "protobuf" else None
