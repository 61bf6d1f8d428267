"""Read a HAR (1.1 or 1.2) of any tool: the members that are used, and what tools differ in.

Browsers record HTTP/2, leave bodies out, undo content codings without saying so, and have entries
without a response (status 0), or that are no HTTP at all (data:, ws:). What mesotape wrote
(har_writer.py) comes back as it was. The file is mapped, and parsed entry by entry: memory depends
on the longest.
"""

import base64
import binascii
import datetime
import re
from collections.abc import Callable, Iterator
from itertools import chain
from mmap import mmap
from urllib.parse import urlencode

import msgspec

from ...proto.http.gzip_coding import gzip_compress
from ...proto.http.headers import header_value
from ...proto.http.reason_phrases import reason_phrase
from ..interchange.losses import Losses
from ..interchange.times import parse_time
from ..interchange.urls import split_url
from ..recording.observations import HeaderFields
from ..recording.whole_exchange import WholeExchange, WholeRequest, WholeResponse
from .har_members import HarBody, HarEntry, HarFile, HarPair, HarRequest, HarResponse, HarStart
from .json_spans import ListSpans, find_list, read_span
from .traffic import (
    ForeignFileError,
    FreeConnections,
    Origins,
    Traffic,
    observe_all,
    with_record_chunks,
)

_OFFSET = re.compile(r" \(byte \d+\)")
_VERSIONS = ("HTTP/1.0", "HTTP/1.1")
_decode_entry = msgspec.json.Decoder(HarEntry).decode
_decode_start = msgspec.json.Decoder(HarStart).decode


def read_har(data: mmap, origins: Origins, losses: Losses) -> Traffic:
    """Read a HAR. Raises ForeignFileError, also while the traffic is read."""
    spans = find_list(data, ("log", "entries"))
    if spans is None:
        raise ForeignFileError("not a HAR: expected a list of entries in an object log")
    try:
        log = msgspec.json.decode(spans.rest, type=HarFile).log
    except msgspec.DecodeError as error:
        # Its offsets are not those of the file, as the entries are left out.
        raise ForeignFileError(f"not a HAR: {_OFFSET.sub('', str(error))}") from error
    starts = list[tuple[datetime.datetime, int]]()
    for number in range(len(spans.elements)):
        started_at, url = _decode(data, spans, number, _start_and_url)
        split = split_url(url)
        if split is None:
            losses.add("entries that are not HTTP are left out")
        elif origins.keep(split[0]):
            starts.append((started_at, number))
    starts.sort()
    header = log.details.header
    began = starts[0][0] if starts else None
    if header is not None:
        began = header.began
    exchanges = _exchanges(data, spans, [number for _, number in starts], began, losses)
    tool = f"{log.creator.name} {log.creator.version}".strip()
    return Traffic(
        tool=tool,
        recorded_at=began,
        header=header,
        origins=origins,
        items=observe_all(chain(exchanges, log.details.notes)),
    )


def _decode[T](data: mmap, spans: ListSpans, number: int, decode: Callable[[bytes], T]) -> T:
    begin, end = spans.elements[number]
    try:
        return decode(read_span(data, begin, end))
    except (ValueError, RecursionError) as error:
        raise ForeignFileError(f"entry {number + 1}, at byte {begin}: {error}") from error


def _start_and_url(entry: bytes) -> tuple[datetime.datetime, str]:
    start = _decode_start(entry)
    return parse_time(start.started_date_time), start.request.url


def _exchanges(
    data: mmap, spans: ListSpans, order: list[int], began: datetime.datetime | None, losses: Losses
) -> Iterator[WholeExchange]:
    connections = FreeConnections()
    for count, number in enumerate(order, 1):

        def to_exchange(entry: bytes, count: int = count) -> WholeExchange:
            return _exchange(_decode_entry(entry), count, began, connections, losses)

        yield _decode(data, spans, number, to_exchange)


def _exchange(
    entry: HarEntry,
    number: int,
    began: datetime.datetime | None,
    connections: FreeConnections,
    losses: Losses,
) -> WholeExchange:
    if entry.details is not None:
        return entry.details.apply(_as_written(entry, number, began, connections, Losses()))
    exchange = _as_written(entry, number, began, connections, losses)
    return with_record_chunks(exchange, losses)


