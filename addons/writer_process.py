"""The process that writes the cassette, seen from the proxy.

Decoding, redacting and formatting hold Python's lock, so done in the proxy they would delay every
stream, and a thread would not help. The proxy therefore only passes on what it saw, and a process
of its own (`writing`) makes documents of it. In a session of its own, that process outlives a kill
of the proxy, and writes all that had reached it.

    proxy                                    writer
    facts, every 50 ms       -- stdin  -->   documents, one write(2) for each batch
    counts, or a failure     <-- stdout --   one JSON object a line
"""

import asyncio
import contextlib
import fcntl
import os
import subprocess
import sys
from collections.abc import Callable

import msgspec
from msgspec import Struct

from ..cassettes.format.documents import Side
from ..cassettes.recording import observations
from ..cassettes.recording.writer import ExistingFilePolicy
from ..proto.api.apis import ServerKind

FLUSH_SECONDS = 0.05
"""How long a fact waits for others before it goes to the writer."""

BATCH_BYTES = 1 << 18
MAX_WAITING_BYTES = 1 << 26
"""Bytes that may wait for a slow writer; beyond, bodies are dropped and the loss is noted."""

PIPE_BYTES = 1 << 20


class WriterError(OSError):
    """The cassette cannot be written; the text says why."""


class WriterConfig(Struct, frozen=True):
    """What the writer is asked to do."""

    path: str
    existing: ExistingFilePolicy = "refuse"
    server: ServerKind | None = None
    upstream: str | None = None


class WriterStatus(Struct, frozen=True, omit_defaults=True):
    """What the writer says of itself: first that it began, or why not, and later its counts.

    `elapsed` is where the cassette's clock stood when it began, in seconds; `last_*` are the
    numbers that it held already. `warnings` are about what it held.
    """

    error: str | None = None
    elapsed: float = 0.0
    last_exchange: int = 0
    last_client: int = 0
    warnings: list[str] = msgspec.field(default_factory=list[str])
    exchanges: int = 0
    events: int = 0
    notes: int = 0


class WriterProcess:
    """The proxy's end of the pipe. `send` never waits and never raises."""

    def __init__(self, start: WriterConfig) -> None:
        self.path = start.path
        self.status = WriterStatus()
        self.failure: str | None = None
        self.on_failure: Callable[[str], None] = lambda text: None
        self._batch: list[observations.AnyObservation] = []
        self._batch_bytes = 0
        self._waiting = bytearray()
        self._lost: dict[tuple[int, Side], tuple[int, int]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._blocked = self._closing = False
        self._ended = asyncio.Event()
        self._told = b""
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                f"{__package__}.writer_main",
                msgspec.json.encode(start).decode(),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
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
        """How much waits for it here, about."""
        return len(self._waiting) + self._batch_bytes

    def wait_until_open(self) -> WriterStatus:
        """Wait until the cassette is open, and go on by the running loop; raises WriterError."""
        line = self._output.readline()
        status = (
            msgspec.json.decode(line, type=WriterStatus)
            if line
            else WriterStatus("it ended at once")
        )
        if status.error is not None:
            self.abandon()
            raise WriterError(status.error)
        os.set_blocking(self._input.fileno(), False)
        os.set_blocking(self._output.fileno(), False)
        with contextlib.suppress(OSError):
            fcntl.fcntl(self._input, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        asyncio.get_running_loop().add_reader(self._output, self._listen)
        self.status = status
        return status

    def send(self, fact: observations.AnyObservation) -> None:
        """Pass on a fact; if the writer is far behind, pieces of bodies are dropped and counted."""
        if self.failure is not None:
            return
        if isinstance(fact, observations.BodyData):
            if len(self._waiting) > MAX_WAITING_BYTES:
                pieces, size = self._lost.get((fact.exchange, fact.side), (0, 0))
                self._lost[fact.exchange, fact.side] = (pieces + 1, size + len(fact.data))
                return
            self._batch_bytes += len(fact.data)
        if self._lost:
            self._own_up(fact.at_seconds)
        self._batch.append(fact)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self._flush)
        elif self._batch_bytes > BATCH_BYTES:
            self._flush()

    async def close(self) -> WriterStatus:
        """Hand over what is waiting, wait until it is on disk, and give the last counts."""
        self._closing = True
        self._flush()
        self._write()
        await self._ended.wait()
        self._process.wait()
        return self.status

    def abandon(self) -> None:
        """End a writer that was never begun with; it leaves an empty cassette at most."""
        self._input.close()
        self._output.close()
        self._process.wait()

    def _own_up(self, at: float) -> None:
        for (exchange, side), (pieces, size) in self._lost.items():
            self._batch.append(observations.DroppedData(exchange, at, side, pieces, size))
        self._lost.clear()

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._batch:
            self._waiting += observations.encode_batch(self._batch)
            self._batch.clear()
            self._batch_bytes = 0
        if not self._blocked:
            self._write()

    def _write(self) -> None:
        """Write what the pipe takes; the rest goes when it takes more."""
        if self._input.closed:
            return
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                with memoryview(self._waiting) as view:
                    written = os.write(self._input.fileno(), view[:PIPE_BYTES])
                del self._waiting[:written]
        except BlockingIOError:
            loop.add_writer(self._input, self._write)
            self._blocked = True
            return
        except OSError as error:
            self._waiting.clear()
            self._fail(f"the process that writes it is gone ({error.strerror})")
        if self._blocked:
            loop.remove_writer(self._input)
            self._blocked = False
        if self._closing:
            self._input.close()

    def _listen(self) -> None:
        try:
            data = os.read(self._output.fileno(), 1 << 16)
        except BlockingIOError:
            return
        *lines, self._told = (self._told + data).split(b"\n")
        for line in lines:
            self.status = msgspec.json.decode(line, type=WriterStatus)
            if self.status.error is not None:
                self._fail(self.status.error)
        if not data:
            asyncio.get_running_loop().remove_reader(self._output)
            self._output.close()
            if not self._closing:
                self._fail("the process that writes it ended")
            self._ended.set()

    def _fail(self, text: str) -> None:
        if self.failure is None:
            self.failure = text
            self._waiting.clear()
            self._batch.clear()
            self.on_failure(f"{self.path}: recording stopped: {text}")
