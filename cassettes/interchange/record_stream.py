r"""One stream of a cassette as raw bytes: its records in RecordIO, as a client received them.

    20\n{"type":"HEARTBEAT"}20\n{"type":"HEARTBEAT"}

`mesotape inspect` reads such a file. Head, times and HTTP chunks of the stream are not in it.
"""

from collections.abc import Callable, Iterator

from ...proto.counted import counted
from ..format.documents import CassetteError, Exchange, Side, StreamFraming
from ..storage.reader import Cassette
from .losses import Losses
from .recorded import event_bytes, message_name

_MAX_LISTED = 10


def write_stream(
    cassette: Cassette,
    number: int | None,
    side: Side,
    losses: Losses,
    on_progress: Callable[[int], None] = lambda percent: None,
) -> Iterator[bytes]:
    """Iterate over the bytes of one stream; None as its number is the only one there is.

    `on_progress` gets percentages.

    Raises CassetteError, also if there is no such stream, or it is not clear which one is meant.
    """
    exchange = _find_stream(cassette, number, side)
    message = message_name(cassette, exchange, side)
    losses.add("heads, times and HTTP chunks")
    if others := len(cassette) - 1:
        losses.add(counted(others, "other exchange"))
    stream = _stream_of(exchange, side)
    last_number = cassette.last_event_number(exchange.exchange, side)
    for event in cassette.events(exchange.exchange, side):
        if event.omitted is not None:
            losses.add("records that the recording left out", exchange.exchange)
        else:
            yield event_bytes(cassette, event, stream, message)
            on_progress(event.event * 100 // max(1, last_number))


def _find_stream(cassette: Cassette, number: int | None, side: Side) -> Exchange:
    if number is not None:
        exchange = cassette.exchange(number)
        if _stream_of(exchange, side) is None:
            text = f"exchange {number} has no stream from the {side}"
            raise CassetteError(f"{cassette.path}: {text}: mesotape inspect lists the streams")
        return exchange
    found = [
        exchange for exchange in cassette.exchange_heads() if _stream_of(exchange, side) is not None
    ]
    if len(found) != 1:
        text = f"{len(found)} streams from the {side}"
        if found:
            numbers = [str(exchange.exchange) for exchange in found[:_MAX_LISTED]]
            more = ", …" * (len(found) > _MAX_LISTED)
            text += f": choose one of {', '.join(numbers)}{more} with --exchange"
        raise CassetteError(f"{cassette.path}: has {text}")
    return found[0]


def _stream_of(exchange: Exchange, side: Side) -> StreamFraming | None:
    return (exchange.request if side == "client" else exchange.response).stream
