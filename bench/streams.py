"""The memory that `mesotape replay` takes for each open, idle stream."""

import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from memory import cassette
from record import post

STREAMS = 1000
EVENTS_BYTES = 16 * 1024
ROUNDS = 3


def resident(pid: int) -> int:
    """Bytes of memory that a process has now."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def measure(path: Path, pace: str) -> tuple[float, float]:
    """KiB per idle stream, and milliseconds of CPU to open one and send it its first events."""
    command = [sys.executable, "-m", "mesotape.proxy.cli", "replay", str(path), "--pace", pace]
    command += ["--control", "127.0.0.1:0"] if pace == "step" else []
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().decode().split("http://")[1].strip()
        host, _, port = url.partition(":")
        opened = [_subscribed(host, int(port)) for _ in range(10)]
        before, cpu = resident(process.pid), _cpu_seconds(process.pid)
        opened += [_subscribed(host, int(port)) for _ in range(STREAMS)]
        each = (resident(process.pid) - before) / STREAMS
        spent = (_cpu_seconds(process.pid) - cpu) / STREAMS
        for connection in opened:
            connection.close()
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    return each / 1024, spent * 1000


def _subscribed(host: str, port: int) -> socket.socket:
    connection = socket.create_connection((host, port))
    connection.sendall(post(b"/api/v1", b'{"type":"SUBSCRIBE"}'))
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    return connection


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def main() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cassette.yaml"
        cassette(path, EVENTS_BYTES)
        for pace in ("every:3600", "step"):
            for _ in range(ROUNDS):
                began = time.monotonic()
                each, spent = measure(path, pace)
                seconds = time.monotonic() - began
                print(
                    f"{pace}: {STREAMS} idle streams: {each:.1f} KiB each, "
                    f"{spent:.2f} ms of CPU to open one ({seconds:.1f} s)"
                )


if __name__ == "__main__":
    main()
