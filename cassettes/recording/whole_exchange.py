"""An exchange as one value, as formats hold it that keep exchanges whole: HAR, flow files.

    request   head, body, the time of its end     observations:  RequestHead BodyData RequestEnd
    response  head, body, its chunks, its end                    ResponseHead BodyData… ExchangeEnd

A `Recording` makes documents of the observations, as it does of live traffic.
"""

from collections.abc import Iterator
from heapq import merge
from operator import attrgetter

from msgspec import Struct

from ..format.documents import EndCause, Side
from .observations import (
    AnyObservation,
    BodyData,
    ExchangeEnd,
    HeaderFields,
    MissingBody,
    RequestEnd,
    RequestHead,
    ResponseHead,
)

type Chunks = list[tuple[int, float]]
"""The HTTP chunks of a body in order: bytes, and the time in seconds."""


class WholeMessage(Struct, frozen=True, kw_only=True):
    """A request or response: its headers, and its body as it was sent, content coding included.

    Without `chunks`, the body came at once. `missing` is why the body, or its rest, is not there.
    """

    headers: HeaderFields
    body: bytes = b""
    chunks: Chunks | None = None
    missing: str | None = None


class WholeRequest(WholeMessage, frozen=True, kw_only=True):
    """A request. Without `ended_at`, it was not complete."""

    method: str
    path: str
    version: str = "HTTP/1.1"
    ended_at: float | None = None


class WholeResponse(WholeMessage, frozen=True, kw_only=True):
    """A response; its head came at the time `at`."""

    at: float
    status: int
    reason: str


class WholeExchange(Struct, frozen=True, kw_only=True):
    """An exchange. Without `ended_at`, it is not known how it ended. Times are as in a cassette."""

    number: int
    at: float
    client: int
    peer: str | None = None
    request: WholeRequest
    response: WholeResponse | None = None
    ended_at: float | None
    cause: EndCause = "server"


def observe_exchange(exchange: WholeExchange) -> Iterator[AnyObservation]:
    """Iterate over what a proxy would have observed of an exchange, in the order of time."""
    yield from merge(
        _observe_request(exchange), _observe_response(exchange), key=attrgetter("at_seconds")
    )
    if exchange.ended_at is not None:
        yield ExchangeEnd(exchange.number, exchange.ended_at, exchange.cause)


def _observe_request(exchange: WholeExchange) -> Iterator[AnyObservation]:
    number, at, request = exchange.number, exchange.at, exchange.request
    yield RequestHead(
        exchange=number,
        at_seconds=at,
        client=exchange.client,
        peer=exchange.peer,
        method=request.method,
        path=request.path,
        version=request.version,
        headers=request.headers,
    )
    yield from _observe_body(number, at, "client", request)
    if request.ended_at is not None:
        yield RequestEnd(number, request.ended_at)


def _observe_response(exchange: WholeExchange) -> Iterator[AnyObservation]:
    response = exchange.response
    if response is None:
        return
    yield ResponseHead(
        exchange.number, response.at, response.status, response.reason, response.headers
    )
    yield from _observe_body(exchange.number, response.at, "server", response)


def _observe_body(
    number: int, at: float, side: Side, message: WholeMessage
) -> Iterator[AnyObservation]:
    start = 0
    for size, came_at in message.chunks or [(len(message.body), at)]:
        if size:
            yield BodyData(number, came_at, side, message.body[start : start + size])
        start += size
        at = came_at
    if message.missing is not None:
        yield MissingBody(number, at, side, message.missing)
