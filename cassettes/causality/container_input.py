"""What was typed into containers: streamed requests as items, compared as they come.

A record of ATTACH_CONTAINER_INPUT is one item; a heartbeat is none. Two items may be halves of one:

    head   what the record is besides the bytes that were typed
    data   the bytes; how they were cut into records does not count

A record without typed bytes (the container, a window size, the end of the input) has no data and
counts whole. So does one that Mesos would refuse; bytes that are no record are data without a head.
"""

from collections.abc import Callable, Iterator
from typing import Self

from google.protobuf.message import Message
from msgspec import Struct

from ...proto import recordio
from ...proto.api import calls
from ...proto.api.apis import AGENT, Api
from ...proto.messages.fields import at as field_at
from ...proto.messages.fields import type_at
from ..format.bodies import wire
from ..format.documents import Exchange
from ..storage.reader import Cassette

_INPUT = "attach_container_input"
_IO = f"{_INPUT}.process_io"


type Counts = Callable[[tuple[Message, ...], Api], tuple[Message, ...]]
"""Gives what of calls counts when they are compared."""


class Item(Struct, frozen=True):
    """One item of input. `at` is seconds in the recording, and 0 for an item that comes now."""

    head: bytes
    data: bytes
    at: float = 0.0
    opening: bool = False

    @property
    def units(self) -> int:
        """How much input it is: bytes, or 1. The record that names the container is none."""
        return 0 if self.opening else len(self.data) or 1


class Recorded(Struct, frozen=True):
    """A recorded input: its items, when it was answered if it was, and whether it had ended.

    What does not count is not in its items.
    """

    cassette: Cassette
    exchange: int
    kind: str | None
    counts: Counts
    answered_at: float
    ended: bool
    answered: bool

    @classmethod
    def of(cls, cassette: Cassette, exchange: Exchange, kind: str | None, counts: Counts) -> Self:
        """Look up when an input was answered and ended. Its messages are of media type `kind`."""
        answered_at = exchange.at + exchange.response.after
        end = cassette.end(exchange.exchange, "client")
        return cls(
            cassette,
            exchange.exchange,
            kind,
            counts,
            answered_at,
            ended=end is None or end.at <= answered_at,
            answered=exchange.response.status is not None,
        )

    def items(self) -> Iterator[Item]:
        """Read the items, one at a time."""
        for event in self.cassette.events(self.exchange, "client"):
            data = wire(event, AGENT.call)
            if event.offset is not None:
                yield Item(b"", data, event.at)
            elif (item := read(data, self.kind, self.counts, event.at)) is not None:
                yield item


def read(record: bytes, kind: str | None, counts: Counts, at: float = 0.0) -> Item | None:
    """Read a record whose messages are of a media type; None if it is a heartbeat."""
    try:
        call = calls.read(record, kind, AGENT)
    except ValueError:
        return Item(b"\0" + record, b"", at)
    call.DiscardUnknownFields()
    if type_at(call, f"{_IO}.control") == "HEARTBEAT":
        return None
    held, typed = field_at(call, f"{_IO}.data"), field_at(call, f"{_IO}.data.data")
    data = typed if isinstance(typed, bytes) else b""
    if data and isinstance(held, Message):
        held.ClearField("data")
    (call,) = counts((call,), AGENT)
    opening = type_at(call, _INPUT) == "CONTAINER_ID"
    return Item(call.SerializePartialToString(deterministic=True), data, at, opening)


def read_piece(piece: recordio.Piece, kind: str | None, counts: Counts) -> Item | None:
    """Read what a decoder gives; None if it is a heartbeat."""
    if isinstance(piece, recordio.Malformed):
        return Item(b"", piece.data)
    return read(piece.payload, kind, counts)


class Cursor:
    """How far a request has come in a recorded input."""

    def __init__(self, recorded: Recorded) -> None:
        self.recorded = recorded
        self.units = 0
        self._items = recorded.items()
        self._item = next(self._items, None)
        self._used = 0

    def take(self, item: Item) -> bool:
        """Go on by an item; False if something else was recorded."""
        left = item.data
        while True:
            recorded = self._item
            if recorded is None or recorded.head != item.head:
                return False
            if bool(recorded.data) != bool(item.data):
                return False
            size = min(len(left), len(recorded.data) - self._used)
            if recorded.data[self._used : self._used + size] != left[:size]:
                return False
            self._advance(recorded, size)
            left = left[size:]
            if not left:
                return True

    def _advance(self, recorded: Item, size: int) -> None:
        self._used += size
        self.units += size if recorded.data else recorded.units
        if self._used == len(recorded.data):
            self._item, self._used = next(self._items, None), 0

    def is_due(self, *, ended: bool) -> bool:
        """Whether the request has come as far as the recorded one had when it was answered."""
        if self.recorded.ended and not ended:
            return False
        return self._item is None or self._item.at > self.recorded.answered_at
