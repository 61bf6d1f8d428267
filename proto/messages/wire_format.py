r"""The fields of a message in protobuf, without its type.

    wire_fields(b"\x08\x01\x12\x03abc")      WireField(1, VARINT, 0, 1, 2)
                                             WireField(2, LENGTH_DELIMITED, 2, 4, 7)

https://protobuf.dev/programming-guides/encoding/
"""

from collections.abc import Iterator
from typing import NamedTuple

VARINT, FIXED64, LENGTH_DELIMITED, FIXED32 = 0, 1, 2, 5

_FIXED_SIZES = {FIXED64: 8, FIXED32: 4}
_MAX_VARINT_BYTES = 10
_MORE = 0x80
"""Set in a byte of a number that goes on."""

_MAX_NUMBER = (1 << 29) - 1


class WireField(NamedTuple):
    """A field of a message, with offsets: of its tag, of its value, and of the end of the value.

    `end` is beyond the message if a value with a length was cut off.
    """

    number: int
    wire_type: int
    start: int
    begin: int
    end: int


def wire_fields(data: bytes) -> Iterator[WireField]:
    """Iterate over the fields of a message, up to what is none (groups are not known)."""
    position, size = 0, len(data)
    while position < size:
        start = position
        tag, position = read_varint(data, position)
        number, wire_type = tag >> 3, tag & 7
        if position < 0 or not 1 <= number <= _MAX_NUMBER:
            return
        begin = position
        if wire_type == LENGTH_DELIMITED:
            length, begin = read_varint(data, position)
            if begin < 0:
                return
            position = begin + length
        elif wire_type == VARINT:
            _, position = read_varint(data, position)
        elif (fixed := _FIXED_SIZES.get(wire_type)) is not None and begin + fixed <= size:
            position += fixed
        else:
            return
        if position < 0:
            return
        yield WireField(number, wire_type, start, begin, position)


def is_message(data: bytes) -> bool:
    """Return whether some bytes are fields of a message from their first to their last."""
    end = 0
    for field in wire_fields(data):
        end = field.end
    return end == len(data) > 0


def read_varint(data: bytes, position: int) -> tuple[int, int]:
    """Return a number and the offset after it; that is -1 if there is none."""
    if position < len(data) and (value := data[position]) < _MORE:  # nearly all are short
        return value, position + 1
    value = shift = 0
    for index in range(position, min(position + _MAX_VARINT_BYTES, len(data))):
        byte = data[index]
        value |= (byte & (_MORE - 1)) << shift
        if byte < _MORE:
            return value, index + 1
        shift += 7
    return 0, -1


def encode_varint(value: int) -> bytes:
    """Return a number of at least 0 as a varint."""
    encoded = bytearray()
    while value >= _MORE:
        encoded.append(value & (_MORE - 1) | _MORE)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
