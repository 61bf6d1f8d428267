r"""RecordIO framing, without I/O.

A record is its length in ASCII decimal, a newline, then that many bytes, and nothing after them:

    5\nhello3\nfoo

Feed bytes in chunks of any size; each record is returned as soon as it is complete. Bytes that are
not RecordIO are returned as malformed pieces, so that no byte is lost. The pieces do not depend on
the chunks, except that the bytes after a malformed length are returned chunk by chunk.
The decoder holds at most one unfinished record, and `max_record_bytes` limits its size.

Mesos writes lengths without sign, blanks or leading zeros (stout/recordio.hpp). This decoder also
accepts leading zeros, as both decoders of Mesos do, and nothing that only one of them accepts.
A malformed length is final, as in Mesos: where the next record begins is unknown.
"""

from msgspec import Struct

MAX_RECORD_BYTES = 1 << 30
"""Default limit. The state of a large cluster is one record of tens of megabytes."""

MAX_LENGTH_DIGITS = 20
"""Digits of 2**64."""

_SHOWN_BYTES = 32


class RecordIOError(ValueError):
    """A stream has a malformed piece; the text has its record number, offset and reason."""


class Record(Struct, frozen=True, gc=False):
    """A complete record; `offset` and `size` are in bytes of the stream, framing included."""

    number: int
    offset: int
    size: int
    payload: bytes

    @property
    def is_canonical(self) -> bool:
        """True if encoding the payload gives the bytes of the stream: no leading zeros."""
        length = len(self.payload)
        return self.size == length + len(str(length)) + 1

    @property
    def data(self) -> bytes:
        """The bytes of the stream, framing included."""
        return encode(self.payload).rjust(self.size, b"0")


class MalformedBytes(Struct, frozen=True, gc=False):
    """Bytes that are not a record; `number` is the one that a record here would have."""

    number: int
    offset: int
    data: bytes
    reason: str

    @property
    def size(self) -> int:
        """Bytes of the stream."""
        return len(self.data)

    def __str__(self) -> str:
        return f"record {self.number}, byte {self.offset}: {self.reason}"


type RecordIOPiece = Record | MalformedBytes


def encode(payload: bytes) -> bytes:
    """Frame one payload as a record."""
    return b"%d\n%b" % (len(payload), payload)


def decode(data: bytes) -> list[bytes]:
    """Return the payloads of a whole stream. Raises RecordIOError at the first malformed piece."""
    decoder = Decoder()
    payloads: list[bytes] = []
    for piece in decoder.feed(data) + decoder.close():
        if isinstance(piece, MalformedBytes):
            raise RecordIOError(str(piece))
        payloads.append(piece.payload)
    return payloads


class Decoder:
    """Decodes a stream of records, fed in chunks of any size.

    After a malformed length all further bytes are malformed too, and `has_failed` is true. `close`
    returns an unfinished record. The first record has `first_number`, the first byte `offset`.
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
        """Bytes held of an unfinished record."""
        return len(self._buffer)

    @property
    def missing_bytes(self) -> int | None:
        """Bytes that the unfinished record lacks; None if its length is not known yet."""
        if self._length is None:
            return None
        return self._header + self._length - len(self._buffer)

    # State between two calls of `feed`. The decoder is in one of three states:
    #
    #     in a length     _length is None;  _buffer has the digits received so far, if any
    #     in a payload    _length is set;   _buffer begins with the _header bytes of the length line
    #     failed          has_failed;       _buffer is empty, all input is malformed
    #
    # Most chunks are exactly one record, because Mesos writes each record as one HTTP chunk: they
    # are decoded without the buffer. For all other chunks the loop below decodes all complete
    # records in `data`, which is the buffer and the new chunk, and puts the rest back. If it did
    # so for every chunk of a large payload, copying would take quadratic time; so while a payload
    # is known to be incomplete, its chunks are only appended to the buffer.
    #
    # A length is checked as soon as its newline, a wrong byte, or more than MAX_LENGTH_DIGITS
    # digits are received; until then it stays in the buffer. A failure returns the records before
    # it, then the malformed length (up to its first wrong byte), then the rest of the data.

    def feed(self, data: bytes) -> list[RecordIOPiece]:
        """Decode the next bytes; return the pieces that they complete."""
        if self.has_failed:
            return self._after_failure(data)
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
                    return pieces + self._fail(data[used:], *_malformed_length(text))
                if end < 0:
                    break
                self._length, self._header = int(text), end + 1 - used
                if self._length > self._max_record:
                    reason = f"length is {self._length}, the limit is {self._max_record}"
                    return pieces + self._fail(data[used:], data[used : end + 1], reason)
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
        """Decode the next bytes if they are exactly one record, as Mesos sends it.

        Returns the payload. Otherwise returns None, and the decoder is unchanged.
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
        """End the stream; return an unfinished record as a malformed piece."""
        if not self._buffer:
            return []
        data = bytes(self._buffer)
        self._buffer.clear()
        if self._length is None:
            reason = f"stream ends inside a length, {_format(data)}, expected a newline"
        else:
            received = len(data) - self._header
            reason = f"stream ends after {received} of {self._length} bytes of a record"
        return self._piece(data, reason)

    def _fail(self, data: bytes, length: bytes, reason: str) -> list[RecordIOPiece]:
        """Return the malformed length at the start of `data` as one piece, the rest as another."""
        self.has_failed = True
        return self._piece(length, reason) + self._after_failure(data[len(length) :])

    def _after_failure(self, data: bytes) -> list[RecordIOPiece]:
        return self._piece(data, "follows a malformed length") if data else []

    def _piece(self, data: bytes, reason: str) -> list[RecordIOPiece]:
        piece = MalformedBytes(self._number + 1, self._offset, data, reason)
        self._offset += len(data)
        return [piece]


def _malformed_length(text: bytes) -> tuple[bytes, str]:
    """Return a malformed length, up to its first wrong byte, and the reason."""
    if not text:
        return b"\n", "length is empty, expected decimal digits"
    digits = len(text) - len(text.lstrip(b"0123456789"))
    if digits > MAX_LENGTH_DIGITS:
        reason = f"length is {_format(text)}, expected at most {MAX_LENGTH_DIGITS} digits"
        return text, reason
    length = text[: digits + 1]
    return length, f"length is {_format(length)}, expected decimal digits"


def _format(data: bytes) -> str:
    return repr(data if len(data) <= _SHOWN_BYTES else data[:_SHOWN_BYTES] + b"...")
