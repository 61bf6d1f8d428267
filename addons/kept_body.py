r"""The part of a passing body that is kept for showing it, bounded.

    Tail   of a stream, its last bytes:     …}}20\n{"type":"HEARTBEAT"}35\n{"type":"TASK_…
                                               ^ it begins where a record does, if one fits
    Head   of any other body, its first bytes

Both are fed the bytes as they pass. A mitmproxy flow holds what is kept as its content, and in its
metadata which part that is, so that a view can say what it does not show.
"""

from collections import deque

import msgspec
from mitmproxy import flow
from msgspec import Struct

from ..proto.recordio import MAX_LENGTH_DIGITS

type RecordStart = tuple[int, int]


class KeptRange(Struct, frozen=True):
    """Which part of a body is kept: from byte `offset` on, of `total` bytes that passed.

    Of a stream `number` is the record at the first byte, or 0 if it is not known; `inside` says
    that the record has begun before that byte.
    """

    offset: int
    total: int
    number: int = 1
    inside: bool = False

    def offset_by(self, other: "KeptRange") -> "KeptRange":
        """Say which part this is of the whole, if it is a part of what another kept."""
        number = other.number + self.number - 1 if other.number and self.number else 0
        offset, total = other.offset + self.offset, other.offset + self.total
        return KeptRange(offset, total, number, self.inside or other.inside)

    def save_to_flow(self, of: flow.Flow, side: str) -> None:
        """Write it into a flow's metadata; side is "request" or "response"."""
        of.metadata[f"mesotape.{side}"] = msgspec.to_builtins(self)


def load_kept_range(of: flow.Flow | None, side: str) -> KeptRange | None:
    """Read from a flow which part of a body is kept; None if all of it is."""
    noted: object = of.metadata.get(f"mesotape.{side}") if of is not None else None
    try:
        return msgspec.convert(noted, KeptRange)
    except msgspec.ValidationError:
        return None


class HeadBuffer:
    """The first bytes of a body, at most `limit`."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept = bytearray()
        self._total = 0

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        self._total += len(data)
        self._kept += data[: self._limit - len(self._kept)]

    def snapshot(self) -> tuple[bytes, KeptRange]:
        """Give what is kept."""
        return bytes(self._kept), KeptRange(0, self._total)


class TailBuffer:
    """The last bytes of a stream, at most `limit`."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept = bytearray()
        self._total = 0
        self._begun: deque[RecordStart] = deque()
        self._first: RecordStart = (1, 0)
        self._number = 0
        self._length = b""
        self._left = 0
        self._lost = False

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        self._find_records(data)
        self._kept += data
        self._total += len(data)
        if len(self._kept) > self._limit:
            self._cut(self._total - self._limit)

    def snapshot(self) -> tuple[bytes, KeptRange]:
        """Give what is kept."""
        number, begun = self._first
        offset = self._total - len(self._kept)
        inside = begun < offset
        if inside and self._lost:
            number = 0
        return bytes(self._kept), KeptRange(offset, self._total, number, inside)

    def _cut(self, offset: int) -> None:
        """Drop what is before an offset, or before the first record behind it if there is one."""
        while self._begun and self._first[1] < offset:
            self._first = self._begun.popleft()
        offset = max(offset, self._first[1])
        del self._kept[: len(self._kept) - (self._total - offset)]

    def _find_records(self, data: bytes) -> None:
        """Note where records begin in the next bytes, until a length is malformed."""
        at = 0
        while at < len(data) and not self._lost:
            if self._left:
                passed = min(self._left, len(data) - at)
                self._left -= passed
                at += passed
                continue
            if not self._length:
                self._number += 1
                if self._number > 1:
                    self._begun.append((self._number, self._total + at))
            at += self._read_length(data, at)

    def _read_length(self, data: bytes, at: int) -> int:
        """Take what there is of a length; gives how many bytes that is."""
        stop = at + MAX_LENGTH_DIGITS + 1 - len(self._length)
        end = data.find(b"\n", at, stop)
        more = data[at : end if end >= 0 else stop]
        self._length += more
        if not self._length.isdigit() or len(self._length) > MAX_LENGTH_DIGITS:
            self._lost = True
        elif end >= 0:
            self._left, self._length = int(self._length), b""
            return len(more) + 1
        return len(more)
