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
from .recording import Recording
from .whole_exchange import WholeExchange, WholeRequest, WholeResponse, observe_exchange

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
    for observation in observe_exchange(_begun_exchange(cassette, exchange)):
        recording.feed(observation)
    sides: tuple[Side, Side] = "client", "server"
    recording.continue_events(
        number, {side: cassette.last_event_number(number, side) for side in sides}
    )


def _begun_exchange(cassette: Cassette, exchange: Exchange) -> WholeExchange:
    """Return an exchange up to the head of its response; of a streamed request, the first record.

    Raises ValueError if a body cannot be encoded.
    """
    number, request, response = exchange.exchange, exchange.request, exchange.response
    api = find_api(request.path, cassette.header.server)
    message = api.call_message if api is not None else None
    body, ended_at = b"", exchange.at
    if request.stream is None:
        body = encode_request(cassette, exchange, message)
    else:
        first = next(cassette.events(number, "client"), None)
        if first is not None:
            body = recordio.encode(encode_event(cassette, first, message))
        if cassette.stream_end(number, "client") is None:
            ended_at = None
    return WholeExchange(
        number=number,
        at=exchange.at,
        client=exchange.client,
        peer=exchange.peer,
        request=WholeRequest(
            method=request.method,
            path=request.path,
            version=request.version,
            headers=[pair for pair in header_pairs(request.headers) if pair[0].lower() != _CODING],
            body=body,
            ended_at=ended_at,
        ),
        response=WholeResponse(
            at=exchange.answered_at,
            status=response.status or 0,
            reason=response.reason or "",
            headers=header_pairs(response.headers),
        ),
        ended_at=None,
    )
