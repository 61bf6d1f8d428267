r"""Documents as canonical YAML: the same facts give the same bytes, so two recordings diff well.

One function per kind of document makes its bytes, from its start mark to its end mark:

    ---
    event: 1
    of: 1
    at: 0.004350
    json: |-
      {
        "type": "HEARTBEAT"
      }
    ...

Keys stand in the order of the structs in `documents`, times have six decimals, and a body is a
literal block where YAML allows it. This is written for every event of a recording while its
stream waits, so it is made by hand: PyYAML's dumper takes a hundred times as long.
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
from .scalars import format_literal_block, format_scalar, quote_scalar

_LONGEST_KEY = 1000
"""Characters, quotes included. YAML reads no longer key without a `?` before it (1024)."""


def format_document(told: Document) -> bytes:
    """Make any document."""
    match told:
        case Event():
            return format_event(told)
        case Exchange():
            return format_exchange(told)
        case End():
            return format_stream_end(told)
        case Header():
            return format_cassette_header(told)
        case Note():
            return format_note(told)


def format_cassette_header(told: Header) -> bytes:
    """Make the first document of a cassette."""
    text = f"---\nmesotape: {told.mesotape}\n"
    if told.server is not None:
        text += f"server: {told.server}\n"
    text += f"recorded_at: {_instant(told.recorded_at)}\n"
    if told.upstream is not None:
        text += f"upstream: {format_scalar(told.upstream)}\n"
    if told.recorder is not None:
        text += f"recorder: {format_scalar(told.recorder)}\n"
    if told.redaction:
        text += f"redaction: [{', '.join(map(_item, told.redaction))}]\n"
    return _encoded(text)


def format_exchange(told: Exchange) -> bytes:
    """Make one request and its response."""
    peer = "" if told.peer is None else f"peer: {format_scalar(told.peer)}\n"
    head = f"---\nexchange: {told.exchange}\nat: {told.at:.6f}\nclient: {told.client}\n{peer}"
    return b"".join(
        (
            head.encode() + b"request:\n",
            _request(told.request).encode(),
            _body(told.request),
            b"response:\n",
            _response(told.response).encode(),
            _body(told.response),
            b"...\n",
        )
    )


def format_event(told: Event) -> bytes:
    """Make one record of a stream."""
    if told.json is not None and told.chunks is told.malformed is told.offset is told.from_ is None:
        head = f"---\nevent: {told.event}\nof: {told.of}\nat: {told.at:.6f}\njson: "
        return b"%b%b\n...\n" % (head.encode(), format_literal_block(told.json, b"  "))
    text = f"---\nevent: {told.event}\nof: {told.of}\nat: {told.at:.6f}\n"
    if told.from_ is not None:
        text += f"from: {told.from_}\n"
    if told.chunks is not None:
        text += f"chunks: [{', '.join([f'[{size}, {at:.6f}]' for size, at in told.chunks])}]\n"
    tail = "" if told.malformed is None else f"malformed: {format_scalar(told.malformed)}\n"
    if told.offset is not None:
        tail += f"offset: {told.offset}\n"
    return text.encode() + _form(told, b"") + _encoded(tail)


def format_ascii_event(of: int, number: int, at: float, key: bytes, shown: bytes) -> bytes:
    """Make a record of a stream from a body that `bodies.plain_json` or `plain_proto` gave.

    This gives what `event` would, without a document on the way: most records are so plain.
    """
    block = shown.replace(b"\n", b"\n  ")
    return b"---\nevent: %d\nof: %d\nat: %.6f\n%b: |-\n  %b\n...\n" % (number, of, at, key, block)


def format_stream_end(told: End) -> bytes:
    """Make the end of a stream."""
    side = "" if told.from_ is None else f"from: {told.from_}\n"
    return _encoded(f"---\nend: {told.end}\nat: {told.at:.6f}\n{side}cause: {told.cause}\n")


def format_note(told: Note) -> bytes:
    """Make a note."""
    of = "" if told.of is None else f"of: {told.of}\n"
    return _encoded(f"---\nnote: {format_scalar(told.note)}\nat: {told.at:.6f}\n{of}")


def _request(told: Request) -> str:
    text = f"  method: {format_scalar(told.method)}\n  path: {format_scalar(told.path)}\n"
    if told.version != "HTTP/1.1":
        text += f"  version: {format_scalar(told.version)}\n"
    text += _headers(told.headers)
    if told.stream is not None:
        text += f"  stream: {told.stream}\n"
    return text


def _response(told: Response) -> str:
    text = f"  after: {told.after:.6f}\n"
    if told.status is not None:
        text += f"  status: {told.status}\n"
    if told.reason is not None:
        text += f"  reason: {format_scalar(told.reason)}\n"
    text += _headers(told.headers)
    if told.stream is not None:
        text += f"  stream: {told.stream}\n"
    if told.cause is not None:
        text += f"  cause: {told.cause}\n"
    return text


def _headers(headers: Headers) -> str:
    if not headers:
        return ""
    return "  headers:\n" + "".join([_line(name, value) for name, value in headers.items()])


def _line(name: str, value: str | list[str]) -> str:
    key = format_scalar(name)
    if len(key) > _LONGEST_KEY:
        key = f"? {key}\n    "
    if isinstance(value, str):
        return f"    {key}: {format_scalar(value)}\n"
    if not value:
        return f"    {key}: []\n"
    return f"    {key}:\n" + "".join([f"      - {format_scalar(one)}\n" for one in value])


def _body(told: Body) -> bytes:
    form = _form(told, b"  ")
    if told.malformed is None:
        return form
    return form + f"  malformed: {format_scalar(told.malformed)}\n".encode()


def _form(told: Body, indent: bytes) -> bytes:
    """Make the lines of a body in its form, which begin with `indent`; none for an empty one."""
    inner = indent + b"  "
    if told.json is not None:
        return indent + b"json: " + format_literal_block(told.json, inner) + b"\n"
    if told.text is not None:
        return indent + b"text: " + format_literal_block(told.text, inner) + b"\n"
    if told.base64 is not None:
        return indent + b"base64: " + _base64(told.base64) + b"\n"
    if told.proto is None:
        return b""
    data = indent + b"proto: " + format_literal_block(told.proto, inner) + b"\n"
    if told.wire is not None:
        data += indent + b"wire: " + _base64(told.wire) + b"\n"
    if told.wire_of is not None:
        data += indent + f"wire_of: {format_scalar(told.wire_of)}\n".encode()
    return data


def _base64(data: bytes) -> bytes:
    """Quote it, for four letters could be the word `true`, and digits a number."""
    return b'"' + base64.b64encode(data) + b'"'


def _instant(at: datetime.datetime) -> str:
    """RFC 3339 with microseconds, in UTC if it has a zone."""
    if at.tzinfo is None:
        return at.isoformat(timespec="microseconds")
    return at.astimezone(datetime.UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _item(text: str) -> str:
    """Make a scalar within brackets, where a comma or a bracket would end it."""
    plain = format_scalar(text)
    return plain if plain[0] == '"' or not set(plain) & set(",[]{}") else quote_scalar(text)


def _encoded(text: str) -> bytes:
    return f"{text}...\n".encode()
