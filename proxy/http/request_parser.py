r"""Requests out of bytes, without I/O.

    POST /api/v1 HTTP/1.1\r\nContent-Length: 22\r\n\r\n{"type":"GET_VERSION"}

`Requests` takes bytes as they come and gives whole requests, in order, or one refusal, after which
it takes nothing more. A request that is to be taken as it comes is given in parts instead. The
limits bound what it holds. llhttp (under httptools) does the parsing; it is strict, so both a
length and chunked coding are refused.
"""

import zlib
from collections.abc import Callable

import httptools

from ...proto.http.request import HttpRequest
from .http1 import (
    BodyEnd,
    BodyPart,
    CompleteRequest,
    ConnectionLimits,
    ContinueExpected,
    HttpRequestError,
    RequestEvent,
    RequestStarted,
)
from .request_cache import RequestCache

_UPGRADE = (b"upgrade", b"connection", b"http2-settings")
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


class RequestParser:
    """The requests of one connection. `known` may be shared by connections of equal limits.

    `streams` tells by its head whether a request of RecordIO is to be taken as it comes.
    """

    def __init__(
        self,
        limits: ConnectionLimits,
        cache: RequestCache | None = None,
        is_streamed: Callable[[HttpRequest], bool] | None = None,
    ) -> None:
        self._limits = limits
        self._streams = is_streamed
        self._known = cache
        self._items: list[RequestEvent] = []
        self._refused = False
        self._begin()
        self._parser = self._new_parser()

    def _new_parser(self) -> httptools.HttpRequestParser:
        """A parser that takes a bare line feed for the end of a line, as Mesos's does."""
        parser = httptools.HttpRequestParser(self)
        # llhttp wants both of these for that.
        parser.set_dangerous_leniencies(
            lenient_optional_cr_before_lf=True, lenient_optional_lf_after_cr=True
        )
        return parser

    @property
    def has_unfinished(self) -> bool:
        """Whether a request has begun to arrive and is not whole."""
        return self._open

    @property
    def is_in_body(self) -> bool:
        """Whether the open request's head is whole."""
        return self._in_body

    @property
    def is_record_stream(self) -> bool:
        """Whether the open request is a stream of records, which may rest as long as it likes."""
        return self._in_body and self._recordio

    def feed(self, data: bytes) -> list[RequestEvent]:
        """Give the requests that are whole now; a `RefusedError` is the last there will be."""
        known = self._known
        if known is None or self._open or self._refused:
            return self._parsed(data)
        items = known.get(data)
        if items is None:
            items = self._parsed(data)
            if items and not self._open:
                known.put(data, items)
        return items

    def _parsed(self, data: bytes) -> list[RequestEvent]:
        self._items = []
        if not self._refused:
            self._feed(data)
        return self._items

    def _feed(self, data: bytes) -> None:
        in_head = self._open and not self._in_body
        try:
            self._parser.feed_data(data)
            if in_head and self._open and not self._in_body:
                self._unfinished_head += len(data)
                self._bound_head(self._unfinished_head)
        except httptools.HttpParserUpgrade as upgrade:
            self._stay(data[upgrade.args[0] :])
        except HttpRequestError as refusal:
            self._refuse(refusal)
        except httptools.HttpParserCallbackError as error:
            cause = error.__context__
            if not isinstance(cause, HttpRequestError):
                raise
            self._refuse(cause)
        except httptools.HttpParserError as error:
            self._refuse(HttpRequestError(400, f"malformed HTTP request: {error}"))

    def _stay(self, rest: bytes) -> None:
        """Go on in HTTP/1.1 as if no upgrade had been asked for (RFC 9110, 7.8)."""
        method = self._parser.get_method()
        if method == b"CONNECT":
            self._refuse(HttpRequestError(400, "CONNECT: this is no proxy"))
            return
        version = self._parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (method, self._target, version)]
        lines += [b"%b: %b" % pair for pair in self._headers if pair[0].lower() not in _UPGRADE]
        self._begin()
        self._parser = self._new_parser()
        self._feed(b"\r\n".join(lines) + b"\r\n\r\n" + rest)

    def _refuse(self, refusal: HttpRequestError) -> None:
        self._refused = True
        self._open = False
        self._items.append(refusal)

    # What llhttp calls.

    def _begin(self) -> None:
        self._open = False
        self._in_body = False
        self._recordio = False
        self._gzip = False
        self._parted = False
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._size = 0
        self._head_size = 0
        self._unfinished_head = 0

    def on_message_begin(self) -> None:
        """Note that a request began."""
        self._open = True

    def on_url(self, url: bytes) -> None:
        """Take a piece of the target."""
        self._target += url
        self._head_size += len(url)
        self._bound_head(self._head_size)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header. To Mesos a trailer is a broken body (libprocess, src/decoder.hpp)."""
        if self._in_body:
            raise HttpRequestError(500, "failed to decode body")
        self._headers.append((name, value))
        self._head_size += len(name) + len(value) + 4
        if self._head_size > self._limits.max_head_bytes:
            self._bound_head(self._head_size)

    def on_headers_complete(self) -> None:
        """Note that the body, if any, is next, and what the headers say of it."""
        self._in_body = True
        values = {name.lower(): value for name, value in self._headers}
        length = values.get(b"content-length", b"0")
        if len(length) > 15 or int(length) > self._limits.max_body_bytes:
            raise self._too_large()
        self._recordio = values.get(b"content-type") == b"application/recordio"
        self._gzip = values.get(b"content-encoding") == b"gzip"
        expects = values.get(b"expect", b"").lower() == b"100-continue"
        if expects and self._parser.get_http_version() == "1.1":
            self._items.append(ContinueExpected())
        if self._recordio and self._streams is not None and not self._gzip:
            head = HttpRequest(self._parser.get_method(), self._target, tuple(self._headers))
            if self._streams(head):
                self._parted = True
                self._items.append(RequestStarted(head, self._parser.should_keep_alive()))

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        if self._parted:
            self._items.append(BodyPart(body))
            return
        self._size += len(body)
        if self._size > self._limits.max_body_bytes:
            raise self._too_large()
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Give the request out; one that asks for an upgrade comes again without (`_stay`)."""
        if self._parser.should_upgrade():
            return
        if self._parted:
            self._items.append(BodyEnd())
            self._begin()
            return
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        broken = False
        if self._gzip and body:
            body, broken = self._inflated(body)
        parser = self._parser
        request = HttpRequest(parser.get_method(), self._target, tuple(self._headers), body, broken)
        self._items.append(CompleteRequest(request, parser.should_keep_alive()))
        self._begin()

    def _bound_head(self, size: int) -> None:
        if size > self._limits.max_head_bytes:
            raise HttpRequestError(
                431, f"the request's head is over {self._limits.max_head_bytes} bytes"
            )

    def _too_large(self) -> HttpRequestError:
        return HttpRequestError(
            413, f"the request's body is over {self._limits.max_body_bytes} bytes"
        )

    def _inflated(self, body: bytes) -> tuple[bytes, bool]:
        """Undo the coding; a broken body stays as it is, which the flag says."""
        inflater = zlib.decompressobj(_GZIP_WINDOW)
        try:
            plain = inflater.decompress(body, self._limits.max_body_bytes)
        except zlib.error:
            return body, True
        if inflater.unconsumed_tail:
            raise self._too_large()
        return (plain, False) if inflater.eof else (body, True)
