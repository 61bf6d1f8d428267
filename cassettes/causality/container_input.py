"""Input to containers: recorded streamed requests as items, compared with one that arrives.

A record of ATTACH_CONTAINER_INPUT is one item; a heartbeat is none. An item has two parts:

    envelope   the record without the bytes that were typed
    data       these bytes; how they were cut into records does not count

A record without typed bytes (the container, a window size, the end of the input) has no data and is
compared whole, and so is one that Mesos would refuse. Bytes that are no record have no envelope.
"""

from collections.abc import Callable, Iterator
from typing import Self

from google.protobuf.message import Message
from msgspec import Struct

from ...proto import recordio
from ...proto.api import calls
from ...proto.api.apis import AGENT, Api
from ...proto.messages.fields import field_at, type_enum_name_at
from ..answers.records import is_heartbeat_message
from ..format.documents import Exchange
from ..storage.reader import Cassette
from ..storage.recorded_bodies import encode_event

_INPUT = "attach_container_input"
_IO = f"{_INPUT}.process_io"


type ComparableCalls = Callable[[tuple[Message, ...], Api], tuple[Message, ...]]
"""Reduces calls of an API to the parts that are compared."""


class InputItem(Struct, frozen=True):
    """One item of input. `at_seconds` is its recorded time, and 0 if it is not recorded."""

    envelope: bytes
    data: bytes
    at_seconds: float = 0.0
    is_container_id: bool = False

    @property
    def units(self) -> int:
        """The amount of input: the number of bytes, 1 without data, 0 for the container's name."""
        return 0 if self.is_container_id else len(self.data) or 1


class RecordedInput(Struct, frozen=True):
    """A recorded input: where its items are, and when it was answered.

    `has_ended` is true if it had ended by then, and `is_answered` if it was answered at all. Items
    are read with `comparable_calls`, which drops what is ignored.
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
        cls,
        cassette: Cassette,
        exchange: Exchange,
        media_type: str | None,
        comparable_calls: ComparableCalls,
    ) -> Self:
        """Look up when an input was answered and ended. Its messages are of `media_type`."""
        answered_at = exchange.answered_at
        end = cassette.stream_end(exchange.exchange, "client")
        return cls(
            cassette,
            exchange.exchange,
            media_type,
            comparable_calls,
            answered_at,
            has_ended=end is None or end.at <= answered_at,
            is_answered=exchange.response.status is not None,
        )

    def read_items(self) -> Iterator[InputItem]:
        """Read the items from the cassette, one at a time."""
        for event in self.cassette.events(self.exchange, "client"):
            data = encode_event(self.cassette, event, AGENT.call_message)
            if event.offset is not None:
                yield InputItem(b"", data, event.at)
                continue
            item = _decode_item(data, self.media_type, self.comparable_calls, event.at)
            if item is not None:
                yield item


def item_from_piece(
    piece: recordio.RecordIOPiece, media_type: str | None, comparable_calls: ComparableCalls
) -> InputItem | None:
    """Return the item that a RecordIO decoder returned; None for a heartbeat."""
    if isinstance(piece, recordio.MalformedBytes):
        return InputItem(b"", piece.data)
    return _decode_item(piece.payload, media_type, comparable_calls)


def _decode_item(
    record: bytes,
    media_type: str | None,
    comparable_calls: ComparableCalls,
    at_seconds: float = 0.0,
) -> InputItem | None:
    try:
        call = calls.decode_call(record, media_type, AGENT)
    except ValueError:
        return InputItem(b"\0" + record, b"", at_seconds)
    call.DiscardUnknownFields()
    if is_heartbeat_message(call):
        return None
    io_data, typed = field_at(call, f"{_IO}.data"), field_at(call, f"{_IO}.data.data")
    data = typed if isinstance(typed, bytes) else b""
    if data and isinstance(io_data, Message):
        io_data.ClearField("data")
    (call,) = comparable_calls((call,), AGENT)
    names_container = type_enum_name_at(call, _INPUT) == "CONTAINER_ID"
    envelope = call.SerializePartialToString(deterministic=True)
    return InputItem(envelope, data, at_seconds, names_container)


class InputCursor:
    """How far an arriving request matches a recorded input."""

    def __init__(self, recorded: RecordedInput) -> None:
        self.recorded = recorded
        self.matched_units = 0
        self._items = recorded.read_items()
        self._item = next(self._items, None)
        self._matched_bytes = 0

    def match_item(self, item: InputItem) -> bool:
        """Advance by an item; return False if something else was recorded."""
        # How input is cut into records does not count, so the data of an item may end within a
        # recorded item or span several. The position is the current recorded item (None after the
        # last), and how many bytes of its data have matched. Each turn compares as many bytes as
        # both have left; the next recorded item is taken once all of one have matched. All items
        # that the data spans must have the same envelope.
        #
        # An item without data matches one recorded item without data, in a turn of 0 bytes. After
        # a False the position is undefined: the caller drops the cursor.
        left = item.data
        while True:
            recorded = self._item
            if recorded is None or recorded.envelope != item.envelope:
                return False
            if bool(recorded.data) != bool(item.data):
                return False
            size = min(len(left), len(recorded.data) - self._matched_bytes)
            if recorded.data[self._matched_bytes : self._matched_bytes + size] != left[:size]:
                return False
            self._advance(recorded, size)
            left = left[size:]
            if not left:
                return True

    def _advance(self, recorded: InputItem, size: int) -> None:
        self._matched_bytes += size
        self.matched_units += size if recorded.data else recorded.units
        if self._matched_bytes == len(recorded.data):
            self._item, self._matched_bytes = next(self._items, None), 0

    def is_answer_due(self, *, request_ended: bool) -> bool:
        """Return whether the request has got as far as the recorded one when it was answered."""
        # An input that had ended when it was answered is answered at its end, and not before. One
        # that was answered early is answered when the next item is one that was recorded after the
        # answer, whether or not the request goes on.
        if self.recorded.has_ended and not request_ended:
            return False
        return self._item is None or self._item.at_seconds > self.recorded.answered_at_seconds
