"""The loop of the writer process: it reads observations, writes documents, and watches the file.

If no `RecordingStopped` came before the end of the input, the proxy was killed: the open exchanges
are then ended as stopped, and a note reports it. Documents are written whole, one write for each
batch.

While the cassette cannot be written (a full disk, a limit, an I/O error), the traffic is counted
(cassettes/recording/gap.py); recording goes on when it can be written again. It ends when somebody
else has removed or truncated the file.
"""

import os
import select
import time
from collections import Counter
from collections.abc import Sequence

from ...cassettes.format.documents import CassetteError, Document, Event, Exchange, Note
from ...cassettes.recording import observations
from ...cassettes.recording.disk_space import lack_of_space
from ...cassettes.recording.gap import Gap
from ...cassettes.recording.output_file import IncompleteWriteError
from ...cassettes.recording.recording import Recording
from ...cassettes.recording.writer import CassetteWriter
from ...cassettes.recording.writer_reports import SENDS_PER_FLUSH, WriterConfig, WriterStatus
from ...cassettes.redaction.redactor import Redactor
from ...cassettes.scanning.late_secrets import LateSecrets
from ...proto.counted import counted
from .final_redaction import FinalRedaction
from .guarded_recording import GuardedRecording
from .reports import Reports
from .watched_recording import WatchedRecording

_STATUS_SECONDS = 0.25
"""The shortest time between two reports of counts."""

_WATCH_SECONDS = 0.5
"""How often the file and the disk are looked at, and a failed write is tried again."""

_GATHERED_PART = 1 - 1 / SENDS_PER_FLUSH
"""Of the time of a flush, in which observations gather in the pipe, unless there are many.

Waking up takes 0.4 ms, as long as 60 events: with one event every 2 ms it costs 4 µs of each, and
20 if each batch is read when it comes. Gathered data is safe: it outlives the proxy.
"""

_MANY_BYTES = 1 << 16

_KILLED = "the recorder ended without being stopped"


