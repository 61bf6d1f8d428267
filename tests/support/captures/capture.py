"""A capture of a real cluster: its lines, and the exchanges they hold.

A line is what a relay between client and server saw: bytes, or the end of one side.

    {"conn": 1, "at": 0.009803, "from": "client", "b64": "UE9TVCAv..."}
    {"conn": 1, "at": 2.041506, "from": "server", "end": "eof"}
"""

import base64
import functools
import gzip
import hashlib
import os
from pathlib import Path
from typing import Literal

import msgspec

from support.paths import DATA

from .http1 import Message, Parser, decompressed

SMALL = DATA / "captures"
LARGE = Path(os.environ.get("MESOTAPE_CAPTURES", SMALL.parents[3] / "shared" / "captures"))

type Side = Literal["client", "server"]
type End = Literal["complete", "server-cut", "server-reset", "client", "open"]
type Headers = tuple[tuple[str, str], ...]


class Line(
    msgspec.Struct, frozen=True, rename={"connection": "conn", "side": "from", "at_seconds": "at"}
):
    """Bytes of one side of a connection, or its end."""

    connection: int
    at_seconds: float
    side: Side
    b64: str = ""
    end: Literal["", "eof", "reset"] = ""

    @property
    def data(self) -> bytes:
        return base64.b64decode(self.b64)


class Capture(msgspec.Struct, frozen=True):
    """Everything a relay saw, in order."""

    name: str
    lines: tuple[Line, ...]


class Request(msgspec.Struct, frozen=True):
    """What the client sent. A `broken` one says why no server needs to understand it."""

    method: str
    target: str
    headers: Headers
    raw_body: bytes
    complete: bool
    broken: str
    raw: bytes


class Response(msgspec.Struct, frozen=True):
    """What came back. `raw_body` is free of chunks, `body` also of gzip."""

    status: int
    reason: str
    headers: Headers
    raw_body: bytes
    body: bytes
    chunks: tuple[tuple[float, int], ...]  # (seconds of arrival, bytes)
    records: tuple[bytes, ...]
    rest: bytes  # of a chunked body, what no whole record holds
    interim: tuple[int, ...] = ()  # 1xx statuses that came before

    @property
    def body_sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


class Exchange(msgspec.Struct, frozen=True):
    """A request and its response; `index` counts from 0 on its connection.

    end: `complete`; `server-cut`, `server-reset` or `client` if that side left before; or `open`.
    """

    connection: int
    index: int
    request: Request
    response: Response | None
    end: End

    @property
    def key(self) -> tuple[int, int]:
        return self.connection, self.index


class Conversation:
    """Both sides of a connection, growing while bytes arrive."""

    def __init__(self, connection: int) -> None:
        self.connection = connection
        self.requests = Parser()
        self.responses = Parser(self.requests)
        self.ends: list[tuple[Side, str]] = []

    def say(self, side: Side, data: bytes, at_seconds: float) -> None:
        parser = self.requests if side == "client" else self.responses
        parser.feed(data, at_seconds)

    def messages(self, side: Side) -> list[Message]:
        return (self.requests if side == "client" else self.responses).messages

    def end(self, side: Side, how: str) -> None:
        self.ends.append((side, how))
        if side == "server":
            self.responses.close()

    @property
    def answered(self) -> int:
        """The number of requests whose responses are complete."""
        got = self.responses.messages
        return len(got) - (bool(got) and not got[-1].complete)

    def in_flight(self) -> int | None:
        """Return the index of the first request without a complete response."""
        return self.answered if self.answered < len(self.requests.messages) else None

    def exchanges(self) -> list[Exchange]:
        sent, got = self.requests.messages, self.responses.messages
        return [self._exchange(index) for index in range(max(len(sent), len(got)))]

    def _exchange(self, index: int) -> Exchange:
        sent, got = self.requests.messages[index:], self.responses.messages[index:]
        request = _request(sent[0] if sent else Message(broken="was never sent"))
        response = _response(got[0]) if got and got[0].has_head else None
        complete = bool(got) and got[0].complete
        return Exchange(self.connection, index, request, response, self._end_of(complete))

    def _end_of(self, complete: bool) -> End:
        match self.ends:
            case _ if complete:
                return "complete"
            case [("client", _), *_]:
                return "client"
            case [("server", "reset"), *_]:
                return "server-reset"
            case [("server", _), *_]:
                return "server-cut"
            case _:
                return "open"


def _request(message: Message) -> Request:
    method, target, _ = message.words
    return Request(
        method,
        target,
        message.headers,
        bytes(message.body),
        message.complete,
        message.broken,
        bytes(message.raw),
    )


def _response(message: Message) -> Response:
    _, status, reason = message.words
    return Response(
        int(status),
        reason,
        message.headers,
        bytes(message.body),
        decompressed(message),
        tuple(message.chunks),
        tuple(message.records),
        bytes(message.body[message.records_end :]) if message.framing == "chunked" else b"",
        tuple(message.interim),
    )


_LONGEST = frozenset(("session-big", "busy-a"))
"""Captures of megabytes, which each format takes only with MESOTAPE_ALL_CAPTURES=1."""


def names_for_formats() -> list[str]:
    """Return the captures that the tests of each format read."""
    every = os.environ.get("MESOTAPE_ALL_CAPTURES")
    return [name for name in names() if every or name not in _LONGEST]


def names() -> list[str]:
    """Return the captures at hand: those of the repository, and others if they are there."""
    small = {path.name.removesuffix(".jsonl.gz") for path in SMALL.glob("*.jsonl.gz")}
    return sorted(small) + sorted({path.stem for path in LARGE.glob("*.jsonl")} - small)


@functools.cache
def load(name: str) -> Capture:
    """Read a capture. Raises FileNotFoundError."""
    small = SMALL / f"{name}.jsonl.gz"
    text = (
        gzip.decompress(small.read_bytes())
        if small.exists()
        else (LARGE / f"{name}.jsonl").read_bytes()
    )
    return Capture(name, tuple(msgspec.json.Decoder(Line).decode_lines(text)))


def expected(capture: Capture) -> tuple[Exchange, ...]:
    """Return the exchanges of a capture, from its bytes, by connection and index."""
    conversations = {line.connection: Conversation(line.connection) for line in capture.lines}
    for line in capture.lines:
        conversation = conversations[line.connection]
        if line.end:
            conversation.end(line.side, line.end)
        else:
            conversation.say(line.side, line.data, line.at_seconds)
    return tuple(each for _, said in sorted(conversations.items()) for each in said.exchanges())


def facts(exchange: Exchange) -> dict[str, object]:
    """Return what must come back at replay: everything but the times, chunks and compression."""
    if exchange.response is None:
        return {"end": exchange.end}
    return {
        "end": exchange.end,
        "status": f"{exchange.response.status} {exchange.response.reason}",
        "headers": exchange.response.headers,
        "body": exchange.response.body_sha256,
        "records": exchange.response.records,
        "rest": exchange.response.rest,
        "interim": exchange.response.interim,
    }
