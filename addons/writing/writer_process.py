"""The process that writes the cassette, and the proxy's end of the pipes to it.

Decoding, redacting and formatting hold Python's lock. In the proxy they would delay every stream,
also in a thread. So the proxy only passes on what it observes, and a process of its own
(writer_main.py) makes documents of it. That process runs in its own session, and ignores the
signals that end the proxy: it outlives it, and writes all that has reached it.

    proxy                                    writer
    observations, every 50 ms   -- stdin  -->   documents, one write(2) for what has gathered
    counts, or a failure        <-- stdout --   one JSON object a line; empty lines as signs of life
"""

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable

import msgspec

from ...cassettes.recording.writer_reports import (
    IGNORED_SIGNALS,
    OPEN_SIGNAL,
    WriterConfig,
    WriterStatus,
)
from .observation_queue import ObservationQueue

_PIPE_BYTES = 1 << 20


class WriterProcess:
    """A process that writes what is in a queue, and the pipes to it, which the loop serves.

    `guarded` calls each callback of the loop. `on_status` is called with each report of the
    process, and `on_end` when its reports end. `heard_seconds` is when it last gave a sign of life,
    on the clock of the loop.
    """

    def __init__(
        self,
        config: WriterConfig,
        queue: ObservationQueue,
        guarded: Callable[[Callable[[], None]], None],
        on_status: Callable[[WriterStatus], None],
        on_end: Callable[[], None],
    ) -> None:
        self.heard_seconds = 0.0
        self._queue = queue
        self._written_bytes = 0
        self._guarded, self._on_status, self._on_end = guarded, on_status, on_end
        self._is_pipe_full = self._is_ending = False
        self._partial_line = b""
        # Blocked signals stay blocked in the new process, until it ignores them.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, IGNORED_SIGNALS)
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-P",
                "-m",
                f"{__package__}.writer_main",
                json.dumps(msgspec.to_builtins(config)),  # ASCII, also if the path is not UTF-8.
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # A reader of ours must not wait for a blocked writer.
            start_new_session=True,
        )
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input = self._process.stdin
        self._output = self._process.stdout
        os.set_blocking(self._input.fileno(), False)
        os.set_blocking(self._output.fileno(), False)
        _enlarge_pipe(self._input.fileno())

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    def open(self) -> None:
        """Let the process open the cassette, and then write what is waiting."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self._input.fileno(), OPEN_SIGNAL)
        asyncio.get_running_loop().add_reader(self._output, self._guarded, self._read_status)
        self.write()

    def write(self) -> None:
        """Write what is waiting, as far as the pipe accepts it.

        The pipe does not block. If it is full, the loop goes on when the writer has read from it;
        until then calls do nothing. If it is broken, the writer has ended, and its reports end too.
        """
        if not self._is_pipe_full:
            self._write()

    def end_input(self) -> None:
        """Close the pipe when all is written, which tells the writer to end."""
        self._is_ending = True
        self.heard_seconds = asyncio.get_running_loop().time()
        self.write()

    def leave(self) -> None:
        """Close the pipes at once. The writer ends by itself, after what has reached it."""
        loop = asyncio.get_running_loop()
        for remove, file in (
            (loop.remove_writer, self._input),
            (loop.remove_reader, self._output),
        ):
            if not file.closed:
                remove(file)
                file.close()

    def wait(self) -> int:
        """Wait until the process has ended; return its exit code."""
        return self._process.wait()

    def _write(self) -> None:
        """Write the batches. One that was written in part stays in the queue.

        So if the process is killed, the next one gets it from its beginning.
        """
        if self._input.closed:
            return
        loop = asyncio.get_running_loop()
        try:
            while (batch := self._queue.first) is not None:
                view = memoryview(batch)[self._written_bytes :]
                self._written_bytes += os.write(self._input.fileno(), view[:_PIPE_BYTES])
                if self._written_bytes == len(batch):
                    self._queue.remove_first()
                    self._written_bytes = 0
        except BlockingIOError:
            loop.add_writer(self._input, self._guarded, self._write)
            self._is_pipe_full = True
            return
        except OSError:
            self._is_ending = True
        if self._is_pipe_full:
            loop.remove_writer(self._input)
            self._is_pipe_full = False
        if self._is_ending:
            self._input.close()

    def _read_status(self) -> None:
        """Read the reports that the writer has written.

        A read may end inside a line, which `_partial_line` holds until its rest arrives.
        """
        try:
            data = os.read(self._output.fileno(), 1 << 16)
        except BlockingIOError:
            return
        self.heard_seconds = asyncio.get_running_loop().time()
        *lines, self._partial_line = (self._partial_line + data).split(b"\n")
        for line in filter(None, lines):
            self._on_status(msgspec.json.decode(line, type=WriterStatus))
        if not data and not self._output.closed:
            self.leave()
            self._on_end()


def _enlarge_pipe(fd: int) -> None:
    """Let a pipe hold more, on Linux; elsewhere more waits in memory."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with contextlib.suppress(OSError):
            fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
