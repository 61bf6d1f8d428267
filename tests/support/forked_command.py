"""Commands that a `command_server` forks: processes, with members of `subprocess.Popen`."""

import atexit
import contextlib
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from msgspec import to_builtins

from .command_server import STATUS_BYTES, ForkRequest
from .paths import TESTS

_READ_BY_PYTHON = ("PYTHON", "LANG", "LC_", "LD_", "MALLOC_")
"""The beginnings of variables that work only when an interpreter starts."""


def is_forkable(environment: Mapping[str, str]) -> bool:
    """Return whether a forked command is as one that is started with these variables."""

    def start(variables: Mapping[str, str]) -> dict[str, str]:
        return {name: text for name, text in variables.items() if name.startswith(_READ_BY_PYTHON)}

    is_asked = "MESOTAPE_FRESH_COMMANDS" not in os.environ
    return sys.platform == "linux" and is_asked and start(environment) == start(os.environ)


class ForkedCommand:
    """`mesotape ARGUMENTS` in a folder; stdout and stderr are pipes of text."""

    def __init__(
        self, arguments: Sequence[str], folder: str, environment: Mapping[str, str]
    ) -> None:
        self.returncode: int | None = None
        out, its_out = os.pipe()
        err, its_err = os.pipe()
        self._status, its_status = os.pipe()
        os.umask(umask := os.umask(0))
        request = ForkRequest([*arguments], folder, {**environment}, umask)
        descriptors = [0, its_out, its_err, its_status]
        socket.send_fds(_server(), [json.dumps(to_builtins(request)).encode()], descriptors)
        for each in descriptors[1:]:
            os.close(each)
        self.stdout, self.stderr = os.fdopen(out), os.fdopen(err)
        self.pid = int.from_bytes(os.read(self._status, STATUS_BYTES))
        assert self.pid, "the command server has ended"

    def poll(self) -> int | None:
        """Return the exit code, None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the exit code; minus the number of a signal."""
        if self.returncode is None:
            if not select.select([self._status], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("mesotape", timeout or 0)
            status = os.read(self._status, STATUS_BYTES)
            assert len(status) == STATUS_BYTES, "the process that waits for it has ended"
            self.returncode = os.waitstatus_to_exitcode(int.from_bytes(status))
            os.close(self._status)
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Read all output, and wait for the end."""
        with ThreadPoolExecutor(2) as readers:
            texts = [readers.submit(each.read) for each in (self.stdout, self.stderr)]
            try:
                self.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
            out, err = (text.result() for text in texts)
        self.stdout.close()
        self.stderr.close()
        return out, err

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # It has ended just now.
                os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


@functools.cache
def _server() -> socket.socket:
    """Start a server. It ends with this process, which has the other end of its stdin."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-c", "from support import command_server; command_server.main()"]
    environment = os.environ | {"PYTHONPATH": str(TESTS)}
    process = subprocess.Popen(command, stdin=its, stdout=subprocess.DEVNULL, env=environment)
    its.close()

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours
