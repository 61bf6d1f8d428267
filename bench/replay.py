"""CPU of a replay: per unary POST against a bare asyncio + httptools server, and per record.

Each server is a process of its own and is measured by its own CPU time; the client sends one
request at a time over one kept connection. The bare server parses and answers a constant.
"""

import asyncio
import datetime
import multiprocessing
import socket
import statistics
import sys
import tempfile
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import httptools

from mesotape.cassettes.answers.pace import Instant
from mesotape.cassettes.format import yaml_writer
from mesotape.cassettes.format.documents import (
    Document,
    End,
    Event,
    Exchange,
    Header,
    Headers,
    Request,
    Response,
)
from mesotape.cassettes.playback.playback import Options, Playback
from mesotape.cassettes.storage.reader import Cassette
from mesotape.proxy.server.server import ReplayServer

REQUESTS = 10_000
ROUNDS = 5
DISTINCT = 1000
RECORDS = 50_000
TARGET = 2.5

HEADERS: Headers = {
    "Host": "127.0.0.1:5050",
    "User-Agent": "python-requests/2.32.3",
    "Accept-Encoding": "gzip, deflate",
    "Accept": "application/json",
    "Connection": "keep-alive",
    "Content-Type": "application/json",
}
ANSWER = '{"type":"GET_HEALTH","get_health":{"healthy":true}}'
ANSWER_HEADERS = {
    "Date": "Sun, 22 Nov 2026 12:18:29 GMT",
    "Content-Length": str(len(ANSWER)),
    "Content-Type": "application/json",
}
BARE = (
    "HTTP/1.1 200 OK\r\n"
    + "".join(f"{name}: {value}\r\n" for name, value in ANSWER_HEADERS.items())
    + f"\r\n{ANSWER}"
).encode()
RECORD = '{"type":"TASK_UPDATED","task_updated":{"state":"TASK_RUNNING","pad":"%s"}}' % ("x" * 400)


class Bare(asyncio.Protocol):
    """As little as a server on httptools can do."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        self.transport.write(BARE)  # type: ignore[attr-defined]


def body(number: int) -> str:
    return f'{{"type":"READ_FILE","read_file":{{"path":"/f{number}","offset":0}}}}'


def post(text: str, **more: str) -> bytes:
    head = "".join(f"{name}: {value}\r\n" for name, value in (HEADERS | more).items())
    return f"POST /api/v1 HTTP/1.1\r\n{head}Content-Length: {len(text)}\r\n\r\n{text}".encode()


def cassette(path: Path) -> None:
    at = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    documents: list[Document] = [Header(mesotape=1, server="master", recorded_at=at)]
    documents += [
        exchange(number, body(number - 1), json=ANSWER, headers=ANSWER_HEADERS)
        for number in range(1, DISTINCT + 1)
    ]
    head = {"Transfer-Encoding": "chunked", "Content-Type": "application/json"}
    number = DISTINCT + 1
    documents.append(exchange(number, '{"type":"SUBSCRIBE"}', stream="recordio", headers=head))
    documents += [Event(event=n, of=number, at=1.0, json=RECORD) for n in range(1, RECORDS + 1)]
    documents.append(End(end=number, at=1.0, cause="server"))
    path.write_bytes(b"".join(map(yaml_writer.format_document, documents)))


def exchange(number: int, text: str, **response: Any) -> Exchange:
    request = Request(method="POST", path="/api/v1", headers=HEADERS, json=text)
    answer = Response(after=0.001, status=200, **response)
    return Exchange(exchange=number, at=0.0, client=1, request=request, response=answer)


def serve_bare(_: Path, ready: Connection) -> None:
    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(Bare, "127.0.0.1", 0)
        ready.send(server.sockets[0].getsockname())
        await server.serve_forever()

    asyncio.run(run())


def serve_ours(path: Path, ready: Connection) -> None:
    async def run() -> None:
        playback = Playback(Cassette.open(path), Options(pace=Instant()))
        ready.send(await ReplayServer(playback).start())
        await asyncio.Event().wait()

    asyncio.run(run())


def cpu_seconds(pid: int) -> float:
    """CPU time of a process, from the scheduler, in nanoseconds there."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


class Served:
    """A server in a process of its own, and one connection to it."""

    def __init__(self, serve: Callable[[Path, Connection], None], path: Path) -> None:
        ready, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.Process(target=serve, args=(path, theirs), daemon=True)
        self.process.start()
        self.address = tuple(ready.recv())
        self.socket = socket.create_connection(self.address)
        self.sent = 0

    def cpu_of_posts(self, requests: list[bytes]) -> float:
        """Microseconds of the server's CPU for each of `REQUESTS` requests, taken in turn."""
        assert self.process.pid is not None
        before = cpu_seconds(self.process.pid)
        for _ in range(REQUESTS):
            self.sent += 1
            self.socket.sendall(requests[self.sent % len(requests)])
            missing = len(BARE)
            while missing:
                missing -= len(self.socket.recv(65536))
        return (cpu_seconds(self.process.pid) - before) / REQUESTS * 1e6

    def cpu_of_records(self) -> float:
        """Microseconds of the server's CPU for each record of a stream."""
        assert self.process.pid is not None
        before = cpu_seconds(self.process.pid)
        self.socket.sendall(post('{"type":"SUBSCRIBE"}'))
        tail = b""
        while not tail.endswith(b"\r\n0\r\n\r\n"):
            tail = tail[-16:] + self.socket.recv(1 << 20)
        return (cpu_seconds(self.process.pid) - before) / RECORDS * 1e6


def main() -> int:
    one, many = [post(body(0))], [post(body(number)) for number in range(DISTINCT)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cassette.yaml"
        cassette(path)
        bare, ours = Served(serve_bare, path), Served(serve_ours, path)
        # Only now, so that the servers do not inherit them.
        new = [post(body(0), Traceparent=f"00-{number:032x}") for number in range(20 * REQUESTS)]
        ratios = dict[str, float]()
        for name, requests in (
            ("one body", one),
            (f"{DISTINCT} bodies", many),
            ("never the same bytes", new),
        ):
            ours.cpu_of_posts(requests)
            pairs = [
                (bare.cpu_of_posts(requests), ours.cpu_of_posts(requests)) for _ in range(ROUNDS)
            ]
            least, most = (statistics.median(column) for column in zip(*pairs, strict=True))
            ratios[name] = statistics.median(b / a for a, b in pairs)
            print(
                f"unary, {name}: bare {least:.1f} µs, replay {most:.1f} µs,"
                f" ratio {ratios[name]:.2f} (at most {TARGET})"
            )
        per_record = statistics.median(ours.cpu_of_records() for _ in range(3))
        print(f"stream at once: {per_record:.1f} µs per record of {len(RECORD)} bytes")
    return int(max(ratios.values()) > TARGET)


if __name__ == "__main__":
    multiprocessing.set_start_method("fork")
    sys.exit(main())