def _as_written(
    entry: HarEntry,
    number: int,
    began: datetime.datetime | None,
    connections: FreeConnections,
    losses: Losses,
) -> WholeExchange:
    _, path = split_url(entry.request.url) or ("", entry.request.url)
    at = 0.0
    if began is not None:
        at = max(0.0, (parse_time(entry.started_date_time) - began).total_seconds())
    timings = entry.timings
    before = (timings.blocked, timings.dns, timings.connect, timings.send, timings.wait)
    answered_at = at + _seconds(*before)
    ended_at = answered_at + _seconds(timings.receive)
    return WholeExchange(
        number=number,
        at=round(at, 6),
        client=connections.find(entry.connection, at, ended_at),
        request=_request(entry.request, path, number, at, losses),
        response=_response(entry.response, number, round(answered_at, 6), losses),
        ended_at=round(ended_at, 6),
        cause="server" if entry.response.status else "server-cut",
    )


def _request(
    request: HarRequest, path: str, number: int, at: float, losses: Losses
) -> WholeRequest:
    headers = _headers(request.headers)
    posted = request.post_data or HarBody()
    version = (request.http_version or "HTTP/1.1").upper()
    if version not in _VERSIONS:
        losses.add(f"{request.http_version} is written as HTTP/1.1", number)
        version = "HTTP/1.1"
    body = _body(posted)
    missing = None
    if not body and (header_value(headers, "content-length") or "0") != "0":
        missing = _note_missing(number, losses)
    headers, body = _encode(headers, body, posted, number, losses)
    return WholeRequest(
        method=request.method,
        path=path,
        version=version,
        headers=headers,
        body=body,
        missing=missing,
        ended_at=round(at, 6),
    )


def _response(
    response: HarResponse, number: int, at: float, losses: Losses
) -> WholeResponse | None:
    if not response.status:
        return None
    headers = _headers(response.headers)
    content = response.content
    is_missing = content.text is None and isinstance(content.size, int) and content.size > 0
    headers, body = _encode(headers, _body(content), content, number, losses)
    return WholeResponse(
        at=at,
        status=response.status,
        reason=_latin1(response.status_text or reason_phrase(response.status)),
        headers=headers,
        body=body,
        missing=_note_missing(number, losses) if is_missing else None,
    )


def _note_missing(number: int, losses: Losses) -> str:
    losses.add("bodies are not in the HAR", number)
    return "it is not in the HAR"


def _encode(
    headers: HeaderFields, body: bytes, source: HarBody, number: int, losses: Losses
) -> tuple[HeaderFields, bytes]:
    """Return headers and body as they were sent, before the tool undid the content coding."""
    coding = header_value(headers, "content-encoding")
    if not body or source.is_coded or coding in (None, "identity"):
        return headers, body
    if coding == "gzip":
        return headers, gzip_compress(body)
    losses.add(f"Content-Encoding {coding} is left out: the HAR has undone it", number)
    kept = [(name, text) for name, text in headers if name.lower() != "content-encoding"]
    return [
        (name, str(len(body)) if name.lower() == "content-length" else text) for name, text in kept
    ], body


def _headers(pairs: list[HarPair]) -> HeaderFields:
    """Return header fields; HTTP/2 has the host in a field of its own."""
    fields = [
        (_latin1(pair.name), _latin1(text.strip()))
        for pair in pairs
        for text in (pair.value or "").split("\n")
    ]
    sent = [(name, text) for name, text in fields if not name.startswith(":")]
    host = header_value(fields, ":authority")
    if host is not None and header_value(sent, "host") is None:
        sent.insert(0, ("Host", host))
    return sent


def _latin1(text: str) -> str:
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode().decode("latin-1")
    return text


def _body(body: HarBody) -> bytes:
    if body.text is None:
        return urlencode([(pair.name, pair.value or "") for pair in body.params or ()]).encode()
    if "base64" not in (body.encoding, body.own_encoding):
        return body.text.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(body.text)
    except binascii.Error as error:
        raise ValueError(f"a body is not base64: {error}") from error


def _seconds(*milliseconds: float | None) -> float:
    return sum(max(0.0, one or 0.0) for one in milliseconds) / 1000
