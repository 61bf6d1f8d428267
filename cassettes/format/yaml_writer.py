r"""Format documents as canonical YAML: equal documents give equal bytes, so recordings diff well.

One function per kind of document returns its bytes, from its start mark to its end mark:

    ---
    event: 1
    of: 1
    at: 0.004350
    json: |-
      {
        "type": "HEARTBEAT"
      }
    ...

Keys are in the order of the structs in `documents`, times have six decimals, and a body is a
literal block where YAML allows it. An event is formatted while its stream waits, so the code is
written by hand: PyYAML's dumper takes a hundred times as long.
"""

import base64
import datetime

from .documents import (
    Body,
    Document,
    End,
    Event,
    Exchange,
    Header,
    Headers,
    Note,
    Request,
    Response,
)
from .scalars import MAX_KEY_LENGTH, format_literal_block, format_scalar, quote_scalar


def format_document(document: Document) -> bytes:
    """Format a document of any kind."""
    match document:
        case Event():
            return format_event(document)
        case Exchange():
            return format_exchange(document)
        case End():
            return format_stream_end(document)
        case Header():
            return format_cassette_header(document)
        case Note():
            return format_note(document)


def format_cassette_header(header: Header) -> bytes:
    """Format the header, the first document of a cassette."""
    text = f"---\nmesotape: {header.mesotape}\n"
    if header.server is not None:
        text += f"server: {header.server}\n"
    text += f"recorded_at: {_format_time(header.recorded_at)}\n"
    if header.upstream is not None:
        text += f"upstream: {format_scalar(header.upstream)}\n"
    if header.recorder is not None:
        text += f"recorder: {format_scalar(header.recorder)}\n"
    if header.part is not None:
        text += f"part: {header.part}\n"
    if header.redaction:
        text += f"redaction: [{', '.join(map(_format_item, header.redaction))}]\n"
    return _end(text)


def format_exchange(exchange: Exchange) -> bytes:
    """Format a request and its response."""
    peer = "" if exchange.peer is None else f"peer: {format_scalar(exchange.peer)}\n"
    number, client = exchange.exchange, exchange.client
    head = f"---\nexchange: {number}\nat: {exchange.at:.6f}\nclient: {client}\n{peer}request:\n"
    return b"".join(
        (
            head.encode(),
            _format_request(exchange.request).encode(),
            _format_body(exchange.request),
            b"response:\n",
            _format_response(exchange.response).encode(),
            _format_body(exchange.response),
            b"...\n",
        )
    )


def format_event(event: Event) -> bytes:
    """Format a record of a stream."""
    if (
        event.json is not None
        and event.spacing is event.chunks is event.malformed is event.offset is event.from_ is None
    ):  # The usual event: 1.4 µs instead of 1.7.
        head = f"---\nevent: {event.event}\nof: {event.of}\nat: {event.at:.6f}\njson: "
        return b"%b%b\n...\n" % (head.encode(), format_literal_block(event.json, b"  "))
    text = f"---\nevent: {event.event}\nof: {event.of}\nat: {event.at:.6f}\n"
    if event.from_ is not None:
        text += f"from: {event.from_}\n"
    if event.chunks is not None:
        text += f"chunks: [{', '.join([f'[{size}, {at:.6f}]' for size, at in event.chunks])}]\n"
    tail = "" if event.malformed is None else f"malformed: {format_scalar(event.malformed)}\n"
    if event.omitted is not None:
        tail += f"omitted: {format_scalar(event.omitted)}\n"
    if event.offset is not None:
        tail += f"offset: {event.offset}\n"
    return text.encode() + _format_form(event, b"") + _end(tail)


def format_ascii_event(of: int, number: int, at: float, key: bytes, body: bytes) -> bytes:
    """Format a record whose body is from `bodies.format_ascii_json` or `ascii_proto_formatter`.

    The result equals that of `format_event`, for a body under `key` (`json` or `proto`) and without
    any other key. This second writer is worth its lines: together with those functions it takes 1.5
    µs for a JSON event of 260 bytes instead of 3.7 (protobuf: 14 instead of 19), and most events
    are such. In all, recording a JSON event costs 4 µs more than passing it on (bench/record.py).
    """
    block = body.replace(b"\n", b"\n  ")
    return b"---\nevent: %d\nof: %d\nat: %.6f\n%b: |-\n  %b\n...\n" % (number, of, at, key, block)


