"""What the writer process tells the proxy, on its stdout."""

import contextlib
import os
import threading
import time
from collections.abc import Generator

from ...cassettes.recording.writer_reports import WriterStatus
from ...proto.shown_text import encode_json

_LIFE_SECONDS = 0.5


class Reports:
    """Writes a status as a line, unless the proxy has ended or does not read."""

    def __init__(self, descriptor: int = 1) -> None:
        self._descriptor = descriptor
        self._in_system_call = False
        self._lock = threading.Lock()
        self._unwritten = b""
        os.set_blocking(descriptor, False)

    def write(self, status: WriterStatus) -> bool:
        """Write a status; return False if it is dropped because the pipe is full or broken."""
        return self._write(encode_json(status) + b"\n")

    def wait_for_proxy(self) -> None:
        """Let what is written from now on wait until the proxy reads; nothing else waits for it."""
        os.set_blocking(self._descriptor, True)

    def show_life(self) -> None:
        """Write empty lines from now on, while the disk does not block."""
        threading.Thread(target=self._show_life, daemon=True).start()

    @contextlib.contextmanager
    def system_call(self) -> Generator[None]:
        """Return a context in which the disk may block: then there are no signs of life."""
        self._in_system_call = True
        try:
            yield
        finally:
            self._in_system_call = False

    def _show_life(self) -> None:
        while True:
            time.sleep(_LIFE_SECONDS)
            if not self._in_system_call:
                self._write(b"\n")

    def _write(self, line: bytes) -> bool:
        """Write a line, after the rest of an earlier one."""
        with self._lock, contextlib.suppress(OSError):
            self._unwritten = self._unwritten[os.write(self._descriptor, self._unwritten) :]
            if not self._unwritten:
                self._unwritten = line[os.write(self._descriptor, line) :]
                return True
        return False
