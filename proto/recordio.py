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

_MOST_LENGTHS = 1024
"""Parsed lines of lengths that a decoder keeps."""

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
        self._lengths: dict[bytes, int] = {}
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
    # are decoded by `feed_whole_record`. Of all others, `_feed_records` decodes the complete
    # records, and `_feed_rest` judges what follows them: the beginning of a record, which goes to
    # the buffer, or a malformed length. Chunks of a payload are only appended to the buffer until
    # it is complete; joining and cutting them each time would take quadratic time.
    #
    # A length is checked as soon as its newline, a wrong byte, or more than MAX_LENGTH_DIGITS
    # digits are received; until then it stays in the buffer. A failure returns the records before
    # it, then the malformed length (up to its first wrong byte), then the rest of the data.

    def feed(self, data: bytes) -> list[RecordIOPiece]:
        """Decode the next bytes; return the pieces that they complete."""
        if self.has_failed:
            return self._after_failure(data)
        pieces: list[RecordIOPiece] = []
        used = 0
        if self._buffer:
            if self._length is None:
                data = bytes(self._buffer) + data
            else:
                used = self._header + self._length - len(self._buffer)
                self._buffer += data[:used]
                if len(data) < used:
                    return []
                self._feed_records(bytes(self._buffer), pieces, 0)
            self._buffer.clear()
        elif (payload := self.feed_whole_record(data)) is not None:
            return [Record(self._number, self._offset - len(data), len(data), payload)]
        used = self._feed_records(data, pieces, used)
        self._length = None
        return pieces if used == len(data) else pieces + self._feed_rest(data[used:])

    def _feed_records(self, data: bytes, pieces: list[RecordIOPiece], used: int) -> int:
        """Append the complete records from `used` on; return where they end.

        The lines of a stream's lengths come again and again, and mostly in one size. So the bytes
        at the place of the next line are looked up among the lines that were parsed before, which
        saves finding the newline and parsing the digits: a third of the time of a record of 1 KB.
        """
        lengths, line_bytes = self._lengths, 4
        number, offset, end = self._number, self._offset, len(data)
        while True:
            length = lengths.get(data[used : used + line_bytes])
            if length is None:
                line = data[used : data.find(b"\n", used, used + MAX_LENGTH_DIGITS + 1) + 1]
                length = lengths.get(line)
                if length is None and (length := self._parse_length(line)) is None:
                    break
                line_bytes = len(line)
            payload = used + line_bytes
            stop = payload + length
            if stop > end:
                break
            number += 1
            pieces.append(Record(number, offset, stop - used, data[payload:stop]))
            offset += stop - used
            used = stop
        self._number, self._offset = number, offset
        return used

    def _parse_length(self, line: bytes) -> int | None:
        """Parse a length and its newline; None if it is malformed, incomplete or over the limit.

        Zero is not kept: it could be looked up as the last bytes of a chunk, which may be fewer
        than asked for, and counted as more than there are.
        """
        digits = line[:-1]
        if not digits.isdigit() or (length := int(digits)) > self._max_record:
            return None
        if length > 0:
            if len(self._lengths) >= _MOST_LENGTHS:
                self._lengths.clear()
            self._lengths[line] = length
        return length

    def _feed_rest(self, data: bytes) -> list[RecordIOPiece]:
        """Keep the beginning of a record until more is there, or fail at its length."""
        end = data.find(b"\n", 0, MAX_LENGTH_DIGITS + 1)
        text = data[: end if end >= 0 else MAX_LENGTH_DIGITS + 1]
        if not text.isdigit() or (end < 0 and len(text) > MAX_LENGTH_DIGITS):
            return self._fail(data, *_malformed_length(text))
        if end >= 0:
            self._length, self._header = int(text), end + 1
            if self._length > self._max_record:
                reason = f"length is {self._length}, the limit is {self._max_record}"
                return self._fail(data, data[: end + 1], reason)
        self._buffer += data
        return []

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
