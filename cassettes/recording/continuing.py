"""Streams that go on after the process that wrote the cassette was killed.

What it had not written is lost; another process continues the streams from here. An exchange that
was not in the cassette yet, because its response was not complete, is lost.
"""

from collections.abc import Collection, Iterator

from ...proto import recordio
from ...proto.api.endpoints import find_api
from ...proto.http.headers import header_pairs
from ..format.documents import Document, End, Exchange, Note, Side
from ..storage.reader import Cassette
from ..storage.recorded_bodies import encode_event, encode_request
from .observations import AnyObservation, BodyData, RequestEnd, RequestHead, ResponseHead
from .recording import Recording

_CODING = "content-encoding"  # the cassette has the decoded body


def continue_streams(
    recording: Recording, cassette: Cassette, first_exchange: int, open_exchanges: Collection[int]
) -> list[Document]:
    """Let a recording continue the streams of a cassette; return ends of those that are over.

    `first_exchange` is the first number of the recording, and `open_exchanges` are those that go
    on. Raises CassetteError if the cassette cannot be read.
    """
    at = round(cassette.last_at_seconds, 6)
    text = (
        f"the process that wrote the cassette was killed: traffic from {at:.1f} s up to here may "
        "be missing, and exchanges that were not complete are"
    )
    documents: list[Document] = [Note(note=text, at=at)]
    for head in cassette.exchange_heads():
        number = head.exchange
        if number < first_exchange or head.response.stream is None:
            continue
        if cassette.stream_end(number) is not None:
            continue
        try:
            if number not in open_exchanges:
                raise ValueError(number)
            _reopen(recording, cassette, head)
            documents.append(Note(note="events may be missing here", at=at, of=number))
        except ValueError:
            documents += _ends(cassette, head, at)
    return documents


def _ends(cassette: Cassette, exchange: Exchange, at: float) -> Iterator[End]:
    number = exchange.exchange
    if exchange.request.stream is not None and cassette.stream_end(number, "client") is None:
        yield End(end=number, at=at, from_="client", cause="stopped")
    yield End(end=number, at=at, cause="stopped")


def _reopen(recording: Recording, cassette: Cassette, exchange: Exchange) -> None:
    """Feed what the cassette has of an exchange, up to the head of its response, once more.

    Raises ValueError if that is not possible.
    """
    number = exchange.exchange
    for observation in _observations(cassette, exchange):
        recording.feed(observation)
    sides: tuple[Side, Side] = "client", "server"
    recording.continue_events(
        number, {side: cassette.last_event_number(number, side) for side in sides}
    )


def _observations(cassette: Cassette, exchange: Exchange) -> Iterator[AnyObservation]:
    number, request, response = exchange.exchange, exchange.request, exchange.response
    pairs = [pair for pair in header_pairs(request.headers) if pair[0].lower() != _CODING]
    begun, answered = exchange.at, exchange.at + response.after
    yield RequestHead(
        exchange=number,
        at_seconds=begun,
        client=exchange.client,
        peer=exchange.peer,
        method=request.method,
        path=request.path,
        version=request.version,
        headers=pairs,
    )
    api = find_api(request.path, cassette.header.server)
    message = api.call_message if api is not None else None
    if request.stream is None:
        yield BodyData(number, begun, "client", encode_request(cassette, exchange, message))
        yield RequestEnd(number, begun)
    else:
        first = next(cassette.events(number, "client"), None)
        if first is not None:
            data = recordio.encode(encode_event(cassette, first, message))
            yield BodyData(number, begun, "client", data)
        if cassette.stream_end(number, "client") is not None:
            yield RequestEnd(number, begun)
    headers = header_pairs(response.headers)
    yield ResponseHead(number, answered, response.status or 0, response.reason or "", headers)
