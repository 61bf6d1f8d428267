"""The bytes of a stream that are at hand, and what may stand in them.

A place is an index into `data`. A question that takes more bytes than are at hand raises MoreError,
unless the stream has ended: then it is answered with what there is.
"""

import re

from .length_errors import MAX_LENGTH_LINE_BYTES
from .stream_type import StreamType

MAX_RESYNC_RECORD_BYTES = 1 << 24
"""Bytes. A record from which reading may go on; more is not waited for on a mere suspicion."""

_LENGTH = re.compile(rb"[1-9][0-9]{0,9}\n")
_END_DIGITS = re.compile(rb"[0-9]{0,10}\Z")
_NEXT = re.compile(rb"[1-9][0-9]{0,9}(\n|\Z)")


class NeedMoreBytesError(Exception):
    """The bytes up to the place `stop` are needed to decide."""

    def __init__(self, stop: int) -> None:
        super().__init__(stop)
        self.stop = stop


class Window:
    """The bytes of a stream of a dialect; with `closed`, there are no more."""

    def __init__(self, dialect: StreamType) -> None:
        self.data = b""
        self.closed = False
        self._dialect = dialect

    def has_bytes_up_to(self, stop: int) -> bool:
        """Whether the bytes go up to a place."""
        if stop <= len(self.data):
            return True
        if not self.closed:
            raise NeedMoreBytesError(stop)
        return False

    def find_next_length(self, start: int) -> int | None:
        """Where the next line from `start` on that looks like a length begins."""
        found = _LENGTH.search(self.data, start)
        return None if found is None else found.start()

    def trailing_digits_start(self, start: int) -> int:
        """Where the digits begin that end the bytes, which may be the beginning of a length."""
        tail = _END_DIGITS.search(self.data, max(start, len(self.data) - 10))
        return len(self.data) if self.closed or tail is None else tail.start()

    def is_plausible_record(self, payload: bytes, stop: int) -> bool:
        """Whether a payload says something; if nobody can tell, whether a length follows it."""
        says = self._dialect.is_valid_payload(payload)
        return self.has_length_at(stop) if says is None else says

    def has_length_at(self, start: int) -> bool:
        """Whether a length stands somewhere, or the end of the stream."""
        while True:
            text = self.data[start : start + MAX_LENGTH_LINE_BYTES]
            if not text and self.closed:
                return True
            found = _NEXT.match(text)
            if text and found is None:
                return False
            if found is None or not found[1]:
                if not self.has_bytes_up_to(start + len(text) + 1):
                    return True
                continue
            if self._dialect.encoding != "json":
                return True
            behind = start + found.end()
            return not self.has_bytes_up_to(behind + 1) or self.data[behind : behind + 1] == b"{"

    def is_length_too_large(self, begin: int, stop: int) -> bool:
        """Whether another record begins before the one that says nothing ends, and none behind."""
        if stop == len(self.data) and not self.has_bytes_up_to(stop + 1):
            return False
        if self.has_record_at(stop):
            return False
        return any(
            self.has_record_at(found.start())
            for found in _LENGTH.finditer(self.data, begin, stop + 11)
            if found.start() < stop
        )

    def has_record_at(self, start: int) -> bool:
        """Whether a length stands somewhere, and behind it something that says something."""
        self.has_bytes_up_to(start + 11)
        found = _LENGTH.match(self.data, start)
        if found is None or not self._begins(found.end(), int(found[0])):
            return False
        stop = found.end() + int(found[0])
        return self.has_bytes_up_to(stop) and self.is_plausible_record(
            self.data[found.end() : stop], stop
        )

    def _begins(self, start: int, length: int) -> bool:
        """Whether what stands behind a length may be a record, by its first byte."""
        if length > MAX_RESYNC_RECORD_BYTES or not self.has_bytes_up_to(start + 1):
            return False
        return self._dialect.encoding != "json" or self.data[start : start + 1] == b"{"