class WritingLoop:
    """Writes until the end of the input.

    While nothing can be written, `_gap` is set, `_unwritten` has the bytes to be written first
    afterwards, `_left_out` the documents of these bytes, and `_tail` the present end of the file.
    After an error, or when the limits of the recording are reached, the input is read and dropped.
    """

    def __init__(self, writer: CassetteWriter, config: WriterConfig, reports: Reports) -> None:
        self._writer, self._config, self._reports = writer, config, reports
        self._recording = Recording(config.server, writer.redactor, config.max_body_bytes)
        self._guarded = GuardedRecording(self._recording)
        self._late_secrets = LateSecrets(writer.redactor)
        self._counts = Counter[type]()
        self._reported_at = self._watched_at = 0.0
        self._last_seconds = writer.elapsed_seconds
        self._is_stopped = self._is_ended = False
        self._gap: Gap | None = None
        self._unwritten: list[bytes] = []
        self._left_out: list[Document | bytes] = []
        self._tail: list[Document | bytes] = []
        self._error: str | None = None
        self._problem: str | None = None
        self._watched = (
            WatchedRecording(writer, lists_documents=config.lists_documents)
            if config.is_watched
            else None
        )
        self._has_news = False

    def run(self) -> None:
        """Write until the end of the input."""
        first_status = WriterStatus(
            elapsed=self._writer.elapsed_seconds,
            last_exchange=self._writer.last_exchange_number,
            last_client=self._writer.last_client_number,
            file_id=self._writer.file_id,
            warnings=self._writer.warnings,
            upstream=Redactor().redact_upstream(self._config.upstream or ""),
        )
        self._reports.write(first_status)
        self._reports.show_life()
        self._read_input()
        if not self._is_stopped and not self._is_ended:
            note = observations.RecorderNote(0, self._last_seconds, _KILLED)
            self._take([note, observations.RecordingStopped(0, self._last_seconds)])
        if self._gap is not None and self._error is None:
            self._end_gap()
        redaction = FinalRedaction(self._writer, self._late_secrets)
        if self._error is None and self._gap is None:
            self._end_redaction(redaction)
        with self._reports.system_call():
            try:
                self._writer.close()
            except OSError as error:
                self._error = self._error or error.strerror
        if self._error is None and redaction.is_needed:
            with self._reports.system_call():
                self._error = redaction.redact_again()
        self._reports.wait_for_proxy()
        while self._report():
            pass

    def _end_redaction(self, redaction: FinalRedaction) -> None:
        """Note which secrets were replaced."""
        try:
            text = redaction.search()
            if text is not None:
                note = Note(note=text, at=round(self._last_seconds, 6))
                with self._reports.system_call():
                    self._writer.write([note])
                self._counts[Note] += 1
                if self._watched is not None:
                    self._watched.watch([note])
        except (CassetteError, OSError) as error:
            self._error = f"it was not searched for late secrets: {error}; run mesotape redact"

    def _read_input(self) -> None:
        decoder = observations.BatchDecoder()
        is_closed = select.poll()
        is_closed.register(0, 0)  # It is woken up by the end of the input, and not by more.
        gathering_ms = min(self._config.flush_seconds * _GATHERED_PART, _WATCH_SECONDS) * 1000
        while True:
            data = None
            if select.select([0], [], [], _WATCH_SECONDS)[0]:
                if not (data := os.read(0, 1 << 20)):
                    return
                batch = decoder.feed(data)
                if batch and isinstance(batch[-1], observations.RecordingDiscarded):
                    self._writer.discard()
                    self._is_ended = True
                elif batch and not self._is_ended:
                    self._take(batch)
            now = time.monotonic()
            if now - self._watched_at >= _WATCH_SECONDS and not self._is_ended:
                self._watched_at = now
                self._watch()
            if data is not None and len(data) < _MANY_BYTES:
                is_closed.poll(gathering_ms)

    def _take(self, batch: list[observations.AnyObservation]) -> None:
        if isinstance(first := batch[0], observations.RecordingContinued):
            self._write(self._continue(first))
        self._last_seconds = batch[-1].at_seconds or self._last_seconds
        # It is the last observation that a proxy sends.
        self._is_stopped = isinstance(batch[-1], observations.RecordingStopped)
        if self._gap is None:
            self._write(self._guarded.make_documents(batch))
            return
        for one in batch:
            self._gap.feed(one)

    def _continue(self, continued: observations.RecordingContinued) -> list[Document | bytes]:
        """Go on with the streams of a process that was killed."""
        self._last_seconds = self._writer.elapsed_seconds
        from ...cassettes.recording.continuing import continue_streams
        from ...cassettes.storage.reader import Cassette

        with Cassette.open(self._writer.path, lenient=True) as cassette:
            first, open_exchanges = continued.first_exchange, set(continued.open_exchanges)
            return [*continue_streams(self._recording, cassette, first, open_exchanges)]

    def _write(self, documents: list[Document | bytes]) -> None:
        if (limit := self._config.max_events) is not None:
            documents = self._up_to(limit, documents)
        try:
            unwritten = self._append(documents)
        except OSError:
            raise
        except Exception:  # Formatting failed, so nothing was written.
            documents = self._guarded.without_unformattable(documents, self._last_seconds)
            unwritten = self._append(documents)
        self._late_secrets.watch(len(self._writer.part_paths), self._writer.length_bytes)
        written = documents[: len(documents) - len(unwritten)]
        self._counts.update(map(type, written))
        if self._watched is not None:
            self._watched.watch(written)
        now = time.monotonic()
        self._has_news = not self._is_ended and now - self._reported_at <= _STATUS_SECONDS
        if not self._has_news:
            self._reported_at = now
            self._report()

    def _append(self, documents: list[Document | bytes]) -> list[bytes]:
        """Write documents; return those that could not be written, after which there is a gap."""
        try:
            with self._reports.system_call():
                self._writer.write(documents)
        except IncompleteWriteError as error:
            lost = documents[len(documents) - len(error.unwritten) :]
            self._begin_gap(error.strerror or str(error), error.unwritten, lost)
            return error.unwritten
        return []

    def _up_to(self, limit: int, documents: list[Document | bytes]) -> list[Document | bytes]:
        """Return the documents up to the last event that is wanted, and then the ends."""
        count = self._counts[Event] + self._counts[bytes]
        for place, document in enumerate(documents, 1):
            count += isinstance(document, Event | bytes)
            if count >= limit:
                self._is_ended = True
                text = f"the recording was to end after {counted(limit, 'event')}"
                left_out = documents[place:]
                return documents[:place] + self._guarded.last_documents(
                    text, self._last_seconds, left_out
                )
        return documents

    def _begin_gap(
        self, reason: str, unwritten: Sequence[bytes], left_out: Sequence[Document | bytes]
    ) -> None:
        self._gap = Gap(reason, self._last_seconds, self._recording.open_exchanges)
        self._unwritten, self._left_out = list(unwritten), list(left_out)
        self._tail = self._guarded.last_documents(
            f"recording stopped: {reason}", self._last_seconds, left_out
        )
        with self._reports.system_call():
            self._writer.pause(self._tail)
        self._report()

    def _end_gap(self) -> None:
        """Go on, if the cassette can be written again."""
        gap = self._gap
        assert gap is not None
        try:
            with self._reports.system_call():
                self._writer.resume(self._unwritten)
        except OSError as error:
            if isinstance(error, IncompleteWriteError):
                self._unwritten = error.unwritten
            with self._reports.system_call():
                self._writer.pause(self._tail)
            return
        self._counts.update(map(type, self._left_out))
        self._gap, self._unwritten, self._left_out = None, [], []
        self._write(self._guarded.make_documents(gap.observations()))
        self._report()

    def _watch(self) -> None:
        """Look at the file and the disk."""
        file = self._writer.file
        try:
            damage = file.damage() if self._gap is None else None
            moved = file.is_renamed()
        except OSError as error:
            damage, moved = error.strerror, False
        if damage is not None:
            self._error, self._is_ended = damage, True
            self._report()
            return
        problem = self._writer.misplaced
        if moved:
            problem = f"the file was renamed; the recording goes on in it, not in {file.path}"
        if problem != self._problem:
            self._problem = problem
            self._report()
        if self._has_news:
            self._has_news = False
            self._report()
        lack = lack_of_space(file, self._config.min_free, is_paused=self._gap is not None)
        if self._gap is not None and lack is None:
            self._end_gap()
        elif self._gap is None and lack is not None:
            self._begin_gap(lack, [], [])

    def _report(self) -> bool:
        """Report what is written so far; return whether documents are left for another report."""
        is_written = self._reports.write(self._status())
        self._has_news = (
            is_written and self._watched is not None and self._watched.forget_reported()
        )
        return self._has_news

    def _status(self) -> WriterStatus:
        counts = self._counts
        status = WriterStatus(
            error=self._error,
            gap=self._gap.reason if self._gap is not None else None,
            problem="; ".join(filter(None, (self._guarded.loss, self._problem))) or None,
            is_complete=self._is_ended and self._error is None,
            exchanges=counts[Exchange],
            events=counts[Event] + counts[bytes],
            notes=counts[Note],
            secrets=dict(self._writer.redactor.counts),
        )
        return status if self._watched is None else self._watched.add_to(status)
