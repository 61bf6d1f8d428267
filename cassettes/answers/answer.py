r"""Answers: what goes back to a client, as bytes.

A head is rendered as it was recorded, in its order and spelling:

    HTTP/1.1 200 OK\r\nDate: …\r\nContent-Length: 17\r\n\r\n

Some things may differ from the recording: `Content-Length` is recomputed in its place, because
people edit bodies and gzip output depends on the zlib; a body that nobody gave a length gets one;
gzip is for clients that take it; a stream is always chunked; and a redirect to a leader may be
`pointed` elsewhere.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from enum import Enum

from msgspec import Struct
from msgspec.structs import replace

from ...proto.api.refusals import MesosRefusal
from ...proto.http import redirects
from ...proto.http.gzip_coding import GZIP_MINIMUM_BODY_LENGTH, gzip_compress
from ...proto.http.headers import header_pairs
from ...proto.http.reason_phrases import reason_phrase
from ..format.documents import Response
from .gates import Latch, SyncPoint
from .pace import Timed
from .stream_handle import StreamHandle

_LOCATION = re.compile(rb"(?i)(?<=\r\n)(location:[ \t]*)([^\r\n]*)")
_BODILESS = frozenset({204, 304})


class Ending(Enum):
    """How a stream ends: with a final chunk, or the connection closed or reset before it.

    What is `WHOLE` has come in raw pieces, and nothing is to be added.
    """

    FINAL_CHUNK = "final chunk"
    CUT = "cut"
    RESET = "reset"
    RAW_COMPLETE = "whole"


class RawBytes(Struct, frozen=True, eq=False):
    """Bytes that go out as they are, in a write of their own, and are no event."""

    data: bytes


def _do_nothing() -> None:
    pass


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


class ReplayResponse(Struct, frozen=True, eq=False, kw_only=True):
    """A whole answer. With `close` the connection ends after it; an empty head is no answer.

    It goes out when all `gates` are open.
    """

    exchange: int
    status: int | None
    head: bytes
    body: bytes = b""
    close: bool = False
    latches: tuple[Latch, ...] = ()


class StreamedResponse(Struct, frozen=True, eq=False, kw_only=True):
    """An answer that keeps coming: `steps` yields (deadline in seconds, step), lazily.

    With `live`, the playback wants to know when it is over, and may end it otherwise. `call` is the
    type of the call that is answered, if it is one, recorded at `at_seconds` since the first
    cassette began.
    """

    exchange: int
    status: int
    head: bytes
    steps: Iterator[Timed[StreamStep]]
    close: bool = False
    handle: StreamHandle[StreamStep] | None = None
    call_name: str | None = None
    at_seconds: float = 0.0


def render_head(status: int, reason: str | None, headers: Iterable[tuple[str, str]]) -> bytes:
    """Status line, headers, empty line. Without `reason`, the standard phrase of the status."""
    lines = [f"HTTP/1.1 {status} {reason_phrase(status) if reason is None else reason}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def build_unary(
    number: int,
    response: Response,
    body: bytes,
    *,
    bodiless: bool,
    accepts_gzip: bool,
    compress_large: bool = False,
) -> ReplayResponse:
    """Build the answer of exchange `number`.

    `body` is what the cassette has, content coding undone. With `bodiless` (the request was HEAD)
    only the head goes out, with the length that was recorded. With `gzips` false, the client does
    not take gzip and gets the body plain. With `compresses`, one that takes gzip gets a large body
    so, also if it is not coded in the recording.
    """
    if response.status is None:
        return ReplayResponse(exchange=number, status=None, head=b"", close=True)
    headers = header_pairs(response.headers)
    if bodiless or _has_no_body(response.status):
        body = b""
    elif response.cause is None:
        if response.malformed is None:
            headers, body = _coded(headers, body, gzips=accepts_gzip, compresses=compress_large)
        headers = _measured(headers, len(body))
    rendered = render_head(response.status, response.reason, headers)
    close = response.cause not in (None, "server") or says_close(headers)
    return ReplayResponse(
        exchange=number, status=response.status, head=rendered, body=body, close=close
    )


def build_refusal(
    refusal: MesosRefusal, date: str, *, bodiless: bool, accepts_gzip: bool
) -> ReplayResponse:
    """Build the answer to a request that Mesos refuses as it stands, as libprocess writes it.

    `date` is the value of the Date header.
    """
    if refusal.status is None:
        return ReplayResponse(exchange=0, status=None, head=b"", close=True)
    headers = [("Date", date), *([("Allow", refusal.allow)] if refusal.allow else [])]
    headers.append(("Content-Type", "text/plain; charset=utf-8"))
    headers, body = _coded(headers, refusal.body, gzips=accepts_gzip, compresses=True)
    rendered = render_head(refusal.status, None, _measured(headers, len(body)))
    body = b"" if bodiless else body
    return ReplayResponse(exchange=0, status=refusal.status, head=rendered, body=body)


def build_stream(
    number: int,
    response: Response,
    steps: Iterator[Timed[StreamStep]],
    live: StreamHandle[StreamStep] | None = None,
) -> StreamedResponse:
    """Build the streamed answer of exchange `number`."""
    headers = [
        pair for pair in header_pairs(response.headers) if pair[0].lower() != "content-length"
    ]
    if not any(name.lower() == "transfer-encoding" for name, _ in headers):
        headers.append(("Transfer-Encoding", "chunked"))
    status = response.status or 200
    return StreamedResponse(
        exchange=number,
        status=status,
        head=render_head(status, response.reason, headers),
        steps=steps,
        handle=live,
        close=says_close(headers),
    )


def retarget_redirect(answer: ReplayResponse, authority: str) -> ReplayResponse:
    """Have an answer redirect to another server, if it redirects as a master does (redirects.py).

    `authority` is HOST:PORT.
    """

    def point(found: re.Match[bytes]) -> bytes:
        name, location = found.groups()
        elsewhere = redirects.replace_authority(location.decode("latin-1"), authority)
        return found[0] if elsewhere is None else name + elsewhere.encode("latin-1")

    return replace(answer, head=_LOCATION.sub(point, answer.head))


def says_close(headers: Iterable[tuple[str, str]]) -> bool:
    """Whether a `Connection: close` is among the headers."""
    return any(name.lower() == "connection" and "close" in value.lower() for name, value in headers)


def _coded(
    headers: list[tuple[str, str]], body: bytes, *, gzips: bool, compresses: bool
) -> tuple[list[tuple[str, str]], bytes]:
    codings = [value for name, value in headers if name.lower() == "content-encoding"]
    if codings == ["gzip"]:
        if gzips:
            return headers, gzip_compress(body)
        return [pair for pair in headers if pair[0].lower() != "content-encoding"], body
    if gzips and compresses and not codings and len(body) >= GZIP_MINIMUM_BODY_LENGTH:
        return [("Content-Encoding", "gzip"), *headers], gzip_compress(body)
    return headers, body


def _measured(headers: list[tuple[str, str]], length: int) -> list[tuple[str, str]]:
    """Headers with the length of the body, in its old place; the body is not chunked."""
    measured: list[tuple[str, str]] = []
    done = False
    for name, value in headers:
        if name.lower() not in ("content-length", "transfer-encoding"):
            measured.append((name, value))
        elif not done:
            same = name.lower() == "content-length"
            measured.append((name if same else "Content-Length", str(length)))
            done = True
    return measured if done else [*measured, ("Content-Length", str(length))]


def _has_no_body(status: int) -> bool:
    return status in _BODILESS or status < 200
