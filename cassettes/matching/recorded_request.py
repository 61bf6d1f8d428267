"""Recorded requests as a client would send them again, and the names of recorded messages."""

from collections.abc import Sequence
from functools import lru_cache

from msgspec.structs import replace

from ...proto import recordio
from ...proto.api import endpoints
from ...proto.api.apis import AGENT, CallType
from ...proto.http.gzip_coding import ContentCodingError, gzip_decompress
from ...proto.http.headers import header_pairs
from ...proto.http.request import HttpRequest
from ..format.documents import Exchange
from ..format.exchange_ref import ExchangeRef
from ..storage.reader import Cassette
from ..storage.recorded_bodies import encode_event, encode_request
from .ignore_rules import IgnoreRules
from .request_key import MatchableRequest, ParsedRequest

INPUT_PREFIX_BYTES = 64 * 1024
"""Bytes of a streamed container input that are read to recognise it and to report a miss."""

_CACHED_HEAD_CHARACTERS = 1024
"""Length of the longest path and header value of a head that is built once and shared."""


class RecordedRequests:
    """The requests of some cassettes as a replay reads them.

    They are parsed once while they are cached: a client that repeats a miss has the same exchanges
    compared with its request again and again. At most `max_cached` are, with bodies of at most
    `max_cached_body_bytes`.
    """

    def __init__(
        self,
        cassettes: Sequence[Cassette],
        ignoring: IgnoreRules,
        *,
        max_cached: int = 128,
        max_cached_body_bytes: int = 16 * 1024,
    ) -> None:
        self._cassettes = cassettes
        self._ignoring = ignoring
        self._max_cached = max_cached
        self._max_cached_body_bytes = max_cached_body_bytes
        self._cached: dict[ExchangeRef, MatchableRequest] = {}

    def request(self, ref: ExchangeRef, exchange: Exchange | None = None) -> MatchableRequest:
        """Return the request of an exchange, which is read from the cassette if it is not given.

        Raises CassetteError or OSError if the cassette cannot be read.
        """
        request = self._cached.get(ref)
        if request is not None:
            return request
        cassette = self._cassettes[ref.cassette]
        exchange = cassette.exchange(ref.exchange) if exchange is None else exchange
        request = MatchableRequest(recorded_request(cassette, exchange), self._ignoring)
        if len(request.http.body) <= self._max_cached_body_bytes:
            if len(self._cached) >= self._max_cached:
                self._cached.clear()
            self._cached[ref] = request
        return request

    def parsed(self, ref: ExchangeRef, exchange: Exchange | None = None) -> ParsedRequest:
        """Return the same as the recorded server reads it. Raises as `request`."""
        return self.request(ref, exchange).parsed_by(self._cassettes[ref.cassette].header.server)


def recorded_request(cassette: Cassette, exchange: Exchange) -> HttpRequest:
    """Return a recorded request as a client would send it again, its content coding undone.

    A body that cannot be decoded as its Content-Encoding stays as it was recorded; one that was
    omitted is empty. Of a container
    input, which is compared while it arrives (streamed_requests.py), only the first
    `INPUT_PREFIX_BYTES` are read.
    """
    recorded = exchange.request
    api = endpoints.find_api(recorded.path, cassette.header.server)
    message_name = None if api is None else api.call_message
    if recorded.omitted is not None:
        body = b""
    elif recorded.stream is None:
        body = encode_request(cassette, exchange, message_name)
    else:
        limit = INPUT_PREFIX_BYTES if api is AGENT else None
        body = _streamed_body(cassette, exchange, message_name, limit)
    headers = tuple(recorded.headers.items())
    build_head = _cached_head if _is_small_head(recorded.path, headers) else _build_head
    request = build_head(recorded.method, recorded.path, headers).with_body(body)
    if recorded.omitted is not None:
        return replace(request, has_undecodable_body=True)  # Then no request of a client is equal.
    if recorded.malformed is None or request.header("content-encoding") != "gzip":
        return request
    try:
        return request.with_body(gzip_decompress(body))
    except ContentCodingError:
        return replace(request, has_undecodable_body=True)


type _Headers = tuple[tuple[str, str | list[str]], ...]


def _build_head(method: str, path: str, headers: _Headers) -> HttpRequest:
    fields = [
        (name.encode("latin-1"), value.encode("latin-1"))
        for name, value in header_pairs(dict(headers))
    ]
    return HttpRequest(method.encode("latin-1"), path.encode("latin-1"), tuple(fields))


_cached_head = lru_cache(maxsize=256)(_build_head)


def _is_small_head(path: str, headers: _Headers) -> bool:
    """Return whether a head may be cached; lists of header values cannot be hashed."""
    return len(path) <= _CACHED_HEAD_CHARACTERS and all(
        isinstance(value, str) and len(value) <= _CACHED_HEAD_CHARACTERS for _, value in headers
    )


def response_message_name(exchange: Exchange, call_type: CallType | None) -> str | None:
    """Return the full name of the message in a unary answer, or of the records of a stream."""
    if call_type is None:
        return None
    if exchange.response.stream is None:
        return call_type.response_message
    return call_type.record_message


def _streamed_body(
    cassette: Cassette, exchange: Exchange, message_name: str | None, limit: int | None
) -> bytes:
    """Return the records of a streamed request, framed: the first, and more up to `limit` bytes."""
    body = bytearray()
    for event in cassette.events(exchange.exchange, "client"):
        data = encode_event(cassette, event, message_name)
        piece = data if event.offset is not None else recordio.encode(data)
        if body and limit is not None and len(body) + len(piece) > limit:
            break
        body += piece
    return bytes(body)
