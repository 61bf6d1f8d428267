"""How exactly a replay sends the events of many streams, and what an event takes.

Lateness is the time from when an event is due (its recorded time, counted from the request) to its
arrival at a client, which is a process of its own.
"""

import random
import selectors
import socket
import statistics
import tempfile
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import messages
from processes import allow_many_files, replay
from streams import subscribe
from table import COUNT, MICROSECONDS, MILLISECONDS, AtMost, Row, Sample, Scope

HEARTBEAT = b'{"type":"HEARTBEAT"}'
FRAMED_HEARTBEAT = b"%d\n%b" % (len(HEARTBEAT), HEARTBEAT)
HEAD_AT = 0.001
SILENCE_SECONDS = 30
STREAMS, QUICK_STREAMS = 1000, 200


@dataclass
class Client:
    """A client of one stream, and how late it got what was due."""

    socket: socket.socket
    due: Sequence[float]
    requested_at: float
    head_late: float | None = None
    late: list[float] = field(default_factory=list[float])
    tail: bytes = b""

    def receive(self) -> None:
        data = self.socket.recv(1 << 16)
        elapsed = time.monotonic() - self.requested_at
        assert data, "the stream was cut"
        if self.head_late is None:
            self.head_late = elapsed - HEAD_AT
        data = self.tail + data
        for _ in range(data.count(FRAMED_HEARTBEAT)):
            self.late.append(elapsed - self.due[len(self.late)])
        self.tail = data[data.rfind(b"\n", 0, -1) :][-len(FRAMED_HEARTBEAT) + 1 :]
        if FRAMED_HEARTBEAT in self.tail:
            self.tail = b""

    @property
    def has_all(self) -> bool:
        return len(self.late) == len(self.due)


def play(address: tuple[str, int], due: Sequence[float], count: int) -> list[Client]:
    """Open streams, each after the head of the one before, and receive all their events."""
    request, clients = subscribe(), list[Client]()
    with selectors.DefaultSelector() as selector:

        def receive(seconds: float) -> bool:
            ready = selector.select(seconds)
            for key, _ in ready:
                client: Client = key.data
                client.receive()
                if client.has_all:
                    selector.unregister(client.socket)
                    client.socket.close()
            return bool(ready)

        for _ in range(count):
            opened = socket.create_connection(address)
            clients.append(Client(opened, due, time.monotonic()))
            opened.sendall(request)
            selector.register(opened, selectors.EVENT_READ, clients[-1])
            while clients[-1].head_late is None:
                assert receive(SILENCE_SECONDS), "no answer"
        while selector.get_map():
            assert receive(SILENCE_SECONDS), "events are missing"
    return clients


def measured(due: Sequence[float], count: int, *options: str) -> Generator[Sample]:
    allow_many_files()
    with tempfile.TemporaryDirectory() as folder:
        records = ((at / float(options[1]) if options else at, HEARTBEAT) for at in due)
        path = messages.write(Path(folder) / "paced.yaml", messages.stream(1, records))
        while True:
            with replay(path, "--repeat", "cycle") as server:
                before = server.cpu_seconds()
                clients = play(server.address, due, count)
                cpu = server.cpu_seconds() - before
            late = sorted(each * 1e3 for client in clients for each in client.late)
            heads = [client.head_late for client in clients if client.head_late is not None]
            yield {
                "p50": statistics.median(late),
                "p99": late[int(len(late) * 0.99)],
                "max": late[-1],
                "early": sum(each < 0 for each in late),
                "head": max(heads) * 1e3,
                "cpu": cpu / len(late) * 1e6,
            }


def many(scope: Scope) -> Generator[Sample]:
    seconds = scope.size(10, 1)
    due = [(number + 1) / 10 for number in range(seconds * 10)]
    return measured(due, scope.size(STREAMS, QUICK_STREAMS))


def one(scope: Scope) -> Generator[Sample]:
    seconds = scope.size(6, 1)
    times = random.Random(7)
    return measured(sorted(times.uniform(0.01, seconds) for _ in range(seconds * 100)), 1)


ROWS = [
    Row("1,000 streams: median lateness", many, MILLISECONDS, AtMost(1), part="p50"),
    Row("1,000 streams: p99", many, MILLISECONDS, AtMost(5), part="p99"),
    Row("1,000 streams: latest", many, MILLISECONDS, AtMost(20), part="max"),
    Row("1,000 streams: early events", many, COUNT, AtMost(0), part="early"),
    Row("1,000 streams: latest head", many, MILLISECONDS, part="head"),
    Row("1,000 streams: CPU of an event", many, MICROSECONDS, AtMost(25), part="cpu"),
    Row("one stream: p99", one, MILLISECONDS, part="p99"),
    Row("one stream: early events", one, COUNT, AtMost(0), part="early"),
]
