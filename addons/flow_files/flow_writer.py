"""A cassette as a flow file of mitmproxy, for `mitmweb -r` and `mitmdump -nr`.

A flow has the bodies as they were sent. What a cassette knows besides is in its `metadata`
(cassettes/interchange/details.py), which mitmproxy keeps, so that it comes back.
"""

import io
from collections.abc import Iterable, Iterator

import msgspec
from mitmproxy.connection import Client, ConnectionState, Server
from mitmproxy.flow import Error
from mitmproxy.http import Headers, HTTPFlow, Request, Response
from mitmproxy.io import FlowWriter

from ...cassettes.format.documents import Header
from ...cassettes.interchange.details import DETAILS_NAME, CassetteDetails, ExchangeDetails
from ...cassettes.interchange.urls import exchange_url
from ...cassettes.recording.observations import HeaderFields
from ...cassettes.recording.whole_exchange import WholeExchange, WholeRequest, WholeResponse
from ...proto.http.address import Address, ServerUrl

CASSETTE_DETAILS_NAME = f"{DETAILS_NAME}_cassette"
"""The metadata of the first flow that has the details of the cassette."""

_UNKNOWN_SERVER = ServerUrl("http", Address("unknown.invalid", 80))
_UNKNOWN_PEER = ("0.0.0.0", 0)
_DAMAGED = "the response is not complete"


def write_flows(details: CassetteDetails, exchanges: Iterable[WholeExchange]) -> Iterator[bytes]:
    """Iterate over the flows of a cassette with this header and these notes, as bytes of a file."""
    header = details.header
    assert header is not None
    first = msgspec.json.encode(details).decode()
    for exchange in exchanges:
        flow = _to_flow(exchange, header)
        if first:
            flow.metadata[CASSETTE_DETAILS_NAME] = first
            first = ""
        file = io.BytesIO()
        FlowWriter(file).add(flow)
        yield file.getvalue()


def _to_flow(exchange: WholeExchange, header: Header) -> HTTPFlow:
    began = header.began.timestamp()
    request, response = exchange.request, exchange.response
    server = _server(request, header.upstream)
    peer = exchange.peer and Address.parse(exchange.peer)
    client = Client(
        id=f"mesotape-client-{exchange.client}",
        peername=peer or _UNKNOWN_PEER,
        sockname=_UNKNOWN_PEER,
        timestamp_start=began,
        state=ConnectionState.CLOSED,
    )
    flow = HTTPFlow(client, Server(address=server.address, id=f"mesotape-server-{server}"))
    flow.id = f"mesotape-exchange-{exchange.number}"
    flow.timestamp_created = began + exchange.at
    flow.request = _to_request(request, server, began, exchange.at)
    if response is not None:
        flow.response = _to_response(response, began, exchange.ended_at)
    if response is None or exchange.cause != "server":
        flow.error = Error(f"{_DAMAGED} ({exchange.cause})", began + (exchange.ended_at or 0.0))
    details = ExchangeDetails.of(exchange, request.path)
    flow.metadata[DETAILS_NAME] = msgspec.json.encode(details).decode()
    return flow


def _server(request: WholeRequest, upstream: str | None) -> ServerUrl:
    try:
        return ServerUrl.parse(exchange_url(request, upstream))
    except ValueError:
        return _UNKNOWN_SERVER


def _to_request(request: WholeRequest, server: ServerUrl, began: float, at: float) -> Request:
    return Request(
        host=server.address.host,
        port=server.address.port,
        method=request.method.encode("latin-1"),
        scheme=server.scheme.encode(),
        authority=b"",
        path=request.path.encode("latin-1"),
        http_version=request.version.encode("latin-1"),
        headers=_to_fields(request.headers),
        content=request.body if request.missing is None else None,
        trailers=None,
        timestamp_start=began + at,
        timestamp_end=None if request.ended_at is None else began + request.ended_at,
    )


def _to_response(response: WholeResponse, began: float, ended_at: float | None) -> Response:
    return Response(
        http_version=b"HTTP/1.1",
        status_code=response.status,
        reason=response.reason.encode("latin-1"),
        headers=_to_fields(response.headers),
        content=response.body if response.missing is None else None,
        trailers=None,
        timestamp_start=began + response.at,
        timestamp_end=None if ended_at is None else began + ended_at,
    )


def _to_fields(headers: HeaderFields) -> Headers:
    return Headers([(name.encode("latin-1"), text.encode("latin-1")) for name, text in headers])
