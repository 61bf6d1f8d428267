"""What the writer process tells the proxy, on its stdout."""

import contextlib
import os
import threading
import time
from collections.abc import Generator

import msgspec

from ...cassettes.recording.writer_reports import WriterStatus

_LIFE_SECONDS = 0.5


class Reports:
    """Writes a status as a line, unless the proxy has ended or does not read."""

    def __init__(self) -> None:
        self._in_system_call = False
        os.set_blocking(1, False)

    def write(self, status: WriterStatus) -> None:
        """Write a status."""
        with contextlib.suppress(OSError):
            os.write(1, msgspec.json.encode(status) + b"\n")

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
                with contextlib.suppress(OSError):
                    os.write(1, b"\n")
