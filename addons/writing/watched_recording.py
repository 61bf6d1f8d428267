"""What a terminal shows of a recording: its size, the open streams, the last note.

It looks at the documents that are written, so recording itself does nothing more. The last event of
a stream is kept, and parsed only for a report.
"""

import re
from collections.abc import Iterable

from msgspec.structs import replace

from ...cassettes.format.documents import Document, End, Event, Exchange, Note
from ...cassettes.recording.writer import CassetteWriter
from ...cassettes.recording.writer_reports import OpenStream, WriterStatus

_MOST_REPORTED = 12

_TYPE = re.compile(r'"type": ?"(\w{1,60})"')
_TYPE_CHARACTERS = 300
"""Mesos writes the type first, in both encodings."""

_EVENT = re.compile(rb"---\nevent: ([0-9]+)\nof: ([0-9]+)\nat: ([0-9.]+)\n")


class WatchedRecording:
    """Watches documents. A stream that was open before the first one has no call."""

    def __init__(self, writer: CassetteWriter) -> None:
        self._writer = writer
        self._calls: dict[int, str] = {}
        self._last: dict[int, Event | bytes] = {}
        self._last_note = ""

    def watch(self, documents: Iterable[Document | bytes]) -> None:
        """Look at documents that were written."""
        for document in documents:
            match document:
                case bytes():
                    if (head := _EVENT.match(document)) is not None:
                        self._last[int(head[2])] = document
                case Event(from_=None):
                    self._last[document.of] = document
                case Exchange() if document.response.stream is not None:
                    self._calls[document.exchange] = _call(document)
                case End(from_=None):
                    self._calls.pop(document.end, None)
                    self._last.pop(document.end, None)
                case Note():
                    self._last_note = document.note
                case _:
                    pass

    def add_to(self, status: WriterStatus) -> WriterStatus:
        """Return a report with what was watched."""
        numbers = dict.fromkeys((*self._calls, *self._last))
        streams = sorted(map(self._describe, numbers), key=lambda each: -each.last_at)
        return replace(
            status,
            size=self._size(),
            stream_count=len(streams),
            streams=streams[:_MOST_REPORTED],
            last_note=self._last_note,
        )

    def _size(self) -> int:
        return self._writer.earlier_bytes + self._writer.length_bytes

    def _describe(self, number: int) -> OpenStream:
        call, last = self._calls.get(number, ""), self._last.get(number)
        match last:
            case None:
                return OpenStream(exchange=number, call=call)
            case bytes():
                head = _EVENT.match(last)
                assert head is not None
                count, at = int(head[1]), float(head[3])
                text = last[head.end() : head.end() + _TYPE_CHARACTERS].decode(errors="replace")
            case Event():
                count, at = last.event, last.at
                text = last.json or last.proto or ""
        return OpenStream(
            exchange=number, call=call, events=count, last_type=_type(text), last_at=at
        )


def _type(text: str) -> str:
    found = _TYPE.search(text[:_TYPE_CHARACTERS])
    return "" if found is None else found[1]


def _call(exchange: Exchange) -> str:
    """Return the type of a call, or the method and path."""
    request = exchange.request
    return _type(request.json or request.proto or "") or f"{request.method} {request.path}"
