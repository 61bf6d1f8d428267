r"""Answers to a client, as bytes.

A head is rendered as it was recorded, with the order and spelling of its headers:

    HTTP/1.1 200 OK\r\nDate: …\r\nContent-Length: 17\r\n\r\n

It may differ from the recording in five points. `Content-Length` is computed again, because people
edit bodies, and gzip output depends on the version of zlib. A body without a length gets one. Gzip
is only for clients that accept it. A stream is always chunked. A redirect to the leading master may
have another target (`retarget_redirect`).
"""

import re
from collections.abc import Callable, Iterable, Iterator
from enum import Enum

from msgspec import Struct
from msgspec.structs import replace

from ...proto.api.refusals import MesosRefusal
from ...proto.http import redirects
from ...proto.http.gzip_coding import (
    GZIP_MINIMUM_BODY_LENGTH,
    gzip_compress,
    gzip_compress_blocks,
)
from ...proto.http.headers import header_pairs, header_values
from ...proto.http.reason_phrases import reason_phrase
from ...proto.shown_text import quote_start
from ..format.documents import Response
from ..storage.stored_body import StoredBody
from .gates import Latch, SyncPoint
from .pace import Timed
from .stream_handle import StreamHandle

_LOCATION = re.compile(rb"(?i)(?<=\r\n)(location:[ \t]*)([^\r\n]*)")
_LINE_END = re.compile("[\r\n\0]")
_BODILESS = frozenset({204, 304})


class Ending(Enum):
    """How a stream ends: with a final chunk, or the connection is closed or reset before it.

    `RAW_COMPLETE` ends an answer that was sent as `RawBytes`: nothing is added to them.
    """

    FINAL_CHUNK = "final chunk"
    CUT = "cut"
    RESET = "reset"
    RAW_COMPLETE = "whole"


class RawBytes(Struct, frozen=True, eq=False):
    """Bytes that are sent unchanged, in a write of their own, and are not counted as an event."""

    data: bytes


def _do_nothing() -> None:
    pass


def _unchanged(error: Exception) -> Exception:
    return error


class RecordBlock(Struct, frozen=True, eq=False, gc=False):
    """Records that are due together, `count` of them; `data` has each in an HTTP chunk."""

    data: bytes
    count: int


class Notify(Struct, frozen=True, eq=False):
    """Calls `callback` when it is due and every step before it has been sent.

    The step after it is read from the iterator only then. Without `callback` that is all it does.
    """

    callback: Callable[[], object] = _do_nothing


type RecordedStep = bytes | Ending | SyncPoint
"""A step out of a recording: one chunk of the stream without its chunk framing, how it ends, or a
place where it waits for something else or something else waits for it. A stream without an end
stays open."""

type StreamStep = RecordedStep | RawBytes | Notify
"""Any step that a server can send."""

type SentStep = StreamStep | RecordBlock
"""A step of a stream whose records may be sent in blocks."""


class ReplayResponse(Struct, frozen=True, eq=False, kw_only=True):
    """A whole answer, sent when all `latches` are open.

    `content` is the body; one that stands in the cassette as it is sent is read while it is sent.
    With `close` the connection is closed after it. Without `status` there is no answer: `head` is
    empty, and the connection is closed; with `awaits_hang_up` it is the client that closes it, and
    the request is held until then. `exchange` is its number in the cassette, 0 if the answer is not
    recorded.
    """

    exchange: int
    status: int | None
    head: bytes
    content: bytes | StoredBody = b""
    close: bool = False
    latches: tuple[Latch, ...] = ()
    awaits_hang_up: bool = False

    @property
    def body(self) -> bytes:
        """The body, read from the cassette if it is there. Raises CassetteError."""
        return bytes(self.content)


class StreamedResponse(Struct, frozen=True, eq=False, kw_only=True):
    """An answer whose body is sent step by step.

    `steps` yields (deadline on the replay's clock in seconds, step), lazily. The playback uses
    `handle`, if there is one, to learn when the stream is over, and to end it early. `call_name` is
    the type of the answered call, and `at_seconds` the recorded time of its request, in seconds
    since the first cassette began. `place_error` returns an error that names the place of the
    exchange, for one that occurs while the stream is sent. `blocks` are the same steps with many
    records in one, if that is possible; a server sends these instead of `steps`.
    """

    exchange: int
    status: int
    head: bytes
    steps: Iterator[Timed[StreamStep]]
    blocks: Iterator[Timed[SentStep]] | None = None
    close: bool = False
    handle: StreamHandle[StreamStep] | None = None
    call_name: str | None = None
    at_seconds: float = 0.0
    place_error: Callable[[Exception], Exception] = _unchanged


