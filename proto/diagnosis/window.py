"""The bytes of a stream that are at hand, and what may stand in them.

A place is an index into `data`. A question that takes more bytes than are at hand raises MoreError,
unless the stream has ended: then it is answered with what there is.
"""

import re

from .length_errors import LONGEST_LINE
from .stream_type import Dialect

RESYNC_RECORD = 1 << 24
"""Bytes. A record from which reading may go on; more is not waited for on a mere suspicion."""

_LENGTH = re.compile(rb"[1-9][0-9]{0,9}\n")
_END_DIGITS = re.compile(rb"[0-9]{0,10}\Z")
_NEXT = re.compile(rb"[1-9][0-9]{0,9}(\n|\Z)")


class MoreError(Exception):
    """The bytes up to the place `stop` are needed to decide."""

    def __init__(self, stop: int) -> None:
        super().__init__(stop)
        self.stop = stop


class Window:
    """The bytes of a stream of a dialect; with `closed`, there are no more."""

    def __init__(self, dialect: Dialect) -> None:
        self.data = b""
        self.closed = False
        self._dialect = dialect

    def want(self, stop: int) -> bool:
        """Whether the bytes go up to a place."""
        if stop <= len(self.data):
            return True
        if not self.closed:
            raise MoreError(stop)
        return False

    def next_length(self, start: int) -> int | None:
        """Where the next line from `start` on that looks like a length begins."""
        found = _LENGTH.search(self.data, start)
        return None if found is None else found.start()

    def unread(self, start: int) -> int:
        """Where the digits begin that end the bytes, which may be the beginning of a length."""
        tail = _END_DIGITS.search(self.data, max(start, len(self.data) - 10))
        return len(self.data) if self.closed or tail is None else tail.start()

    def is_plausible(self, payload: bytes, stop: int) -> bool:
        """Whether a payload says something; if nobody can tell, whether a length follows it."""
        says = self._dialect.says(payload)
        return self.is_length(stop) if says is None else says

    def is_length(self, start: int) -> bool:
        """Whether a length stands somewhere, or the end of the stream."""
        while True:
            text = self.data[start : start + LONGEST_LINE]
            if not text and self.closed:
                return True
            found = _NEXT.match(text)
            if text and found is None:
                return False
            if found is None or not found[1]:
                if not self.want(start + len(text) + 1):
                    return True
                continue
            if self._dialect.encoding != "json":
                return True
            behind = start + found.end()
            return not self.want(behind + 1) or self.data[behind : behind + 1] == b"{"

    def is_interrupted(self, begin: int, stop: int) -> bool:
        """Whether another record begins before the one that says nothing ends, and none behind."""
        if stop == len(self.data) and not self.want(stop + 1):
            return False
        if self.begins_record(stop):
            return False
        return any(
            self.begins_record(found.start())
            for found in _LENGTH.finditer(self.data, begin, stop + 11)
            if found.start() < stop
        )

    def begins_record(self, start: int) -> bool:
        """Whether a length stands somewhere, and behind it something that says something."""
        self.want(start + 11)
        found = _LENGTH.match(self.data, start)
        if found is None or not self._begins(found.end(), int(found[0])):
            return False
        stop = found.end() + int(found[0])
        return self.want(stop) and self.is_plausible(self.data[found.end() : stop], stop)

    def _begins(self, start: int, length: int) -> bool:
        """Whether what stands behind a length may be a record, by its first byte."""
        if length > RESYNC_RECORD or not self.want(start + 1):
            return False
        return self._dialect.encoding != "json" or self.data[start : start + 1] == b"{"
