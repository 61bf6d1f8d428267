"""Write imported traffic as a cassette: redacted, and in the order of time.

Formats with whole exchanges have a stream before the calls that were made while it was open. So
documents are first written as they come, with their times and places in memory (some 75 bytes for
each), and then copied in the order of time.
"""

import os
import shutil
import tempfile
from array import array
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import IO

from msgspec import Struct
from msgspec.structs import replace

from ...proto.api.apis import ServerKind
from ..files.object_path import ObjectPath
from ..format.documents import Document, End, Event, Exchange, Header, Note
from ..format.yaml_writer import format_document
from ..recording.cassette_header import new_header
from ..recording.observations import Observation
from ..recording.output_window import OutputWindow
from ..recording.recording import Recording
from ..redaction.redactor import Redactor
from ..scanning.late_secrets import LateSecrets
from ..storage.new_file import new_file
from .traffic import Traffic

_BLOCK_BYTES = 1 << 20


class ImportResult(Struct, frozen=True, kw_only=True):
    """What was written, and how often each rule of redaction fired."""

    exchanges: int
    events: int
    secrets: dict[str, int]
    is_secret_left: bool


def write_cassette(
    output: Path,
    traffic: Traffic,
    server: ServerKind | None,
    redactor: Redactor,
    max_body_bytes: int,
) -> ImportResult:
    """Write a cassette that takes the name `output` when it is complete.

    Without `server`, the kind is that of the traffic, or a master if that is not known. Raises
    OSError, CassetteError, and what the reader of the traffic raises.
    """
    late_secrets = LateSecrets(redactor)
    told = traffic.server if traffic.header is None else traffic.header.server
    server = server or told or "master"
    recording = Recording(server, redactor, max_body_bytes)
    folder = None if isinstance(output, ObjectPath) else output.resolve().parent
    with tempfile.TemporaryDirectory(dir=folder, prefix=f".{output.name}.") as name:
        path = Path(name) / "imported.yaml"
        with path.open("xb") as file, tempfile.TemporaryFile(dir=name) as unsorted:
            documents = _Documents(unsorted)
            for document, at_seconds in _redacted(traffic, recording, redactor):
                documents.add(document, at_seconds)
            file.write(format_document(_header(traffic, server, redactor)))
            file.writelines(documents.sorted())
            file.flush()
            late_secrets.watch(1, file.tell())
        is_left = late_secrets.are_in([path]) and not late_secrets.redact([path])
        with path.open("rb") as file, new_file(output) as new:
            shutil.copyfileobj(file, new, _BLOCK_BYTES)
    return ImportResult(
        exchanges=documents.exchanges,
        events=documents.events,
        secrets=dict(redactor.counts),
        is_secret_left=is_left,
    )


def _header(traffic: Traffic, server: ServerKind, redactor: Redactor) -> Header:
    rules = redactor.rules
    if (header := traffic.header) is not None:
        ids = list(dict.fromkeys([*header.redaction, *rules.all_ids()]))
        return redactor.redact(replace(header, part=None, redaction=ids, server=server))
    upstream = None if traffic.origins is None else traffic.origins.only
    made = new_header(server, upstream, rules)
    recorder = f"{traffic.tool}, imported by {made.recorder}"
    at = made.recorded_at if traffic.recorded_at is None else traffic.recorded_at
    return redactor.redact(replace(made, recorder=recorder, recorded_at=at))


def _redacted(
    traffic: Traffic, recording: Recording, redactor: Redactor
) -> Iterator[tuple[Document | bytes, float]]:
    """Iterate over the documents of traffic, each with its place in time, without secrets."""
    window = OutputWindow(redactor)
    for item in traffic.items:
        if isinstance(item, Observation):
            for document in recording.feed(item):
                yield document, item.at_seconds
        else:
            for document in window.feed(item):
                yield redactor.redact(document), 0.0


class _Documents:
    """Documents in a temporary file, in the order in which they came."""

    def __init__(self, file: IO[bytes]) -> None:
        self.exchanges = self.events = 0
        self._file = file
        self._times = array("d")
        self._ends = array("Q", [0])

    def add(self, document: Document | bytes, at_seconds: float) -> None:
        """Append a document; if it is formatted already, it is an event of this time."""
        data = document if isinstance(document, bytes) else format_document(document)
        match document:
            case Exchange():
                self.exchanges += 1
                at_seconds = document.answered_at
            case End() | Note():
                at_seconds = document.at
            case Event():
                self.events += 1
                at_seconds = document.at
            case _:
                self.events += 1
        self._file.write(data)
        self._times.append(at_seconds)
        self._ends.append(self._ends[-1] + len(data))

    def sorted(self) -> Iterator[bytes]:
        """Read the documents in the order of time; those of one time as they came."""
        self._file.flush()
        times = self._times
        if all(a <= b for a, b in pairwise(times)):
            self._file.seek(0)
            while block := self._file.read(_BLOCK_BYTES):
                yield block
            return
        for number in sorted(range(len(times)), key=times.__getitem__):
            begin = self._ends[number]
            yield os.pread(self._file.fileno(), self._ends[number + 1] - begin, begin)
