"""The process that writes the cassette, and the proxy's end of the pipes to it.

Decoding, redacting and formatting hold Python's lock. In the proxy they would delay every stream,
also in a thread. So the proxy only passes on what it observes, and a process of its own
(writer_main.py) makes documents of it. That process runs in its own session, and ignores the
signals that end the proxy: it outlives it, and writes all that has reached it.

    proxy                                    writer
    observations, every 50 ms   -- stdin  -->   documents, one write(2) for each batch
    counts, or a failure        <-- stdout --   one JSON object a line; empty lines as signs of life
"""

import asyncio
import contextlib
import fcntl
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable

import msgspec

from ...cassettes.format.documents import Side
from ...cassettes.recording import observations
from ...cassettes.recording.writer_reports import WriterConfig, WriterStatus
from ..traffic.guard import describe_error

MAX_WAITING_BYTES = 1 << 25
"""32 MiB may wait for a slow writer; beyond, heads, bodies and notes are dropped and counted."""

_BATCH_BYTES = 1 << 18
"""Bytes of bodies that are sent at once, without waiting for others."""

_PIPE_BYTES = 1 << 20

_PATIENCE_SECONDS = 4.0
"""How long `close` waits for a sign of life: a blocked disk may stop the writer forever."""

DEFAULT_MIN_FREE = 1 << 26
"""Bytes that are left free on the disk, unless it is small."""

IGNORED_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What the writer ignores: it ends after the proxy, even if both get a signal."""


class WriterError(OSError):
    """The cassette cannot be written; the text has the reason."""


class WriterExistsError(WriterError):
    """The cassette already exists. `path` is its path."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path}: already exists: choose another file")
        self.path = path


