"""HTTP exchanges out of a flow file of mitmproxy (`mitmdump -w`), without mitmproxy.

The file is a row of tnetstrings: a length in decimal, a colon, so many bytes, and one of

    ,  bytes    ;  text    #  integer    ^  float    !  boolean    ~  null    ]  list    }  mapping

A flow is a mapping. Of those of type `http` the request, the response and the times are taken;
bodies that were streamed through the proxy are not in the file.
"""

from collections.abc import Iterator
from typing import IO, Any, cast

from msgspec.structs import replace

from ...proto.api import calls, endpoints
from ...proto.api.apis import ServerKind
from ...proto.api.negotiation import JSON, PROTOBUF, Encoding
from ...proto.http.gzip_coding import ContentCodingError, gzip_decompress
from ..format import bodies
from ..format.documents import Exchange, Headers, Request, Response
from .cassette_rows import exchange_row
from .rows import Row
from .stream_rows import StreamOrigin, StreamRows

LARGEST = 1 << 30
"""Bytes of one flow."""

_DEEPEST = 32
_ENCODINGS: dict[str, Encoding] = {JSON: "json", PROTOBUF: "protobuf"}


class FlowError(ValueError):
    """A file is not what mitmproxy writes; the text says where."""


def is_flow_file(head: bytes) -> bool:
    """Whether a file begins like a flow file: a mapping that begins with a short text."""
    length, colon, rest = head[:64].partition(b":")
    inner, second, key = rest.partition(b":")
    return bool(colon and second and length.isdigit() and inner.isdigit() and key[:1].isalpha())


def read_flow_rows(file: IO[bytes], server: ServerKind | None) -> Iterator[Row]:
    """Read the exchanges, and the records of their streams. Raises FlowError."""
    began: float | None = None
    clients: dict[object, int] = {}
    for number, flow in enumerate(_https(file), 1):
        request, response = flow["request"], flow.get("response")
        start = float(request.get("timestamp_start") or 0.0)
        began = start if began is None else began
        connection: dict[str, Any] = flow.get("client_conn") or {}
        peer = connection.get("peername")
        client = clients.setdefault(connection.get("id"), len(clients) + 1)
        yield from _flow(number, client, peer, start - began, request, response, server)


def _flow(
    number: int,
    client: int,
    peer: Any,
    at: float,
    request: dict[str, Any],
    response: dict[str, Any] | None,
    server: ServerKind | None,
) -> Iterator[Row]:
    told = _request(request)
    api = endpoints.find_api(told.path, server)
    plain = _content(request)
    sort = _value(told.headers, "content-type")
    kind = None if api is None else calls.identify_call_type(plain, sort, api)
    record = None if kind is None else kind.record_message
    told = _request(
        request, **bodies.decode_body(plain, _kind(sort), None if api is None else api.call_message)
    )
    answer, after = b"", 0.0
    streamed = False
    made = Response(after=0.0, status=None)
    if response is not None:
        headers = _headers(response)
        answer = _content(response)
        after = max(0.0, float(response.get("timestamp_start") or 0.0) - request["timestamp_start"])
        chunked = _value(headers, "transfer-encoding") == "chunked"
        status = int(response["status_code"])
        streamed = record is not None and status == 200 and chunked
        message = None if kind is None else kind.response_message
        form = bodies.decode_body(answer, _kind(_value(headers, "content-type")), message)
        made = Response(
            after=after,
            status=status,
            headers=headers,
            stream="recordio" if streamed else None,
        )
        if not streamed:
            made = replace(made, **form)
    exchange = Exchange(
        exchange=number,
        at=max(0.0, at),
        client=client,
        peer=None if not peer else f"{peer[0]}:{peer[1]}",
        request=told,
        response=made,
    )
    row = exchange_row(exchange, server)
    yield row
    if streamed:
        origin = StreamOrigin(number, client, exchange.peer, row.call)
        sort = _value(made.headers, "message-content-type") or _value(made.headers, "content-type")
        stream = StreamRows(origin, record, _ENCODINGS.get(sort or ""))
        yield from stream.feed(answer)
        yield from stream.close()


def _kind(sort: str | None) -> bodies.BodyFormat:
    match sort:
        case "application/json":
            return "json"
        case "application/x-protobuf":
            return "proto"
        case _:
            return "other"


def _request(request: dict[str, Any], **form: Any) -> Request:
    return Request(
        method=_text(request["method"]),
        path=_text(request["path"]),
        headers=_headers(request),
        **form,
    )


def _headers(message: dict[str, Any]) -> Headers:
    headers: Headers = {}
    told: list[tuple[bytes, bytes]] = message.get("headers") or []
    for name, value in told:
        headers[_text(name)] = _text(value)
    return headers


def _value(headers: Headers, name: str) -> str | None:
    for key, value in headers.items():
        if key.lower() == name and isinstance(value, str):
            return value
    return None


def _content(message: dict[str, Any]) -> bytes:
    content: bytes = message.get("content") or b""
    if _value(_headers(message), "content-encoding") == "gzip":
        try:
            return gzip_decompress(content)
        except ContentCodingError:
            return content
    return content


def _text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")


def _https(file: IO[bytes]) -> Iterator[dict[str, Any]]:
    place = 0
    while (found := _next(file, place)) is not None:
        flow, place = found
        if not isinstance(flow, dict):
            continue
        members = cast("dict[str, Any]", flow)
        if members.get("type") == "http" and members.get("request"):
            yield members


def _next(file: IO[bytes], place: int) -> tuple[Any, int] | None:
    """Read one tnetstring; gives it and the offset behind it, or None at the end."""
    digits = b""
    while (byte := file.read(1)) not in (b":", b""):
        digits += byte
        if not byte.isdigit() or len(digits) > 12:
            raise FlowError(f"byte {place}: found {digits!r}, expected a length of a flow")
    if not byte:
        if digits:
            raise FlowError(f"byte {place}: the file ends inside a flow")
        return None
    length = int(digits or b"0")
    if length > LARGEST:
        raise FlowError(f"byte {place}: a flow of {length} bytes, the limit is {LARGEST}")
    data = file.read(length + 1)
    if len(data) <= length:
        raise FlowError(f"byte {place}: the file ends inside a flow")
    return _value_of(data[length:], memoryview(data)[:length], 0), place + len(digits) + 2 + length


def _value_of(tag: bytes, data: memoryview, depth: int) -> Any:
    if depth > _DEEPEST:
        raise FlowError("a flow is nested too deeply")
    match tag:
        case b",":
            return bytes(data)
        case b";":
            return bytes(data).decode()
        case b"#":
            return int(bytes(data))
        case b"^":
            return float(bytes(data))
        case b"!":
            return bytes(data) == b"true"
        case b"~":
            return None
        case b"]":
            return list(_items(data, depth))
        case b"}":
            items = list(_items(data, depth))
            return dict(zip(items[::2], items[1::2], strict=True))
        case _:
            raise FlowError(f"found {tag!r}, expected the type of a value")


def _items(data: memoryview, depth: int) -> Iterator[Any]:
    while data:
        head = bytes(data[:14])
        digits, colon, _ = head.partition(b":")
        if not colon or not digits.isdigit():
            raise FlowError(f"found {head!r}, expected a length")
        start = len(digits) + 1
        stop = start + int(digits)
        if stop >= len(data):
            raise FlowError("a value is longer than what it is in")
        yield _value_of(bytes(data[stop : stop + 1]), data[start:stop], depth + 1)
        data = data[stop + 1 :]
