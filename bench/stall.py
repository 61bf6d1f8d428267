"""How long events of a running stream are delayed while a 20 MB answer is recorded beside them.

The upstream sends an event every 5 ms; the delay of one is from its write upstream to its arrival
at the client. Shown for the recorder and for the same proxy with a tap that does nothing.
"""

import json
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from record import HEAD, NULL, post

SIZE = 20 << 20
GAP_SECONDS = 0.005


def state(protobuf: bool) -> tuple[bytes, bytes]:
    """A GET_STATE answer of about SIZE bytes, and its media type."""
    from mesotape.proto.messages import mapping

    task = {
        "name": "task",
        "task_id": {"value": "task-000001"},
        "state": "TASK_RUNNING",
        "framework_id": {"value": "f" * 40},
        "agent_id": {"value": "a" * 40},
        "resources": [
            {"name": n, "type": "SCALAR", "scalar": {"value": 1.5}} for n in ("cpus", "mem")
        ],
        "labels": {"labels": [{"key": f"k{i}", "value": "v" * 20} for i in range(5)]},
    }
    text = json.dumps(task, separators=(",", ":"))
    count = SIZE // len(text)
    whole = (
        b'{"type":"GET_STATE","get_state":{"get_tasks":{"tasks":[%b]}}}'
        % ",".join([text] * count).encode()
    )
    if not protobuf:
        return whole, b"application/json"
    one: Any = mapping.decode(
        b'{"type":"GET_STATE","get_state":{"get_tasks":{"tasks":[%b]}}}' % text.encode(),
        "mesos.v1.master.Response",
    )
    tasks = one.get_state.get_tasks.tasks
    size = len(tasks[0].SerializeToString())
    tasks.MergeFrom([tasks[0]] * (SIZE // size))
    return one.SerializeToString(), b"application/x-protobuf"


class Upstream:
    def __init__(self, body: bytes, media: bytes) -> None:
        self.body, self.media = body, media
        self.stop = threading.Event()
        self.sent: list[float] = []
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
        while not data.endswith((b"}", b"\x08\x09")):
            data += connection.recv(65536)
        if b"SUBSCRIBE" in data:
            connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
            due = time.monotonic()
            while not self.stop.is_set():
                event = b'{"type":"HEARTBEAT","n":%8d}' % len(self.sent)
                framed = b"%d\n%b" % (len(event), event)
                self.sent.append(time.monotonic())
                connection.sendall(b"%x\r\n%b\r\n" % (len(framed), framed))
                due += GAP_SECONDS
                time.sleep(max(0.0, due - time.monotonic()))
            connection.sendall(b"0\r\n\r\n")
        else:
            head = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n"
            connection.sendall(head % (self.media, len(self.body)))
            connection.sendall(self.body)


def run(command: list[str], body: bytes, media: bytes) -> tuple[list[float], list[float]]:
    """Delays in seconds before and while the answer passes."""
    upstream = Upstream(body, media)
    process = subprocess.Popen([*command, upstream.url], stdout=subprocess.PIPE)
    assert process.stdout is not None
    words = process.stdout.readline().decode().split()
    url = next(w for w in words if w.startswith("http://127") and w != upstream.url)
    host, _, port = url.removeprefix("http://").partition(":")
    got: list[float] = []

    def listen() -> None:
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(post(b"/api/v1", b'{"type":"SUBSCRIBE"}'))
            data = b""
            while not data.endswith(b"0\r\n\r\n"):
                new = connection.recv(65536)
                got.extend([time.monotonic()] * new.count(b"HEARTBEAT"))
                data = (data + new)[-10:]

    listener = threading.Thread(target=listen)
    listener.start()
    while len(got) < 200:
        time.sleep(0.01)
    before = len(got)
    with socket.create_connection((host, int(port))) as connection:
        call = b'{"type":"GET_STATE"}' if media.endswith(b"json") else b"\x08\x09"
        connection.sendall(post(b"/api/v1", call, media.decode()))
        size = 0
        while size < len(body):
            size += len(connection.recv(1 << 20))
    settle = len(got) + 400
    while len(got) < settle:
        time.sleep(0.01)
    upstream.stop.set()
    listener.join()
    process.terminate()
    process.wait()
    delays = [b - a for a, b in zip(upstream.sent, got, strict=False)]
    return delays[20:before], delays[before:]


def main() -> None:
    for protobuf in (False, True):
        body, media = state(protobuf)
        with tempfile.TemporaryDirectory() as folder:
            cassette = str(Path(folder) / "stall.yaml")
            cli = [sys.executable, "-m", "mesotape.proxy.cli", "record", "-o", cassette]
            for name, command in (
                ("null", [sys.executable, "-c", NULL]),
                ("record", [*cli, "--overwrite"]),
            ):
                before, during = run(command, body, media)
                print(
                    f"{media.decode():24} {len(body) >> 20} MB {name:8}"
                    f" p50 {sorted(during)[len(during) // 2] * 1e3:6.2f} ms,"
                    f" worst before {max(before) * 1e3:6.2f} ms,"
                    f" during {max(during) * 1e3:6.2f} ms",
                    flush=True,
                )


if __name__ == "__main__":
    main()
