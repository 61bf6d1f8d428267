"""Recorded requests as they would come in again, and the names of recorded messages."""

from ..proto import endpoints, recordio
from ..proto.endpoints import CallType
from .answers import pairs
from .bodies import wire
from .coding import CodingError, inflate
from .documents import Exchange
from .reader import Cassette
from .received import Received


def recorded_request(cassette: Cassette, exchange: Exchange) -> Received:
    """Give a recorded request as it would come in again, content coding undone.

    A gzipped body was kept as it came if it could not be undone, or because of what was inside.
    """
    told = exchange.request
    api = endpoints.find(told.path, cassette.header.server)
    message = None if api is None else api.call
    streamed = told.stream is not None
    body = _streamed(cassette, exchange, message) if streamed else wire(told, message)
    headers = tuple(
        (name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs(told.headers)
    )
    request = Received(told.method.encode("latin-1"), told.path.encode("latin-1"), headers, body)
    if told.malformed is None or request.header("content-encoding") != "gzip":
        return request
    try:
        return Received(request.method, request.target, headers, inflate(body))
    except CodingError:
        return Received(request.method, request.target, headers, body, broken=True)


def answer_message(exchange: Exchange, call: CallType | None) -> str | None:
    """Name the message of a unary answer, or of a stream's records."""
    if call is None:
        return None
    return call.response if exchange.response.stream is None else call.record


def _streamed(cassette: Cassette, exchange: Exchange, message: str | None) -> bytes:
    """The records of a streamed request, framed again."""
    pieces: list[bytes] = []
    for event in cassette.events(exchange.exchange, "client"):
        data = wire(event, message)
        pieces.append(data if event.offset is not None else recordio.encode(data))
    return b"".join(pieces)
