"""The writer process: reads observations from stdin, writes the cassette, reports on stdout.

It reads until the end of its input, and ignores the signals that end the proxy. If no
`RecordingStopped` came before the end, the proxy was killed: the open exchanges are then ended as
stopped, and a note reports it. Documents are written whole, one write for each batch.

While the cassette cannot be written (a full disk, a limit, an I/O error), the traffic is counted
(cassettes/recording/gap.py); recording goes on when it can be written again. It ends when somebody
else has removed or truncated the file.
"""

import contextlib
import os
import select
import signal
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Generator, Sequence
from pathlib import Path

import msgspec

from ...cassettes.format.documents import CassetteError, Document, Event, Exchange, Note
from ...cassettes.recording import observations
from ...cassettes.recording.gap import Gap
from ...cassettes.recording.output_file import CassetteExistsError, IncompleteWriteError
from ...cassettes.recording.recording import Recording
from ...cassettes.recording.writer import CassetteWriter
from ...cassettes.redaction.rules import counts_text
from ...cassettes.scanning.late_secrets import LateSecrets
from .writer_process import DEFAULT_MIN_FREE, IGNORED_SIGNALS, WriterConfig, WriterStatus

_STATUS_SECONDS = 0.25
"""The shortest time between two reports of counts."""

_WATCH_SECONDS = 0.5
"""How often the file and the disk are looked at, and a failed write is tried again."""

_MIN_FREE_SHARE = 20
"""By default, recording pauses when less than this part of the disk is free, if that is less."""

_KILLED = "the recorder ended without being stopped"


def main() -> None:
    """Write the cassette that the first argument (a `WriterConfig` in JSON) describes."""
    for number in IGNORED_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, IGNORED_SIGNALS)
    config = msgspec.json.decode(sys.argv[1], type=WriterConfig)
    os.set_blocking(1, False)
    try:
        writer = CassetteWriter.open(
            config.path,
            config.existing,
            config.server,
            config.upstream,
            config.rules,
            sync=config.sync,
            max_part_bytes=config.max_size,
        )
    except (OSError, ValueError) as error:
        is_existing = isinstance(error, CassetteExistsError)
        _report(WriterStatus(error=str(error), file_exists=is_existing))
        return
    loop = _WritingLoop(writer, config)
    if (lack := loop.lack_of_space()) is not None:
        writer.discard()
        _report(WriterStatus(error=f"{config.path}: cannot be written: {lack}"))
        return
    try:
        loop.run()
    except Exception as error:  # Its text may have a secret.
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(frame.filename).name}:{frame.lineno}"
        _report(WriterStatus(error=f"the writer process failed: {type(error).__name__} at {place}"))