class WriterProcess:
    """Sends observations to the writer. `send` never waits.

    An observation passes through `_batch` (since the last flush), `_waiting` (encoded, not yet
    written to the pipe) and the pipe. `_dropped` counts the pieces and bytes of bodies that were
    dropped because too much was waiting, by exchange and side. `_lost_exchanges` are those that are
    open, and of which a head was dropped, so that nothing more is sent of them; `_lost_counts` is
    what is to be noted of these and of notes. The first failure is in `failure`; after it nothing
    is sent. `on_failure` is called with it, and when recording is interrupted
    until `on_resume`; `on_problem` with what is wrong while it goes on; `on_complete` when all is
    recorded that was asked for; `on_error` with an error after which recording goes on. Any other
    error in a callback of the loop is a failure.
    """

    def __init__(self, config: WriterConfig) -> None:
        self.path = config.path
        self._flush_seconds = config.flush_seconds
        self.status = WriterStatus()
        self.failure: str | None = None
        self.on_failure: Callable[[str], None] = lambda text: None
        self.on_resume: Callable[[str], None] = lambda text: None
        self.on_problem: Callable[[str], None] = lambda text: None
        self.on_complete: Callable[[], None] = lambda: None
        self.on_error: Callable[[Exception], object] = lambda error: None
        self._batch: list[observations.AnyObservation] = []
        self._batch_bytes = 0
        self._waiting = bytearray()
        self._dropped: dict[tuple[int, Side], tuple[int, int]] = {}
        self._lost_exchanges = set[int]()
        self._lost_counts = Counter[str]()
        self._timer: asyncio.TimerHandle | None = None
        self._is_pipe_full = self._is_closing = self._is_left = False
        self._ended = asyncio.Event()
        self._partial_line = b""
        self._heard_seconds = 0.0
        # Blocked signals stay blocked in the new process, until it ignores them.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, IGNORED_SIGNALS)
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-P",
                "-m",
                f"{__package__}.writer_main",
                msgspec.json.encode(config).decode(),
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

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    @property
    def waiting_bytes(self) -> int:
        """Bytes that wait here, approximately: the framing of the current batch is missing."""
        return len(self._waiting) + self._batch_bytes

    def wait_until_open(self) -> WriterStatus:
        """Wait until the cassette is open; from then on the running loop serves the pipes.

        Raises WriterError if it cannot be opened, WriterExistsError if it already exists.
        """
        line = self._output.readline()
        status = (
            msgspec.json.decode(line, type=WriterStatus)
            if line
            else WriterStatus("the writer process ended at once")
        )
        if status.error is not None:
            self._input.close()
            self._output.close()
            self._process.wait()
            if status.file_exists:
                raise WriterExistsError(self.path)
            raise WriterError(status.error)
        os.set_blocking(self._input.fileno(), False)
        os.set_blocking(self._output.fileno(), False)
        _enlarge_pipe(self._input.fileno())
        loop = asyncio.get_running_loop()
        loop.add_reader(self._output, self._guarded, self._read_status)
        self.status = status
        return status

    def send(self, observation: observations.AnyObservation) -> None:
        """Send an observation; if too much is waiting, heads, bodies and notes are dropped."""
        if self.failure is not None:
            return
        if self._lost_exchanges and observation.exchange in self._lost_exchanges:
            if isinstance(observation, observations.ExchangeEnd):
                self._lost_exchanges.remove(observation.exchange)
            return
        if len(self._waiting) > MAX_WAITING_BYTES and self._drop(observation):
            return
        if self._dropped or self._lost_counts:
            self._report_dropped(observation.at_seconds)
        if isinstance(observation, observations.BodyData):
            self._batch_bytes += len(observation.data)
        elif isinstance(observation, (observations.RequestHead, observations.ResponseHead)):
            self._batch_bytes += sum([len(name) + len(text) for name, text in observation.headers])
        elif isinstance(observation, observations.RecorderNote):
            self._batch_bytes += len(observation.text)
        self._batch.append(observation)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(
                self._flush_seconds, self._guarded, self._flush
            )
        elif self._batch_bytes > _BATCH_BYTES:
            self._flush()

    async def close(self) -> WriterStatus:
        """Send what is waiting, wait until the writer has ended, and return its last status.

        If it shows no sign of life, it is left to itself: it writes what has reached it when the
        disk reacts again.
        """
        self._is_closing = True
        self._guarded(self._flush)
        self._guarded(self._write)
        loop = asyncio.get_running_loop()
        self._heard_seconds = loop.time()
        while not self._is_left and not self._ended.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), _PATIENCE_SECONDS / 8)
            if loop.time() - self._heard_seconds > _PATIENCE_SECONDS and not self._ended.is_set():
                self._leave()
        if not self._is_left and self._process.wait():
            self._fail("the writer process has been killed")
        return self.status

    def discard(self) -> None:
        """Report to the writer that the recording did not start; call `close` afterwards."""
        self._batch.append(observations.RecordingDiscarded(0, 0.0))

    def _leave(self) -> None:
        """Leave a writer alone that does not react."""
        text = "the writer process does not react: is the disk blocked?"
        self._fail(f"{text} {len(self._waiting)} bytes did not reach it")
        loop = asyncio.get_running_loop()
        if not self._input.closed:
            loop.remove_writer(self._input)
            self._input.close()
        loop.remove_reader(self._output)
        self._output.close()
        self._is_left = True

    def _drop(self, observation: observations.AnyObservation) -> bool:
        """Drop an observation that may be large, and return whether it was."""
        exchange, at_seconds = observation.exchange, observation.at_seconds
        match observation:
            case observations.BodyData():
                key = exchange, observation.side
                pieces, size = self._dropped.get(key, (0, 0))
                self._dropped[key] = (pieces + 1, size + len(observation.data))
            case observations.RequestHead():
                self._lost_exchanges.add(exchange)
                self._lost_counts["exchanges"] += 1
            case observations.ResponseHead():
                text = "the response was lost: the disk was too slow"
                self._batch.append(observations.RecorderNote(exchange, at_seconds, text))
                self._batch.append(observations.ExchangeEnd(exchange, at_seconds, "stopped"))
                self._lost_exchanges.add(exchange)
            case observations.RecorderNote():
                self._lost_counts["notes"] += 1
            case _:
                return False
        return True

    def _report_dropped(self, at_seconds: float) -> None:
        if self._lost_counts:
            counts = " and ".join(
                f"{count} {what}" for what, count in sorted(self._lost_counts.items())
            )
            text = f"{counts} were lost: the disk was too slow"
            self._batch.append(observations.RecorderNote(0, at_seconds, text))
            self._lost_counts.clear()
        for (exchange, side), (pieces, size) in self._dropped.items():
            self._batch.append(observations.DroppedData(exchange, at_seconds, side, pieces, size))
        self._dropped.clear()

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._batch:
            batch, self._batch = self._batch, []
            self._batch_bytes = 0
            self._waiting += self._encode(batch)
        if not self._is_pipe_full:
            self._write()

    def _encode(self, batch: list[observations.AnyObservation]) -> bytes:
        """Encode a batch, without the observations that cannot be encoded."""
        try:
            return observations.encode_batch(batch)
        except Exception as error:
            if len(batch) > 1:
                return b"".join([self._encode([one]) for one in batch])
            self.on_error(error)
            return b""

    def _guarded(self, step: Callable[[], None]) -> None:
        """Call a function for the loop. If it raises, stop to record."""
        try:
            step()
        except Exception as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        """Leave the writer, which then ends by itself."""
        loop = asyncio.get_running_loop()
        for remove, file in (
            (loop.remove_writer, self._input),
            (loop.remove_reader, self._output),
        ):
            if not file.closed:
                remove(file)
                file.close()
        self._ended.set()
        try:
            self._fail(describe_error(error))
        except Exception as other:
            self.on_error(other)

    def _write(self) -> None:
        """Write what is waiting, as far as the pipe accepts it.

        The pipe does not block. If it is full, the loop calls this again when the writer has read
        from it; until then `_flush` does not try. If it is broken, the writer has ended: that is a
        failure, and nothing is left to write. When all is written while closing, the pipe is
        closed, which tells the writer to end. `close` calls this after `_flush`, which does not
        while the pipe is full; the pipe may be closed by then.
        """
        if self._input.closed:
            return
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                with memoryview(self._waiting) as view:
                    written = os.write(self._input.fileno(), view[:_PIPE_BYTES])
                del self._waiting[:written]
        except BlockingIOError:
            loop.add_writer(self._input, self._guarded, self._write)
            self._is_pipe_full = True
            return
        except OSError as error:
            self._waiting.clear()
            self._fail(f"the writer process has ended ({error.strerror})")
        if self._is_pipe_full:
            loop.remove_writer(self._input)
            self._is_pipe_full = False
        if self._is_closing:
            self._input.close()

    def _read_status(self) -> None:
        """Read the reports that the writer has written; called by the loop.

        A read may end inside a line, which `_partial_line` holds until its rest arrives. After a
        report with an error the writer ends. Its pipe then reaches the end, which is a failure
        itself, unless one was reported before or `close` asked for it; `close` waits for it.
        """
        try:
            data = os.read(self._output.fileno(), 1 << 16)
        except BlockingIOError:
            return
        self._heard_seconds = asyncio.get_running_loop().time()
        *lines, self._partial_line = (self._partial_line + data).split(b"\n")
        for line in filter(None, lines):
            self._take_status(msgspec.json.decode(line, type=WriterStatus))
        if not data:
            asyncio.get_running_loop().remove_reader(self._output)
            self._output.close()
            if not self._is_closing:
                self._fail("the writer process has ended")
            self._ended.set()

    def _take_status(self, status: WriterStatus) -> None:
        before, self.status = self.status, status
        if status.error is not None:
            self._fail(status.error)
        if status.gap is not None and before.gap is None:
            self.on_failure(f"{self.path}: recording stopped: {status.gap}")
        if status.gap is None and before.gap is not None:
            self.on_resume(f"{self.path}: recording goes on")
        if status.problem is not None and status.problem != before.problem:
            self.on_problem(f"{self.path}: {status.problem}")
        if status.is_complete and not before.is_complete and not self._is_closing:
            self.on_complete()

    def _fail(self, text: str) -> None:
        if self.failure is None:
            self.failure = text
            self._waiting.clear()
            self._batch.clear()
            self.on_failure(f"{self.path}: recording stopped: {text}")


def _enlarge_pipe(fd: int) -> None:
    """Let a pipe hold more, on Linux; elsewhere more waits in memory."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with contextlib.suppress(OSError):
            fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
