"""What a user sees of a recording: its size, the open streams, the last note; or each document.

It looks at the documents that are written, so recording itself does nothing more. The last event of
a stream is kept, and parsed only for a report.
"""

import re
from collections.abc import Iterable
from itertools import accumulate, takewhile

from msgspec.structs import replace

from ...cassettes.format.documents import Document, End, Event, Exchange, Note
from ...cassettes.recording.writer import CassetteWriter
from ...cassettes.recording.writer_reports import DocumentReport, OpenStream, WriterStatus

_MOST_REPORTED = 12

_MOST_DOCUMENTS = 10_000
"""Documents that wait to be reported; of any more only the number is."""

_REPORT_CHARACTERS = 30_000
"""About half of what a pipe holds. A report has documents of this size, and at least one."""

_MOST_CHARACTERS = 1000
"""Of a path or a note."""

_TYPE = re.compile(r'"type": ?"(\w{1,60})"')
_TYPE_CHARACTERS = 300
"""Mesos writes the type first, in both encodings."""

_EVENT = re.compile(rb"---\nevent: ([0-9]+)\nof: ([0-9]+)\nat: ([0-9.]+)\n")


class WatchedRecording:
    """Watches documents. A stream that was open before the first one has no call."""

    def __init__(self, writer: CassetteWriter, *, lists_documents: bool = False) -> None:
        self._writer = writer
        self._lists_documents = lists_documents
        self._documents: list[DocumentReport] = []
        self._reported_count = 0
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
                case Exchange():
                    if document.response.stream is not None:
                        self._calls[document.exchange] = _call(document)
                    self._report(document)
                case End(from_=None):
                    self._report(document)
                    self._calls.pop(document.end, None)
                    self._last.pop(document.end, None)
                case Note():
                    self._last_note = document.note
                    self._report(document)
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
            documents=self._next_documents(),
        )

    def forget_reported(self) -> bool:
        """Forget the documents of the last report; return whether more are to be reported."""
        del self._documents[: self._reported_count]
        self._reported_count = 0
        return bool(self._documents)

    def _next_documents(self) -> list[DocumentReport]:
        sizes = accumulate(len(each.path) + len(each.note) + 150 for each in self._documents)
        fitting = sum(1 for _ in takewhile(lambda size: size < _REPORT_CHARACTERS, sizes))
        self._reported_count = fitting
        return self._documents[:fitting]

    def _report(self, document: Exchange | End | Note) -> None:
        if not self._lists_documents:
            return
        report = self._describe_document(document)
        if len(self._documents) < _MOST_DOCUMENTS:
            self._documents.append(report)
        elif (last := self._documents[-1]).event == "dropped":
            self._documents[-1] = replace(last, lines=last.lines + 1)
        else:
            self._documents[-1] = DocumentReport("dropped", report.at, lines=2)

    def _describe_document(self, document: Exchange | End | Note) -> DocumentReport:
        match document:
            case Note():
                text = document.note[:_MOST_CHARACTERS]
                return DocumentReport("note", document.at, exchange=document.of or 0, note=text)
            case End():
                events = self._describe(document.end).events
                return DocumentReport(
                    "end", document.at, exchange=document.end, cause=document.cause, events=events
                )
            case Exchange():
                request, response = document.request, document.response
                return DocumentReport(
                    "call" if response.stream is None else "stream",
                    document.at,
                    exchange=document.exchange,
                    client=document.client,
                    method=request.method,
                    path=request.path[:_MOST_CHARACTERS],
                    type=_type(request.json or request.proto or ""),
                    status=response.status or 0,
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
