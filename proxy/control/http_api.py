"""The HTTP API of a replay: JSON, on an address of its own, for programs that have its token.

    GET  /status     the state of the replay, and what is held
    GET  /journal    the requests                    ?since=NUMBER leaves out those up to it
    GET  /misses     the misses and the refusals
    GET  /unused     exchanges that were not requested, and calls that were left out
    GET  /streams    the streams
    POST /advance    {"events": 1} or {"seconds": 1.5} or {"until": "UPDATE"}
    POST /hold       {} or {"stream": 1}; also /release
    POST /reset      begin a new playback

It listens on loopback only, unless it has a token that the user has made: then other machines and
containers may use it, by whatever name they have for it. On loopback, a web page that a developer
opens could send requests there, too, and could read the responses through a host name of its own
that resolves to loopback. Therefore requests from a page (with `Origin`) are refused and, on
loopback, requests to another `Host`.
"""

import asyncio
import secrets
from collections.abc import Coroutine
from typing import Any

import msgspec

from ...cassettes.answers.answer import render_head
from ...proto.http.address import LOOPBACK, Address
from ...proto.http.headers import header_values
from ...proto.http.request import HttpRequest
from ...proto.shown_text import encode_json, escape_json
from ..http.http1 import (
    CONTINUE_RESPONSE,
    CompleteRequest,
    ConnectionLimits,
    ContinueExpected,
    HttpRequestError,
    RequestEvent,
)
from ..http.request_parser import RequestParser
from .controls import ReplayControls
from .endpoints import ControlEndpoints, ControlError, one_line

_LIMITS = ConnectionLimits(max_head_bytes=16 * 1024, max_body_bytes=64 * 1024)
_IDLE_TIMEOUT_SECONDS = 60.0
_READ_BYTES = 64 * 1024


class ControlServer:
    """Serves the controls of a replay. `url` is set by `start`.

    `token` is one that the user has made; without it, one is made here.
    """

    def __init__(self, controls: ReplayControls, token: str | None = None) -> None:
        self._endpoints = ControlEndpoints(controls)
        self._may_be_exposed = token is not None
        self.token = token or secrets.token_urlsafe(24)
        self.url = ""
        self._listener: asyncio.Server | None = None
        self._tasks = set[asyncio.Task[None]]()
        self._host_names = frozenset[str]()

    async def start(self, host: str = LOOPBACK.host, port: int = LOOPBACK.port) -> Address:
        """Listen, and return the real address.

        Raises OSError, or ValueError for a host that is not loopback without a token of the user.
        """
        is_loopback = Address(host, port).is_loopback
        if not is_loopback and not self._may_be_exposed:
            raise ValueError(f"{host} is not loopback, like 127.0.0.1")
        self._listener = await asyncio.start_server(self._serve, host, port)
        address = Address(*self._listener.sockets[0].getsockname()[:2])
        if is_loopback:
            self._host_names = frozenset({str(address), f"localhost:{address.port}"})
        self.url = f"http://{address}"
        return address

    async def stop(self) -> None:
        """Stop listening, and cancel the requests under way."""
        if self._listener is None:
            return
        self._listener.close()
        for task in self._tasks:
            task.cancel()
        await self._listener.wait_closed()
        self._listener = None

    # Connections.

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of a connection, one after the other."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        parser, keep_alive = RequestParser(_LIMITS), True
        next_read = _start_reading(reader)
        try:
            while keep_alive:
                async with asyncio.timeout(_IDLE_TIMEOUT_SECONDS):
                    data = await next_read
                next_read = _start_reading(reader)
                keep_alive = bool(data)
                for event in parser.feed(data) if data else ():
                    response = self._process_event(event, writer)
                    keep_alive = await _cancel_if_left(response, next_read) and keep_alive
                await writer.drain()
        except (OSError, TimeoutError, asyncio.CancelledError):
            pass  # asyncio's streams log an error for a connection whose task is cancelled.
        finally:
            next_read.cancel()
            self._tasks.discard(task)
            writer.close()

    async def _process_event(self, event: RequestEvent, writer: asyncio.StreamWriter) -> bool:
        """Answer a request, and return whether the connection is kept."""
        match event:
            case CompleteRequest():
                writer.write(await self._answer(event.request))
                return event.keep_alive
            case ContinueExpected():
                writer.write(CONTINUE_RESPONSE)
            case HttpRequestError(status=status):
                error = {"error": str(event)}
                writer.write(_render_json(status, error, ("Connection", "close")))
                return False
            case _:
                pass
        return True

    async def _answer(self, request: HttpRequest) -> bytes:
        try:
            self._check_access(request)
            return _render_json(200, await self._endpoints.answer(request))
        except ControlError as error:
            return _render_json(error.status, {"error": str(error)}, *error.headers)
        except TimeoutError as error:
            return _render_json(409, {"error": one_line(error)})
        except (ValueError, LookupError, OSError) as error:
            return _render_json(400, {"error": one_line(error)})
        except Exception as error:
            return _render_json(500, {"error": f"{type(error).__name__}: {one_line(error)}"})

    def _check_access(self, request: HttpRequest) -> None:
        """Raise unless the request is from a program that has the token."""
        hosts = [value.lower() for value in header_values(request.text_headers, "host")]
        if self._host_names and (len(hosts) != 1 or hosts[0] not in self._host_names):
            raise ControlError(403, f"Host is not one of {', '.join(sorted(self._host_names))}")
        if request.header("origin") is not None:
            raise ControlError(403, "Origin: web pages may not control a replay")
        authorization = (request.header("authorization") or "").encode()
        if not secrets.compare_digest(authorization, f"Bearer {self.token}".encode()):
            text = "expected the header Authorization: Bearer TOKEN, with the token of this replay"
            raise ControlError(401, text, ("WWW-Authenticate", "Bearer"))


def _start_reading(reader: asyncio.StreamReader) -> asyncio.Future[bytes]:
    """Begin to read the next data; an error that is never awaited is not logged."""
    task = asyncio.ensure_future(reader.read(_READ_BYTES))
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return task


async def _cancel_if_left(
    response: Coroutine[Any, Any, bool], next_read: asyncio.Future[bytes]
) -> bool:
    """Run `response` to its end, but cancel it if the client leaves before.

    `/advance` can wait for an hour, and holds the lock of the steps until then: if its client
    leaves, the step has to end, or every later step would wait for it. A coroutine that waits for
    something else does not notice the end of its connection. So the next read is started before
    the response, and watched while both run: an error, or no data (end of file), cancels the
    response, which raises CancelledError here.

    If the read returns data instead, that is the next request, for the loop in `_serve`. A client
    that sends one and then leaves is not noticed, and its step ends by its timeout.
    """
    task = asyncio.ensure_future(response)

    def check(read: asyncio.Future[bytes]) -> None:
        if not read.cancelled() and (read.exception() is not None or not read.result()):
            task.cancel()

    next_read.add_done_callback(check)
    try:
        return await task
    finally:
        next_read.remove_done_callback(check)


def _render_json(status: int, content: object, *headers: tuple[str, str]) -> bytes:
    text = msgspec.json.format(encode_json(content).decode(), indent=2)
    body = f"{escape_json(text)}\n".encode()
    fields = [
        *headers,
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
    ]
    return render_head(status, None, fields) + body
