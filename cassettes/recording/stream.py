"""A stream while it is recorded: HTTP chunks in, events out.

A chunk is not a record, whatever Mesos happens to send: proxies on the way cut and join chunks. So
records come from the decoder, and an event tells the chunks that begin within it, unless it arrived
as exactly one. Joined over all events these are the chunks of the stream, in order.
"""

from collections.abc import Sequence
from functools import partial
from typing import Literal

from ...proto.recordio import Decoder, Malformed, Piece
from ..format import bodies, yaml_writer
from ..format.documents import Cause, End, Event, Side

ZEROS = "length has leading zeros"


class Stream:
    """The records of one side of an exchange; `message` is their type if they are protobuf.

    With `records` False the body is not RecordIO, and every chunk is an event.
    """

    def __init__(self, exchange: int, side: Side, message: str | None, *, records: bool) -> None:
        self.records = records
        self.first: bytes | None = None
        self._of = exchange
        self._from: Literal["client"] | None = None if side == "server" else "client"
        if message is None:
            self._shown, self._plain, self._key = bodies.shown_json, bodies.plain_json, b"json"
        else:
            self._shown = partial(bodies.shown, kind="proto", message=message)
            self._plain, self._key = bodies.plain_proto(message), b"proto"
        self._decoder = Decoder()
        self._chunks: list[tuple[int, int, float]] = []
        self._count = 0
        self._received = 0

    def take(self, at: float, data: bytes) -> Sequence[Event | bytes]:
        """Take one chunk; what is bytes is an event in the layout of the file already."""
        if not self.records:
            return [self._event(at, bodies.shown(data), None, None)]
        begun = self._received
        self._received += len(data)
        if not self._chunks and (payload := self._decoder.only(data)) is not None:
            if self._from is None and (shown := self._plain(payload)) is not None:
                self._count += 1
                return [yaml_writer.plain_event(self._of, self._count, at, self._key, shown)]
            return [self._record(at, payload, None)]
        pieces = self._decoder.feed(data)
        self._chunks.append((begun, len(data), at))
        return [self._piece(at, piece, self._begun_in(piece)) for piece in pieces]

    def skip(self, at: float, size: int) -> list[Event]:
        """Take notice of lost bytes: the next chunk is where a record begins again."""
        events = [self._piece(at, piece, self._begun_in(piece)) for piece in self._decoder.close()]
        self._received += size
        self._decoder = Decoder(first=self._count + 1, offset=self._received)
        self._chunks.clear()
        return events

    def end(self, at: float, cause: Cause) -> list[Event | End]:
        """Close the stream; what is left of an unfinished record is a malformed event."""
        left = self._decoder.close()
        events = [self._piece(at, piece, self._begun_in(piece)) for piece in left]
        return [*events, End(end=self._of, at=round(at, 6), from_=self._from, cause=cause)]

    def _begun_in(self, piece: Piece) -> list[tuple[int, float]] | None:
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

    def _piece(self, at: float, piece: Piece, chunks: list[tuple[int, float]] | None) -> Event:
        if isinstance(piece, Malformed):
            body = bodies.Shown(base64=piece.data, malformed=piece.reason)
            return self._event(at, body, chunks, piece.offset)
        if not piece.canonical:
            self.first = self.first or piece.payload
            body = bodies.Shown(base64=piece.data, malformed=ZEROS)
            return self._event(at, body, chunks, piece.offset)
        return self._record(at, piece.payload, chunks)

    def _record(self, at: float, payload: bytes, chunks: list[tuple[int, float]] | None) -> Event:
        if self.first is None:
            self.first = payload
        return self._event(at, self._shown(payload), chunks, None)

    def _event(
        self,
        at: float,
        body: bodies.Shown,
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
