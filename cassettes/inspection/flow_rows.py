"""Rows of exchanges that were kept whole, as in a flow file of mitmproxy: streams as one body."""

from collections.abc import Iterable, Iterator
from http import HTTPStatus

from msgspec.structs import replace

from ...proto.api import calls, endpoints
from ...proto.api.apis import ServerKind
from ...proto.api.negotiation import body_encoding
from ...proto.http.headers import header_value
from ..format.documents import Exchange, Note
from .cassette_rows import body_bytes, exchange_row
from .rows import Row
from .stream_rows import StreamOrigin, StreamRows


def read_flow_rows(
    exchanges: Iterable[Exchange | Note], server: ServerKind | None
) -> Iterator[Row]:
    """Return the rows of exchanges and notes; that of a stream is followed by those of its records.

    Bodies have their content coding undone. Errors of `exchanges` pass through.
    """
    for exchange in exchanges:
        if isinstance(exchange, Note):
            yield Row(row_type="note", at=exchange.at, exchange=exchange.of, text=exchange.note)
            continue
        response = exchange.response
        message_name = _record_message_name(exchange, server)
        if message_name is None:
            yield exchange_row(exchange, server)
            continue
        row = exchange_row(replace(exchange, response=replace(response, stream="recordio")), server)
        yield row
        origin = StreamOrigin(exchange.exchange, exchange.client, exchange.peer, row.call)
        stream = StreamRows(origin, message_name, body_encoding(response.headers))
        yield from stream.feed(body_bytes(response, message_name))
        yield from stream.close()


def _record_message_name(exchange: Exchange, server: ServerKind | None) -> str | None:
    """Return the message of the records of a response; None if it is not a stream of records."""
    request, response = exchange.request, exchange.response
    chunked = header_value(response.headers, "transfer-encoding") == "chunked"
    api = endpoints.find_api(request.path, server)
    if api is None or not chunked or response.status != HTTPStatus.OK:
        return None
    body = body_bytes(request, api.call_message)
    call_type = calls.identify_call_type(body, header_value(request.headers, "content-type"), api)
    return None if call_type is None else call_type.record_message
