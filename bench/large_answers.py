"""An answer of 100 MB: how fast it is sent, when its first byte comes, and what it takes.

The rate is that of the server's CPU: what a client and the network can take is another matter. The
peer sends a file of the same size with sendfile.
"""

import socket
import tempfile
import threading
import time
from collections.abc import Generator
from pathlib import Path

import messages
from processes import Server, bare, replay
from table import MB_PER_SECOND, MEGABYTES, MILLISECONDS, AtLeast, AtMost, Row, Sample, Scope

SIZE, QUICK_SIZE = 100_000_000, 8_000_000
CLIENTS = 8
REQUEST = messages.post(b'{"type":"GET_STATE"}')


def cassette(path: Path, size: int) -> int:
    """Write a cassette with one large answer; return the length of its body."""
    body = messages.tasks(size)
    messages.write(path, [messages.exchange(1, b'{"type":"GET_STATE"}', body)])
    return len(body)


def receive(address: tuple[str, int], size: int, first_byte_ms: list[float]) -> None:
    """Receive an answer whose body has a size."""
    buffer = bytearray(1 << 20)
    with socket.create_connection(address) as client:
        began = time.monotonic()
        client.sendall(REQUEST)
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(65536)
        missing = size - len(head.partition(b"\r\n\r\n")[2])
        first_byte_ms.append((time.monotonic() - began) * 1e3)
        while missing > 0:
            received = client.recv_into(buffer)
            assert received, "the answer was cut"
            missing -= received


def take(server: Server, size: int, clients: int) -> dict[str, float]:
    """Let clients get the answer at the same time."""
    first_byte_ms: list[float] = []
    arguments = server.address, size, first_byte_ms
    threads = [threading.Thread(target=receive, args=arguments) for _ in range(clients)]
    cpu, memory = server.cpu_seconds(), server.peak_bytes()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(first_byte_ms) == clients
    return {
        "rate": size * clients / (server.cpu_seconds() - cpu) / 1e6,
        "first": max(first_byte_ms),
        "memory": (server.peak_bytes() - memory) / 1e6,
    }


def sends(scope: Scope, clients: int) -> Generator[Sample]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.yaml"
        size = cassette(path, scope.size(SIZE, QUICK_SIZE))
        while True:
            with replay(path) as server:
                yield take(server, size, clients)


def one_client(scope: Scope) -> Generator[Sample]:
    return sends(scope, 1)


def eight_clients(scope: Scope) -> Generator[Sample]:
    return sends(scope, CLIENTS)


def sendfile(scope: Scope) -> Generator[Sample]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        size = scope.size(SIZE, QUICK_SIZE)
        path.write_bytes(b"x" * size)
        with bare("file", path) as server:
            while True:
                yield take(server, size, 1)["rate"]


ROWS = [
    Row("100 MB", one_client, MB_PER_SECOND, AtLeast(600), part="rate"),
    Row("first byte", one_client, MILLISECONDS, AtMost(50), part="first"),
    Row("memory", one_client, MEGABYTES, AtMost(32), part="memory"),
    Row("8 clients", eight_clients, MB_PER_SECOND, AtLeast(600), part="rate"),
    Row("8 clients: first byte", eight_clients, MILLISECONDS, AtMost(50), part="first"),
    Row("8 clients: memory", eight_clients, MEGABYTES, AtMost(32), part="memory"),
    Row("sendfile of a bare server", sendfile, MB_PER_SECOND),
]
