"""The control of a replay: a small JSON API on an address of its own, for whoever has its token.

    GET  /status     where the replay is, and what is held
    GET  /journal    the requests that came          ?since=NUMBER leaves out those up to it
    GET  /misses     the misses and the refusals
    GET  /unused     exchanges that nobody asked for, and calls that were left out
    GET  /streams    the streams
    POST /advance    {"events": 1} or {"seconds": 1.5} or {"until": "UPDATE"}
    POST /hold       {} or {"stream": 1}, as is /release
    POST /reset      begin anew

It listens on loopback alone. A web page that a developer looks at could send requests there, too,
and by a name that it has pointed at loopback also read the answers: so requests that come from a
page (`Origin`) or call the server by another name (`Host`) are refused.
"""

import asyncio
import ipaddress
import secrets
from collections.abc import Coroutine
from http import HTTPMethod
from typing import Annotated, Any
from urllib.parse import parse_qs, urlsplit

import msgspec
from msgspec import Meta, Struct

from ...cassettes.answers.answer import render_head
from ...proto.http.request import HttpRequest
from ..http.address import Address
from ..http.http1 import (
    CONTINUE_RESPONSE,
    CompleteRequest,
    ConnectionLimits,
    ContinueExpected,
    HttpRequestError,
)
from ..http.request_parser import RequestParser
from .controls import DEFAULT_TIMEOUT_SECONDS, ReplayControls

_LIMITS = ConnectionLimits(max_head_bytes=16 * 1024, max_body_bytes=64 * 1024)
_IDLE_SECONDS = 60.0
_LONGEST_SECONDS = 3600.0
"""How long a request may wait."""

_READ = 64 * 1024
_GET = ("/status", "/journal", "/misses", "/unused", "/streams")
_POST = ("/advance", "/hold", "/release", "/reset")

type _Count = Annotated[int, Meta(ge=0)]
type _Seconds = Annotated[float, Meta(ge=0)]


class _Advance(Struct, forbid_unknown_fields=True):
    events: _Count | None = None
    seconds: _Seconds | None = None
    until: str | None = None
    timeout_seconds: Annotated[float, Meta(ge=0, le=_LONGEST_SECONDS)] = DEFAULT_TIMEOUT_SECONDS


class _Which(Struct, forbid_unknown_fields=True):
    stream: int | None = None


class _Nothing(Struct, forbid_unknown_fields=True):
    pass


class _RefusalError(Exception):
    """An answer with an error: its status, one line, and headers that it takes."""

    def __init__(self, status: int, why: str, *headers: tuple[str, str]) -> None:
        super().__init__(why)
        self.status = status
        self.headers = headers


