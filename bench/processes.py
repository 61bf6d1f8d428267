"""Processes that are measured: servers and proxies, and commands that end.

CPU time is that of the scheduler, in nanoseconds, of all threads of a process and its children.
"""

import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

MESOTAPE = (sys.executable, "-m", "mesotape.proxy.cli")
BENCH = Path(__file__).parent
ADDRESS = r"127\.0\.0\.1:(\d+)"
_SETTLE_SECONDS = 0.15
_IDLE_SECONDS = 0.002
"""CPU in that time; more, and a process is still at work."""


class Server:
    """A process that prints its port when it is ready: its address on 127.0.0.1, usually."""

    def __init__(self, command: Sequence[str | Path], port: str = ADDRESS) -> None:
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self.process.stdout is not None
        given = " ".join(map(str, command))
        for printed in self.process.stdout:
            found = [each for each in re.findall(port, printed.decode()) if f":{each}" not in given]
            if found:
                self.address = "127.0.0.1", int(found[0])
                return
        raise RuntimeError(f"exit code {self.process.wait()}: {given}")

    @property
    def pid(self) -> int:
        return self.process.pid

    def cpu_seconds(self) -> float:
        """CPU of the process and its children so far."""
        return cpu_seconds(self.pid)

    def children_cpu_seconds(self) -> float:
        """CPU of its children so far."""
        return sum(map(cpu_seconds, _children(self.pid)))

    def settled_cpu_seconds(self) -> float:
        """CPU so far, as soon as the process and its children are idle."""
        before, now = -1.0, self.cpu_seconds()
        while now - before > _IDLE_SECONDS:
            time.sleep(_SETTLE_SECONDS)
            before, now = now, self.cpu_seconds()
        return now

    def resident_bytes(self) -> int:
        """Memory of the process now."""
        return _resident_bytes(self.pid)

    def peak_bytes(self) -> int:
        """The most memory that the process has had."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024

    def ask(self, request: bytes) -> bytes:
        """Send a request over a connection of its own; return the answer, or its first bytes."""
        with socket.create_connection(self.address) as connection:
            connection.sendall(request)
            answer = connection.recv(65536)
        if not answer.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(answer.decode(errors="replace"))
        return answer

    def stop(self) -> None:
        """End the process, and wait for its end."""
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def replay(*arguments: str | Path) -> Server:
    """Start `mesotape replay`."""
    return Server([*MESOTAPE, "replay", *arguments])


def bare(kind: str, *arguments: str | Path) -> Server:
    """Start one of the servers of bare.py."""
    return Server([sys.executable, BENCH / "bare.py", kind, *arguments])


def mitmdump(upstream: str, *options: str | Path) -> Server:
    """Start mitmdump in front of a server."""
    command = [Path(sys.executable).with_name("mitmdump"), "--listen-host", "127.0.0.1"]
    command += ["--listen-port", "0", "--mode", f"reverse:{upstream}", "--set", "flow_detail=0"]
    return Server([*command, *options])


def run(*command: str | Path) -> float:
    """Run a command to its end; return its CPU seconds. Raises RuntimeError if it fails."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"exit code {process.returncode}: {' '.join(map(str, command))}")
    return usage.ru_utime + usage.ru_stime


def peak_bytes(program: str, *arguments: str | Path) -> int:
    """Run a program in Python; return the most memory that it has had.

    The program itself reports it: what `wait4` returns includes the process that started it.
    """
    command = [sys.executable, "-c", f"{program}\n{_REPORT_PEAK}", *arguments]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True)
    return int(done.stderr.split()[-1]) * 1024


_REPORT_PEAK = """
import sys
print(open("/proc/self/status").read().split("VmHWM:")[1].split()[0], file=sys.stderr)
"""


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process and its children so far."""
    threads = [
        each for one in (pid, *_children(pid)) for each in Path(f"/proc/{one}/task").iterdir()
    ]
    return sum(int((each / "schedstat").read_text().split()[0]) for each in threads) / 1e9


def _children(pid: int) -> list[int]:
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def own_cpu_seconds(work: Callable[[], object]) -> float:
    """Return the CPU time that a function takes in this process."""
    before = time.process_time()
    work()
    return time.process_time() - before


def own_resident_bytes() -> int:
    """Return the memory of this process now."""
    return _resident_bytes(os.getpid())


def _resident_bytes(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def allow_many_files() -> None:
    """Allow as many open sockets as this process may have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
