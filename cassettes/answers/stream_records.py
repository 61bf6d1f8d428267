r"""The records of a recorded stream, as they are sent: many documents are read at once.

    ---
    event: 1                        records one by one      (0.5, 88\n{"type":"TASK_ADDED",…}, …)
    …                         ->
    ---                             joined, in HTTP chunks  5b\r\n88\n{"type":"TASK_ADDED",…}\r\n
    event: 2                                                5b\r\n88\n{"type":"TASK_UPDATED",…
    …

Clients of the same stream share what was read: at pace `instant`, a record of 300 bytes costs 3 µs
instead of 13, and 0.3 for each further client. Nothing here explains what is wrong: a block of
documents in which anything is unusual is refused, and its records are then read one by one.
"""

from collections.abc import Callable, Iterator

from msgspec import Struct

from ...proto import recordio
from ..format.bodies import indented_body_encoder
from ..format.documents import Event
from ..format.fast_reader import parse_event_bodies
from ..indexing.event_blocks import EventBlock
from ..storage.reader import Cassette
from ..storage.recorded_bodies import encode_event, event_error
from .answer import RecordBlock, encode_chunk
from .byte_cache import ByteCache
from .records import is_heartbeat

_MAX_HEARTBEAT_BYTES = 256
"""A longer record is not a heartbeat, and is not decoded to find out."""

_JOINED_BYTES = 128 * 1024
_SINGLE_BYTES = 8 * 1024
"""Documents that are read at once, to be sent together or one by one. For the first, larger blocks
gain nothing; the others stay in memory while the stream waits for the next deadline."""

_CACHED_JOINED_BYTES = 32 * 1024 * 1024
_CACHED_SINGLE_BYTES = 16 * 1024 * 1024
_MAX_CACHED_BLOCK_BYTES = 1024 * 1024
_CACHED_RECORD_BYTES = 200
"""Besides the bytes of a record; estimated."""

type CacheKey = tuple[object, ...]
"""What the bytes of records depend on: the exchange, and the encoding that they are sent in."""

type Convert = Callable[[bytes], bytes]
"""Returns a record in the other encoding. Raises ValueError."""


class StreamRecord(Struct, frozen=True, gc=False):
    """A record with its framing, recorded at `at_seconds`."""

    at_seconds: float
    data: bytes
    is_heartbeat: bool


class RecordCaches:
    """The records that were read last, shared by all streams of a replay."""

    def __init__(self) -> None:
        self.joined = ByteCache[tuple[CacheKey, int], RecordBlock](
            _CACHED_JOINED_BYTES, _MAX_CACHED_BLOCK_BYTES
        )
        self.single = ByteCache[tuple[CacheKey, int], list[StreamRecord]](
            _CACHED_SINGLE_BYTES, _MAX_CACHED_BLOCK_BYTES
        )


class StreamRecords:
    """The records of the stream of one exchange, for one client.

    `message` is the full name of their message, None if it is not known. With `convert`, they are
    sent as that returns them. `key` tells the records in `caches` from others.
    """

    def __init__(
        self,
        cassette: Cassette,
        number: int,
        message: str | None,
        convert: Convert | None = None,
        caches: RecordCaches | None = None,
        key: CacheKey = (),
    ) -> None:
        self._cassette = cassette
        self._number = number
        self.message = message
        self._convert = convert
        self._caches = RecordCaches() if caches is None else caches
        self._key = key

    def read_joined(self) -> Iterator[RecordBlock | bytes]:
        """Read blocks of records, and the framed records that are in none.

        Raises `CassetteError` if a record cannot be read or sent.
        """
        cache, block = self._caches.joined, self._first_block(_JOINED_BYTES)
        while block is not None:
            if (joined := cache.get((self._key, block.first))) is not None:
                self._cassette.check_unchanged()
            elif (records := self._read_block(block)) is not None:
                chunks = [encode_chunk(recordio.encode(data)) for _, data in records]
                joined = RecordBlock(b"".join(chunks), len(chunks))
                cache.put((self._key, block.first), joined, len(joined.data))
            if joined is not None:
                yield joined
            else:
                for event in self._cassette.streams.events_of(block, self._number):
                    if data := self.read_record(event).data:
                        yield data
            block = self._cassette.streams.next_block(block, _JOINED_BYTES)

    def read_single(self) -> Iterator[StreamRecord]:
        """Read the records one by one. Raises `CassetteError` if one cannot be read or sent."""
        cache, block = self._caches.single, self._first_block(_SINGLE_BYTES)
        while block is not None:
            records = cache.get((self._key, block.first))
            if records is None:
                read = self._read_block(block) or ()
                records = [self._frame(at_seconds, data) for at_seconds, data in read]
                size = sum(len(each.data) + _CACHED_RECORD_BYTES for each in records)
                cache.put((self._key, block.first), records, size or _CACHED_RECORD_BYTES)
            events = () if records else self._cassette.streams.events_of(block, self._number)
            for record in records or (self.read_record(event) for event in events):
                self._cassette.check_unchanged()  # The record may have been read long ago.
                yield record
            block = self._cassette.streams.next_block(block, _SINGLE_BYTES)

    def read_record(self, event: Event) -> StreamRecord:
        """Convert and frame one record."""
        data = encode_event(self._cassette, event, self.message)
        if event.offset is not None:  # It is malformed.
            return StreamRecord(event.at, data, is_heartbeat=False)
        if self._convert is not None:
            try:
                data = self._convert(data)
            except ValueError as error:
                raise event_error(self._cassette, event, error) from error
        return self._frame(event.at, data)

    def _frame(self, at_seconds: float, data: bytes) -> StreamRecord:
        is_beat = len(data) <= _MAX_HEARTBEAT_BYTES and is_heartbeat(data, self.message)
        return StreamRecord(at_seconds, recordio.encode(data), is_beat)

    def _first_block(self, max_bytes: int) -> EventBlock | None:
        return self._cassette.streams.first_block(self._number, max_bytes)

    def _read_block(self, block: EventBlock) -> list[tuple[float, bytes]] | None:
        """Return the times and bytes of the records of a block, None if anything is unusual."""
        if not block.is_dense:
            return None
        bodies = parse_event_bodies(self._cassette.read_bytes(block.start, block.end), self._number)
        if bodies is None or len(bodies) != block.count:
            return None
        try:
            encode = {
                form: indented_body_encoder(form, self.message)
                for form in {form for _, form, _ in bodies}
            }
            records = [encode[form](text) for _, form, text in bodies]
            if self._convert is not None:
                records = [self._convert(record) for record in records]
        except Exception:  # `read_record` raises it again, with the place of the record.
            return None
        return [(float(at), data) for (at, _, _), data in zip(bodies, records, strict=True)]