class ControlServer:
    """Serves a deck, at `url` once it has started. Without `token` it makes one up."""

    def __init__(self, deck: ReplayControls, token: str | None = None) -> None:
        self._deck = deck
        self.token = token or secrets.token_urlsafe(24)
        self._listener: asyncio.Server | None = None
        self._tasks = set[asyncio.Task[None]]()
        self._names = frozenset[str]()
        self.url = ""

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> Address:
        """Listen; gives the real address. Raises OSError, or ValueError for another host."""
        if not _is_loopback(host):
            raise ValueError(f"{host} is not loopback, like 127.0.0.1")
        self._listener = await asyncio.start_server(self._serve, host, port)
        address = Address(*self._listener.sockets[0].getsockname()[:2])
        self._names = frozenset({str(address), f"localhost:{address.port}"})
        self.url = f"http://{address}"
        return address

    async def stop(self) -> None:
        """Stop listening, and end what is under way."""
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
        requests, goes_on = RequestParser(_LIMITS), True
        coming = _coming(reader)
        try:
            while goes_on:
                async with asyncio.timeout(_IDLE_SECONDS):
                    data = await coming
                coming = _coming(reader)
                goes_on = bool(data)
                for item in requests.feed(data) if data else ():
                    goes_on = await _unless_left(self._take(item, writer), coming) and goes_on
                await writer.drain()
        except (OSError, TimeoutError, asyncio.CancelledError):
            pass  # Streams of asyncio complain of a connection that ends cancelled.
        finally:
            coming.cancel()
            self._tasks.discard(task)
            writer.close()

    async def _take(self, item: object, writer: asyncio.StreamWriter) -> bool:
        """Answer what has come; whether the connection goes on."""
        match item:
            case CompleteRequest():
                writer.write(await self._answered(item.request))
                return item.keep_alive
            case ContinueExpected():
                writer.write(CONTINUE_RESPONSE)
            case HttpRequestError():
                closes = ("Connection", "close")
                writer.write(_rendered(item.status, {"error": str(item)}, closes))
                return False
            case _:
                pass
        return True

    async def _answered(self, request: HttpRequest) -> bytes:
        try:
            self._admit(request)
            return _rendered(200, await self._done(request))
        except _RefusalError as refusal:
            return _rendered(refusal.status, {"error": str(refusal)}, *refusal.headers)
        except TimeoutError as error:
            return _rendered(409, {"error": _line(error)})
        except (ValueError, LookupError, OSError) as error:
            return _rendered(400, {"error": _line(error)})

    def _admit(self, request: HttpRequest) -> None:
        """Refuse whoever is no program with the token."""
        called = [value.lower() for name, value in request.text_headers if name.lower() == "host"]
        if len(called) != 1 or called[0] not in self._names:
            raise _RefusalError(403, f"Host is not one of {', '.join(sorted(self._names))}")
        if request.header("origin") is not None:
            raise _RefusalError(403, "Origin: web pages may not control a replay")
        given = (request.header("authorization") or "").encode()
        if not secrets.compare_digest(given, f"Bearer {self.token}".encode()):
            why = "expected the header Authorization: Bearer TOKEN, with the token of this replay"
            raise _RefusalError(401, why, ("WWW-Authenticate", "Bearer"))

    # What it does.

    async def _done(self, request: HttpRequest) -> object:
        method, target = request.method.decode(), urlsplit(request.target.decode("latin-1"))
        match method, target.path:
            case HTTPMethod.GET, path if path in _GET:
                return self._shown(path, target.query)
            case HTTPMethod.POST, path if path in _POST:
                return await self._pressed(path, request.body or b"{}")
            case _, path if path in _GET:
                raise _RefusalError(405, f"{path} takes GET", ("Allow", "GET"))
            case _, path if path in _POST:
                raise _RefusalError(405, f"{path} takes POST", ("Allow", "POST"))
            case _, path:
                known = " ".join((*_GET, *_POST))
                raise _RefusalError(404, f"there is no {path[:80]}; there are {known}")

    def _shown(self, path: str, query: str) -> object:
        deck, playback = self._deck, self._deck.server.playback
        match path:
            case "/journal":
                calls = deck.server.request_journal
                return {"calls": calls.calls_since(_since(query)), "last": calls.last_number}
            case "/misses":
                journal = playback.journal
                return {
                    "missed": journal.missed_count,
                    "misses": [miss.to_dict() for miss in journal.misses],
                    "refused": journal.refused_count,
                    "refusals": [_line(refused) for refused in journal.refusals],
                }
            case "/unused":
                named = deck.name_exchanges
                return {"unused": named(playback.unused), "left_out": named(playback.left_out)}
            case "/streams":
                return {"streams": deck.streams}
            case _:
                return deck.status

    async def _pressed(self, path: str, body: bytes) -> object:
        deck = self._deck
        match path:
            case "/advance":
                by = msgspec.json.decode(body, type=_Advance)
                sent = await deck.advance(
                    by.events,
                    seconds=by.seconds,
                    until=by.until,
                    timeout_seconds=by.timeout_seconds,
                )
                return {"events": sent}
            case "/hold":
                deck.hold(msgspec.json.decode(body, type=_Which).stream)
            case "/release":
                deck.release(msgspec.json.decode(body, type=_Which).stream)
            case _:
                msgspec.json.decode(body, type=_Nothing)
                await deck.reset()
        return deck.status


def _coming(reader: asyncio.StreamReader) -> asyncio.Future[bytes]:
    """What the client sends next; if nobody looks any more, a reset is not worth a word."""
    coming = asyncio.ensure_future(reader.read(_READ))
    coming.add_done_callback(lambda done: done.cancelled() or done.exception())
    return coming


async def _unless_left(answer: Coroutine[Any, Any, bool], coming: asyncio.Future[bytes]) -> bool:
    """Do not go on with an answer if nothing is `coming` any more: the client has left."""
    task = asyncio.ensure_future(answer)

    def look(coming: asyncio.Future[bytes]) -> None:
        if not coming.cancelled() and (coming.exception() is not None or not coming.result()):
            task.cancel()

    coming.add_done_callback(look)
    try:
        return await task
    finally:
        coming.remove_done_callback(look)


def _since(query: str) -> int:
    asked = parse_qs(query).get("since", ["0"])[-1]
    if not (asked.isascii() and asked.isdecimal() and len(asked) < 16):
        raise ValueError(f"since is {asked[:40]!r}, expected the number of a request")
    return int(asked)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _line(told: object) -> str:
    return "; ".join(line.strip() for line in str(told).splitlines())


def _rendered(status: int, told: object, *headers: tuple[str, str]) -> bytes:
    body = msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n"
    fields = [
        *headers,
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
    ]
    return render_head(status, None, fields) + body
