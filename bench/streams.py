"""Streams of a replay: CPU of a record at pace instant, and what an idle stream takes.

The peer writes the same chunks, one write for each, as soon as its transport takes them.
"""

import socket
import tempfile
import threading
from collections.abc import Callable, Generator
from pathlib import Path

import messages
import peers
from documents import event
from messages import EVENT, JSON, PROTOBUF
from processes import Server, allow_many_files, bare, replay
from table import KILOBYTES, MICROSECONDS, AtMost, Pair, Row, Sample, Scope

from mesotape.proto import recordio

CLIENTS = 50
STREAMS, QUICK_STREAMS = 1000, 200
EVENTS_OF_IDLE = 50


def records(count: int, media_type: str) -> list[tuple[float, bytes]]:
    """Return events, no two of them equal."""
    return [(1.0, event(number, media_type)) for number in range(count)]


def subscribe(media_type: str = JSON) -> bytes:
    body = messages.in_encoding(messages.SUBSCRIBE, messages.CALL_MESSAGE, media_type)
    return messages.post(body, media_type)


def bare_chunks(path: Path, count: int, media_type: str) -> Path:
    """Write what a bare server is to send: a head, and a chunk for each record."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\nTransfer-Encoding: chunked\r\n\r\n"
    framed = [recordio.encode(record) for _, record in records(count, media_type)]
    chunks = [b"%x\r\n%b\r\n" % (len(one), one) for one in framed]
    path.write_bytes(b"\n--\n".join([head.encode(), *chunks, b"0\r\n\r\n"]))
    return path


def receive_stream(address: tuple[str, int], request: bytes, least_bytes: int) -> None:
    """Receive a stream to its end."""
    with socket.create_connection(address) as client:
        client.sendall(request)
        tail, size = b"", 0
        while not tail.endswith(b"\r\n0\r\n\r\n"):
            received = client.recv(1 << 20)
            assert received, "the stream was cut"
            size += len(received)
            tail = tail[-16:] + received
    assert size >= least_bytes, f"{size} bytes, expected {least_bytes}"


def cpu_of_record(server: Server, count: int, clients: int, media_type: str) -> float:
    """Microseconds of CPU of a server for each record of each client."""
    arguments = server.address, subscribe(media_type), count * len(EVENT) // 4
    threads = [threading.Thread(target=receive_stream, args=arguments) for _ in range(clients)]
    before = server.cpu_seconds()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return (server.cpu_seconds() - before) / count / clients * 1e6


def at_once(
    count: int, *, clients: int = 1, recorded: str = JSON, asked: str = JSON
) -> Generator[Sample]:
    """Yield the CPU for each record of a replay and of the bare server.

    A replay that has just started sends a stream for the first time, and then once more.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cassette.yaml"
        messages.write(path, messages.stream(1, records(count, recorded), recorded))
        chunks = bare_chunks(Path(folder) / "chunks", count, asked)
        with bare("stream", chunks) as bare_server:
            cpu_of_record(bare_server, count, clients, asked)
            while True:
                with replay(path, "--pace", "instant", "--repeat", "cycle") as server:
                    first = cpu_of_record(server, count, clients, asked)
                    again = cpu_of_record(server, count, clients, asked)
                peer = cpu_of_record(bare_server, count, clients, asked)
                yield {
                    "first": first,
                    "again": again,
                    "ratio": Pair(first, peer),
                }


def json(scope: Scope) -> Generator[Sample]:
    return at_once(scope.size(50_000, 5_000))


def protobuf(scope: Scope) -> Generator[Sample]:
    return at_once(scope.size(30_000, 3_000), recorded=PROTOBUF, asked=PROTOBUF)


def json_as_protobuf(scope: Scope) -> Generator[Sample]:
    return at_once(scope.size(20_000, 2_000), asked=PROTOBUF)


def protobuf_as_json(scope: Scope) -> Generator[Sample]:
    return at_once(scope.size(20_000, 2_000), recorded=PROTOBUF)


def fifty_clients(scope: Scope) -> Generator[Sample]:
    return at_once(scope.size(2_000, 100), clients=CLIENTS)


def open_streams(server: Server, count: int) -> tuple[float, float]:
    """KiB of an idle stream, and microseconds of CPU to open one and send its first event."""
    request = subscribe()

    def opened() -> socket.socket:
        client = socket.create_connection(server.address)
        client.sendall(request)
        received = b""
        while b"\r\n\r\n" not in received:
            received += client.recv(65536)
        return client

    clients = [opened() for _ in range(10)]
    try:
        memory, cpu = server.resident_bytes(), server.cpu_seconds()
        clients += [opened() for _ in range(count)]
        spent = (server.cpu_seconds() - cpu) / count
        return (server.resident_bytes() - memory) / count / 1024, spent * 1e6
    finally:
        for client in clients:
            client.close()


def idle(scope: Scope, start: Callable[[], Server]) -> Generator[Sample]:
    allow_many_files()
    while True:
        with start() as server:
            memory, cpu = open_streams(server, scope.size(STREAMS, QUICK_STREAMS))
        yield {"memory": memory, "cpu": cpu}


def idle_replay(scope: Scope, *options: str) -> Generator[Sample]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cassette.yaml"
        events = [(float(at), EVENT) for at in range(EVENTS_OF_IDLE)]
        messages.write(path, messages.stream(1, events))
        yield from idle(scope, lambda: replay(path, *options))


def idle_paced(scope: Scope) -> Generator[Sample]:
    return idle_replay(scope, "--pace", "every:3600")


def idle_stepping(scope: Scope) -> Generator[Sample]:
    return idle_replay(scope, "--pace", "step", "--control", "127.0.0.1:0")


def peer_rows(name: str, start: Callable[[], Server]) -> list[Row]:
    def measure(scope: Scope) -> Generator[Sample]:
        return idle(scope, start)

    return [
        Row(f"an idle stream of {name}", measure, KILOBYTES, part="memory"),
        Row(f"opening one of {name}", measure, MICROSECONDS, part="cpu"),
    ]


ROWS = [
    Row("a record, JSON", json, MICROSECONDS, AtMost(3.3), part="first"),
    Row("the same, beside one write each", json, MICROSECONDS, None, "one write", "ratio"),
    Row("the same, sent again", json, MICROSECONDS, AtMost(3.3), part="again"),
    Row("a record, protobuf", protobuf, MICROSECONDS, AtMost(6), part="first"),
    Row("a record, JSON as protobuf", json_as_protobuf, MICROSECONDS, AtMost(12), part="first"),
    Row("a record, protobuf as JSON", protobuf_as_json, MICROSECONDS, AtMost(12), part="first"),
    Row("a record, 50 clients", fifty_clients, MICROSECONDS, AtMost(1), "one write", "ratio"),
    Row("an idle stream", idle_paced, KILOBYTES, AtMost(6), part="memory"),
    Row("opening one", idle_paced, MICROSECONDS, AtMost(150), part="cpu"),
    Row("an idle stream, stepping", idle_stepping, KILOBYTES, part="memory"),
    Row("opening one, stepping", idle_stepping, MICROSECONDS, part="cpu"),
    *peer_rows("a bare server", lambda: bare("idle")),
    *peer_rows("uvicorn", peers.uvicorn),
    *peer_rows("aiohttp", peers.aiohttp),
]
