"""A recorder and a replay under hostile clients: `python bench/soak.py [SECONDS]`, or `make soak`.

An upstream sends numbered events to good clients, through `mesotape record`; other good clients ask
a `mesotape replay` for the same answer again and again. Meanwhile hostile clients send what is no
HTTP, or too much, or leave in the middle. In the end every event has arrived, and is in the
cassette, every answer was whole, both processes live, and their memory did not grow.
"""

import asyncio
import contextlib
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SAMPLE = Path(__file__).parents[1] / "cassettes" / "samples" / "master.yaml"
GAP_SECONDS = 0.02
GOOD_CLIENTS = 4
HOSTILE_CLIENTS = 8
MOST_GROWTH_KB = 100 * 1024
"""The journal of a replay keeps up to 64 MB of requests."""

ANSWER_SECONDS = 30.0
SUBSCRIBE = (
    b"POST /api/v1 HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    b'Accept: application/json\r\nContent-Length: 20\r\n\r\n{"type":"SUBSCRIBE"}'
)
VERSION = b"GET /version HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /api/v1 HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
AGENTS = POST + b'Accept: application/json\r\nContent-Length: 21\r\n\r\n{"type":"GET_AGENTS"}'
SHAPES: tuple[bytes, ...] = (
    b"",
    b"\0" * 100,
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET /\x1b[2J\xff\r HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX: y\nZ: \0\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20_000 + b"\r\n",
    b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    POST + b"Content-Length: -1\r\n\r\n",
    POST + b"Content-Length: 99999999999999999999\r\n\r\n",
    POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    POST
    + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    POST + b"Content-Length: 100000\r\n\r\n{",
    POST + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
    POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel",
    POST + b"Content-Length: 20000\r\n\r\n" + b"[" * 20_000,
    POST + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00",
    POST.replace(b"json", b"x-protobuf") + b"Content-Length: 6\r\n\r\n\x08\xff\xff\xff\xff\x7f",
    VERSION * 500,
    SUBSCRIBE,
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n",
    b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
)


class Upstream:
    """Answers SUBSCRIBE with numbered events until it is stopped, and all else shortly."""

    def __init__(self) -> None:
        self.is_stopped = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        too_long = asyncio.LimitOverrunError  # a head of an attack
        with contextlib.suppress(OSError, ValueError, EOFError, asyncio.CancelledError, too_long):
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = re.search(rb"(?i)content-length: *(\d+)", head)
                body = await reader.readexactly(int(length[1])) if length else b""
                if b"SUBSCRIBE" in body:
                    await self.stream(writer)
                    break
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                await writer.drain()
        writer.close()

    async def stream(self, writer: asyncio.StreamWriter) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        number = 0
        while not self.is_stopped.is_set():
            number += 1
            event = b'{"type":"TASK_UPDATED","n":%d}' % number
            record = b"%d\n%b" % (len(event), event)
            writer.write(b"%x\r\n%b\r\n" % (len(record), record))
            await writer.drain()
            await asyncio.sleep(GAP_SECONDS)
        writer.write(b"0\r\n\r\n")
        await writer.drain()


async def subscribe(port: int) -> int:
    """Return how many events a good client got; each has to be the next one."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(SUBSCRIBE)
    data = b""
    while not data.endswith(b"\r\n0\r\n\r\n"):
        part = await reader.read(1 << 16)
        assert part, f"a good stream was cut: {data[-80:]!r}"
        data += part
    writer.close()
    numbers = [int(each) for each in re.findall(rb'"n":(\d+)}', data)]
    assert numbers == list(range(1, len(numbers) + 1)), "events are missing"
    return len(numbers)


async def ask(port: int, until: float) -> int:
    """Ask a replay on a new connection each time; return how often. All answers are the same."""
    count, first = 0, b""
    while time.monotonic() < until:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(AGENTS)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), ANSWER_SECONDS)
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        assert head.startswith(b"HTTP/1.1 200 "), head
        assert length is not None, head
        answer = head + await asyncio.wait_for(reader.readexactly(int(length[1])), ANSWER_SECONDS)
        first = first or answer
        assert answer == first, "an answer is not whole"
        writer.close()
        count += 1
        await asyncio.sleep(0.005)
    return count


async def attack(port: int, until: float, dice: random.Random) -> int:
    """Send hostile bytes on one connection after the other; return how many."""
    count = 0
    while time.monotonic() < until:
        with contextlib.suppress(OSError, TimeoutError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            shape = dice.choice(SHAPES)
            writer.write(shape[: dice.randrange(len(shape) + 1)] if dice.random() < 0.3 else shape)
            if dice.random() < 0.5:
                await asyncio.wait_for(reader.read(1 << 14), dice.random() * 0.2)
            if dice.random() < 0.3:
                writer.transport.abort()
            writer.close()
        count += 1
        await asyncio.sleep(0.002)
    return count


def memory_kb(pids: list[int]) -> int:
    """Return the memory of processes and their children."""
    total = 0
    for pid in pids:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for each in (pid, *map(int, children)):
            status = Path(f"/proc/{each}/status").read_text()
            total += int(re.findall(r"VmRSS:\s+(\d+)", status)[0])
    return total


async def soak(
    processes: list["subprocess.Popen[bytes]"], ports: list[int], upstream: Upstream, seconds: float
) -> int:
    """Run all clients; return how many events good clients got."""
    until = time.monotonic() + seconds
    streams = [asyncio.create_task(subscribe(ports[0])) for _ in range(GOOD_CLIENTS)]
    asking = [asyncio.create_task(ask(ports[1], until)) for _ in range(GOOD_CLIENTS)]
    seeds = range(HOSTILE_CLIENTS)
    attacks = [
        asyncio.create_task(attack(port, until, random.Random(seed)))
        for port in ports
        for seed in seeds
    ]
    sizes: list[int] = []
    while time.monotonic() < until:
        await asyncio.sleep(seconds / 60)
        assert [each.poll() for each in processes] == [None, None], "a process has ended"
        sizes.append(memory_kb([each.pid for each in processes]))
    asked, attacked = sum(await asyncio.gather(*asking)), sum(await asyncio.gather(*attacks))
    upstream.is_stopped.set()
    events = sum(await asyncio.gather(*streams))
    half = max(sizes[len(sizes) // 4 : len(sizes) // 2])
    growth = max(sizes[len(sizes) // 2 :]) - half
    print(
        f"{events} events, {asked} answers, {attacked} attacks;"
        f" memory {max(sizes) // 1024} MB, grown by {growth // 1024} MB in the second half"
    )
    assert growth < MOST_GROWTH_KB, "memory has grown"
    return events


async def main() -> int:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 300.0
    upstream = Upstream()
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    with tempfile.TemporaryDirectory() as folder:
        cassette = Path(folder) / "soak.yaml"
        commands = (["record", url, "-o", str(cassette)], ["replay", str(SAMPLE)])
        processes: list[subprocess.Popen[bytes]] = []
        ports: list[int] = []
        try:
            for number, arguments in enumerate(commands):
                ready, log = Path(folder) / f"ready{number}", Path(folder) / f"log{number}"
                command = [sys.executable, "-m", "mesotape", *arguments, "--ready-file", str(ready)]
                with log.open("wb") as file:
                    processes.append(subprocess.Popen(command, stdout=file, stderr=file))
                deadline = time.monotonic() + 60
                while not ready.exists():
                    assert time.monotonic() < deadline, log.read_text()
                    await asyncio.sleep(0.05)
                ports.append(int(ready.read_text().split()[0].rpartition(":")[2]))
            events = await soak(processes, ports, upstream, seconds)
            for process in processes:
                process.send_signal(signal.SIGTERM)
                process.wait(60)
        finally:
            for process in processes:
                process.kill()
                process.wait()
        recorded = cassette.read_bytes()
        count = len(re.findall(rb'(?m)^ +"n": \d+$', recorded))
        assert count >= events, f"only {count} of {events} events were recorded"
        log = (Path(folder) / "log0").read_text()
        assert "Traceback" not in log + (Path(folder) / "log1").read_text(), log[-2000:]
        print(f"recorder: {log.strip().splitlines()[-1]}")
    server.close()
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
