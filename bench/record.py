"""The cost of recording: the CPU of `mesotape record` and of a proxy whose tap does nothing.

Each proxy is a process of its own, and its whole CPU time counts, the writer process included.
Both run all the time and are visited in turns, so that starting costs nothing and a machine that
changes its speed slows both. Each pair of visits gives a ratio, and the median of these counts.
"""

import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from mesotape.proto import recordio
from mesotape.proto.api.negotiation import JSON, PROTOBUF
from mesotape.proto.messages import mapping

ROUNDS = int(os.environ.get("ROUNDS", "25"))
ONLY = os.environ.get("ONLY", "")
"""How the names of the rows begin that are to be measured."""

SETTLE_SECONDS = 0.15
IDLE = 0.002
"""Seconds of CPU in that time; more, and the proxy is still at work."""

ANSWER = json.dumps(
    {
        "type": "GET_FLAGS",
        "get_flags": {"flags": [{"name": f"n{i}", "value": "v"} for i in range(9)]},
    },
    separators=(",", ":"),
).encode()
EVENT = json.dumps(
    {
        "type": "TASK_UPDATED",
        "task_updated": {
            "framework_id": {"value": "8f9d9f0e-5e3e-4a0a-8a3f-0b9f1c6d2a11-0000"},
            "status": {
                "task_id": {"value": "task-17"},
                "state": "TASK_RUNNING",
                "source": "SOURCE_EXECUTOR",
                "uuid": "4RgGvjB8SZmQ8hZQX9ZtJw==",
                "timestamp": 1795348709.251,
            },
            "state": "TASK_RUNNING",
        },
    },
    separators=(",", ":"),
).encode()
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
GET_FLAGS, SUBSCRIBE = b'{"type":"GET_FLAGS"}', b'{"type":"SUBSCRIBE"}'

NULL = """
import asyncio, sys
from mesotape.proxy.commands.mitm import Recorder, run_proxy

class Null(Recorder):
    def running(self): pass
    def requestheaders(self, flow): pass
    def request(self, flow): pass
    def responseheaders(self, flow): flow.response.stream = lambda data: data
    def response(self, flow): pass
    def error(self, flow): pass

def ready(addresses):
    print("ready http://%s:%s" % addresses[0], flush=True)

settings = {"mode": ["reverse:" + sys.argv[1]], "listen_host": "127.0.0.1", "listen_port": 0}
asyncio.run(run_proxy(Null(), settings, (), ready))
"""


def encoded(text: bytes, name: str, kind: str) -> bytes:
    return text if kind == JSON else mapping.decode(text, name).SerializeToString()


class Upstream:
    """Answers calls with a constant, and a SUBSCRIBE with as many records as its path says."""

    def __init__(self, kind: str, gap_seconds: float) -> None:
        self.kind, self.gap_seconds = kind, gap_seconds
        self.subscribe = encoded(SUBSCRIBE, "mesos.v1.master.Call", kind)
        self.head = HEAD.replace(JSON.encode(), kind.encode())
        record = recordio.encode(encoded(EVENT, "mesos.v1.master.Event", kind))
        self.chunk = b"%x\r\n%b\r\n" % (len(record), record)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            connection, _ = self.socket.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        data = b""
        while more := connection.recv(65536):
            data += more
            if not data.endswith((GET_FLAGS, self.subscribe)):
                continue
            if b"?records=" in data:
                connection.sendall(self.head + b"Transfer-Encoding: chunked\r\n\r\n")
                records = int(data.split(b"?records=")[1].split(b" ")[0])
                if self.gap_seconds:
                    for _ in range(records):
                        connection.sendall(self.chunk)
                        time.sleep(self.gap_seconds)
                else:
                    connection.sendall(self.chunk * records)
                connection.sendall(b"0\r\n\r\n")
            else:
                size = b"Content-Length: %d\r\n\r\n" % len(ANSWER)
                connection.sendall(self.head + size + ANSWER)
            data = b""


def visit(url: str, calls: int, records: int, upstream: Upstream) -> None:
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as connection:
        for _ in range(calls):
            connection.sendall(post(b"/api/v1", GET_FLAGS, upstream.kind))
            read(connection, len(ANSWER), b"\r\n\r\n" + ANSWER)
        if records:
            path = b"/api/v1?records=%d" % records
            connection.sendall(post(path, upstream.subscribe, upstream.kind))
            read(connection, 0, b"0\r\n\r\n")


def post(path: bytes, body: bytes, kind: str = JSON) -> bytes:
    head = "POST {} HTTP/1.1\r\nHost: m\r\nContent-Type: {}\r\nAccept: {}\r\nContent-Length: {}"
    return head.format(path.decode(), kind, kind, len(body)).encode() + b"\r\n\r\n" + body


def read(connection: socket.socket, least: int, end: bytes) -> None:
    got = b""
    while not (len(got) >= least and got.endswith(end)):
        data = connection.recv(1 << 20)
        assert data, got[-200:]
        got = (got + data)[-65536:]


class Proxy:
    """A proxy that runs in a process of its own, with a writer below it or without."""

    def __init__(self, command: list[str]) -> None:
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self.process.stdout is not None
        words = self.process.stdout.readline().split()
        self.url = next(w for w in words if w.startswith("http://127") and w != command[-1])

    def cpu_seconds(self) -> float:
        """CPU of the process and its children since they began, as soon as they are idle."""
        before, now = -1.0, self._used()
        while now - before > IDLE:
            time.sleep(SETTLE_SECONDS)
            before, now = now, self._used()
        return now

    def _used(self) -> float:
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        stats = [s for p in (pid, *children) for s in Path(f"/proc/{p}/task").glob("*/schedstat")]
        return sum(int(stat.read_text().split()[0]) for stat in stats) / 1e9

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait()


def report(what: str, recorded: list[float], nothing: list[float]) -> None:
    ratios = sorted(a / b for a, b in zip(recorded, nothing, strict=True))
    print(
        f"{what:20} {statistics.median(recorded):8.1f} us beside"
        f" {statistics.median(nothing):8.1f} us: {statistics.median(ratios):.2f} x"
        f" ({ratios[0]:.2f} to {ratios[-1]:.2f}), sums {sum(recorded) / sum(nothing):.2f} x",
        flush=True,
    )


def main() -> None:
    cli = [sys.executable, "-m", "mesotape.proxy.cli"]
    for what, kind, calls, records, gap in (
        ("unary call", JSON, 200, 0, 0.0),
        ("JSON in bursts", JSON, 0, 10000, 0.0),
        ("JSON, paced", JSON, 0, 500, 0.002),
        ("protobuf in bursts", PROTOBUF, 0, 10000, 0.0),
        ("protobuf, paced", PROTOBUF, 0, 500, 0.002),
    ):
        if not what.startswith(ONLY):
            continue
        upstream = Upstream(kind, gap)
        with tempfile.TemporaryDirectory() as folder:
            record = [*cli, "record", "-o", f"{folder}/bench.yaml", upstream.url]
            proxies = Proxy([sys.executable, "-c", NULL, upstream.url]), Proxy(record)
            costs: tuple[list[float], list[float]] = [], []
            for turn in range(-1, ROUNDS):
                for proxy, cost in zip(proxies, costs, strict=True):
                    begun = proxy.cpu_seconds()
                    visit(proxy.url, calls, records, upstream)
                    if turn >= 0:  # The first warms up.
                        spent = proxy.cpu_seconds() - begun
                        cost.append(spent / (calls or records) * 1e6)
            for proxy in proxies:
                proxy.stop()
            report(what, costs[1], costs[0])


if __name__ == "__main__":
    main()
