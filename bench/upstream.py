"""A server that is recorded: it answers calls with JSON of some size, a SUBSCRIBE with a stream.

The query of a request says what is asked for: `flags=BYTES` or `tasks=BYTES`, or the records of a
stream, `records=N&gap=SECONDS`.
"""

import functools
import socket
import threading
import time
from typing import NamedTuple

import messages
from documents import event
from messages import JSON, PROTOBUF

from mesotape.proto import recordio

DIFFERENT = 4000


class Request(NamedTuple):
    """A request that the upstream got."""

    head: bytes
    body: bytes

    @property
    def media_type(self) -> str:
        return PROTOBUF if PROTOBUF.encode() in self.head else JSON

    @property
    def query(self) -> dict[str, str]:
        fields = self.head.split(b" ")[1].decode().partition("?")[2]
        return dict(field.split("=") for field in fields.split("&"))


def read_request(connection: socket.socket) -> Request | None:
    """Read a request, None at the end of the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        if not (received := connection.recv(65536)):
            return None
        data += received
    head, _, body = data.partition(b"\r\n\r\n")
    size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(body) < size and (received := connection.recv(65536)):
        body += received
    return Request(head, body)


@functools.cache
def answer(kind: str, size: int, media_type: str) -> bytes:
    """Return an answer whose JSON has `size` bytes."""
    text = messages.flags(size) if kind == "flags" else messages.tasks(size)
    return messages.in_encoding(text, messages.RESPONSE_MESSAGE, media_type)


class Listener:
    """Answers requests on a free port of 127.0.0.1, with a thread for each connection."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def respond(self, connection: socket.socket, request: Request) -> None:
        """Send the response to a request."""
        raise NotImplementedError

    def _accept(self) -> None:
        while True:
            connection, _ = self.socket.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while request := read_request(connection):
            self.respond(connection, request)


class Upstream(Listener):
    """Answers as the query asks for."""

    def respond(self, connection: socket.socket, request: Request) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {request.media_type}\r\n".encode()
        if "records" in request.query:
            connection.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
            _send_records(connection, request)
        else:
            ((kind, size),) = request.query.items()
            body = answer(kind, int(size), request.media_type)
            connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)


@functools.cache
def records(media_type: str) -> list[bytes]:
    """Return records that are all different, each as a chunk."""
    framed = [recordio.encode(event(number, media_type)) for number in range(DIFFERENT)]
    return [b"%x\r\n%b\r\n" % (len(each), each) for each in framed]


def _send_records(connection: socket.socket, request: Request) -> None:
    """Send records, each as one chunk and with one write."""
    chunks = records(request.media_type)
    for number in range(int(request.query["records"])):
        connection.sendall(chunks[number % DIFFERENT])
        if seconds := float(request.query["gap"]):
            time.sleep(seconds)
    connection.sendall(b"0\r\n\r\n")
