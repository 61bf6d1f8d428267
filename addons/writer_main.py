"""The writer process: reads observations from stdin, writes the cassette, reports on stdout.

It reads until the end of its input. If no `RecordingStopped` came before, the proxy was killed: the
open exchanges are then ended as stopped, and a note reports it. Documents are written whole, one
write for each batch; if the disk is full, the incomplete document is cut off again.
"""

import contextlib
import os
import sys
import time
from collections import Counter

import msgspec

from ..cassettes.format.documents import Document, Event, Exchange, Note
from ..cassettes.recording import observations
from ..cassettes.recording.recording import Recording
from ..cassettes.recording.writer import CassetteExistsError, CassetteWriter
from .writer_process import WriterConfig, WriterStatus

_STATUS_SECONDS = 0.25
"""The shortest time between two reports of counts."""

_KILLED = "the recorder ended without being stopped"


def main() -> None:
    """Write the cassette that the first argument (a `WriterConfig` in JSON) describes."""
    config = msgspec.json.decode(sys.argv[1], type=WriterConfig)
    os.set_blocking(1, False)
    try:
        writer = CassetteWriter.open(config.path, config.existing, config.server, config.upstream)
    except (OSError, ValueError) as error:
        is_existing = isinstance(error, CassetteExistsError)
        _report(WriterStatus(error=str(error), file_exists=is_existing))
        return
    with writer:
        _WritingLoop(writer, config).run()


class _WritingLoop:
    def __init__(self, writer: CassetteWriter, config: WriterConfig) -> None:
        self._writer = writer
        self._recording = Recording(config.server)
        self._counts = Counter[type]()
        self._reported_at = 0.0
        self._last_seconds = writer.elapsed_seconds
        self._is_stopped = False

    def run(self) -> None:
        writer, decoder = self._writer, observations.BatchDecoder()
        first_status = WriterStatus(
            elapsed=writer.elapsed_seconds,
            last_exchange=writer.last_exchange_number,
            last_client=writer.last_client_number,
            warnings=writer.warnings,
        )
        _report(first_status)
        try:
            while data := os.read(0, 1 << 20):
                self._write(self._make_documents(decoder.feed(data)))
            if not self._is_stopped:
                note = observations.RecorderNote(0, self._last_seconds, _KILLED)
                stop = observations.RecordingStopped(0, self._last_seconds)
                self._write(self._make_documents([note, stop]))
        except OSError as error:
            _report(self._status(error.strerror))
        else:
            _report(self._status())

    def _make_documents(self, batch: list[observations.AnyObservation]) -> list[Document | bytes]:
        """Make documents of observations; one that raises becomes a note and ends nothing."""
        documents: list[Document | bytes] = []
        for one in batch:
            try:
                documents += self._recording.feed(one)
            except Exception as error:
                text = f"not recorded: {type(error).__name__}: {error}"
                documents.append(Note(note=text, at=one.at_seconds, of=one.exchange or None))
        if batch:
            self._last_seconds = batch[-1].at_seconds
            # It is the last observation that a proxy sends.
            self._is_stopped = isinstance(batch[-1], observations.RecordingStopped)
        return documents

    def _write(self, documents: list[Document | bytes]) -> None:
        self._writer.write(documents)
        self._counts.update(map(type, documents))
        now = time.monotonic()
        if now - self._reported_at > _STATUS_SECONDS:
            self._reported_at = now
            _report(self._status())

    def _status(self, error: str | None = None) -> WriterStatus:
        counts = self._counts
        return WriterStatus(
            error=error,
            exchanges=counts[Exchange],
            events=counts[Event] + counts[bytes],
            notes=counts[Note],
        )


def _report(status: WriterStatus) -> None:
    """Write a status as a line, unless the proxy has ended or does not read."""
    with contextlib.suppress(OSError):
        os.write(1, msgspec.json.encode(status) + b"\n")


if __name__ == "__main__":
    main()
