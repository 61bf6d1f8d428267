r"""RecordIO framing, without I/O.

A record is its length in ASCII decimal, a newline, then that many bytes, and nothing after them:

    5\nhello3\nfoo

Feed bytes as they come; records come out as soon as they are whole, and what is not RecordIO comes
out as malformed pieces, so that no byte is lost. How the bytes were cut changes nothing but the
pieces that follow a malformed length, which are handed on as they come.
The decoder holds at most one unfinished record, and `max_record` bounds it.

Mesos writes lengths without sign, blanks or leading zeros (stout/recordio.hpp). This decoder takes
leading zeros too, as both of Mesos's decoders do, and nothing else that only one of them takes.
A bad length is final, as in Mesos: where the next record would begin is anybody's guess.
"""

from msgspec import Struct

MAX_RECORD_BYTES = 1 << 30
"""Bytes. A snapshot of the state of a large cluster is one record of tens of megabytes."""

MAX_LENGTH_DIGITS = 20
"""As many as 2**64 has."""

_SHOWN = 32


class RecordIOError(ValueError):
    """A piece of a stream is not RecordIO; the text says which, where, and why."""


class Record(Struct, frozen=True, gc=False):
    """A whole record: `offset` and `size` in bytes of the stream, framing included."""

    number: int
    offset: int
    size: int
    payload: bytes

    @property
    def is_canonical(self) -> bool:
        """Whether framing the payload again gives the bytes of the stream."""
        length = len(self.payload)
        return self.size == length + len(str(length)) + 1

    @property
    def data(self) -> bytes:
        """The bytes of the stream, framing included."""
        return encode(self.payload).rjust(self.size, b"0")


class MalformedBytes(Struct, frozen=True, gc=False):
    """Bytes that are no record: `number` is what the record would have had."""

    number: int
    offset: int
    data: bytes
    reason: str

    @property
    def size(self) -> int:
        """How many bytes of the stream it is."""
        return len(self.data)

    def __str__(self) -> str:
        return f"record {self.number}, byte {self.offset}: {self.reason}"


type RecordIOPiece = Record | MalformedBytes


def encode(payload: bytes) -> bytes:
    """Frame one record."""
    return b"%d\n%b" % (len(payload), payload)


def decode(data: bytes) -> list[bytes]:
    """Split a whole stream into payloads; raises RecordIOError at the first malformed piece."""
    decoder = Decoder()
    payloads: list[bytes] = []
    for piece in decoder.feed(data) + decoder.close():
        if isinstance(piece, MalformedBytes):
            raise RecordIOError(str(piece))
        payloads.append(piece.payload)
    return payloads


class Decoder:
    """Cuts a stream into records, from pieces of any size.

    After a malformed length everything that follows is malformed too. `close` tells what was left
    unfinished. Records are counted from `first`, bytes from `offset`.
    """

    def __init__(
        self, max_record_bytes: int = MAX_RECORD_BYTES, *, first_number: int = 1, offset: int = 0
    ) -> None:
        self._max_record = max_record_bytes
        self._buffer = bytearray()
        self._number = first_number - 1
        self._offset = offset
        self._length: int | None = None
        self._header = 0
        self.has_failed = False

    @property
    def pending_bytes(self) -> int:
        """How many bytes of an unfinished record are held."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[RecordIOPiece]:
        """Take the next bytes; give the pieces that they complete."""
        if self.has_failed:
            return self._rest(data)
        if self._buffer:
            self._buffer += data
            if self._length is not None and len(self._buffer) < self._header + self._length:
                return []
            data = bytes(self._buffer)
            self._buffer.clear()
        elif (payload := self.feed_whole_record(data)) is not None:
            return [Record(self._number, self._offset - len(data), len(data), payload)]
        pieces: list[RecordIOPiece] = []
        used = 0
        while used < len(data):
            if self._length is None:
                end = data.find(b"\n", used, used + MAX_LENGTH_DIGITS + 1)
                text = data[used : end if end >= 0 else used + MAX_LENGTH_DIGITS + 1]
                if not text.isdigit() or (end < 0 and len(text) > MAX_LENGTH_DIGITS):
                    return pieces + self._lose(data[used:], _bad_length(text))
                if end < 0:
                    break
                self._length, self._header = int(text), end + 1 - used
                if self._length > self._max_record:
                    reason = f"length is {self._length}, the limit is {self._max_record}"
                    return pieces + self._lose(data[used:], (data[used : end + 1], reason))
            stop = used + self._header + self._length
            if stop > len(data):
                break
            self._number += 1
            payload = data[used + self._header : stop]
            pieces.append(Record(self._number, self._offset, stop - used, payload))
            self._offset += stop - used
            used, self._length = stop, None
        self._buffer += data[used:]
        return pieces

    def feed_whole_record(self, data: bytes) -> bytes | None:
        """Give the payload if the next bytes are exactly one record, as Mesos sends them.

        Otherwise they are not taken.
        """
        if self._buffer or self.has_failed:
            return None
        end = data.find(b"\n", 0, MAX_LENGTH_DIGITS + 1)
        size = len(data) - end - 1
        if end < 1 or size > self._max_record or data[:end] != b"%d" % size:
            return None
        self._number += 1
        self._offset += len(data)
        return data[end + 1 :]

    def close(self) -> list[RecordIOPiece]:
        """End the stream; an unfinished record is a malformed piece."""
        if not self._buffer:
            return []
        data = bytes(self._buffer)
        self._buffer.clear()
        if self._length is None:
            reason = f"stream ends inside a length, {_show(data)}, expected a newline"
        else:
            got = len(data) - self._header
            reason = f"stream ends after {got} of {self._length} bytes of a record"
        return self._piece(data, reason)

    def _lose(self, data: bytes, bad: tuple[bytes, str]) -> list[RecordIOPiece]:
        """Give the bad length as one piece and what follows it as another; bad is (bytes, why)."""
        self.has_failed = True
        length, reason = bad
        return self._piece(length, reason) + self._rest(data[len(length) :])

    def _rest(self, data: bytes) -> list[RecordIOPiece]:
        return self._piece(data, "follows a malformed length") if data else []

    def _piece(self, data: bytes, reason: str) -> list[RecordIOPiece]:
        piece = MalformedBytes(self._number + 1, self._offset, data, reason)
        self._offset += len(data)
        return [piece]


def _bad_length(text: bytes) -> tuple[bytes, str]:
    """Cut what stands for a length behind its first bad byte, and say what is wrong."""
    if not text:
        return b"\n", "length is empty, expected decimal digits"
    digits = len(text) - len(text.lstrip(b"0123456789"))
    if digits > MAX_LENGTH_DIGITS:
        reason = f"length is {_show(text)}, expected at most {MAX_LENGTH_DIGITS} digits"
        return text, reason
    bad = text[: digits + 1]
    return bad, f"length is {_show(bad)}, expected decimal digits"


def _show(data: bytes) -> str:
    return repr(data if len(data) <= _SHOWN else data[:_SHOWN] + b"...")
