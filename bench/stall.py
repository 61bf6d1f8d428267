"""How late the events of a running stream are while a 20 MB answer is recorded beside them.

The upstream sends an event every 5 ms; the lateness of one is from its write upstream to its
arrival at the client.
"""

import socket
import tempfile
import threading
import time
from collections.abc import Generator

import messages
from messages import JSON, PROTOBUF
from processes import Server
from record import null_proxy, recorder
from table import MILLISECONDS, Pair, Row, Sample, Scope
from upstream import Listener, Request

GAP_SECONDS = 0.005
BEFORE, AFTER = 50, 100
"""Events before the large call, and after its answer."""


class Upstream(Listener):
    """Sends a stream of heartbeats, and a large answer to any other call."""

    def __init__(self, body: bytes, media_type: str) -> None:
        self.body, self.media_type = body, media_type
        self.stop = threading.Event()
        self.sent: list[float] = []
        super().__init__()

    def respond(self, connection: socket.socket, request: Request) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {self.media_type}\r\n".encode()
        if b"SUBSCRIBE" not in request.body:
            connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(self.body))
            connection.sendall(self.body)
            return
        connection.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
        due = time.monotonic()
        while not self.stop.is_set():
            event = b'{"type":"HEARTBEAT","n":%8d}' % len(self.sent)
            framed = b"%d\n%b" % (len(event), event)
            self.sent.append(time.monotonic())
            connection.sendall(b"%x\r\n%b\r\n" % (len(framed), framed))
            due += GAP_SECONDS
            time.sleep(max(0.0, due - time.monotonic()))
        connection.sendall(b"0\r\n\r\n")


def latest_milliseconds(proxy: Server, upstream: Upstream) -> float:
    """Return the lateness of the latest event while a large answer passes."""
    arrived: list[float] = []
    upstream.sent.clear()
    upstream.stop.clear()

    def listen() -> None:
        with socket.create_connection(proxy.address) as connection:
            connection.sendall(messages.post(messages.SUBSCRIBE))
            tail = b""
            while not tail.endswith(b"0\r\n\r\n"):
                received = connection.recv(65536)
                assert received
                arrived.extend([time.monotonic()] * received.count(b"HEARTBEAT"))
                tail = (tail + received)[-10:]

    listener = threading.Thread(target=listen)
    listener.start()
    _wait_for(arrived, BEFORE, listener)
    before = len(arrived)
    with socket.create_connection(proxy.address) as connection:
        call = b'{"type":"GET_STATE"}' if upstream.media_type == JSON else b"\x08\x09"
        connection.sendall(messages.post(call, upstream.media_type))
        missing = len(upstream.body)
        while missing > 0:
            missing -= len(connection.recv(1 << 20))
    _wait_for(arrived, len(arrived) + AFTER, listener)
    upstream.stop.set()
    listener.join()
    pairs = list(zip(upstream.sent, arrived, strict=False))
    return max(came - sent for sent, came in pairs[before:]) * 1e3


def _wait_for(arrived: list[float], count: int, listener: threading.Thread) -> None:
    while len(arrived) < count:
        assert listener.is_alive(), "the stream ended"
        time.sleep(GAP_SECONDS)


def stalls(scope: Scope, media_type: str) -> Generator[Sample]:
    state = messages.tasks(scope.size(20 << 20, 1 << 20))
    body = messages.in_encoding(state, messages.RESPONSE_MESSAGE, media_type)
    upstream = Upstream(body, media_type)
    with (
        tempfile.TemporaryDirectory() as folder,
        recorder(upstream.url, folder) as ours,
        null_proxy(upstream.url) as null,
    ):
        while True:
            yield Pair(latest_milliseconds(ours, upstream), latest_milliseconds(null, upstream))


def json(scope: Scope) -> Generator[Sample]:
    return stalls(scope, JSON)


def protobuf(scope: Scope) -> Generator[Sample]:
    return stalls(scope, PROTOBUF)


ROWS = [
    Row("latest event beside 20 MB of JSON", json, MILLISECONDS, peer="null proxy", rounds=3),
    Row("the same, protobuf", protobuf, MILLISECONDS, peer="null proxy", rounds=3),
]
