"""The commands, run as a user runs them: as processes, with their real address and exit code."""

import contextlib
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

START_SECONDS = 60.0
STOP_SECONDS = 30.0

MESOTAPE = (sys.executable, "-m", "mesotape.proxy.cli")


class Running:
    """A command that listens: `address` while it runs, `said` and `code` after it.

    `urls` and `addresses` are all, if it listens at several, and `control` is the URL and the token
    of its control.
    """

    def __init__(self, process: "subprocess.Popen[str]", lines: list[str]) -> None:
        self.process = process
        urls = [line for line in lines if not line.startswith("control ")]
        self.control = next((line.split()[1:] for line in lines if line not in urls), None)
        self.urls, self.url = urls, urls[0]
        parts = [url.rpartition("//")[2].rpartition(":") for url in urls]
        self.addresses = [(host, int(port)) for host, _, port in parts]
        self.address = self.addresses[0]
        self.out = self.said = ""
        self.code: int | None = None

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Send a signal, by default that of Ctrl-C, and return the exit code."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        self.out, self.said = self.process.communicate(timeout=STOP_SECONDS)
        self.code = self.process.returncode
        return self.code


@contextlib.contextmanager
def running(*arguments: str | Path, **how: Any) -> Iterator[Running]:
    """Run `mesotape ARGUMENTS` until the block ends, from when it listens.

    `how` goes to Popen.
    """
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "ready"
        process = subprocess.Popen(
            [*MESOTAPE, *map(str, arguments), "--ready-file", str(ready)],
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | how,
        )
        try:
            deadline = time.monotonic() + START_SECONDS
            while not ready.exists():
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < deadline, "it does not get ready"
                time.sleep(0.01)
            command = Running(process, ready.read_text().splitlines())
            yield command
            if command.code is None:
                command.stop()
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()


def run(
    *arguments: str | Path, seconds: float = 60.0, **how: Any
) -> "subprocess.CompletedProcess[str]":
    """Run `mesotape ARGUMENTS` to its end. `how` goes to subprocess.run."""
    command = [*MESOTAPE, *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=seconds, check=False, **how
    )
