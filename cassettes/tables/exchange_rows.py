"""The table `exchanges`: one row for each request and its response, in the order of the file."""

from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import Any

from ...proto.api import endpoints
from ...proto.api.apis import Api, CallType
from ...proto.http.headers import header_value
from ..format.bodies import BodyError, encode_body
from ..format.documents import Body, CassetteError, DocumentError, Exchange
from ..format.fast_reader import parse_exchange_head
from ..format.parsing import parse_document
from ..storage.reader import Cassette
from .event_rows import EXCHANGE_START, Columns, compact_json
from .messages import CallMessage, EventMessage, decode_members, id_value
from .source import Source

_RESPONSE_COLUMNS = frozenset(("encoding", "size", "response"))
_STREAM_COLUMNS = frozenset(("events", "ended_at_seconds", "cause", "framework_id"))


def exchange_rows(source: Source, names: Collection[str]) -> Iterator[Columns]:
    """Return the columns with some names, block by block. Raises CassetteError.

    The bodies of responses are read only if a column needs them.
    """
    has_bodies = not _RESPONSE_COLUMNS.isdisjoint(names)
    for documents in source.blocks():
        exchanges = [
            exchange
            for document in documents
            if document.startswith(EXCHANGE_START)
            and (exchange := parse_exchange(document, has_body=has_bodies)) is not None
        ]
        rows = [_row(source, exchange, names) for exchange in exchanges]
        if rows:
            yield {name: [row[name] for row in rows] for name in rows[0]}


def parse_exchange(document: bytes, *, has_body: bool) -> Exchange | None:
    """Parse an exchange, with or without the body of its response; None if it is wrong."""
    text = b"---" + document + b"\n"
    if not has_body and (head := parse_exchange_head(text)) is not None:
        return head
    try:
        exchange = parse_document(text)
    except DocumentError:
        return None
    return exchange if isinstance(exchange, Exchange) else None


def _row(source: Source, exchange: Exchange, names: Collection[str]) -> dict[str, Any]:
    request, response = exchange.request, exchange.response
    api = endpoints.find_api(request.path, source.header.server)
    text = message_text(request)
    call = decode_members(text, CallMessage) or CallMessage()
    row: dict[str, Any] = {
        "at_seconds": exchange.at,
        "exchange": exchange.exchange,
        "client": exchange.client,
        "peer": exchange.peer,
        "user_agent": header_value(request.headers, "user-agent"),
        "method": request.method,
        "path": request.path,
        "api": None if api is None else api.name,
        "call": call.type,
        "framework_id": id_value(call.framework_id),
        "request_encoding": _encoding(request),
        "status": response.status,
        "response_seconds": response.after,
        "stream": response.stream,
        "encoding": _encoding(response),
        "cause": response.cause,
    }
    if "request_size" in names:
        row["request_size"] = _size(request, None if api is None else api.call_message)
    if "request" in names:
        row["request"] = compact_json(text)
    if "size" in names:
        row["size"] = _response_size(exchange, _call_type(api, call))
    if "response" in names:
        row["response"] = compact_json(message_text(response))
    if not _STREAM_COLUMNS.isdisjoint(names):
        row |= {"events": None, "ended_at_seconds": None}
        if response.stream is not None:
            row |= _stream_columns(source.cassette, exchange.exchange, row["framework_id"])
    return row


def _stream_columns(cassette: Cassette, number: int, framework: str | None) -> dict[str, Any]:
    """Return the columns of an exchange that its stream tells."""
    end = None
    with suppress(CassetteError):
        end = cassette.stream_end(number)
    if framework is None:  # That of a new framework is in its first event.
        with suppress(CassetteError):
            first = next(cassette.events(number), None)
            text = b"" if first is None else message_text(first)
            message = decode_members(text, EventMessage)
            if message is not None and message.subscribed is not None:
                framework = id_value(message.subscribed.framework_id)
    return {
        "framework_id": framework,
        "events": cassette.last_event_number(number),
        "ended_at_seconds": None if end is None else end.at,
        "cause": None if end is None else end.cause,
    }


def message_text(body: Body) -> bytes:
    """Return what may be a message in JSON, with any white space; empty if it is none."""
    return (body.json or body.proto or body.text or "").encode()


def _encoding(body: Body) -> str | None:
    forms = {"json": body.json, "proto": body.proto, "text": body.text, "base64": body.base64}
    return next((name for name, value in forms.items() if value is not None), None)


def _call_type(api: Api | None, call: CallMessage) -> CallType | None:
    return None if api is None or call.type is None else api.call_types.get(call.type)


def _response_size(exchange: Exchange, call_type: CallType | None) -> int | None:
    if exchange.response.stream is not None:
        return None
    return _size(exchange.response, None if call_type is None else call_type.response_message)


def _size(body: Body, message: str | None) -> int | None:
    try:
        return len(encode_body(body, message))
    except BodyError:
        return None
