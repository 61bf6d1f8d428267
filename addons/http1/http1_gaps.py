r"""Parts of HTTP/1 that mitmproxy does not have, added to its classes.

    trailers after a chunked body       it fails ("HTTP trailers are not implemented yet", mitmproxy
                                        issue 2474): the message never ends
    1xx before a response               it takes them for the response (issue 2229)
    \r\n before a request or response   it waits for a head without end

Here all of them are passed on, except empty lines, which are skipped as by the parser of Mesos
(3rdparty/http-parser in Mesos, `s_start_req`; RFC 9112, section 2.2). A format of mitmproxy's flows
or of cassettes has no place for 1xx, and cassettes have none for trailers: `unrecorded_parts`
returns texts about both.

Each body passes here chunk by chunk, so the functions that replace methods hand over to the
original at once if there is nothing to do. A later mitmproxy may close these gaps; then the check
in `close_http1_gaps` leaves it alone.
"""

import re
from collections.abc import Iterator
from typing import Any

import h11
from h11._readers import ChunkedReader
from mitmproxy import http
from mitmproxy.proxy.commands import SendData
from mitmproxy.proxy.events import DataReceived
from mitmproxy.proxy.layers.http import (
    _events,  # pyright: ignore[reportPrivateUsage]
    _http1,  # pyright: ignore[reportPrivateUsage]
)
from mitmproxy.proxy.layers.http._base import ReceiveHttp

from .head_limits import Commands, Method, check_chunk, limit_request_head, limit_response_head

_INTERIM = re.compile(rb"HTTP/1\.[01] (1(?!01)\d\d[^\r\n]*)")
_MAX_STATUS_LINE = 256
_INTERIM_ATTRIBUTE = "mesotape_interim"
_FRAMING_ATTRIBUTE = "mesotape_framing"
_TRAILERS_ATTRIBUTE = "mesotape_trailers"
_LAST_CHUNK = b"0\r\n\r\n"
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})\r\n")


def close_http1_gaps() -> None:
    """Change the classes of mitmproxy. May be called again."""
    connection = _http1.Http1Connection
    if "NotImplementedError" not in connection.read_body.__code__.co_names:
        return
    classes: Any = connection, _http1.Http1Server, _http1.Http1Client
    every, server, client = classes
    every.read_body = _read_body(every.read_body)
    server.read_headers = limit_request_head(_read_request_head(server.read_headers))
    client.read_headers = limit_response_head(_read_response_head(client.read_headers))
    server.send = _send(server.send)
    client.send = _send(client.send)
    make_body_reader: Any = _http1.make_body_reader
    _http1.make_body_reader = lambda size: (
        _TrailerReader() if size is None else make_body_reader(size)
    )


def unrecorded_parts(flow: http.HTTPFlow) -> Iterator[str]:
    """Yield texts about what passed and has no place in a cassette."""
    for status in getattr(flow.request, _INTERIM_ATTRIBUTE, ()):
        yield f"the upstream sent {status} before its response: it passed, and is not recorded"
    for name, message in (("request", flow.request), ("response", flow.response)):
        if message is not None and message.trailers:
            names = ", ".join(dict.fromkeys(message.trailers))
            yield f"trailers after the {name} ({names}) passed, and are not recorded"


class _TrailerReader(ChunkedReader):
    trailers: Any = ()

    def __call__(self, buf: Any) -> Any:
        if (chunk := self._whole_chunk(buf)) is not None:
            return chunk
        event: Any = super().__call__(buf)
        if event is None:
            check_chunk(buf)
        elif type(event) is h11.EndOfMessage:
            self.trailers = event.headers.raw_items()  # its items have names in lower case
        return event

    def _whole_chunk(self, buf: Any) -> h11.Data | None:
        """Take a chunk from the buffer, as nearly all come: whole, and without extensions.

        In a burst this saves a tenth of the CPU for each chunk.
        """
        data: Any = buf._data  # a bytearray
        size = _CHUNK_SIZE.match(data)
        if size is None or self._bytes_in_chunk or self._bytes_to_discard or self._reading_trailer:
            return None
        begin = size.end()
        end = begin + int(size[1], 16)
        if end == begin or data[end : end + 2] != b"\r\n":
            return None
        chunk = bytes(data[begin:end])
        del data[: end + 2]
        buf._next_line_search = buf._multiple_lines_search = 0
        return h11.Data(chunk, chunk_start=True, chunk_end=True)


