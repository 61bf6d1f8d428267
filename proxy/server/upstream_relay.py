"""Requests that a cassette does not answer, passed on to a server that may.

Only a test that records new episodes asks for this, and the server is the recorder of this machine;
without it a replay opens no connection of its own.
"""

import asyncio
from collections.abc import Callable

import httptools

from ...cassettes.answers.answer import ReplayResponse, render_head
from ...proto.http.request import HttpRequest
from ..http.address import Address
from .ports import ResponseWriter

_DROPPED = (b"transfer-encoding", b"content-length", b"content-encoding", b"expect")
"""Headers of the body as it came; it goes on whole and plain."""

type ResolveUpstream = Callable[[], Address]
"""Gives the address to pass requests on to; it may take its time. Raises OSError."""


class Forwarded(ReplayResponse, frozen=True, eq=False, kw_only=True):
    """What stands for the answer to a request that is passed on."""

    request: HttpRequest
    resolve_upstream: ResolveUpstream


class UpstreamRelay(asyncio.Protocol):
    """One request on its way to a server, and the answer on its way back."""

    _transport: asyncio.Transport | None = None

    def __init__(
        self,
        outlet: ResponseWriter,
        passed: Forwarded,
        keep_alive: bool,
        failed: Callable[[Exception], object],
    ) -> None:
        self._outlet = outlet
        self._passed = passed
        self._keep_alive = keep_alive
        self._failed = failed
        self._parser = httptools.HttpResponseParser(self)
        self._begun = self._over = False
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Connect, and send the request."""
        self._task = asyncio.create_task(self._connect())

    def resume(self) -> None:
        """Go on: the client reads again."""
        if self._transport is not None:
            self._transport.resume_reading()

    def stop(self) -> None:
        """Give up: the client has left."""
        self._over = True
        if self._task is not None:
            self._task.cancel()
        if self._transport is not None:
            self._transport.abort()

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the request."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(rendered(self._passed.request))

    def data_received(self, data: bytes) -> None:
        """Pass on the answer."""
        if self._over:
            return
        self._begun = True
        self._outlet.write(data)
        if self._outlet.is_full and self._transport is not None:
            self._transport.pause_reading()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"the answer that was passed on is no HTTP: {error}")

    def connection_lost(self, exc: Exception | None) -> None:
        """End as the server did."""
        if self._over:
            return
        if self._begun:
            self._end(close=True)
        else:
            self._fail("the server that a request was passed on to gave no answer")

    # What the parser calls.

    def on_headers_complete(self) -> None:
        """The answer to a HEAD ends here."""
        if self._passed.request.method == b"HEAD":
            self._complete()

    def on_message_complete(self) -> None:
        """Go on with the client."""
        if not self._over:
            self._complete()

    def _complete(self) -> None:
        self._end(close=not (self._keep_alive and self._parser.should_keep_alive()))

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            host, port = await asyncio.to_thread(self._passed.resolve_upstream)
            await loop.create_connection(lambda: self, host, port)
        except OSError as error:
            if not self._over:
                self._fail(f"a request cannot be passed on: {error}")

    def _fail(self, why: str) -> None:
        """Say why there is no answer, or break off the one that has begun."""
        self._failed(ConnectionError(why))
        if not self._begun:
            body = f"{why}\n".encode()
            headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))]
            self._outlet.write(render_head(502, "Bad Gateway", headers) + body)
        self._end(close=True)

    def _end(self, *, close: bool) -> None:
        self._over = True
        if self._transport is not None:
            self._transport.close()
        self._outlet.stream_ended(close=close)


def rendered(request: HttpRequest) -> bytes:
    """A request as it is passed on."""
    fields = [(name, value) for name, value in request.headers if name.lower() not in _DROPPED]
    if request.body or request.method not in (b"GET", b"HEAD"):
        fields.append((b"Content-Length", str(len(request.body)).encode()))
    lines = [request.method + b" " + request.target + b" HTTP/1.1"]
    lines += [name + b": " + value for name, value in fields]
    return b"\r\n".join(lines) + b"\r\n\r\n" + request.body
