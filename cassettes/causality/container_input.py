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
from ...proto.messages.fields import field_at as field_at
from ...proto.messages.fields import type_enum_name_at
from ..format.bodies import encode_body
from ..format.documents import Exchange
from ..storage.reader import Cassette

_INPUT = "attach_container_input"
_IO = f"{_INPUT}.process_io"


type ComparableCalls = Callable[[tuple[Message, ...], Api], tuple[Message, ...]]
"""Gives what of calls counts when they are compared."""


class InputItem(Struct, frozen=True):
    """One item of input. `at` is seconds in the recording, and 0 for an item that comes now."""

    envelope: bytes
    data: bytes
    at_seconds: float = 0.0
    is_container_id: bool = False

    @property
    def units(self) -> int:
        """How much input it is: bytes, or 1. The record that names the container is none."""
        return 0 if self.is_container_id else len(self.data) or 1


class RecordedInput(Struct, frozen=True):
    """A recorded input: its items, when it was answered if it was, and whether it had ended.

    What does not count is not in its items.
    """

    cassette: Cassette
    exchange: int
    media_type: str | None
    comparable_calls: ComparableCalls
    answered_at_seconds: float
    has_ended: bool
    is_answered: bool

    @classmethod
    def from_exchange(
        cls, cassette: Cassette, exchange: Exchange, kind: str | None, counts: ComparableCalls
    ) -> Self:
        """Look up when an input was answered and ended. Its messages are of media type `kind`."""
        answered_at = exchange.at + exchange.response.after
        end = cassette.stream_end(exchange.exchange, "client")
        return cls(
            cassette,
            exchange.exchange,
            kind,
            counts,
            answered_at,
            has_ended=end is None or end.at <= answered_at,
            is_answered=exchange.response.status is not None,
        )

    def read_items(self) -> Iterator[InputItem]:
        """Read the items, one at a time."""
        for event in self.cassette.events(self.exchange, "client"):
            data = encode_body(event, AGENT.call_message)
            if event.offset is not None:
                yield InputItem(b"", data, event.at)
            elif (
                item := decode_item(data, self.media_type, self.comparable_calls, event.at)
            ) is not None:
                yield item


def decode_item(
    record: bytes, kind: str | None, counts: ComparableCalls, at: float = 0.0
) -> InputItem | None:
    """Read a record whose messages are of a media type; None if it is a heartbeat."""
    try:
        call = calls.decode_call(record, kind, AGENT)
    except ValueError:
        return InputItem(b"\0" + record, b"", at)
    call.DiscardUnknownFields()
    if type_enum_name_at(call, f"{_IO}.control") == "HEARTBEAT":
        return None
    held, typed = field_at(call, f"{_IO}.data"), field_at(call, f"{_IO}.data.data")
    data = typed if isinstance(typed, bytes) else b""
    if data and isinstance(held, Message):
        held.ClearField("data")
    (call,) = counts((call,), AGENT)
    opening = type_enum_name_at(call, _INPUT) == "CONTAINER_ID"
    return InputItem(call.SerializePartialToString(deterministic=True), data, at, opening)


def item_from_piece(
    piece: recordio.RecordIOPiece, kind: str | None, counts: ComparableCalls
) -> InputItem | None:
    """Read what a decoder gives; None if it is a heartbeat."""
    if isinstance(piece, recordio.MalformedBytes):
        return InputItem(b"", piece.data)
    return decode_item(piece.payload, kind, counts)


class InputCursor:
    """How far a request has come in a recorded input."""

    def __init__(self, recorded: RecordedInput) -> None:
        self.recorded = recorded
        self.matched_units = 0
        self._items = recorded.read_items()
        self._item = next(self._items, None)
        self._used = 0

    def match_item(self, item: InputItem) -> bool:
        """Go on by an item; False if something else was recorded."""
        left = item.data
        while True:
            recorded = self._item
            if recorded is None or recorded.envelope != item.envelope:
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

    def _advance(self, recorded: InputItem, size: int) -> None:
        self._used += size
        self.matched_units += size if recorded.data else recorded.units
        if self._used == len(recorded.data):
            self._item, self._used = next(self._items, None), 0

    def is_answer_due(self, *, request_ended: bool) -> bool:
        """Whether the request has come as far as the recorded one had when it was answered."""
        if self.recorded.has_ended and not request_ended:
            return False
        return self._item is None or self._item.at_seconds > self.recorded.answered_at_seconds
