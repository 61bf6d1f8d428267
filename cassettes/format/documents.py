"""The documents of a cassette, format 1.

A cassette is a UTF-8 file of YAML documents. Each starts with a line `---` and ends with a line
`...`; a document without its end mark was cut off by a crash. The first key names the kind:

    mesotape: 1     the header, once, first          Header
    exchange: N     one request and its response     Exchange
    event: N        one record of a stream           Event
    end: N          the end of exchange N's stream   End
    note: TEXT      events lost, a full disk         Note

The structs below have the keys of these documents, in the order in which they are written. Times
are in seconds: `at` counts from the header's `recorded_at` on a monotonic clock, `after` from the
exchange's `at`. Header values, paths and methods are bytes on the wire and Latin-1 text here, so
that no byte is lost.
"""

import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from ...proto.api.apis import ServerKind
from ...proto.shown_text import escape_line

FORMAT_VERSION = 1

MAX_INTEGER = (1 << 63) - 1
"""Larger numbers are refused: indexes and JSON readers hold 64 bits."""

type Number = Annotated[int, Meta(ge=1, le=MAX_INTEGER)]
"""The number of an exchange, of an event within its stream, or of a client."""

type Seconds = Annotated[float, Meta(ge=0, le=1e12)]
"""Written with six decimals. Neither infinite nor NaN."""

type Size = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]
"""Bytes."""

INCOMPLETE_REQUEST = "the request was not complete"
"""The `malformed` of a request that the client did not finish."""

type Side = Literal["client", "server"]
"""The sender of a stream: the server of a response, the client of a streamed request."""

type EndCause = Literal["server", "server-cut", "client", "stopped", "malformed"]
"""Why a stream ended: the final chunk came; the connection was closed without it; the client left;
the recorder was stopped; the HTTP chunking broke."""

type StreamFraming = Literal["recordio", "chunks"]
"""How a stream is divided into events: by RecordIO, or by the HTTP chunks of any other body."""

type Spacing = Literal[
    "compact newline",
    "spaced",
    "spaced newline",
    "comma-spaced",
    "comma-spaced newline",
    "indent-1",
    "indent-1 newline",
    "indent-2",
    "indent-2 newline",
    "indent-4",
    "indent-4 newline",
    "indent-tab",
    "indent-tab newline",
    "jackson",
    "jackson newline",
    "protobuf-java",
    "protobuf-java newline",
    "protobuf-go",
    "protobuf-go newline",
]
"""The white space of JSON as it was sent. `json_spacing` has the meaning of the names."""

type Headers = dict[str, str | Annotated[list[str], Meta(min_length=1)]]
"""Names as spelled, in order. The value of a repeated name is a list, never an empty one."""


class Body(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Bytes in at most one readable form. An empty body has none.

    `json`    JSON text indented for reading; the bytes are the same tokens without the white space
              or, with `spacing`, with the white space of a common writer
    `text`    any other UTF-8 text, verbatim
    `proto`   a protobuf message, shown as indented Mesos JSON. If encoding that again does not give
              the bytes, `wire` has them, and `wire_of` is the digest of the text they belong to
    `base64`  everything else

    `malformed` is the reason why bytes that should have decoded did not. `omitted` stands in place
    of a body that was too large to be recorded: its size in bytes and its digest.
    """

    spacing: Spacing | None = None
    json: str | None = None
    text: str | None = None
    proto: str | None = None
    base64: bytes | None = None
    wire: bytes | None = None
    wire_of: str | None = None
    malformed: str | None = None
    omitted: str | None = None


class Request(Body, frozen=True, kw_only=True):
    """The request of an exchange. With `stream`, its records are events `from: client`."""

    method: str
    path: str
    version: str = "HTTP/1.1"
    headers: Headers = field(default_factory=dict[str, str | list[str]])
    stream: StreamFraming | None = None


class Response(Body, frozen=True, kw_only=True):
    """The response of an exchange.

    Without `status`, the connection ended before a response. `cause` is present if the response is
    not a stream and is incomplete. `stream: chunks` is a chunked body that is not RecordIO.
    `reason` is present if it is not the standard phrase of the status.
    """

    after: Seconds
    status: int | None = None
    reason: str | None = None
    headers: Headers = field(default_factory=dict[str, str | list[str]])
    stream: StreamFraming | None = None
    cause: EndCause | None = None


class Header(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The first document. Without `server`, protobuf bodies of `/api/v1` are kept as bytes.

    `part` is the number of the file in a cassette of several, from 2.
    """

    mesotape: int
    server: ServerKind | None = None
    recorded_at: datetime.datetime
    upstream: str | None = None
    recorder: str | None = None
    part: Number | None = None
    redaction: list[str] = field(default_factory=list[str])

    @property
    def began(self) -> datetime.datetime:
        """`recorded_at` with its time zone: UTC, if it has none."""
        at = self.recorded_at
        return at if at.tzinfo is not None else at.replace(tzinfo=datetime.UTC)


class Exchange(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One HTTP request and its response. Numbers are in the order in which requests began."""

    exchange: Number
    at: Seconds
    client: Number
    peer: str | None = None
    request: Request
    response: Response

    @property
    def answered_at(self) -> float:
        """The time of the head of the response, to microseconds, which are what cassettes have.

        The sum alone may be a bit above the time of the first event.
        """
        return round(self.at + self.response.after, 6)


class Event(Body, frozen=True, kw_only=True):
    """One record of a stream, numbered from 1 within its exchange and side.

    `chunks` lists the HTTP chunks that begin within this record, as (bytes, at); it is absent if
    the record arrived as exactly one chunk. A part of the stream that is not a valid record has
    `malformed`, its `offset` in the stream, and its bytes, framing included, in `base64`.
    """

    event: Number
    of: Number
    at: Seconds
    from_: Literal["client"] | None = field(default=None, name="from")
    chunks: list[tuple[Size, Seconds]] | None = None
    offset: Size | None = None


class End(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The end of a stream: of the response or, with `from: client`, of a streamed request."""

    end: Number
    at: Seconds
    from_: Literal["client"] | None = field(default=None, name="from")
    cause: EndCause


class Note(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A remark of the recorder: events lost, disk full, recording stopped."""

    note: str
    at: Seconds
    of: Number | None = None


type Document = Header | Exchange | Event | End | Note


class CassetteError(ValueError):
    """A file that is not a cassette, or a wrong document in one. The text has the place."""


class PlacedError(CassetteError):
    """An error in a cassette at a line of its file. `text` is the error without the place."""

    def __init__(self, path: object, line: int, text: str) -> None:
        super().__init__(escape_line(f"{path}:{line}: {text}"))
        self.line = line
        self.text = escape_line(text)


class ExchangeError(CassetteError):
    """An exchange that cannot be played. The text has file, line and number."""

    def __init__(self, exchange: int, text: str) -> None:
        super().__init__(text)
        self.exchange = exchange


type Node = str | list[Node] | dict[str, Node]
"""A value of a document before it has a type."""

type NodePath = tuple[str | int, ...]
"""Keys and list indexes, from the document's root."""


class DocumentError(CassetteError):
    """A wrong document. `line` counts from 1 at its start mark; `text` is the error without it.

    `path` leads to the fault if the line is not known more exactly than that of the document.
    """

    def __init__(self, line: int, text: str, path: tuple[str, ...] = ()) -> None:
        super().__init__(f"line {line}: {text}")
        self.line = line
        self.text = text
        self.path = path
