"""The client of the process that writes the cassette: the recorder sends its observations here."""

import asyncio
import contextlib
from collections.abc import Callable

from msgspec.structs import replace

from ...cassettes.recording import observations
from ...cassettes.recording.writer_reports import (
    SENDS_PER_FLUSH,
    DocumentReport,
    WriterConfig,
    WriterStatus,
)
from ...proto.counted import counted
from ..traffic.guard import describe_error
from .observation_queue import ObservationQueue
from .writer_process import WriterProcess

_BATCH_BYTES = 1 << 18
"""Bytes of bodies that are sent at once, without waiting for others."""

_PATIENCE_SECONDS = 4.0
"""How long `close` waits for a sign of life: a blocked disk may stop the writer forever."""

_MOST_RESTARTS = 3
"""How often a writer that was killed is replaced by another one."""


class WriterError(OSError):
    """The cassette cannot be written; the text has the reason."""


class WriterExistsError(WriterError):
    """The cassette already exists. `path` is its path."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path}: already exists: choose another file")
        self.path = path


class WriterClient:
    """Starts the writer, and sends observations to it. `send` never waits.

    The writer starts with this object, but touches no file before `open`.

    A writer that was killed is replaced by another one, which goes on in the cassette. The first
    that it gets is what `on_restart` returns.

    The first failure is in `failure`; after it nothing is sent. `on_failure` is called with it, and
    when recording is interrupted until `on_resume`; `on_problem` with what is wrong while it goes
    on; `on_complete` when all is recorded that was asked for; `on_document` with each document that
    is listed; `on_error` with an error after which recording goes on. Any other error in a callback
    of the loop is a failure.
    """

    def __init__(self, config: WriterConfig) -> None:
        self.path = config.path
        self.status = WriterStatus()
        self.failure: str | None = None
        self.on_restart = lambda: observations.RecordingContinued(0, 0.0, 1, [])
        self.on_failure: Callable[[str], None] = lambda text: None
        self.on_resume: Callable[[str], None] = lambda text: None
        self.on_problem: Callable[[str], None] = lambda text: None
        self.on_complete: Callable[[], None] = lambda: None
        self.on_document: Callable[[DocumentReport], None] = lambda document: None
        self.on_error: Callable[[Exception], object] = lambda error: None
        self._config = config
        self._queue = ObservationQueue(lambda error: self.on_error(error))
        self._timer: asyncio.TimerHandle | None = None
        self._restarts = 0
        self._is_restarting = False
        self._counted = WriterStatus()
        self._is_open = self._is_closing = self._is_left = False
        self._ended = asyncio.Event()
        self._opened: asyncio.Future[WriterStatus] = asyncio.get_running_loop().create_future()
        self._process = self._start(config)

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    @property
    def waiting_bytes(self) -> int:
        """Bytes that wait here, approximately."""
        return self._queue.size_bytes

    async def open(self) -> WriterStatus:
        """Wait until the cassette is open, and return the first report.

        Raises WriterError if it cannot be opened, WriterExistsError if it already exists. If this
        is cancelled, the writer is left alone: it opens nothing, or removes it again.
        """
        self._process.open()
        try:
            status = await self._opened
        except asyncio.CancelledError:
            self.discard()
            self._flush()
            self._process.leave()
            self._is_left = True
            raise
        if status.error is not None:
            self.cancel()
            if status.file_exists:
                raise WriterExistsError(self.path)
            raise WriterError(status.error)
        self._is_open = True
        return status

    def cancel(self) -> None:
        """End the writer, unless it has opened the cassette or does not react."""
        if not self._is_open and not self._is_left:
            self._process.leave()
            self._process.wait()

    def send(self, observation: observations.AnyObservation) -> None:
        """Send an observation; if too much is waiting, heads, bodies and notes are dropped."""
        if self.failure is not None:
            return
        self._queue.add(observation)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(
                self._config.flush_seconds / SENDS_PER_FLUSH, self._guarded, self._flush
            )
        elif self._queue.batch_bytes > _BATCH_BYTES:
            self._flush()

    async def close(self) -> WriterStatus:
        """Send what is waiting, wait until the writer has ended, and return its last status.

        If it shows no sign of life, it is left to itself: it writes what has reached it when the
        disk reacts again.
        """
        self._is_closing = True
        self._guarded(self._flush)
        self._guarded(self._process.end_input)
        loop = asyncio.get_running_loop()
        while not self._is_left and not self._ended.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), _PATIENCE_SECONDS / 8)
            silence = loop.time() - self._process.heard_seconds
            if silence > _PATIENCE_SECONDS and not self._ended.is_set():
                self._leave()
        if not self._is_left and self._process.wait():
            self._fail("the writer process has been killed")
        return self.status

    def discard(self) -> None:
        """Report to the writer that the recording did not start; call `close` afterwards."""
        self._queue.add(observations.RecordingDiscarded(0, 0.0))

    def _leave(self) -> None:
        """Leave a writer alone that does not react."""
        text = "the writer process does not react: is the disk blocked?"
        self._fail(f"{text} {counted(self._queue.waiting_bytes, 'byte')} did not reach it")
        self._process.leave()
        self._is_left = True

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._queue.flush()
        self._process.write()

    def _guarded(self, step: Callable[[], None]) -> None:
        """Call a function for the loop. If it raises, stop to record."""
        try:
            step()
        except Exception as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        """Leave the writer, which then ends by itself."""
        self._process.leave()
        self._ended.set()
        if not self._opened.done():
            self._opened.set_result(WriterStatus(error=describe_error(error)))
        try:
            self._fail(describe_error(error))
        except Exception as other:
            self.on_error(other)

    def _start(self, config: WriterConfig) -> WriterProcess:
        return WriterProcess(config, self._queue, self._guarded, self._take_status, self._end)

    def _end(self) -> None:
        """Start another writer if this one was killed.

        It ends by itself after a report with an error, and when `close` asked for it.
        """
        if not self._opened.done():
            self._take_first_status(WriterStatus("the writer process ended at once"))
        if self._is_closing or self.failure is not None:
            self._ended.set()
        elif self._restarts == _MOST_RESTARTS:
            self._fail(f"the writer process has ended {_MOST_RESTARTS + 1} times")
            self._ended.set()
        else:
            self._restart()

    def _restart(self) -> None:
        """Start another writer, which goes on in the cassette."""
        self.on_failure(f"{self.path}: recording stopped: the writer process has ended")
        self._process.wait()
        self._restarts += 1
        self._is_restarting = True
        self.status = self._counted = replace(self.status, gap=None, problem=None)
        self._queue.put_first(self.on_restart())
        self._process = self._start(self._continuing_config())
        self._process.open()

    def _continuing_config(self) -> WriterConfig:
        limit = self._config.max_events
        return replace(
            self._config,
            existing="append",
            continues=self._opened.result().file_id,
            max_events=None if limit is None else max(1, limit - self._counted.events),
        )

    def _take_first_status(self, status: WriterStatus) -> None:
        self.status, self.failure = status, status.error
        self._opened.set_result(status)

    def _take_status(self, status: WriterStatus) -> None:
        if not self._opened.done():
            self._take_first_status(status)
            return
        before, self.status = self.status, status.plus(self._counted)
        for document in status.documents:
            self.on_document(document)
        if status.error is not None:
            self._fail(status.error)
        elif self._is_restarting or (status.gap is None and before.gap is not None):
            self.on_resume(f"{self.path}: recording goes on")
        self._is_restarting = False
        if status.gap is not None and before.gap is None:
            self.on_failure(f"{self.path}: recording stopped: {status.gap}")
        if status.problem is not None and status.problem != before.problem:
            self.on_problem(f"{self.path}: {status.problem}")
        if status.is_complete and not before.is_complete and not self._is_closing:
            self.on_complete()

    def _fail(self, text: str) -> None:
        if self.failure is None:
            self.failure = text
            self._queue.clear()
            self.on_failure(f"{self.path}: recording stopped: {text}")