def encode_chunk(data: bytes) -> bytes:
    """Return one HTTP chunk, its size in lower-case hex as libprocess writes it."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def render_head(status: int, reason: str | None, headers: Iterable[tuple[str, str]]) -> bytes:
    """Return status line, headers and empty line. A `reason` of None is the standard phrase.

    Raises ValueError for a line end or a NUL within a line: a client would read what follows as a
    header, or as a response, of its own.
    """
    lines = [f"HTTP/1.1 {status} {reason_phrase(status) if reason is None else reason}"]
    lines += [f"{name}: {value}" for name, value in headers]
    text = "\r\n".join(lines)
    if text.count("\n") >= len(lines) or text.count("\r") >= len(lines) or "\0" in text:
        bad = next(line for line in lines if _LINE_END.search(line))
        raise ValueError(f"a head cannot be sent: found a line end or NUL in {quote_start(bad)!r}")
    return f"{text}\r\n\r\n".encode("latin-1")


def build_unary(
    number: int,
    response: Response,
    body: bytes | StoredBody,
    *,
    bodiless: bool,
    accepts_gzip: bool,
    compress_large: bool = False,
) -> ReplayResponse:
    """Return the answer of exchange `number`.

    `body` is the recorded body, content coding undone. With `bodiless` (the request is HEAD) only
    the head is sent, with the recorded length. `accepts_gzip` is about the client; one that does
    not gets the body uncompressed. With `compress_large`, a client that accepts gzip gets a large
    body compressed even if it was recorded uncompressed.
    """
    if response.status is None:
        awaits_hang_up = response.cause == "client"
        return ReplayResponse(
            exchange=number, status=None, head=b"", close=True, awaits_hang_up=awaits_hang_up
        )
    headers = header_pairs(response.headers)
    if bodiless or _has_no_body(response.status):
        body = b""
    elif response.cause is None:
        if response.malformed is None:
            headers, body = _apply_gzip(
                headers, body, accepts_gzip=accepts_gzip, compress_large=compress_large
            )
        headers = _with_length(headers, len(body))
    rendered = render_head(response.status, response.reason, headers)
    close = response.cause not in (None, "server") or _has_connection_close(headers)
    return ReplayResponse(
        exchange=number, status=response.status, head=rendered, content=body, close=close
    )


def build_refusal(
    refusal: MesosRefusal, date: str, *, bodiless: bool, accepts_gzip: bool
) -> ReplayResponse:
    """Return the answer to a request that Mesos refuses, as libprocess writes it.

    `date` is the value of the Date header. For `bodiless` and `accepts_gzip` see `build_unary`.
    """
    if refusal.status is None:
        return ReplayResponse(exchange=0, status=None, head=b"", close=True)
    headers = [("Date", date), *([("Allow", refusal.allow)] if refusal.allow else [])]
    headers.append(("Content-Type", "text/plain; charset=utf-8"))
    headers, body = _apply_gzip(
        headers, refusal.body, accepts_gzip=accepts_gzip, compress_large=True
    )
    rendered = render_head(refusal.status, None, _with_length(headers, len(body)))
    body = b"" if bodiless else body
    return ReplayResponse(exchange=0, status=refusal.status, head=rendered, content=body)


def build_stream(number: int, response: Response) -> StreamedResponse:
    """Return the streamed answer of exchange `number`, without steps."""
    headers = [
        pair for pair in header_pairs(response.headers) if pair[0].lower() != "content-length"
    ]
    if not header_values(headers, "transfer-encoding"):
        headers.append(("Transfer-Encoding", "chunked"))
    status = response.status or 200
    return StreamedResponse(
        exchange=number,
        status=status,
        head=render_head(status, response.reason, headers),
        steps=iter(()),
        close=_has_connection_close(headers),
    )


def retarget_redirect(answer: ReplayResponse, authority: str) -> ReplayResponse:
    """Return an answer that redirects to the server `authority`, which is HOST:PORT.

    An answer that does not redirect as a master does (redirects.py) stays as it is.
    """

    def retarget(header: re.Match[bytes]) -> bytes:
        name, location = header.groups()
        target = redirects.replace_authority(location.decode("latin-1"), authority)
        return header[0] if target is None else name + target.encode("latin-1")

    return replace(answer, head=_LOCATION.sub(retarget, answer.head))


def _has_connection_close(headers: Iterable[tuple[str, str]]) -> bool:
    return any("close" in value.lower() for value in header_values(headers, "connection"))


def _apply_gzip(
    headers: list[tuple[str, str]],
    body: bytes | StoredBody,
    *,
    accepts_gzip: bool,
    compress_large: bool,
) -> tuple[list[tuple[str, str]], bytes | StoredBody]:
    codings = header_values(headers, "content-encoding")
    if codings == ["gzip"]:
        if accepts_gzip:
            return headers, _compress(body)
        return [pair for pair in headers if pair[0].lower() != "content-encoding"], body
    if accepts_gzip and compress_large and not codings and len(body) >= GZIP_MINIMUM_BODY_LENGTH:
        return [("Content-Encoding", "gzip"), *headers], _compress(body)
    return headers, body


def _compress(body: bytes | StoredBody) -> bytes:
    return gzip_compress(body) if isinstance(body, bytes) else gzip_compress_blocks(body.blocks())


def _with_length(headers: list[tuple[str, str]], length: int) -> list[tuple[str, str]]:
    """Return headers with the length of the body in place of the old one or of the chunking."""
    measured: list[tuple[str, str]] = []
    has_length = False
    for name, value in headers:
        if name.lower() not in ("content-length", "transfer-encoding"):
            measured.append((name, value))
        elif not has_length:
            is_length = name.lower() == "content-length"
            measured.append((name if is_length else "Content-Length", str(length)))
            has_length = True
    return measured if has_length else [*measured, ("Content-Length", str(length))]


def _has_no_body(status: int) -> bool:
    return status in _BODILESS or status < 200
