"""Both ends of a connection under the control of a test, which reads like a transcript.

    with Upstream() as upstream, connect(recorder.address) as client:
        client.send(post(b'{"type":"GET_HEALTH"}'))
        server = upstream.accept()
        server.message()
        server.send(answer(b'{"type":"GET_HEALTH"}'))
        client.message()

Every wait is for bytes, and ends in an error after `PATIENCE_SECONDS`.
"""

import contextlib
import os
import socket
import ssl
import struct
import time
from collections.abc import Callable
from typing import Self

PATIENCE_SECONDS = 30.0

SUBSCRIBE = b'{"type":"SUBSCRIBE"}'
STREAMING = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n"
)
LAST_CHUNK = b"0\r\n\r\n"


class Wire:
    """One end of a connection."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._socket.settimeout(PATIENCE_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._unread = b""

    @property
    def certificate(self) -> dict[str, object]:
        """The certificate of the other end, over TLS."""
        assert isinstance(self._socket, ssl.SSLSocket)
        return dict(self._socket.getpeercert() or {})

    @property
    def name(self) -> str:
        """The address of this end, as the other one sees it."""
        host, port = self._socket.getsockname()[:2]
        return f"{host}:{port}"

    def send(self, *data: bytes) -> None:
        self._socket.sendall(b"".join(data))

    def send_beneath(self, data: bytes) -> None:
        """Send past TLS."""
        with socket.socket(fileno=os.dup(self._socket.fileno())) as beneath:
            beneath.sendall(data)

    def rest_beneath(self) -> bytes:
        """Read past TLS to the end. Raises ConnectionResetError if that is a reset."""
        with socket.socket(fileno=os.dup(self._socket.fileno())) as beneath:
            beneath.settimeout(PATIENCE_SECONDS)
            return b"".join(iter(lambda: beneath.recv(65536), b""))

    def until(self, mark: bytes) -> bytes:
        """Read up to a mark, which is included; more stays for the next read."""
        while mark not in self._unread:
            data = self._socket.recv(65536)
            assert data, f"closed after {self._unread!r}, expected {mark!r}"
            self._unread += data
        found, mark, self._unread = self._unread.partition(mark)
        return found + mark

    def exactly(self, size: int) -> bytes:
        while len(self._unread) < size:
            data = self._socket.recv(65536)
            assert data, f"closed after {len(self._unread)} bytes, expected {size}"
            self._unread += data
        found, self._unread = self._unread[:size], self._unread[size:]
        return found

    def message(self, *, bodiless: bool = False) -> bytes:
        """Read a head and the body that its Content-Length announces."""
        head = self.until(b"\r\n\r\n")
        lengths = [
            int(line.partition(b":")[2])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        ]
        return head + (self.exactly(lengths[0]) if lengths and not bodiless else b"")

    def rest(self) -> bytes:
        """Read to the end, which may be a reset."""
        data = [self._unread]
        self._unread = b""
        with contextlib.suppress(ConnectionError):
            data += iter(lambda: self._socket.recv(65536), b"")
        return b"".join(data)

    def received(self) -> bytes:
        """Return what has arrived, which stays for the next read."""
        self._socket.settimeout(0)
        with contextlib.suppress(BlockingIOError):
            while data := self._socket.recv(65536):
                self._unread += data
        self._socket.settimeout(PATIENCE_SECONDS)
        return self._unread

    def is_quiet(self) -> bool:
        """Whether there is nothing to read now, not even an end."""
        self._socket.settimeout(0)
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return not self._unread
        else:
            return False
        finally:
            self._socket.settimeout(PATIENCE_SECONDS)

    def finish(self) -> None:
        """Send FIN, and go on reading."""
        self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self._socket.close()

    def reset(self) -> None:
        """Close with RST."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Upstream:
    """A server whose answers are sent by the test. Without `listens` it is down."""

    def __init__(self, tls: ssl.SSLContext | None = None, *, listens: bool = True) -> None:
        self._tls = tls
        self._socket = socket.socket()
        self._socket.settimeout(PATIENCE_SECONDS)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{self.port}"
        if listens:
            self.listen()

    def listen(self) -> None:
        self._socket.listen()

    def accept(self) -> Wire:
        accepted, _ = self._socket.accept()
        if self._tls is not None:
            accepted.settimeout(PATIENCE_SECONDS)
            with accepted:  # wrapping detaches it, unless the handshake fails
                accepted = self._tls.wrap_socket(accepted, server_side=True)
        return Wire(accepted)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()


def connect(address: tuple[str, int], tls: ssl.SSLContext | None = None) -> Wire:
    connected = socket.create_connection(address, timeout=PATIENCE_SECONDS)
    if tls is not None:
        connected = tls.wrap_socket(connected, server_hostname=address[0])
    return Wire(connected)


def post(body: bytes, *headers: bytes, path: bytes = b"/api/v1") -> bytes:
    """Return a call in JSON."""
    lines = [
        b"POST %b HTTP/1.1" % path,
        b"Host: master.example:5050",
        b"Content-Type: application/json",
        b"Content-Length: %d" % len(body),
        *headers,
    ]
    return b"\r\n".join([*lines, b"", body])


def get(path: bytes, *headers: bytes) -> bytes:
    return b"\r\n".join(
        [b"GET %b HTTP/1.1" % path, b"Host: master.example:5050", *headers, b"", b""]
    )


def answer(body: bytes, *headers: bytes) -> bytes:
    lines = [b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join([*lines, b"", body])


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def pass_stream(server: Wire, client: Wire, count: int = 3) -> None:
    """Stream `count` records from a server; each must arrive before the next is sent."""
    server.send(STREAMING)
    for number in range(count):
        server.send(record(b"%d" % number))
        client.until(record(b"%d" % number))
    server.send(LAST_CHUNK)
    client.until(LAST_CHUNK)


def record(data: bytes) -> bytes:
    """Return a record of a stream as a chunk of its own."""
    return chunk(b"%d\n%b" % (len(data), data))


def eventually[T](look: Callable[[], T | None], what: object) -> T:
    """Call `look` until it returns a truthy value, and return that."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (seen := look()):
        assert time.monotonic() < deadline, f"in {PATIENCE_SECONDS} s there was no {what}"
        time.sleep(0.02)
    return seen