class _WritingLoop:
    """Writes until the end of the input.

    While nothing can be written, `_gap` is set, `_unwritten` has the bytes to be written first
    afterwards, `_left_out` the documents of these bytes, and `_tail` the present end of the file.
    After an error, or when the limits of the recording are reached, the input is read and dropped.
    """

    def __init__(self, writer: CassetteWriter, config: WriterConfig) -> None:
        self._writer = writer
        self._config = config
        self._recording = Recording(config.server, writer.redactor, config.max_body_bytes)
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
        self._in_system_call = False

    def run(self) -> None:
        first_status = WriterStatus(
            elapsed=self._writer.elapsed_seconds,
            last_exchange=self._writer.last_exchange_number,
            last_client=self._writer.last_client_number,
            warnings=self._writer.warnings,
        )
        _report(first_status)
        threading.Thread(target=self._show_life, daemon=True).start()
        self._read_input()
        if not self._is_stopped and not self._is_ended:
            note = observations.RecorderNote(0, self._last_seconds, _KILLED)
            self._take([note, observations.RecordingStopped(0, self._last_seconds)])
        if self._gap is not None and self._error is None:
            self._end_gap()
        needs_rewriting = self._end_redaction()
        with self._system_call():
            try:
                self._writer.close()
            except OSError as error:
                self._error = self._error or error.strerror
        if needs_rewriting and self._error is None:
            self._redact_again()
        _report(self._status())

    def _end_redaction(self) -> bool:
        """Note which secrets were replaced; return whether the cassette is to be redacted again.

        That is so if some were written too early, and if the header of a cassette that is continued
        does not list all rules, by which a replay compares requests.
        """
        counts, file = self._writer.redactor.counts, self._writer.file
        if not counts or file.fd < 0 or self._error is not None or self._gap is not None:
            return False
        text = f"secrets replaced: {counts_text(counts)}"
        are_late = False
        try:
            if not file.is_renamed():
                are_late = self._late_secrets.are_in(self._writer.part_paths)
            if are_late:
                text += "; some were known late, so the cassette was redacted again"
            with self._system_call():
                self._writer.write([Note(note=text, at=round(self._last_seconds, 6))])
            self._counts[Note] += 1
        except (CassetteError, OSError) as error:
            self._error = f"it was not searched for late secrets: {error}; run mesotape redact"
        return are_late or not self._writer.lists_rules

    def _redact_again(self) -> None:
        paths = self._writer.part_paths
        reason = "it is in a name"
        try:
            with self._system_call():
                if self._late_secrets.redact(paths):
                    return
        except (CassetteError, OSError) as error:
            reason = str(error)
        self._error = f"a secret is left: {reason}; run mesotape redact {paths[0]}"

    def _read_input(self) -> None:
        decoder = observations.BatchDecoder()
        while True:
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

    def _take(self, batch: list[observations.AnyObservation]) -> None:
        self._last_seconds = batch[-1].at_seconds
        # It is the last observation that a proxy sends.
        self._is_stopped = isinstance(batch[-1], observations.RecordingStopped)
        if self._gap is None:
            self._write(self._make_documents(batch))
            return
        for one in batch:
            self._gap.feed(one)

    def _make_documents(
        self, batch: Sequence[observations.AnyObservation]
    ) -> list[Document | bytes]:
        """Make documents of observations; one that raises becomes a note and ends nothing."""
        documents: list[Document | bytes] = []
        for one in batch:
            try:
                documents += self._recording.feed(one)
            except Exception as error:
                # Its message could quote a secret.
                text = f"not recorded: {type(error).__name__}"
                documents.append(Note(note=text, at=one.at_seconds, of=one.exchange or None))
        return documents

    def _write(self, documents: list[Document | bytes]) -> None:
        if (limit := self._config.max_events) is not None:
            documents = self._up_to(limit, documents)
        unwritten: list[bytes] = []
        try:
            with self._system_call():
                self._writer.write(documents)
        except IncompleteWriteError as error:
            unwritten = error.unwritten
            lost = documents[len(documents) - len(unwritten) :]
            self._begin_gap(error.strerror or str(error), unwritten, lost)
        self._late_secrets.watch(len(self._writer.part_paths), self._writer.length_bytes)
        self._counts.update(map(type, documents[: len(documents) - len(unwritten)]))
        now = time.monotonic()
        if self._is_ended or now - self._reported_at > _STATUS_SECONDS:
            self._reported_at = now
            _report(self._status())

    def _up_to(self, limit: int, documents: list[Document | bytes]) -> list[Document | bytes]:
        """Return the documents up to the last event that is wanted, and then the ends."""
        count = self._counts[Event] + self._counts[bytes]
        for place, document in enumerate(documents, 1):
            count += isinstance(document, Event | bytes)
            if count >= limit:
                self._is_ended = True
                text = f"the recording was to end after {limit} events"
                return documents[:place] + self._last_documents(text, documents[place:])
        return documents

    def _last_documents(
        self, text: str, left_out: Sequence[Document | bytes]
    ) -> list[Document | bytes]:
        """Return a note, and ends of all streams of which the exchange is not left out."""
        at = round(self._last_seconds, 6)
        missing = {each.exchange for each in left_out if isinstance(each, Exchange)}
        ends = [each for each in self._recording.stream_ends(at) if each.end not in missing]
        return [Note(note=text, at=at), *ends]

    def _begin_gap(
        self, reason: str, unwritten: Sequence[bytes], left_out: Sequence[Document | bytes]
    ) -> None:
        self._gap = Gap(reason, self._last_seconds, self._recording.open_exchanges)
        self._unwritten, self._left_out = list(unwritten), list(left_out)
        self._tail = self._last_documents(f"recording stopped: {reason}", left_out)
        with self._system_call():
            self._writer.pause(self._tail)
        _report(self._status())

    def _end_gap(self) -> None:
        """Go on, if the cassette can be written again."""
        gap = self._gap
        assert gap is not None
        try:
            with self._system_call():
                self._writer.resume(self._unwritten)
        except OSError as error:
            if isinstance(error, IncompleteWriteError):
                self._unwritten = error.unwritten
            with self._system_call():
                self._writer.pause(self._tail)
            return
        self._counts.update(map(type, self._left_out))
        self._gap, self._unwritten, self._left_out = None, [], []
        self._write(self._make_documents(gap.observations()))
        _report(self._status())

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
            _report(self._status())
            return
        problem = self._writer.misplaced
        if moved:
            problem = f"the file was renamed; the recording goes on in it, not in {file.path}"
        if problem != self._problem:
            self._problem = problem
            _report(self._status())
        lack = self.lack_of_space()
        if self._gap is not None and lack is None:
            self._end_gap()
        elif self._gap is None and lack is not None:
            self._begin_gap(lack, [], [])

    def lack_of_space(self) -> str | None:
        """Return how little space is left on the disk, if it is too little to record."""
        try:
            free_bytes, size_bytes = self._writer.file.free_bytes()
        except OSError:
            return None
        least_bytes = self._config.min_free
        if least_bytes is None:
            least_bytes = min(DEFAULT_MIN_FREE, size_bytes // _MIN_FREE_SHARE)
        if self._gap is not None:
            least_bytes += least_bytes // 4  # So that it does not begin and end all the time.
        if free_bytes >= least_bytes:
            return None
        return f"only {free_bytes >> 20} MiB are free on the disk"

    @contextlib.contextmanager
    def _system_call(self) -> Generator[None]:
        self._in_system_call = True
        try:
            yield
        finally:
            self._in_system_call = False

    def _show_life(self) -> None:
        """Write empty lines while the disk does not block."""
        while True:
            time.sleep(_WATCH_SECONDS)
            if not self._in_system_call:
                with contextlib.suppress(OSError):
                    os.write(1, b"\n")

    def _status(self) -> WriterStatus:
        counts = self._counts
        return WriterStatus(
            error=self._error,
            gap=self._gap.reason if self._gap is not None else None,
            problem=self._problem,
            is_complete=self._is_ended and self._error is None,
            exchanges=counts[Exchange],
            events=counts[Event] + counts[bytes],
            notes=counts[Note],
            secrets=dict(self._writer.redactor.counts),
        )


def _report(status: WriterStatus) -> None:
    """Write a status as a line, unless the proxy has ended or does not read."""
    with contextlib.suppress(OSError):
        os.write(1, msgspec.json.encode(status) + b"\n")


if __name__ == "__main__":
    main()
