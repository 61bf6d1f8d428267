r"""Recording of one stream: HTTP chunks in, events out.

Mesos sends one record in each chunk, but proxies between it and the client may cut and join chunks.
So records are found by the decoder, and an event lists the chunks that begin within it:

    chunks    5\nhel  lo3\nfoo  4\nlast
    events    hello  chunks: [[5, 0.1], [7, 0.2]]       the second chunk begins within this record
              foo    chunks: []                         no chunk begins within this one
              last                                      exactly one chunk: not listed

Joined over all events, these are the chunks of the stream, in order.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Literal

from ...proto.recordio import Decoder, MalformedBytes, RecordIOPiece
from ..format import bodies, yaml_writer
from ..format.documents import Document, End, EndCause, Event, Note, Side
from .held_body import HeldBytes, OmittedBytes
from .observations import BodyData

_MAX_CHUNKS = 10_000
"""Chunks that are listed of one event; further ones are joined to the last."""

_SEARCHED_BYTES = 32 * 1024
"""How much of a stream is searched for secrets together."""

type _PlainRecord = tuple[float, bytes, bytes]
"""A record that was one chunk: its time, its payload, and the payload as it is formatted."""

_LEADING_ZEROS = "length has leading zeros"


class _OmittedRecord:
    """A record that is too large to be held, or the rest of one, if there is no `data` of it."""

    def __init__(self, data: bytes, offset: int, missing_bytes: int) -> None:
        header, _, payload = data.partition(b"\n")
        self.offset = offset
        self.size = len(data) + missing_bytes
        self.missing_bytes = missing_bytes
        self.payload = OmittedBytes(payload)
        self.is_rest = not data
        self._length = self.size - len(header) - 1

    def feed(self, data: bytes) -> bytes:
        """Take what belongs to the record; return the rest."""
        with memoryview(data) as view:
            self.payload.feed(view[: self.missing_bytes])
        rest = data[self.missing_bytes :]
        self.missing_bytes -= len(data) - len(rest)
        return rest

    @property
    def problem(self) -> str | None:
        """What is malformed if the stream ends now."""
        if self.is_rest:
            return "the bytes before these were lost"
        if not self.missing_bytes:
            return None
        return f"stream ends after {self.payload.size} of {self._length} bytes of a record"


class StreamRecorder:
    """Records the body of one side of an exchange as events.

    `message` is the full name of the records' message if they are protobuf, None if they are JSON.
    Records in which something `is_suspect` are returned as events, which can be redacted. If the
    body is not RecordIO, every chunk is an event. `first_payload` is the first record, None
    until it is complete: it holds the call of a streamed request. A record that `held` has no room
    for is omitted.
    """

    # Where a record began: the decoder gives pieces with their offset and size in the stream, and
    # `_chunks` has (offset, size, time) of the chunks that begin at or after the end of the last
    # piece. `_begun_in` takes from its front the chunks that begin before the end of a piece; so a
    # chunk belongs to the record in which it begins, even if it goes on into the next one, and each
    # is listed once. An empty list does not mean that a record begins with the next chunk: the rest
    # of a chunk that was taken may be the beginning of a record. The decoder knows that.

    def __init__(
        self,
        exchange: int,
        side: Side,
        message: str | None,
        is_suspect: Callable[[bytes], bool],
        held: HeldBytes,
        *,
        is_recordio: bool,
    ) -> None:
        self.is_recordio = is_recordio
        self.first_payload: bytes | None = None
        self._of = exchange
        self._is_suspect = is_suspect
        self._from: Literal["client"] | None = None if side == "server" else "client"
        if message is None:
            self._shown, self._plain, self._key = (
                bodies.decode_json_body,
                bodies.format_ascii_json,
                b"json",
            )
        else:
            self._shown = partial(bodies.decode_body, body_format="proto", message=message)
            self._plain, self._key = bodies.ascii_proto_formatter(message), b"proto"
        self._decoder = Decoder()
        self._held, self._held_bytes = held, 0
        self._omitted: _OmittedRecord | None = None
        self._chunks: list[tuple[int, int, float]] = []
        self._count = 0
        self._received = 0

    def feed(self, chunks: Iterable[BodyData]) -> Iterator[Document | bytes]:
        """Decode chunks, and yield the events that they complete, some as bytes of the file.

        An event has the time of the chunk that completes it. Redact each one before the next one is
        taken, because it may make other records suspect.
        """
        # Nearly every chunk of a Mesos server is one whole record, so that case does without the
        # decoder's buffer and the list of chunks: `feed_whole_record` accepts a chunk that is
        # exactly one record, if no unfinished one precedes it, and otherwise takes nothing. If its
        # payload is plain (`bodies.format_ascii_json`), not even an `Event` is made: the bytes of
        # the document are formatted at once. Only the server's side may do so, because the first
        # record of the client's side has to be kept as `first_payload`.
        #
        # Plain records that follow each other are searched for secrets together, which takes a
        # third less time than one by one.
        #
        # In every other case the decoder cuts the stream into pieces, and each piece is an event
        # that lists its chunks. The two ways give the same document for the same record.
        plain: list[_PlainRecord] = []
        size = 0
        for chunk in chunks:
            at, data = chunk.at_seconds, chunk.data
            payload = None
            if self.is_recordio and self._omitted is None and not self._chunks:
                payload = self._decoder.feed_whole_record(data)
            shown = self._plain(payload) if payload is not None and self._from is None else None
            if payload is not None and shown is not None:
                self._received += len(data)
                plain.append((at, payload, shown))
                size += len(shown)
                if size < _SEARCHED_BYTES:
                    continue
            yield from self._plain_events(plain)
            plain, size = [], 0
            if payload is None:
                yield from self._feed_unaligned(at, data)
            elif shown is None:
                self._received += len(data)
                yield self._record(at, payload, None)
        yield from self._plain_events(plain)

    def _plain_events(self, records: list[_PlainRecord]) -> Iterator[Document | bytes]:
        """Format plain records; those in which something is suspect become events."""
        if not records:
            return
        is_suspect = self._is_suspect(b"\n".join([shown for _, _, shown in records]))
        for at, payload, shown in records:
            if is_suspect and self._is_suspect(shown):
                yield self._record(at, payload, None)
            else:
                self._count += 1
                yield yaml_writer.format_ascii_event(self._of, self._count, at, self._key, shown)

    def _feed_unaligned(self, at: float, data: bytes) -> Sequence[Document | bytes]:
        """Decode a chunk that is not exactly one record."""
        if not self.is_recordio:
            return [self._event(at, bodies.decode_body(data), None, None)]
        begun = self._received
        self._received += len(data)
        if self._omitted is not None:
            return self._feed_omitted(at, data, self._omitted)
        self._add_chunk(begun, len(data), at)
        return self._feed_decoder(at, data)

    def _add_chunk(self, offset: int, size: int, at: float) -> None:
        if len(self._chunks) < _MAX_CHUNKS:
            self._chunks.append((offset, size, at))
        else:
            offset, before, at = self._chunks[-1]
            self._chunks[-1] = offset, before + size, at

    def _feed_decoder(self, at: float, data: bytes) -> list[Document | bytes]:
        pieces = self._decoder.feed(data)
        events = [self._piece(at, piece) for piece in pieces]
        has_room = self._hold(self._decoder.pending_bytes)
        if not has_room and (missing_bytes := self._decoder.missing_bytes) is not None:
            (unfinished,) = self._decoder.close()
            self._omitted = _OmittedRecord(unfinished.data, unfinished.offset, missing_bytes)
            self._hold(0)
        return [*events]

    def _hold(self, size: int) -> bool:
        before, self._held_bytes = self._held_bytes, size
        return self._held.change(before, size)

    def _feed_omitted(
        self, at: float, data: bytes, omitted: _OmittedRecord
    ) -> Sequence[Document | bytes]:
        """Pass the bytes of a record that is not held, and go on after it."""
        self._add_chunk(self._received - len(data), len(data), at)
        rest = omitted.feed(data)
        if omitted.missing_bytes:
            return []
        documents = self._end_omitted(at, omitted)
        stop = omitted.offset + omitted.size
        self._decoder = Decoder(first_number=self._count + 1, offset=stop)
        return [*documents, *self._feed_decoder(at, rest)] if rest else documents

    def _end_omitted(self, at: float, omitted: _OmittedRecord) -> list[Document]:
        self._omitted = None
        chunks = self._begun_in(omitted.offset, omitted.size - omitted.missing_bytes)
        body = bodies.BodyFields(omitted=str(omitted.payload))
        if omitted.problem is not None:
            body["malformed"] = omitted.problem
        event = self._event(at, body, chunks, None)
        reason = omitted.problem if omitted.is_rest else self._held.omission_reason
        text = f"event {event.event} is omitted ({event.omitted}): {reason}"
        return [event, Note(note=text, at=at, of=self._of)]

    def skip_lost_bytes(self, at: float, size: int) -> list[Document]:
        """Note a gap of `size` bytes, and return what was unfinished before it.

        Numbers and offsets go on. If the gap ends in the record in which it begins, the rest of
        that record is omitted. Else it is unknown where records begin after the gap: the next chunk
        is assumed to begin one, as Mesos sends them.
        """
        unfinished = self._decoder if self._omitted is None else self._omitted
        missing_bytes = (unfinished.missing_bytes or 0) - size
        documents = self._end_unfinished(at)
        self._received += size
        self._decoder = Decoder(first_number=self._count + 1, offset=self._received)
        self._chunks.clear()
        if missing_bytes > 0:
            self._omitted = _OmittedRecord(b"", self._received, missing_bytes)
        return documents

    def continue_after(self, count: int) -> None:
        """Go on after `count` events that were recorded before; offsets begin anew."""
        self._count, self._received = count, 0
        self._decoder = Decoder(first_number=count + 1)

    def close(self, at: float, cause: EndCause) -> list[Document]:
        """End the stream, and return its last events; an unfinished record is a malformed one."""
        end = End(end=self._of, at=round(at, 6), from_=self._from, cause=cause)
        return [*self._end_unfinished(at), end]

    def _end_unfinished(self, at: float) -> list[Document]:
        if self._omitted is not None:
            return self._end_omitted(at, self._omitted)
        self._hold(0)
        return [self._piece(at, piece) for piece in self._decoder.close()]

    def _begun_in(self, offset: int, size: int) -> list[tuple[int, float]] | None:
        """Remove and return the chunks that begin in a piece; None if it is exactly one chunk."""
        stop = offset + size
        begun = 0
        while begun < len(self._chunks) and self._chunks[begun][0] < stop:
            begun += 1
        chunks = self._chunks[:begun]
        del self._chunks[:begun]
        if len(chunks) == 1 and chunks[0][:2] == (offset, size):
            return None
        return [(size, at) for _, size, at in chunks]

    def _piece(self, at: float, piece: RecordIOPiece) -> Event:
        chunks = self._begun_in(piece.offset, piece.size)
        if isinstance(piece, MalformedBytes):
            body = bodies.BodyFields(base64=piece.data, malformed=piece.reason)
            return self._event(at, body, chunks, piece.offset)
        if not piece.is_canonical:
            self.first_payload = self.first_payload or piece.payload
            body = bodies.BodyFields(base64=piece.data, malformed=_LEADING_ZEROS)
            return self._event(at, body, chunks, piece.offset)
        return self._record(at, piece.payload, chunks)

    def _record(self, at: float, payload: bytes, chunks: list[tuple[int, float]] | None) -> Event:
        if self.first_payload is None:
            self.first_payload = payload
        return self._event(at, self._shown(payload), chunks, None)

    def _event(
        self,
        at: float,
        body: bodies.BodyFields,
        chunks: list[tuple[int, float]] | None,
        offset: int | None,
    ) -> Event:
        self._count += 1
        return Event(
            event=self._count,
            of=self._of,
            at=at,
            from_=self._from,
            chunks=chunks,
            offset=offset,
            **body,
        )
