"""A cassette as HAR 1.2 (http://www.softwareishard.com/blog/har-12-spec/), entry by entry.

    {"log": {"version": "1.2", "creator": {…}, "_mesotape": {…}, "entries": [
      {"startedDateTime": "2026-11-22T12:18:29.104233+00:00", "request": {"method": "POST",
       "url": "http://master.example:5050/api/v1", "headers": [{"name": "Accept", "value": …}], …

A body is text, or base64 with `encoding`; its content coding is undone. The body of a request has
no such member in HAR 1.2, so that is `_encoding`. Names of own members begin with `_`: what a
cassette knows besides is in `_mesotape` (details.py), so that it comes back.
"""

import base64
import contextlib
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from ... import __version__
from ...proto.http.gzip_coding import ContentCodingError
from ...proto.http.headers import header_value
from ..format.documents import Header
from ..format.headers import decompress_body, group_headers
from ..recording.observations import HeaderFields
from ..recording.whole_exchange import WholeExchange, WholeMessage, WholeRequest, WholeResponse
from .details import DETAILS_NAME, CassetteDetails, ExchangeDetails
from .times import format_time
from .urls import exchange_url, split_url

type _Object = dict[str, Any]

_UNKNOWN_SIZE = -1


def write_har(details: CassetteDetails, exchanges: Iterable[WholeExchange]) -> Iterator[bytes]:
    """Iterate over the pieces of the HAR of a cassette with this header and these notes."""
    header = details.header
    assert header is not None
    log: _Object = {
        "version": "1.2",
        "creator": {"name": "mesotape", "version": __version__},
        "pages": [],
        DETAILS_NAME: details,
    }
    yield b'{"log":' + msgspec.json.encode(log).removesuffix(b"}") + b',"entries":['
    separator = b"\n"
    for exchange in exchanges:
        yield separator + msgspec.json.encode(har_entry(exchange, header))
        separator = b",\n"
    yield b"\n]}}\n"


def har_entry(exchange: WholeExchange, header: Header) -> _Object:
    """Return the entry of an exchange."""
    request, response = exchange.request, exchange.response
    url = exchange_url(request, header.upstream)
    _, path = split_url(url) or ("", "")
    answered_at = exchange.at if response is None else response.at
    ended_at = max(answered_at, exchange.ended_at or 0.0)
    return {
        "startedDateTime": format_time(header.began, exchange.at),
        "time": _milliseconds(exchange.at, ended_at),
        "request": _request(request, url),
        "response": _no_response(exchange) if response is None else _response(response),
        "cache": {},
        "timings": {
            "send": 0,
            "wait": _milliseconds(exchange.at, answered_at),
            "receive": _milliseconds(answered_at, ended_at),
        },
        "connection": str(exchange.client),
        DETAILS_NAME: ExchangeDetails.of(exchange, path),
    }


def _request(request: WholeRequest, url: str) -> _Object:
    query = parse_qsl(url.partition("?")[2].partition("#")[0], keep_blank_values=True)
    members: _Object = {
        "method": request.method,
        "url": url,
        "httpVersion": request.version,
        "cookies": [],
        "headers": _pairs(request.headers),
        "queryString": _pairs(query),
        "headersSize": _UNKNOWN_SIZE,
        "bodySize": len(request.body),
    }
    if request.body:
        body = _body(request)
        del body["size"]
        if "encoding" in body:
            body["_encoding"] = body.pop("encoding")
        members["postData"] = body
    return members


def _response(response: WholeResponse) -> _Object:
    return {
        "status": response.status,
        "statusText": response.reason,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _pairs(response.headers),
        "content": _body(response),
        "redirectURL": header_value(response.headers, "location") or "",
        "headersSize": _UNKNOWN_SIZE,
        "bodySize": len(response.body),
    }


def _no_response(exchange: WholeExchange) -> _Object:
    """Return what browsers write if there was no response."""
    return {
        "status": 0,
        "statusText": "",
        "httpVersion": "",
        "cookies": [],
        "headers": [],
        "content": {"size": 0, "mimeType": "x-unknown"},
        "redirectURL": "",
        "headersSize": _UNKNOWN_SIZE,
        "bodySize": _UNKNOWN_SIZE,
        "_error": f"no response ({exchange.cause})",
    }


def _body(message: WholeMessage) -> _Object:
    """Return the members of a body, its content coding undone; `_coded` if that is not possible."""
    members: _Object = {"mimeType": header_value(message.headers, "content-type") or "x-unknown"}
    body = message.body
    if header_value(message.headers, "content-encoding") is not None:
        with contextlib.suppress(ContentCodingError):
            body = decompress_body(body, group_headers(message.headers))
        if body is message.body:
            members["_coded"] = True
    try:
        members |= {"size": len(body), "text": body.decode()}
    except UnicodeDecodeError:
        text = base64.b64encode(body).decode()
        members |= {"size": len(body), "text": text, "encoding": "base64"}
    return members


def _pairs(pairs: HeaderFields) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in pairs]


def _milliseconds(start: float, end: float) -> float:
    return round((end - start) * 1000, 3)
