"""The commands, run as a user runs them: as processes, with their real address and exit code.

Where that makes no difference they are forked (forked_command.py), which saves a third of the CPU
of all tests; with the variable MESOTAPE_FRESH_COMMANDS each is started.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .forked_command import ForkedCommand, is_forkable

START_SECONDS = 60.0
STOP_SECONDS = 30.0

MESOTAPE = (sys.executable, "-m", "mesotape.proxy.cli")


class Running:
    """A command that listens: `address` while it runs, `said` and `code` after it.

    `urls` and `addresses` are all, if it listens at several, and `control` is the URL and the token
    of its control.
    """

    def __init__(self, process: "subprocess.Popen[str] | ForkedCommand", lines: list[str]) -> None:
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
def running(*arguments: str | Path, is_fresh: bool = False, **how: Any) -> Iterator[Running]:
    """Run `mesotape ARGUMENTS` until the block ends, from when it listens.

    `how` goes to Popen. With `is_fresh`, nothing is imported before.
    """
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "ready"
        process = _start([*map(str, arguments), "--ready-file", str(ready)], is_fresh, how)
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
    *arguments: str | Path, seconds: float = 60.0, is_fresh: bool = False, **how: Any
) -> "subprocess.CompletedProcess[str]":
    """Run `mesotape ARGUMENTS` to its end. `how` goes to Popen."""
    process = _start([*map(str, arguments)], is_fresh, how)
    out, said = process.communicate(timeout=seconds)
    return subprocess.CompletedProcess([*MESOTAPE, *arguments], process.returncode or 0, out, said)


def _start(
    arguments: list[str], is_fresh: bool, how: dict[str, Any]
) -> "subprocess.Popen[str] | ForkedCommand":
    environment = os.environ if how.get("env") is None else how["env"]
    if not is_fresh and how.keys() <= {"cwd", "env"} and is_forkable(environment):
        return ForkedCommand(arguments, str(how.get("cwd") or Path.cwd()), environment)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([*MESOTAPE, *arguments], **pipes | how)