def _read_body(original: Method) -> Method:
    def read_body(self: Any, event: Any) -> Commands:
        try:
            yield from original(self, event)
        except NotImplementedError:
            # It comes at the end of the message. What follows is the rest of the original.
            is_request = isinstance(self, _http1.Http1Server)
            made: Any = _events.RequestTrailers if is_request else _events.ResponseTrailers
            yield ReceiveHttp(made(self.stream_id, http.Headers(self.body_reader.trailers)))
            yield ReceiveHttp(self.ReceiveEndOfMessage(self.stream_id))
            yield from self.mark_done(request=is_request, response=not is_request)

    return read_body


def _send(original: Method) -> Method:
    def send(self: Any, event: Any) -> Commands:
        match event:
            case _events.ResponseData():
                return _send_data(self, event, self.response)
            case _events.RequestData():
                return _send_data(self, event, self.request)
            case _events.RequestTrailers() | _events.ResponseTrailers():
                setattr(self, _TRAILERS_ATTRIBUTE, event.trailers)
                return _no_commands()
            case _events.RequestEndOfMessage() | _events.ResponseEndOfMessage():
                trailers = getattr(self, _TRAILERS_ATTRIBUTE, None)
                setattr(self, _TRAILERS_ATTRIBUTE, None)
                sent = original(self, event)
                return _add_trailers(sent, trailers) if trailers else sent
            case _events.ResponseHeaders() if event.response.status_code == 100:
                return _send_continue(original, self, event)
            case _:
                return original(self, event)

    return send


def _send_data(connection: Any, event: Any, message: Any) -> Commands:
    """Send a piece of a body as mitmproxy does, which looks up how it is framed for each one.

    In a burst this saves 6 % of the CPU for each chunk.
    """
    fields = message.headers.fields
    framing = getattr(connection, _FRAMING_ATTRIBUTE, None)
    if framing is None or framing[0] is not fields:
        framing = fields, "chunked" in message.headers.get("transfer-encoding", "").lower()
        setattr(connection, _FRAMING_ATTRIBUTE, framing)
    data = event.data
    if framing[1]:
        yield SendData(connection.conn, b"%x\r\n%b\r\n" % (len(data), data))
    elif data:
        yield SendData(connection.conn, data)


def _no_commands() -> Commands:
    yield from ()


def _add_trailers(commands: Any, trailers: http.Headers) -> Commands:
    """Put trailers into the last chunk; a message without one cannot have them."""
    reply: Any = None
    while True:
        try:
            command = commands.send(reply)
        except StopIteration:
            return
        if isinstance(command, SendData) and command.data == _LAST_CHUNK:
            command.data = b"0\r\n" + bytes(trailers) + b"\r\n"
        reply = yield command


def _send_continue(original: Method, self: Any, event: Any) -> Commands:
    """Send mitmproxy's own 100; it is no response yet, so an error can still be one."""
    yield from original(self, event)
    self.response = None


def _read_request_head(original: Method) -> Method:
    def read_headers(self: Any, event: Any) -> Commands:
        if isinstance(event, DataReceived):
            _skip_empty_lines(self.buf)
        return original(self, event)

    return read_headers


def _read_response_head(original: Method) -> Method:
    def read_headers(self: Any, event: Any) -> Commands:
        if self.request is None or not isinstance(event, DataReceived):
            return original(self, event)
        _skip_empty_lines(self.buf)
        if _interim(self.buf):
            return _pass_interim(original, self, event)
        return original(self, event)

    return read_headers


def _pass_interim(original: Method, self: Any, event: Any) -> Commands:
    """Pass 1xx responses on, but not to a client of HTTP/1.0 (RFC 9110, section 15.2)."""
    while found := _interim(self.buf):
        lines = self.buf.maybe_extract_lines()
        if lines is None:
            return
        interim = [*getattr(self.request, _INTERIM_ATTRIBUTE, ()), found[1].decode("latin-1")]
        setattr(self.request, _INTERIM_ATTRIBUTE, interim)
        if self.request.is_http11:
            yield SendData(self.context.client, b"".join([b"%b\r\n" % x for x in [*lines, b""]]))
        _skip_empty_lines(self.buf)
    if self.buf:
        yield from original(self, event)


def _interim(buffer: Any) -> re.Match[bytes] | None:
    return _INTERIM.match(bytes(buffer._data[:_MAX_STATUS_LINE]))


def _skip_empty_lines(buffer: Any) -> None:
    data: Any = buffer._data  # not a copy: a head may come byte by byte
    if data[:1] in (b"\r", b"\n"):
        buffer.maybe_extract_at_most(len(data) - len(data.lstrip(b"\r\n")))
