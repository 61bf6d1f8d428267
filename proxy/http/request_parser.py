r"""A parser of HTTP/1.1 requests, without I/O.

    POST /api/v1 HTTP/1.1\r\nContent-Length: 22\r\n\r\n{"type":"GET_VERSION"}

`RequestParser.feed` takes received bytes and returns whole requests in order. The first error is
its last event. A request whose body is to be processed while it arrives is returned in parts. The
limits bound what the parser holds. llhttp (through httptools) does the parsing; it is strict, so a
request with both a length and chunked coding is refused.
"""

import zlib
from collections.abc import Callable

import httptools

from ...proto.http.headers import last_header_values
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

_UPGRADE_HEADERS = (b"upgrade", b"connection", b"http2-settings")
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


class HeldBodies:
    """The number of bytes that the parsers of several connections hold of unfinished bodies."""

    def __init__(self) -> None:
        self.size = 0


class RequestParser:
    """Parses the requests of one connection.

    `cache` and `held` may be shared by connections of equal limits. `is_streamed` gets the head of
    each request of type application/recordio and returns whether its body is to be returned in
    parts.
    """

    def __init__(
        self,
        limits: ConnectionLimits,
        cache: RequestCache | None = None,
        is_streamed: Callable[[HttpRequest], bool] | None = None,
        held: HeldBodies | None = None,
    ) -> None:
        self._limits = limits
        self._held = HeldBodies() if held is None else held
        self._body_size = 0
        self._is_streamed = is_streamed
        self._cache = cache
        self._events: list[RequestEvent] = []
        self._has_failed = False
        self._begin_request()
        self._has_parser = False

    def _new_parser(self) -> httptools.HttpRequestParser:
        """Return a parser that accepts a bare line feed as the end of a line, as Mesos does."""
        parser = httptools.HttpRequestParser(self)
        # llhttp needs both of these for that.
        parser.set_dangerous_leniencies(
            lenient_optional_cr_before_lf=True, lenient_optional_lf_after_cr=True
        )
        return parser

    @property
    def has_unfinished(self) -> bool:
        """True if a request has begun to arrive and is not complete."""
        return self._is_open

    @property
    def is_in_body(self) -> bool:
        """True if the head of the open request is complete."""
        return self._is_in_body

    @property
    def is_record_stream(self) -> bool:
        """True if the open request is a stream of records, which may pause without limit."""
        return self._is_in_body and self._is_recordio

    def feed(self, data: bytes) -> list[RequestEvent]:
        """Return the events that `data` completes; an HttpRequestError is the last one ever."""
        cache = self._cache
        if cache is None or self._is_open or self._has_failed:
            return self._parse(data)
        events = cache.get(data)
        if events is None:
            events = self._parse(data)
            if len(events) == 1 and not self._is_open:
                cache.put(data, events[0])
        return events

    def close(self) -> None:
        """Drop the unfinished request, and ignore what follows."""
        self._begin_request()
        self._has_failed = True

    def release(self) -> None:
        """Between requests, free the parser of llhttp until more data arrives: a kilobyte."""
        if self._has_parser and not self._is_open:
            del self._parser
            self._has_parser = False

    def _parse(self, data: bytes) -> list[RequestEvent]:
        self._events = []
        if not self._has_failed:
            self._feed(data)
        return self._events

    def _feed(self, data: bytes) -> None:
        in_head = self._is_open and not self._is_in_body
        if not self._has_parser:
            self._parser, self._has_parser = self._new_parser(), True
        try:
            self._parser.feed_data(data)
            is_same_head = in_head and not self._events
            if is_same_head and self._is_open and not self._is_in_body:
                self._unfinished_head_size += len(data)
                self._check_head_size(self._unfinished_head_size)
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrade(data[upgrade.args[0] :])
        except HttpRequestError as error:
            self._fail(error)
        except httptools.HttpParserCallbackError as error:
            if not isinstance(error.__context__, HttpRequestError):
                raise
            self._fail(error.__context__)
        except httptools.HttpParserInvalidURLError as error:
            # http_parser fails at such a target, and libprocess closes the connection.
            self._fail(HttpRequestError(400, f"malformed target: {error}", is_answered=False))
        except httptools.HttpParserError as error:
            self._fail(HttpRequestError(400, f"malformed HTTP request: {error}"))

    def _ignore_upgrade(self, rest: bytes) -> None:
        """Go on in HTTP/1.1 as if the client had not asked for an upgrade (RFC 9110, 7.8).

        llhttp stops after the head of such a request: for it, the bytes after the head (`rest`)
        are of another protocol, and httptools cannot tell it to continue. So the head is written
        again without the headers that ask for the upgrade, and a new parser reads it together
        with `rest`. The first reading has appended no event for the request: the callbacks return
        early while `should_upgrade` is true.

        The new head cannot ask for an upgrade, so this recurs only for later requests in `rest`,
        each shorter than the one before. CONNECT is an upgrade by its method, whatever its headers
        are; it is refused.
        """
        method = self._parser.get_method()
        if method == b"CONNECT":
            self._fail(HttpRequestError(400, "CONNECT is not supported: this is not a proxy"))
            return
        version = self._parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (method, self._target, version)]
        lines += [
            b"%b: %b" % header
            for header in self._headers
            if header[0].lower() not in _UPGRADE_HEADERS
        ]
        self._begin_request()
        self._parser = self._new_parser()
        self._feed(b"\r\n".join(lines) + b"\r\n\r\n" + rest)

    def _fail(self, error: HttpRequestError) -> None:
        self.close()
        # Without the frames of its traceback, which have all that was received.
        error.__context__ = None
        self._events.append(error.with_traceback(None))

    def _begin_request(self) -> None:
        self._is_open = False
        self._is_in_body = False
        self._is_recordio = False
        self._is_gzip = False
        self._is_in_parts = False
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: bytes | bytearray = b""
        self._held.size -= self._body_size
        self._body_size = 0
        self._head_size = 0
        self._unfinished_head_size = 0

    # Called by llhttp.

    def on_message_begin(self) -> None:
        """Open a request."""
        self._is_open = True

    def on_url(self, url: bytes) -> None:
        """Append a part of the target."""
        self._target += url
        self._head_size += len(url)
        self._check_head_size(self._head_size)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Append a header. For Mesos a trailer is a broken body (libprocess, src/decoder.hpp)."""
        if self._is_in_body:
            raise HttpRequestError(500, "failed to decode body")
        self._headers.append((name, value))
        self._head_size += len(name) + len(value) + 4
        if self._head_size > self._limits.max_head_bytes:
            self._check_head_size(self._head_size)

    def on_headers_complete(self) -> None:
        """Read the headers that concern the body."""
        self._is_in_body = True
        values = last_header_values(self._headers)
        length = values.get(b"content-length", b"0")
        if len(length) > 15 or int(length) > self._limits.max_body_bytes:
            raise self._too_large()
        if self._parser.should_upgrade():
            return
        self._is_recordio = values.get(b"content-type") == b"application/recordio"
        self._is_gzip = values.get(b"content-encoding") == b"gzip"
        expects = values.get(b"expect", b"").lower() == b"100-continue"
        if expects and self._parser.get_http_version() == "1.1":
            self._events.append(ContinueExpected())
        if self._is_recordio and self._is_streamed is not None and not self._is_gzip:
            head = HttpRequest(self._parser.get_method(), self._target, tuple(self._headers))
            if self._is_streamed(head):
                self._is_in_parts = True
                self._events.append(RequestStarted(head, self._parser.should_keep_alive()))

    def on_body(self, body: bytes) -> None:
        """Return or append a part of the body."""
        if self._is_in_parts:
            self._events.append(BodyPart(body))
            return
        self._body_size += len(body)
        self._held.size += len(body)
        if self._body_size > self._limits.max_body_bytes:
            raise self._too_large()
        if self._held.size > self._limits.max_held_body_bytes:
            limit = self._limits.max_held_body_bytes
            raise HttpRequestError(503, f"unfinished bodies of all clients exceed {limit} bytes")
        if not self._body:
            self._body = body
        else:
            if isinstance(self._body, bytes):
                self._body = bytearray(self._body)
            self._body += body

    def on_message_complete(self) -> None:
        """Return the request, unless it is parsed again by `_ignore_upgrade`."""
        if self._parser.should_upgrade():
            return
        if self._is_in_parts:
            self._events.append(BodyEnd())
            self._begin_request()
            return
        body = bytes(self._body)
        is_broken = False
        if self._is_gzip and body:
            body, is_broken = self._decompress(body)
        parser = self._parser
        request = HttpRequest(
            parser.get_method(), self._target, tuple(self._headers), body, is_broken
        )
        self._events.append(CompleteRequest(request, parser.should_keep_alive()))
        self._begin_request()

    def _check_head_size(self, size: int) -> None:
        if size > self._limits.max_head_bytes:
            raise HttpRequestError(
                431, f"the head of the request exceeds {self._limits.max_head_bytes} bytes"
            )

    def _too_large(self) -> HttpRequestError:
        return HttpRequestError(
            413, f"the body of the request exceeds {self._limits.max_body_bytes} bytes"
        )

    def _decompress(self, body: bytes) -> tuple[bytes, bool]:
        """Return the decompressed body and False, or a broken body unchanged and True."""
        decompressor = zlib.decompressobj(_GZIP_WINDOW)
        try:
            plain = decompressor.decompress(body, self._limits.max_body_bytes)
        except zlib.error:
            return body, True
        if decompressor.unconsumed_tail:
            raise self._too_large()
        return (plain, False) if decompressor.eof else (body, True)
