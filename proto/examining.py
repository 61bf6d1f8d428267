r"""A RecordIO stream, taken apart to the last byte, sound or not. Without I/O.

    20\n{"type":"HEARTBEAT"}+20\n{"type":"HEARTBEAT"}20\n{"type":"HEARTBEAT"}
    1. Sound                1. Skipped: sign         3. Sound

The decoder of recordio.py gives up at the first bad length, as clients do. This one is for people
who want to know what was wrong and what came after. What it finds covers the stream without a gap
and is the same however the bytes were cut. Pieces are numbered as they come, sound or not.

A length is trusted if the record behind it says something, or if another length follows the record.
After a bad one the next record is searched: a length of digits alone behind which stands an object
(JSON), a message with a type (protobuf), or, if the schema is not known, another length or the end.

At most one record is held, of up to `max_record` bytes, or `RESYNC_RECORD` while searching, and of
what is skipped `HELD` bytes.
"""

import re

from msgspec.structs import replace

from . import misframing
from .content import Content, Encoding, examine, is_object
from .findings import SHOWN, Finding, Skipped, Sound
from .lengths import meant
from .misframing import LONGEST_LINE
from .reasons import Remark
from .recognising import Recogniser
from .skipping import HELD, Lost

MAX_RECORD = 1 << 27
"""Bytes. A snapshot of a large cluster has tens of megabytes; a longer length is likelier wrong."""

RESYNC_RECORD = 1 << 24
"""Bytes. A record from which reading may go on; more is not waited for on a mere suspicion."""

_NO_RECORD = ("truncated-length", "http-answer", "gzip")
_LENGTH = re.compile(rb"[1-9][0-9]{0,9}\n")
_END_DIGITS = re.compile(rb"[0-9]{0,10}\Z")
_NEXT = re.compile(rb"[1-9][0-9]{0,9}(\n|\Z)")


class _MoreError(Exception):
    """So many bytes of the buffer are needed to decide; a signal within this module."""


