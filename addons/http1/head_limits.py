"""Limits of what mitmproxy collects without a limit: heads, sizes of chunks, and trailers.

A head that is too large is refused: the client gets a 431, or a 502 if it is that of a response.
Chunks and trailers that are too large end the connection, as malformed ones do.
"""

import re
from collections.abc import Callable, Generator
from http import HTTPStatus
from typing import Any

import h11
from mitmproxy.proxy.commands import CloseConnection, SendData
from mitmproxy.proxy.events import DataReceived
from mitmproxy.proxy.layers.http import _http1  # pyright: ignore[reportPrivateUsage]
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._events import ErrorCode

type Commands = Generator[Any, Any]
type Method = Callable[[Any, Any], Commands]
"""A method of a connection of mitmproxy that takes an event."""

DEFAULT_MAX_HEAD = 1 << 20
"""More than any server accepts: Mesos has 80 KiB, others 8 to 64 KiB."""

HEAD_TOO_LARGE = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE

_HEAD_END = re.compile(rb"\n\r?\n")
_max_bytes = DEFAULT_MAX_HEAD


def set_max_head(size: int) -> None:
    """Set the limit in bytes; mitmproxy's classes are those of the process, and so is this."""
    global _max_bytes
    _max_bytes = size


def limit_request_head(original: Method) -> Method:
    """Wrap `read_headers` of a connection to a client."""

    def read_headers(self: Any, event: Any) -> Commands:
        if not _is_too_large(self.buf, event):
            return original(self, event)
        return _refuse_request(self)

    return read_headers


def limit_response_head(original: Method) -> Method:
    """Wrap `read_headers` of a connection to an upstream."""

    def read_headers(self: Any, event: Any) -> Commands:
        if self.request is None or not _is_too_large(self.buf, event):
            return original(self, event)
        return _refuse_response(self)

    return read_headers


def check_chunk(buffer: Any) -> None:
    """Check a buffer that has no complete chunk size or trailers. Raises h11's error."""
    if len(buffer) > _max_bytes:
        raise h11.RemoteProtocolError(f"a chunk size or trailers of over {_max_bytes} bytes")


def _is_too_large(buffer: Any, event: Any) -> bool:
    if len(buffer) <= _max_bytes or not isinstance(event, DataReceived):
        return False
    return _HEAD_END.search(bytes(buffer)[: _max_bytes + 4]) is None


def _refuse_request(connection: Any) -> Commands:
    yield SendData(connection.conn, _http1.make_error_response(HEAD_TOO_LARGE, _reason()))
    yield CloseConnection(connection.conn)
    connection.buf.maybe_extract_at_most(len(connection.buf))
    connection.state = connection.done


def _refuse_response(connection: Any) -> Commands:
    yield CloseConnection(connection.conn)
    number, code = connection.stream_id, ErrorCode.GENERIC_SERVER_ERROR
    yield ReceiveHttp(connection.ReceiveProtocolError(number, _reason(), code))


def _reason() -> str:
    return f"the head is larger than {_max_bytes} bytes (--max-head)"
