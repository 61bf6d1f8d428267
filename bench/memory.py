"""The memory and CPU that `mesotape replay` takes to open and serve a large cassette."""

import datetime
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from record import EVENT, post

from mesotape.cassettes.format import yaml_writer
from mesotape.cassettes.format.documents import Event, Exchange, Header, Headers, Request, Response


def cassette(path: Path, size: int) -> None:
    """Write a stream of ordinary events, and a unary exchange, of `size` bytes together."""
    head: Headers = {"Content-Type": "application/json"}
    at = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    requests = [
        Request(method="POST", path="/api/v1", headers=head, json=f'{{"type":"{call}"}}')
        for call in ("SUBSCRIBE", "GET_HEALTH")
    ]
    stream = Response(
        after=0.001, status=200, stream="recordio", headers={"Transfer-Encoding": "chunked", **head}
    )
    unary = Response(after=0.001, status=200, headers=head, json='{"type":"GET_HEALTH"}')
    shown = json.dumps(json.loads(EVENT), indent=2)
    with path.open("wb") as file:
        file.write(yaml_writer.format_document(Header(mesotape=1, server="master", recorded_at=at)))
        for number, (request, response) in enumerate(
            zip(requests, (stream, unary), strict=True), 1
        ):
            file.write(
                yaml_writer.format_document(
                    Exchange(
                        exchange=number, at=0.0, client=number, request=request, response=response
                    )
                )
            )
        number = 0
        while file.tell() < size:
            number += 1
            file.write(
                yaml_writer.format_document(Event(event=number, of=1, at=number / 100, json=shown))
            )


def measure(path: Path) -> tuple[float, float, float]:
    """Peak RSS in MB, CPU in seconds, wall seconds until the first answer."""
    began = time.monotonic()
    command = [sys.executable, "-m", "mesotape.proxy.cli", "replay", str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    url = process.stdout.readline().decode().split("http://")[1].strip()
    host, _, port = url.partition(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(post(b"/api/v1", b'{"type":"GET_HEALTH"}'))
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        wall = time.monotonic() - began
    process.send_signal(signal.SIGINT)
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    return usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime, wall


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for megabytes in (1, 300):
            path = Path(folder) / f"{megabytes}.yaml"
            cassette(path, megabytes << 20)
            memory, cpu, wall = measure(path)
            print(
                f"{megabytes:4} MB cassette: peak {memory:6.1f} MB, {cpu:.2f} s CPU,"
                f" first answer after {wall:.2f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