class Examiner:
    """Finds out what a stream consists of; `message` is the full name of what its records are.

    Without `message` that of JSON is recognised by what the first records say. Without `encoding`
    the first sound record tells. Pieces are counted from `first`, bytes from `offset`.

    Where a length is wrong, a protobuf record may go on into the next and still decode. So a
    patient examiner gives one only when the next is there; that is not for a stream one watches.
    """

    def __init__(
        self,
        message: str | None = None,
        encoding: Encoding | None = None,
        *,
        max_record: int = MAX_RECORD,
        patient: bool = True,
        first: int = 1,
        offset: int = 0,
    ) -> None:
        self.message = message
        self.encoding: Encoding | None = encoding
        self._max_record, self._patient = max_record, patient
        self._recogniser = Recogniser()
        self._number, self._offset, self._begin = first, offset, offset
        self._buffer = bytearray()
        self._need = 1
        self._data = b""
        self._at = 0
        self._closed = False
        self._lost: Lost | None = None

    def feed(self, data: bytes) -> list[Finding]:
        """Take the next bytes; give what they complete."""
        if self._buffer or len(data) < self._need:
            self._buffer += data
            if len(self._buffer) < self._need:
                return []
            data = bytes(self._buffer)
            self._buffer.clear()
        return self._run(data)

    def close(self) -> list[Finding]:
        """End the stream."""
        self._closed = True
        data = bytes(self._buffer)
        self._buffer.clear()
        found = self._run(data)
        if self._lost is not None:
            found.append(self._end_lost(self._lost, ended=True))
        return found

    def _run(self, data: bytes) -> list[Finding]:
        self._data, self._at, self._need = data, 0, 1
        found: list[Finding] = []
        try:
            while self._at < len(data):
                finding = self._record() if self._lost is None else self._search(self._lost)
                if finding is not None:
                    found.append(finding)
        except _MoreError as more:
            (stop,) = more.args
            self._need = stop - self._at
        self._buffer += data[self._at :]
        self._data = b""
        return found

    def _want(self, stop: int) -> bool:
        """Whether the buffer goes on to `stop`; waits for that unless the stream has ended."""
        if stop <= len(self._data):
            return True
        if not self._closed:
            raise _MoreError(stop)
        return False

    def _record(self) -> Finding | None:
        """Take a record, or find that there is none."""
        data, begin = self._data, self._at
        newline = data.find(b"\n", begin, begin + LONGEST_LINE)
        line = data[begin : newline if newline >= 0 else begin + LONGEST_LINE]
        ended = newline < 0 and len(line) < LONGEST_LINE and not self._want(len(data) + 1)
        if ended and line.isdigit():
            text = f"stream ends inside a length, {line!r}, expected a newline"
            span = self._offset, self._offset + len(line)
            return self._lose(line, Remark("truncated-length", text, *span), len(data))
        length = misframing.length(line) if newline >= 0 else None
        if length is None:
            return self._bad_line(line, newline)
        if length > self._max_record:
            text = f"length is {length}, the limit is {self._max_record}"
            remark = Remark("over-limit", text, self._offset, self._offset + len(line))
            return self._lose(line, remark, newline + 1, length)
        stop = newline + 1 + length
        if not self._want(stop):
            return self._lose(line, self._doubt(line, length), newline + 1, length)
        return self._whole(line, data[newline + 1 : stop], stop)

    def _whole(self, line: bytes, payload: bytes, stop: int) -> Finding | None:
        """Take a record that is there, if its length can be trusted."""
        content = self._content(payload)
        begin = stop - len(payload)
        told = content.is_sound and (content.value is not None or self._is_length(stop))
        if not told and not self._is_length(stop):
            return self._lose(line, self._doubt(line, len(payload)), begin, len(payload))
        doubtful = not told or (self.encoding == "protobuf" and self._patient)
        if doubtful and self._is_interrupted(begin, stop):
            return self._lose(line, self._doubt(line, len(payload)), begin, len(payload))
        if told:
            self._learn(payload, content)
        shift = self._offset + len(line) + 1
        remarks = tuple(_shifted(remark, shift) for remark in content.remarks)
        if len(line) > 1 and line[:1] == b"0":
            text = f"length is {line!r}, with leading zeros; Mesos writes none"
            remarks = (Remark("leading-zeros", text, self._offset, self._offset + 1), *remarks)
        size = len(line) + 1 + len(payload)
        found = Sound(self._number, self._offset, size, payload, content, remarks)
        self._advance(stop, size)
        return found

    def _bad_line(self, line: bytes, newline: int) -> Finding | None:
        """Start to skip, or take the record that a tolerant reader would take here."""
        remark = misframing.judge(line, self._offset)
        if newline >= 0:
            for length in meant(line):
                stop = newline + 1 + length
                if length > RESYNC_RECORD or not self._want(stop):
                    continue
                payload = self._data[newline + 1 : stop]
                if self._is_plausible(payload, stop):
                    lost = Lost(
                        self._offset, line, remark, None, newline + 1 - self._at, bytearray()
                    )
                    lost.add(self._data[self._at : stop])
                    return self._skipped(lost, stop, payload)
        overflow = remark.reason == "overflow" and newline >= 0
        body = newline + 1 if newline >= 0 and remark.reason != "missing-length" else self._at
        return self._lose(line, remark, body if overflow else self._at + 1, body=body)

    def _lose(
        self,
        line: bytes,
        remark: Remark,
        search: int,
        announced: int | None = None,
        body: int | None = None,
    ) -> None:
        """Start to skip; the next record is searched from `search`, behind what says `line`."""
        start = (search if body is None else body) - self._at
        self._lost = Lost(self._offset, line, remark, announced, start, bytearray())
        self._skip(self._lost, search)

    def _skip(self, lost: Lost, stop: int) -> None:
        lost.add(self._data[self._at : stop])
        self._at = stop

    def _search(self, lost: Lost) -> Finding | None:
        """Go to the next length behind which stands a record, and give what was skipped."""
        data = self._data
        while found := _LENGTH.search(data, self._at):
            self._skip(lost, found.start())
            if self._begins_record(found.start()):
                return self._end_lost(lost)
            self._skip(lost, found.start() + 1)
        tail = _END_DIGITS.search(data, max(self._at, len(data) - 10))
        self._skip(lost, len(data) if self._closed or tail is None else tail.start())
        if not self._closed:
            raise _MoreError(len(data) + 1)
        return None

    def _begins(self, start: int, length: int) -> bool:
        """Whether what stands behind a length may be a record, by its first byte."""
        if length > RESYNC_RECORD or not self._want(start + 1):
            return False
        return self.encoding != "json" or self._data[start : start + 1] == b"{"

    def _is_plausible(self, payload: bytes, stop: int) -> bool:
        """Whether a payload says something; if nobody can tell, whether a length follows it."""
        if self.encoding != "protobuf" and is_object(payload):
            return True
        if self.encoding == "json":
            return False
        if self.message is not None:
            content = examine(payload, self.message, "protobuf")
            return content.is_sound and content.type is not None
        return self._is_length(stop)

    def _is_length(self, start: int) -> bool:
        """Whether a length stands somewhere, or the end of the stream."""
        while True:
            text = self._data[start : start + LONGEST_LINE]
            if not text and self._closed:
                return True
            found = _NEXT.match(text)
            if text and found is None:
                return False
            if found is None or not found[1]:
                if not self._want(start + len(text) + 1):
                    return True
                continue
            if self.encoding != "json":
                return True
            behind = start + found.end()
            return not self._want(behind + 1) or self._data[behind : behind + 1] == b"{"

    def _is_interrupted(self, begin: int, stop: int) -> bool:
        """Whether another record begins before the one that says nothing ends, and none behind."""
        if stop == len(self._data) and not self._want(stop + 1):
            return False
        if self._begins_record(stop):
            return False
        return any(
            self._begins_record(found.start())
            for found in _LENGTH.finditer(self._data, begin, stop + 11)
            if found.start() < stop
        )

    def _begins_record(self, start: int) -> bool:
        """Whether a length stands somewhere, and behind it something that says something."""
        self._want(start + 11)
        found = _LENGTH.match(self._data, start)
        if found is None or not self._begins(found.end(), int(found[0])):
            return False
        stop = found.end() + int(found[0])
        return self._want(stop) and self._is_plausible(self._data[found.end() : stop], stop)

    def _doubt(self, line: bytes, length: int) -> Remark:
        """Find a length wrong; what exactly, is told when it is clear where the record ends."""
        text = f"length is {length}, and no record begins behind so many bytes"
        return Remark("wrong-length", text, self._offset, self._offset + len(line))

    def _end_lost(self, lost: Lost, *, ended: bool = False) -> Skipped:
        """Say what was skipped up to here."""
        self._lost = None
        payload: bytes | None = None
        if lost.body < lost.size <= HELD and lost.remark.reason not in _NO_RECORD:
            payload = bytes(lost.held[lost.body :])
            if not self._holds(payload, ended=ended):
                payload = None
        lost.explain(known=payload is not None, ended=ended, first=lost.offset == self._begin)
        return self._skipped(lost, self._at, payload)

    def _holds(self, payload: bytes, *, ended: bool) -> bool:
        """Whether the skipped bytes are a record of which only the length is wrong."""
        if self.encoding != "protobuf" and is_object(payload):
            return True
        if self.encoding == "json" or self.message is None or ended or not payload:
            return False
        content = examine(payload, self.message, "protobuf")
        return content.is_sound and content.type is not None

    def _skipped(self, lost: Lost, stop: int, payload: bytes | None) -> Skipped:
        content = Content() if payload is None else self._content(payload)
        data = bytes(lost.held[:SHOWN])
        found = Skipped(
            self._number, lost.offset, lost.size, data, lost.line, (lost.remark,), payload, content
        )
        self._advance(stop, lost.size)
        return found

    def _advance(self, stop: int, size: int) -> None:
        self._number += 1
        self._offset += size
        self._at = stop

    def _content(self, payload: bytes) -> Content:
        if not payload:
            return Content(None, None, (Remark("empty-record", "record is empty", 0, 0),))
        if self.encoding is not None:
            return examine(payload, self.message, self.encoding)
        if payload[:1] in (b"{", b"["):
            return examine(payload, self.message, "json")
        return examine(payload, self.message, "protobuf")

    def _learn(self, payload: bytes, content: Content) -> None:
        """Take from a sound record what is not known yet: the encoding, the schema."""
        if self.encoding is None:
            self.encoding = "json" if payload[:1] == b"{" else "protobuf"
        if self.message is None and self.encoding == "json":
            self.message = self._recogniser.see(content.value)


def _shifted(remark: Remark, by: int) -> Remark:
    if remark.start is None or remark.stop is None:
        return remark
    return replace(remark, start=remark.start + by, stop=remark.stop + by)
