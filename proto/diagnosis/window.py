"""The bytes of a stream that were received and are still undecided, and what may start in them.

Positions are offsets in bytes of the stream. A question that may take bytes which have not arrived
is a generator: it yields the offset up to which it needs them, goes on when they are there or the
stream has ended, and returns its answer. At the end of the stream it answers with what there is.
"""

import re
from collections.abc import Generator

from .stream_type import StreamType

type NeedsBytes[T] = Generator[int, None, T]

MAX_RESYNC_RECORD_BYTES = 1 << 24
"""Bytes. The examiner waits for no larger record when it only suspects that one starts."""

_LENGTH_DIGITS = 10
_LENGTH_BYTES = _LENGTH_DIGITS + 1
"""Bytes of the longest length that is searched for, with its newline.

10 digits are more than any record has bytes (`MAX_EXAMINED_RECORD_BYTES` has 9 digits); a run of
more digits is a number inside a body. So 11 bytes decide whether a length starts at a position, and
a length that starts before a position ends at most 10 bytes after it.
"""

_LENGTH = re.compile(rb"([1-9][0-9]{0,9})\n")
_LENGTH_PREFIX = re.compile(rb"[1-9][0-9]{0,9}")
_LAST_DIGITS = re.compile(rb"[0-9]{0,10}\Z")


class Window:
    """The bytes from `start` to `stop` of a stream, `data`; there are no more if `is_closed`.

    Received bytes are joined to them only when `join` is called, so that a large record that
    arrives in many pieces is copied once.
    """

    def __init__(self, stream_type: StreamType, start: int) -> None:
        self.start = self.stop = start
        self.is_closed = False
        self.data = b""
        self._received: list[bytes] = []
        self._received_stop = start
        self._stream_type = stream_type

    def receive(self, data: bytes) -> int:
        """Add the next bytes; return the offset up to which bytes were received."""
        self._received.append(data)
        self._received_stop += len(data)
        return self._received_stop

    def join(self) -> None:
        """Join the bytes that were received."""
        self.data = b"".join((self.data, *self._received))
        self.stop = self._received_stop
        self._received.clear()

    def drop_before(self, start: int) -> None:
        """Drop the bytes before an offset."""
        self.data = self.data[start - self.start :]
        self.start = start

    def get_bytes(self, start: int, stop: int) -> bytes:
        """Return the bytes between two offsets, as far as they were received."""
        return self.data[start - self.start : stop - self.start]

    def has_bytes_up_to(self, stop: int) -> NeedsBytes[bool]:
        """Return whether the stream has bytes up to `stop`."""
        while self.stop < stop:
            if self.is_closed:
                return False
            yield stop
        return True

    def find_newline(self, start: int, stop: int) -> int | None:
        """Find the first newline between two offsets."""
        index = self.data.find(b"\n", start - self.start, stop - self.start)
        return None if index < 0 else index + self.start

    def find_next_length(self, start: int) -> int | None:
        """Find the first line from `start` on that looks like a length."""
        found = _LENGTH.search(self.data, start - self.start)
        return None if found is None else found.start() + self.start

    def trailing_digits_start(self, start: int) -> int:
        """Return where the last digits begin, which may be the first digits of a length."""
        index = max(start - self.start, len(self.data) - _LENGTH_DIGITS)
        digits = _LAST_DIGITS.search(self.data, index)
        return self.stop if digits is None else digits.start() + self.start

    def is_plausible_record(self, payload: bytes, stop: int) -> NeedsBytes[bool]:
        """Return whether a payload is a message; if unknown, whether a length is at `stop`."""
        is_valid = self._stream_type.is_valid_payload(payload)
        return (yield from self.has_length_at(stop)) if is_valid is None else is_valid

    def has_length_at(self, start: int) -> NeedsBytes[bool]:
        """Return whether a length starts at an offset, or the stream ends there.

        Bytes are asked for one by one, and only while those that are there may be the first digits
        of a length: the next record of a live stream may be minutes away. Digits at the end of the
        stream count as a length. Of JSON the record after the length has to be an object, too.
        """
        while (length := self._parse_length_at(start)) is None:
            text = self.get_bytes(start, start + _LENGTH_BYTES)
            if text and not _LENGTH_PREFIX.fullmatch(text):
                return False
            if not (yield from self.has_bytes_up_to(start + len(text) + 1)):
                return True
        if self._stream_type.encoding != "json":
            return True
        payload_start, _ = length
        has_payload = yield from self.has_bytes_up_to(payload_start + 1)
        return not has_payload or self._has_object_at(payload_start)

    def is_length_too_large(self, start: int, stop: int) -> NeedsBytes[bool]:
        """Return whether a record starts inside a payload, and none at its end.

        A length that is too large makes a payload of its record and the beginning of those after
        it. So a record between `start` and `stop` tells a wrong length from a payload that only
        does not decode, if the byte at `stop` starts no record. The length of the inner record may
        extend beyond `stop`, by 10 bytes if its first digit is the last byte of the payload.
        """
        if not (yield from self.has_bytes_up_to(stop + 1)) or (yield from self.has_record_at(stop)):
            return False
        first = self.start  # the offset of the data that is searched; `has_record_at` may add more
        for found in _LENGTH.finditer(self.data, start - first, stop - first + _LENGTH_BYTES):
            position = found.start() + first
            if position < stop and (yield from self.has_record_at(position)):
                return True
        return False

    def has_record_at(self, start: int) -> NeedsBytes[bool]:
        """Return whether a length starts at an offset, and a plausible record follows it."""
        yield from self.has_bytes_up_to(start + _LENGTH_BYTES)
        length = self._parse_length_at(start)
        if length is None:
            return False
        payload_start, size = length
        if size > MAX_RESYNC_RECORD_BYTES:
            return False
        if not (yield from self.has_bytes_up_to(payload_start + 1)):
            return False
        if self._stream_type.encoding == "json" and not self._has_object_at(payload_start):
            return False
        stop = payload_start + size
        if not (yield from self.has_bytes_up_to(stop)):
            return False
        return (yield from self.is_plausible_record(self.get_bytes(payload_start, stop), stop))

    def _parse_length_at(self, start: int) -> tuple[int, int] | None:
        """Return where the record after a length starts, and the length."""
        found = _LENGTH.match(self.data, start - self.start)
        return None if found is None else (found.end() + self.start, int(found[1]))

    def _has_object_at(self, start: int) -> bool:
        return self.data[start - self.start : start - self.start + 1] == b"{"
