r"""The part of a passing body that is kept for the views, of bounded size.

    TailBuffer   the last bytes of a stream:   …}}20\n{"type":"HEARTBEAT"}35\n{"type":"TASK_…
                                                  ^ starts where a record starts, if one fits
    HeadBuffer   the first bytes of any other body

Both are fed the bytes as they pass. The kept bytes become the content of a mitmproxy flow, and its
metadata describes which part of the body they are, so that a view can report what it does not show.
"""

from collections import deque

import msgspec
from mitmproxy import flow
from msgspec import Struct

from ...proto.recordio import MAX_LENGTH_DIGITS

type RecordStart = tuple[int, int]
"""The number of a record in its stream, from 1, and the offset of its length."""


class KeptRange(Struct, frozen=True):
    """Which part of a body is kept: from byte `offset` on, of `total` bytes that have passed.

    The rest describes a stream. `number` is that of the record which holds the first kept byte, or
    0 if it is unknown, because a malformed length came before. `inside` means that this record
    starts before that byte, so that the kept bytes begin in its middle:

        offset 0                   all is kept
        number 9, not inside       the kept bytes begin with the length of record 9
        number 9, inside           record 9 is larger than the limit; this is the end of it
        number 0, inside           the records before `offset` cannot be counted
    """

    offset: int
    total: int
    number: int = 1
    inside: bool = False

    def offset_by(self, other: "KeptRange") -> "KeptRange":
        """Return the range in the whole body, if this is a range of the bytes that `other` kept."""
        number = other.number + self.number - 1 if other.number and self.number else 0
        offset, total = other.offset + self.offset, other.offset + self.total
        return KeptRange(offset, total, number, self.inside or other.inside)

    def save_to_flow(self, to: flow.Flow, side: str) -> None:
        """Store the range in the metadata of a flow; `side` is "request" or "response"."""
        to.metadata[f"mesotape.{side}"] = msgspec.to_builtins(self)


def load_kept_range(source: flow.Flow | None, side: str) -> KeptRange | None:
    """Return the range that is stored in a flow; None if there is none: all is kept."""
    stored: object = None if source is None else source.metadata.get(f"mesotape.{side}")
    try:
        return msgspec.convert(stored, KeptRange)
    except msgspec.ValidationError:
        return None


class HeadBuffer:
    """The first bytes of a body, at most `limit`."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept = bytearray()
        self._total = 0

    def feed(self, data: bytes) -> None:
        """Add the next bytes."""
        self._total += len(data)
        self._kept += data[: self._limit - len(self._kept)]

    def snapshot(self) -> tuple[bytes, KeptRange]:
        """Return the kept bytes, and which part of the body they are."""
        return bytes(self._kept), KeptRange(0, self._total)


class TailBuffer:
    """The last bytes of a stream, at most `limit`, from the start of a record if one fits.

    It follows the framing to know where records start, but does not hold them: of the current
    record it knows the digits of its length while they arrive, and then how many bytes are left.
    Of all records that start in the kept bytes it holds number and offset. A malformed length ends
    that for good: later starts are unknown, and the tail is then cut at any byte.

    One of these holds at a time:

        _has_bad_length             a malformed length has passed
        _bytes_left > 0             inside a payload
        _digits                     inside a length
        neither                     the next byte starts a record
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept = bytearray()
        self._total = 0
        self._first: RecordStart = (1, 0)  # of the record that holds the first kept byte
        self._starts: deque[RecordStart] = deque()  # of those after it
        self._number = 0  # of the current record
        self._digits = b""
        self._bytes_left = 0
        self._has_bad_length = False

    def feed(self, data: bytes) -> None:
        """Add the next bytes."""
        self._find_records(data)
        self._kept += data
        self._total += len(data)
        if len(self._kept) > self._limit:
            self._cut(self._total - self._limit)

    def snapshot(self) -> tuple[bytes, KeptRange]:
        """Return the kept bytes, and which part of the stream they are."""
        number, start = self._first
        offset = self._total - len(self._kept)
        is_inside = start < offset
        if is_inside and self._has_bad_length:
            number = 0
        return bytes(self._kept), KeptRange(offset, self._total, number, is_inside)

    def _cut(self, offset: int) -> None:
        """Drop the bytes before the first record that starts at `offset` or later.

        If none starts there, the last record does not fit: then drop exactly those before `offset`,
        and the kept bytes begin inside that record.
        """
        while self._starts and self._first[1] < offset:
            self._first = self._starts.popleft()
        offset = max(offset, self._first[1])
        del self._kept[: len(self._kept) - (self._total - offset)]

    def _find_records(self, data: bytes) -> None:
        """Note where records start in the next bytes, up to a malformed length.

        Payloads are passed over without looking at them, so the time depends on the number of
        records and not on their size. `data` is not in `_kept` and `_total` yet.
        """
        index = 0
        while index < len(data) and not self._has_bad_length:
            if self._bytes_left:
                passed = min(self._bytes_left, len(data) - index)
                self._bytes_left -= passed
                index += passed
                continue
            if not self._digits:
                self._number += 1
                if self._number > 1:
                    self._starts.append((self._number, self._total + index))
            index += self._read_length(data, index)

    def _read_length(self, data: bytes, start: int) -> int:
        """Read the part of a length that is in `data`; return how many bytes that is."""
        stop = start + MAX_LENGTH_DIGITS + 1 - len(self._digits)
        newline = data.find(b"\n", start, stop)
        digits = data[start : newline if newline >= 0 else stop]
        self._digits += digits
        if not self._digits.isdigit() or len(self._digits) > MAX_LENGTH_DIGITS:
            self._has_bad_length = True
        elif newline >= 0:
            self._bytes_left, self._digits = int(self._digits), b""
            return len(digits) + 1
        return len(digits)
