"""How exactly a stream is paced: a 30-second stream at x1, x10 and instant, event by event.

An event that arrives before its recorded time, counted from the request, would be early.
"""

import datetime
import json
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from record import post

from mesotape.cassettes.format import yaml_writer
from mesotape.cassettes.format.documents import (
    End,
    Event,
    Exchange,
    Header,
    Headers,
    Request,
    Response,
)

SECONDS, EVENTS = 30.0, 600


def cassette(path: Path) -> list[float]:
    """Write a stream with irregular gaps; gives the times of its events."""
    times = sorted([*(random.Random(7).uniform(0.01, SECONDS) for _ in range(EVENTS - 1)), SECONDS])
    head: Headers = {"Content-Type": "application/json"}
    request = Request(method="POST", path="/api/v1", headers=head, json='{"type":"SUBSCRIBE"}')
    response = Response(
        after=0.001, status=200, stream="recordio", headers={"Transfer-Encoding": "chunked", **head}
    )
    at = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    documents = [
        Header(mesotape=1, server="master", recorded_at=at),
        Exchange(exchange=1, at=0.0, client=1, request=request, response=response),
        *(
            Event(event=n, of=1, at=round(at, 6), json=json.dumps({"type": "HEARTBEAT", "n": n}))
            for n, at in enumerate(times, 1)
        ),
        End(end=1, at=SECONDS, cause="server"),
    ]
    path.write_bytes(b"".join(map(yaml_writer.format_document, documents)))
    return times


def play(path: Path, *options: str) -> tuple[list[int], list[float]]:
    """Numbers and arrival times of the events, in seconds from the request."""
    command = [sys.executable, "-m", "mesotape.proxy.cli", "replay", str(path), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    url = process.stdout.readline().decode().split("http://")[1].strip()
    host, _, port = url.partition(":")
    numbers: list[int] = []
    arrived: list[float] = []
    with socket.create_connection((host, int(port))) as connection:
        began = time.monotonic()
        connection.sendall(post(b"/api/v1", b'{"type":"SUBSCRIBE"}'))
        tail = b""
        while not tail.endswith(b"0\r\n\r\n"):
            got = connection.recv(1 << 16)
            now = time.monotonic() - began
            assert got
            *lines, tail = (tail + got).split(b"}\r\n")
            for line in lines:
                numbers.append(int(line.rpartition(b":")[2]))
                arrived.append(now)
    process.send_signal(signal.SIGINT)
    process.wait()
    return numbers, arrived


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pace.yaml"
        times = cassette(path)
        for options, factor in (((), 1.0), (("--speed", "10"), 10.0), (("--pace", "instant"), 0.0)):
            numbers, arrived = play(path, *options)
            late = [a - t / factor for a, t in zip(arrived, times, strict=True)] if factor else []
            report = f"order {'kept' if numbers == list(range(1, EVENTS + 1)) else 'BROKEN'}"
            if late:
                wanted = SECONDS / factor
                report += (
                    f", {sum(x < 0 for x in late)} early, latest {max(late) * 1e3:.1f} ms late,"
                )
                report += (
                    f" length {arrived[-1]:.3f} s of {wanted:.3f} ({arrived[-1] / wanted - 1:+.2%})"
                )
            else:
                report += f", length {arrived[-1]:.3f} s"
            print(f"{' '.join(options) or 'recorded':20} {report}", flush=True)


if __name__ == "__main__":
    main()