def format_stream_end(end: End) -> bytes:
    """Format the end of a stream."""
    side = "" if end.from_ is None else f"from: {end.from_}\n"
    return _end(f"---\nend: {end.end}\nat: {end.at:.6f}\n{side}cause: {end.cause}\n")


def format_note(note: Note) -> bytes:
    """Format a note."""
    of = "" if note.of is None else f"of: {note.of}\n"
    return _end(f"---\nnote: {format_scalar(note.note)}\nat: {note.at:.6f}\n{of}")


def _format_request(request: Request) -> str:
    text = f"  method: {format_scalar(request.method)}\n  path: {format_scalar(request.path)}\n"
    if request.version != "HTTP/1.1":
        text += f"  version: {format_scalar(request.version)}\n"
    text += _format_headers(request.headers)
    if request.stream is not None:
        text += f"  stream: {request.stream}\n"
    return text


def _format_response(response: Response) -> str:
    text = f"  after: {response.after:.6f}\n"
    if response.status is not None:
        text += f"  status: {response.status}\n"
    if response.reason is not None:
        text += f"  reason: {format_scalar(response.reason)}\n"
    text += _format_headers(response.headers)
    if response.stream is not None:
        text += f"  stream: {response.stream}\n"
    if response.cause is not None:
        text += f"  cause: {response.cause}\n"
    return text


def _format_headers(headers: Headers) -> str:
    if not headers:
        return ""
    return "  headers:\n" + "".join(
        [_format_header(name, value) for name, value in headers.items()]
    )


def _format_header(name: str, value: str | list[str]) -> str:
    key = format_scalar(name)
    if len(key) > MAX_KEY_LENGTH:
        key = f"? {key}\n    "
    if isinstance(value, str):
        return f"    {key}: {format_scalar(value)}\n"
    if not value:
        return f"    {key}: []\n"
    return f"    {key}:\n" + "".join([f"      - {format_scalar(each)}\n" for each in value])


def _format_body(body: Body) -> bytes:
    form = _format_form(body, b"  ")
    if body.malformed is not None:
        form += f"  malformed: {format_scalar(body.malformed)}\n".encode()
    if body.omitted is not None:
        form += f"  omitted: {format_scalar(body.omitted)}\n".encode()
    return form


def _format_form(body: Body, indent: bytes) -> bytes:
    """Format the lines of a body in its form, each after `indent`; no bytes for an empty body."""
    inner = indent + b"  "
    if body.json is not None:
        spacing = b"" if body.spacing is None else indent + b"spacing: %b\n" % body.spacing.encode()
        return spacing + indent + b"json: " + format_literal_block(body.json, inner) + b"\n"
    if body.text is not None:
        return indent + b"text: " + format_literal_block(body.text, inner) + b"\n"
    if body.base64 is not None:
        return indent + b"base64: " + _quote_base64(body.base64) + b"\n"
    if body.proto is None:
        return b""
    data = indent + b"proto: " + format_literal_block(body.proto, inner) + b"\n"
    if body.wire is not None:
        data += indent + b"wire: " + _quote_base64(body.wire) + b"\n"
    if body.wire_of is not None:
        data += indent + f"wire_of: {format_scalar(body.wire_of)}\n".encode()
    return data


def _quote_base64(data: bytes) -> bytes:
    # Without quotes, four letters could be the word `true`, and digits a number.
    return b'"' + base64.b64encode(data) + b'"'


def _format_time(at: datetime.datetime) -> str:
    """Format a time by RFC 3339, with microseconds, and in UTC if it has a zone."""
    if at.tzinfo is None:
        return at.isoformat(timespec="microseconds")
    return at.astimezone(datetime.UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _format_item(text: str) -> str:
    """Format a scalar within brackets, where a comma or a bracket would end a plain one."""
    plain = format_scalar(text)
    return plain if plain[0] == '"' or not set(plain) & set(",[]{}") else quote_scalar(text)


def _end(text: str) -> bytes:
    return f"{text}...\n".encode()
