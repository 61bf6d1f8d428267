"""The bytes of one direction of a TCP connection, in order.

    segments  100+3 "abc"  106+3 "ghi"  103+3 "def"  100+6 "abcdef"      bytes  abc def ghi

Positions are sequence numbers that do not wrap around. Bytes that came once are not replaced by
later ones of the same position.
"""

from collections.abc import Iterator
from heapq import heappop, heappush

_NUMBERS = 1 << 32  # RFC 9293, section 3.4: sequence numbers are modulo this
_HALF = _NUMBERS >> 1

MAX_WAITING_BYTES = 1 << 22
"""Bytes after missing ones: more than a usual window, so what is missing will not come any more."""


class Direction:
    """Takes segments as they were captured; gives bytes, and the number of bytes that are lost.

    Without `start`, the first segment is taken for the begin.
    """

    # Bytes are lost if the receiver has acknowledged them, but they are not in the capture: it will
    # not get them again. Where the other direction is not in the capture, it is known only when too
    # much waits, or at the end.

    def __init__(self, start: int | None = None) -> None:
        self._position: int | None = start
        self._acknowledged = -1
        self._end: int | None = None
        self._waiting: list[tuple[int, bytes]] = []
        self._waiting_bytes = 0

    @property
    def is_ended(self) -> bool:
        """Whether all bytes up to the FIN were given."""
        return self._end is not None and (self._position or 0) >= self._end

    def feed(
        self, sequence: int, payload: bytes, size: int, *, is_last: bool
    ) -> Iterator[bytes | int]:
        """Take a segment with `size` bytes of which `payload` was captured."""
        if self._position is None:
            self._position = sequence
        begin = self._place(sequence)
        if is_last and self._end is None:
            self._end = begin + size
        if payload:
            heappush(self._waiting, (begin, payload))
            self._waiting_bytes += len(payload)
            yield from self._give()

    def acknowledge(self, sequence: int) -> Iterator[bytes | int]:
        """Take the acknowledgement of the other side."""
        if self._position is not None:
            self._acknowledged = max(self._acknowledged, self._place(sequence))
            if self._waiting:
                yield from self._give()

    def close(self) -> Iterator[bytes | int]:
        """Give what waits: nothing more will come."""
        yield from self._give(is_closing=True)
        if self._position is not None and self._end is not None and self._end > self._position:
            lost, self._position = self._end - self._position, self._end
            yield lost

    def _place(self, sequence: int) -> int:
        position = self._position or 0
        return position + ((sequence - position + _HALF) % _NUMBERS) - _HALF

    def _give(self, *, is_closing: bool = False) -> Iterator[bytes | int]:
        while self._waiting and self._position is not None:
            begin, payload = self._waiting[0]
            if begin > self._position:
                is_lost = begin <= self._acknowledged or self._waiting_bytes > MAX_WAITING_BYTES
                if not is_lost and not is_closing:
                    return
                lost, self._position = begin - self._position, begin
                yield lost
            heappop(self._waiting)
            self._waiting_bytes -= len(payload)
            known = self._position - begin
            if known < len(payload):
                self._position = begin + len(payload)
                yield payload[known:] if known else payload
