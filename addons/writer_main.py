"""The process that writes the cassette: facts come in on stdin, counts go out on stdout.

It reads until its input ends. Without a `Stop` before that end the proxy was killed: what is open
is then ended as stopped, and a note says so. Documents are written whole, one write for each batch;
if the disk is full, what was written of a document is cut off again.
"""

import contextlib
import os
import sys
import time
from collections import Counter

import msgspec

from ..cassettes.format.documents import Document, Event, Exchange, Note
from ..cassettes.recording import observations, writer
from ..cassettes.recording.recording import Recording
from .writer_process import WriterConfig, WriterStatus

STATUS_SECONDS = 0.25
KILLED = "the recorder ended without being stopped"


def main() -> None:
    """Write the cassette that the first argument (a `Start` in JSON) describes."""
    start = msgspec.json.decode(sys.argv[1], type=WriterConfig)
    os.set_blocking(1, False)
    try:
        tape = writer.CassetteWriter.open(start.path, start.existing, start.server, start.upstream)
    except (OSError, ValueError) as error:
        _tell(WriterStatus(error=str(error)))
        return
    with tape:
        _Writing(tape, start).run()


class _Writing:
    def __init__(self, tape: writer.CassetteWriter, start: WriterConfig) -> None:
        self._tape = tape
        self._recording = Recording(start.server)
        self._counts = Counter[type]()
        self._told_at = 0.0
        self._at = tape.elapsed_seconds
        self._stopped = False

    def run(self) -> None:
        tape, frames = self._tape, observations.BatchDecoder()
        first = WriterStatus(
            elapsed=tape.elapsed_seconds,
            last_exchange=tape.last_exchange_number,
            last_client=tape.last_client_number,
            warnings=tape.warnings,
        )
        _tell(first)
        try:
            while data := os.read(0, 1 << 20):
                self._write(self._documents(frames.feed(data)))
            if not self._stopped:
                killed, stop = (
                    observations.RecorderNote(0, self._at, KILLED),
                    observations.RecordingStopped(0, self._at),
                )
                self._write(self._documents([killed, stop]))
        except OSError as error:
            _tell(self._status(error.strerror))
        else:
            _tell(self._status())

    def _documents(self, batch: list[observations.AnyObservation]) -> list[Document | bytes]:
        """Feed facts; one that cannot be understood becomes a note and ends nothing."""
        documents: list[Document | bytes] = []
        for fact in batch:
            try:
                documents += self._recording.feed(fact)
            except Exception as error:
                text = f"not recorded: {type(error).__name__}: {error}"
                documents.append(Note(note=text, at=fact.at_seconds, of=fact.exchange or None))
        if batch:
            self._at = batch[-1].at_seconds
            self._stopped = isinstance(batch[-1], observations.RecordingStopped)  # It is sent last.
        return documents

    def _write(self, documents: list[Document | bytes]) -> None:
        self._tape.write(documents)
        self._counts.update(map(type, documents))
        now = time.monotonic()
        if now - self._told_at > STATUS_SECONDS:
            self._told_at = now
            _tell(self._status())

    def _status(self, error: str | None = None) -> WriterStatus:
        counts = self._counts
        return WriterStatus(
            error=error,
            exchanges=counts[Exchange],
            events=counts[Event] + counts[bytes],
            notes=counts[Note],
        )


def _tell(status: WriterStatus) -> None:
    """Write a line if the proxy is there to read it."""
    with contextlib.suppress(OSError):
        os.write(1, msgspec.json.encode(status) + b"\n")


if __name__ == "__main__":
    main()
