"""Requests without a recorded response, forwarded to a server that may have one.

Only a replay that records what it lacks uses this, and the server is the recorder on this machine;
otherwise a replay opens no outgoing connection.
"""

import asyncio
from collections.abc import Callable
from typing import cast, override

import httptools

from ...cassettes.answers.answer import ReplayResponse
from ...proto.http.address import Address
from ...proto.http.request import HttpRequest
from ..http.http1 import render_text_response
from ..streams.ports import ResponseWriter

_BODY_HEADERS = (b"transfer-encoding", b"content-length", b"content-encoding", b"expect")
"""Headers of the received body; the request is forwarded with a body that is whole and plain."""

type ResolveUpstream = Callable[[], Address]
"""Returns the address to forward requests to; called in a thread, so it may block.

Raises OSError."""


class Forwarded(ReplayResponse, frozen=True, eq=False, kw_only=True):
    """A placeholder for the response to a request that is forwarded."""

    request: HttpRequest
    resolve_upstream: ResolveUpstream


class UpstreamRelay(asyncio.Protocol):
    """Sends one request to a server, and its response back to the client, in its bytes.

    `on_failure` gets the error if there is no whole response.
    """

    _transport: asyncio.Transport | None = None

    def __init__(
        self,
        writer: ResponseWriter,
        forwarded: Forwarded,
        keep_alive: bool,
        on_failure: Callable[[Exception], object],
    ) -> None:
        self._writer = writer
        self._forwarded = forwarded
        self._keep_alive = keep_alive
        self._on_failure = on_failure
        self._parser = httptools.HttpResponseParser(self)
        self._has_begun = self._is_over = False
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Connect, and send the request."""
        self._task = asyncio.create_task(self._connect())

    def resume(self) -> None:
        """Go on after the client has read."""
        if self._transport is not None:
            self._transport.resume_reading()

    def stop(self) -> None:
        """Abandon the request: the client has left."""
        self._is_over = True
        if self._task is not None:
            self._task.cancel()
        if self._transport is not None:
            self._transport.abort()

    # Called by the transport.

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(_render_request(self._forwarded.request))

    @override
    def data_received(self, data: bytes) -> None:
        if self._is_over:
            return
        self._has_begun = True
        self._writer.write(data)
        if self._writer.is_full and self._transport is not None:
            self._transport.pause_reading()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"the response to a forwarded request is not HTTP: {error}")

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if self._is_over:
            return
        if self._has_begun:
            self._end(close=True)
        else:
            self._fail("the server closed the connection without a response to a forwarded request")

    # Called by the parser.

    def on_headers_complete(self) -> None:
        """End the response to a HEAD, which has no body."""
        if self._forwarded.request.method == b"HEAD":
            self._complete()

    def on_message_complete(self) -> None:
        """End the response."""
        if not self._is_over:
            self._complete()

    def _complete(self) -> None:
        self._end(close=not (self._keep_alive and self._parser.should_keep_alive()))

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            host, port = await asyncio.to_thread(self._forwarded.resolve_upstream)
            await loop.create_connection(lambda: self, host, port)
        except Exception as error:
            if not self._is_over:
                self._fail(f"cannot forward a request: {error}")

    def _fail(self, reason: str) -> None:
        """Send a 502 if no response has begun; in any case, close the connection."""
        self._on_failure(ConnectionError(reason))
        if not self._has_begun:
            head, body = render_text_response(502, reason)
            self._writer.write(head + body)
        self._end(close=True)

    def _end(self, *, close: bool) -> None:
        self._is_over = True
        if self._transport is not None:
            self._transport.close()
        self._writer.stream_ended(close=close)


def _render_request(request: HttpRequest) -> bytes:
    fields = [header for header in request.headers if header[0].lower() not in _BODY_HEADERS]
    if request.body or request.method not in (b"GET", b"HEAD"):
        fields.append((b"Content-Length", str(len(request.body)).encode()))
    lines = [request.method + b" " + request.target + b" HTTP/1.1"]
    lines += [name + b": " + value for name, value in fields]
    return b"\r\n".join(lines) + b"\r\n\r\n" + request.body
