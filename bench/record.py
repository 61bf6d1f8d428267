"""What recording costs: the CPU of `mesotape record` beside a proxy whose tap does nothing.

Each proxy is a process of its own, and its whole CPU time counts, the writer process included.
Every figure is the difference between a long and a short run, so that starting costs nothing.
Rounds of the two proxies take turns, each gives a ratio, and the median of these counts.
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

ROUNDS = int(os.environ.get("ROUNDS", "7"))
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
RECORD = b"%d\n%b" % (len(EVENT), EVENT)
CHUNK = b"%x\r\n%b\r\n" % (len(RECORD), RECORD)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

NULL = """
import asyncio, sys
from mesotape.proxy.interception import Recorder, intercept

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
asyncio.run(intercept(Null(), settings, (), ready))
"""


class Upstream:
    """Answers unary calls with a constant, and SUBSCRIBE with as many records as the path says."""

    def __init__(self, gap_seconds: float = 0.0) -> None:
        self.gap_seconds = gap_seconds
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
            if not data.endswith(b"}"):
                continue
            if b"SUBSCRIBE" in data:
                connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
                for _ in range(int(data.split(b"?records=")[1].split(b" ")[0])):
                    connection.sendall(CHUNK)
                    if self.gap_seconds:
                        time.sleep(self.gap_seconds)
                connection.sendall(b"0\r\n\r\n")
            else:
                connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n%b" % (len(ANSWER), ANSWER))
            data = b""


def visit(url: str, calls: int, records: int) -> None:
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as connection:
        for _ in range(calls):
            connection.sendall(post(b"/api/v1", b'{"type":"GET_FLAGS"}'))
            read(connection, len(ANSWER), b"\r\n\r\n" + ANSWER)
        if records:
            connection.sendall(post(b"/api/v1?records=%d" % records, b'{"type":"SUBSCRIBE"}'))
            read(connection, 0, b"0\r\n\r\n")


def post(path: bytes, body: bytes) -> bytes:
    head = b"POST %b HTTP/1.1\r\nHost: m\r\nContent-Type: application/json\r\n" % path
    return head + b"Accept: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def read(connection: socket.socket, least: int, end: bytes) -> None:
    got = b""
    while not (len(got) >= least and got.endswith(end)):
        data = connection.recv(1 << 20)
        assert data, got[-200:]
        got = (got + data)[-65536:]


def cpu_seconds(command: list[str], calls: int, records: int) -> float:
    """CPU of the command and its children, from its start to its end."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    url = next(
        word
        for word in process.stdout.readline().decode().split()
        if word.startswith("http://127") and word != command[-1]
    )
    visit(url, calls, records)
    process.send_signal(signal.SIGINT)
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    return usage.ru_utime + usage.ru_stime


def report(what: str, recorded: list[float], nothing: list[float]) -> None:
    ratios = sorted(a / b for a, b in zip(recorded, nothing, strict=True))
    print(
        f"{what:20} {statistics.median(recorded):8.1f} us beside"
        f" {statistics.median(nothing):8.1f} us: {statistics.median(ratios):.2f} x"
        f" ({ratios[0]:.2f} to {ratios[-1]:.2f})",
        flush=True,
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for what, calls, records, gap in (
            ("unary call", 1500, 0, 0.0),
            ("record, in bursts", 0, 40000, 0.0),
            ("record, paced", 0, 2000, 0.002),
        ):
            upstream = Upstream(gap)
            cassette = str(Path(folder) / "bench.yaml")
            record = [
                sys.executable,
                "-m",
                "mesotape.proxy.cli",
                "record",
                "-o",
                cassette,
                "--overwrite",
                upstream.url,
            ]
            null = [sys.executable, "-c", NULL, upstream.url]
            costs: dict[str, list[float]] = {"record": [], "null": []}
            for _ in range(ROUNDS):
                for name, command in (("null", null), ("record", record)):
                    long = cpu_seconds(command, calls, records)
                    short = cpu_seconds(command, calls and 10, records and 10)
                    costs[name].append((long - short) / (calls or records) * 1e6)
            report(what, costs["record"], costs["null"])


if __name__ == "__main__":
    main()
