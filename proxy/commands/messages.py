"""Messages on stderr and lines of JSON on stdout, which never wait for the program that reads them.

A pipe holds 64 KiB. If its reader has stopped, or never begins, a write to it waits, and a server
that waits there serves nobody. So a thread writes, and messages wait in memory. If too many wait,
later ones are dropped, and a message says how many where the gap is.
"""

import os
import select
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import Literal

from ...proto.counted import counted, was

MAX_WAITING_BYTES = 1 << 20
"""Some thousand reports of misses."""

_STALL_SECONDS = 1.0
"""How long `flush` waits for a reader that reads nothing."""

_FLUSH_SECONDS = 5.0
"""How long `flush` waits for a reader that is slow."""


type Output = Literal["stdout", "stderr"]


class MessageWriter:
    """Writes text to an output in a thread of its own, which the first message starts.

    `describe_dropped` returns the line that stands for a number of dropped messages. A closed
    output, a broken pipe and a full disk lose a message and raise nothing.
    """

    def __init__(
        self,
        output: Output,
        describe_dropped: Callable[[int], str],
        max_waiting_bytes: int = MAX_WAITING_BYTES,
    ) -> None:
        self._output: Output = output
        self._describe_dropped = describe_dropped
        self._max_waiting_bytes = max_waiting_bytes
        self._waiting = deque[str]()
        self._waiting_bytes = 0
        self._dropped_count = 0
        self._written_count = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def write(self, text: str) -> None:
        """Write text, or drop it if too much waits."""
        with self._changed:
            if self._waiting_bytes + len(text) > self._max_waiting_bytes:
                self._dropped_count += 1
                return
            self._note_dropped()
            self._add(text)

    def flush(self) -> None:
        """Wait until all is written, but not for a reader that does not read."""
        with self._changed:
            self._note_dropped()
            deadline_count = int(_FLUSH_SECONDS / _STALL_SECONDS)
            while self._waiting and deadline_count > 0:
                written_count = self._written_count
                self._changed.wait_for(lambda: not self._waiting, _STALL_SECONDS)
                deadline_count -= 1
                if self._written_count == written_count:
                    return

    def _note_dropped(self) -> None:
        if self._dropped_count:
            number, self._dropped_count = self._dropped_count, 0
            self._add(f"{self._describe_dropped(number)}\n")

    def _add(self, text: str) -> None:
        self._waiting.append(text)
        self._waiting_bytes += len(text)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._output, daemon=True)
            self._thread.start()
        if len(self._waiting) == 1:  # Only then the thread waits for it.
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                text = self._waiting[0]
            _write(self._output, text)
            with self._changed:
                self._waiting.popleft()
                self._waiting_bytes -= len(text)
                self._written_count += 1
                self._changed.notify_all()


def open_standard_files() -> None:
    """Open stdin, stdout and stderr on nothing where they are closed.

    Otherwise the next file or socket gets their number: the event loop that of stderr, for example.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # It gets the lowest number that is free.
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115


def _write(output: Output, text: str) -> None:
    # A file descriptor is written to directly: data that its buffer cannot write would be written
    # again at exit, and make the exit code 120. Whatever replaces stderr (rich, for a status line)
    # has no such buffer.
    stream = getattr(sys, output)
    if stream is None:  # It was closed at the start.
        return
    try:
        if stream is not getattr(sys, f"__{output}__"):
            stream.write(text)
            stream.flush()
            return
        unwritten = memoryview(text.encode(stream.encoding, "backslashreplace"))
        while unwritten:
            try:
                unwritten = unwritten[os.write(stream.fileno(), unwritten) :]
            except BlockingIOError:  # Another program has made the pipe non-blocking.
                select.select([], [stream.fileno()], [])
    except (OSError, ValueError):
        pass


def _dropped_messages(count: int) -> str:
    return f"mesotape: {counted(count, 'message')} {was(count)} dropped here: stderr was not read"


messages = MessageWriter("stderr", _dropped_messages)
"""Those of this process. The program flushes it before it ends."""

json_lines = MessageWriter("stdout", lambda count: f'{{"event":"dropped","lines":{count}}}')
"""The lines of JSON that are printed while a command runs."""
