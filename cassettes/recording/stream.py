"""A stream while it is recorded: HTTP chunks in, events out.

A chunk is not a record, whatever Mesos happens to send: proxies on the way cut and join chunks. So
records come from the decoder, and an event tells the chunks that begin within it, unless it arrived
as exactly one. Joined over all events these are the chunks of the stream, in order.
"""

from collections.abc import Sequence
from functools import partial
from typing import Literal

from ...proto.recordio import Decoder, MalformedBytes, RecordIOPiece
from ..format import bodies, yaml_writer
from ..format.documents import End, EndCause, Event, Side

ZEROS = "length has leading zeros"


class StreamRecorder:
    """The records of one side of an exchange; `message` is their type if they are protobuf.

    With `records` False the body is not RecordIO, and every chunk is an event.
    """

    def __init__(
        self, exchange: int, side: Side, message: str | None, *, is_recordio: bool
    ) -> None:
        self.is_recordio = is_recordio
        self.first_payload: bytes | None = None
        self._of = exchange
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
        self._chunks: list[tuple[int, int, float]] = []
        self._count = 0
        self._received = 0

    def feed(self, at: float, data: bytes) -> Sequence[Event | bytes]:
        """Take one chunk; what is bytes is an event in the layout of the file already."""
        if not self.is_recordio:
            return [self._event(at, bodies.decode_body(data), None, None)]
        begun = self._received
        self._received += len(data)
        if not self._chunks and (payload := self._decoder.feed_whole_record(data)) is not None:
            if self._from is None and (shown := self._plain(payload)) is not None:
                self._count += 1
                return [yaml_writer.format_ascii_event(self._of, self._count, at, self._key, shown)]
            return [self._record(at, payload, None)]
        pieces = self._decoder.feed(data)
        self._chunks.append((begun, len(data), at))
        return [self._piece(at, piece, self._begun_in(piece)) for piece in pieces]

    def skip_lost_bytes(self, at: float, size: int) -> list[Event]:
        """Take notice of lost bytes: the next chunk is where a record begins again."""
        events = [self._piece(at, piece, self._begun_in(piece)) for piece in self._decoder.close()]
        self._received += size
        self._decoder = Decoder(first_number=self._count + 1, offset=self._received)
        self._chunks.clear()
        return events

    def close(self, at: float, cause: EndCause) -> list[Event | End]:
        """Close the stream; what is left of an unfinished record is a malformed event."""
        left = self._decoder.close()
        events = [self._piece(at, piece, self._begun_in(piece)) for piece in left]
        return [*events, End(end=self._of, at=round(at, 6), from_=self._from, cause=cause)]

    def _begun_in(self, piece: RecordIOPiece) -> list[tuple[int, float]] | None:
        """Give the chunks that begin within a piece, or None if the piece is exactly one chunk."""
        stop = piece.offset + piece.size
        begun = 0
        while begun < len(self._chunks) and self._chunks[begun][0] < stop:
            begun += 1
        chunks = self._chunks[:begun]
        del self._chunks[:begun]
        if len(chunks) == 1 and chunks[0][:2] == (piece.offset, piece.size):
            return None
        return [(size, at) for _, size, at in chunks]

    def _piece(
        self, at: float, piece: RecordIOPiece, chunks: list[tuple[int, float]] | None
    ) -> Event:
        if isinstance(piece, MalformedBytes):
            body = bodies.BodyFields(base64=piece.data, malformed=piece.reason)
            return self._event(at, body, chunks, piece.offset)
        if not piece.is_canonical:
            self.first_payload = self.first_payload or piece.payload
            body = bodies.BodyFields(base64=piece.data, malformed=ZEROS)
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
