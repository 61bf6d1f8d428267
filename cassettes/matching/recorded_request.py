"""Recorded requests as they would come in again, and the names of recorded messages."""

from functools import lru_cache

from msgspec.structs import replace

from ...proto import recordio
from ...proto.api import endpoints
from ...proto.api.apis import AGENT, CallType
from ...proto.http.gzip_coding import ContentCodingError, gzip_decompress
from ...proto.http.request import HttpRequest
from ..answers.answer import header_pairs
from ..format.bodies import encode_body
from ..format.documents import Exchange
from ..storage.reader import Cassette

INPUT_PREFIX_BYTES = 64 * 1024
"""Bytes of an input, to know what it is and to explain a miss."""

_KEPT_PATH = _KEPT_VALUE = 1024
"""Characters of paths and header values that are looked at once if they come again."""


def recorded_request(cassette: Cassette, exchange: Exchange) -> HttpRequest:
    """Give a recorded request as it would come in again, content coding undone.

    A gzipped body was kept as it came if it could not be undone, or because of what was inside.
    Of an input to a container, which is compared as it comes (intake.py), only the beginning is
    given.
    """
    told = exchange.request
    api = endpoints.find_api(told.path, cassette.header.server)
    message = None if api is None else api.call_message
    streamed = told.stream is not None
    most = INPUT_PREFIX_BYTES if api is AGENT else None
    body = _streamed(cassette, exchange, message, most) if streamed else encode_body(told, message)
    headers = tuple(told.headers.items())
    known = _known_head if len(told.path) <= _KEPT_PATH and _are_texts(headers) else _head
    request = known(told.method, told.path, headers).with_body(body)
    if told.malformed is None or request.header("content-encoding") != "gzip":
        return request
    try:
        return request.with_body(gzip_decompress(body))
    except ContentCodingError:
        return replace(request, has_undecodable_body=True)


def _head(method: str, path: str, headers: tuple[tuple[str, str | list[str]], ...]) -> HttpRequest:
    fields = [
        (name.encode("latin-1"), value.encode("latin-1"))
        for name, value in header_pairs(dict(headers))
    ]
    return HttpRequest(method.encode("latin-1"), path.encode("latin-1"), tuple(fields))


_known_head = lru_cache(maxsize=256)(_head)


def _are_texts(headers: tuple[tuple[str, str | list[str]], ...]) -> bool:
    return all(isinstance(value, str) and len(value) <= _KEPT_VALUE for _, value in headers)


def response_message_name(exchange: Exchange, call: CallType | None) -> str | None:
    """Name the message of a unary answer, or of a stream's records."""
    if call is None:
        return None
    return call.response_message if exchange.response.stream is None else call.record_message


def _streamed(
    cassette: Cassette, exchange: Exchange, message: str | None, most: int | None
) -> bytes:
    """The records of a streamed request, framed again, at least one and then `most` bytes."""
    body = bytearray()
    for event in cassette.events(exchange.exchange, "client"):
        data = encode_body(event, message)
        piece = data if event.offset is not None else recordio.encode(data)
        if body and most is not None and len(body) + len(piece) > most:
            break
        body += piece
    return bytes(body)
