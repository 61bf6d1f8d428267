"""Random messages of the schema: as JSON text with oddities, and as damaged protobuf.

    RandomJSON(Random(1), oddity=0.05).text(descriptor)     JSON text, nearly always of the message
    damaged(Random(1), b"…")                                protobuf, as it was or damaged
    shuffled(Random(1), b"…", descriptor)                   with the fields in another order

An oddity is something that Mesos may accept but does not write: another order, a number in a
string, an unknown name, a value of another type, a second member of a oneof. The same seed gives
the same bytes.
"""

from __future__ import annotations

from random import Random
from typing import Any

from mesotape.proto.messages.descriptors import map_value_field, message_class
from mesotape.proto.messages.wire_format import wire_fields

MAX_NESTING = 7

INTEGERS = (0, 1, -1, 127, 128, 300, 2**31 - 1, -(2**31), 2**32 - 1, 2**53 + 1, 2**63 - 1)
DOUBLES = (
    *("0.0", "1.0", "-1.5", "0.1", "1795348709.251", "1516965410.3180426", "1e-7", "1.5e-6"),
    *("5e-324", "1e15", "1e16", "123456789012345680000.0", "1e21", "1.7976931348623157e308"),
    *("-0.0", "3", "-0", "0.5E+3", "9007199254740993", "4.35", "2.2250738585072011e-308"),
)
STRINGS = (
    *('""', '"a"', '"task-17"', '"\\"\\\\\\/\\b\\f\\n\\r\\t"', '"\\u0000\\u001F\\u00e9\\u20ac"'),
    *('"é😀\u2028\x7f"', '"\\ud83d\\ude00"', '"' + 40 * "long " + '"', '"\ud7ff\ue000\U0010ffff"'),
)
ODD_STRINGS = ('"\\ud83d"', '"\\udc00x"', '"\t"', '"\\x"', '"a', '"\udcff"', '"\udced\udca0\udc80"')
BYTES = ('""', '"AA=="', '"AAA="', '"AAAA"', '"/+//"', '"AAAAAAAAAAAAAAAAAAAAAA=="')
ODD_BYTES = ('"AB=="', '"AAA"', '"A A A A"', '"A"', '"=AAA"', '"AA==AA=="', '"é"', '"\\u0041A=="')
ODD_VALUES = (
    *("null", "true", "1", "-1", "1.5", "1e3", "01", "1.", "1e400", "NaN", "18446744073709551616"),
    *(
        '"1"',
        '" 2 "',
        '"true"',
        '"Infinity"',
        '"x"',
        "[]",
        "[null]",
        "[[1],2]",
        "{}",
        '{"value":1}',
    ),
    *("-", "tru", "", "1" * 400, "0." + "0" * 400 + "1", "[" * 250, '{"a":' * 250),
)


class RandomJSON:
    """Writes JSON of message types; `oddity` is the probability of one at each place."""

    def __init__(self, random: Random, oddity: float = 0.0) -> None:
        self.random = random
        self.oddity = oddity

    def text(self, descriptor: Any) -> bytes:
        text = self._blank() + self._message(descriptor, 1) + self._blank()
        if self._is_odd():
            text = text[: self.random.randrange(len(text) + 1)] + self._choice(ODD_VALUES)
        return text.encode("utf-8", "surrogateescape")

    def _message(self, descriptor: Any, nesting: int) -> str:
        fields = [field for field in descriptor.fields if self._is_set(field, nesting)]
        members = [(field.name, self._field(field, nesting)) for field in fields]
        if self._is_odd():
            self.random.shuffle(members)
        if self._is_odd():
            members.append((self._choice(("unknown", "", "typ", "é")), self._choice(ODD_VALUES)))
        if self._is_odd() and members:
            members.append(self._choice(members))
        return self._object(members)

    def _is_set(self, field: Any, nesting: int) -> bool:
        if field.is_required:
            return not self._is_odd()
        if nesting >= MAX_NESTING:
            return self._is_odd()
        oneof = field.containing_oneof
        if oneof is not None and oneof.fields[self.random.randrange(len(oneof.fields))] != field:
            return self._is_odd()
        return self.random.random() < (0.4 if nesting < 3 else 0.2)

    def _field(self, field: Any, nesting: int) -> str:
        if self._is_odd():
            return self._choice(ODD_VALUES)
        map_value = map_value_field(field)
        if map_value is not None:
            keys = sorted({self._choice(("a", "b", "bb", "é", "")) for _ in range(3)})
            if self._is_odd():
                self.random.shuffle(keys)
            return self._object([(key, self._value(map_value, nesting)) for key in keys])
        if not field.is_repeated:
            return self._value(field, nesting)
        count = self._choice((0, 1, 1, 2, 3))
        elements = [self._value(field, nesting) for _ in range(count)]
        return "[" + self._blank() + ",".join(elements) + self._blank() + "]"

    def _object(self, members: list[tuple[str, str]]) -> str:
        texts = [f'"{name}"{self._blank()}:{self._blank()}{value}' for name, value in members]
        return "{" + self._blank() + f"{self._blank()},".join(texts) + self._blank() + "}"

    def _value(self, field: Any, nesting: int) -> str:
        is_odd = self._is_odd()
        if is_odd and self._choice((True, False)):
            return self._choice(ODD_VALUES)
        if field.message_type is not None:
            return self._message(field.message_type, nesting + 1)
        if field.enum_type is not None:
            return '"' + self._choice([value.name for value in field.enum_type.values]) + '"'
        match field.type:
            case field.TYPE_STRING:
                return self._choice(ODD_STRINGS if is_odd else STRINGS)
            case field.TYPE_BYTES:
                return self._choice(ODD_BYTES if is_odd else BYTES)
            case field.TYPE_BOOL:
                return self._choice(("true", "false"))
            case field.TYPE_DOUBLE:
                if is_odd:
                    return repr(self.random.uniform(-1e9, 1e9))
                return self._choice(DOUBLES)
            case _:
                return str(self._choice(INTEGERS if is_odd else INTEGERS[:2]))

    def _is_odd(self) -> bool:
        return self.random.random() < self.oddity

    def _blank(self) -> str:
        return self._choice((" ", "\n  ", "\t\r")) if self._is_odd() else ""

    def _choice(self, options: Any) -> Any:
        return self.random.choice(options)


def damaged(random: Random, data: bytes) -> bytes:
    """Return protobuf as it was (one time in four), or with up to three changes."""
    for _ in range(random.randrange(4)):
        place, stop = sorted(random.randrange(len(data) + 1) for _ in range(2))
        byte = bytes([random.choice((random.randrange(256), 0, 1, 0x7F, 0x80, 0xFF))])
        match random.randrange(8):
            case 0:
                data = data[:place] + byte + data[place + 1 :]
            case 1:
                data = data[:place] + byte + data[place:]
            case 2:
                data = data[:place] + data[place + 1 :]
            case 3:
                data = data[:place]
            case 4:
                data = data[:place] + data[place:stop] + data[place:]
            case 5:
                data += data
            case 6:
                data += random.choice(
                    (b"\x08\x01", b"\x0a\x00", b"\xf8\xff\xff\xff\x0f\x01", b"\x00")
                )
            case _:  # A varint that is longer than it needs to be.
                small = data[place : place + 1]
                if small and small[0] < 0x80:
                    data = data[:place] + bytes([small[0] | 0x80, 0]) + data[place + 1 :]
    return data


def shuffled(random: Random, data: bytes, descriptor: Any) -> bytes:
    """Return the protobuf of a message with the fields in any order, at all levels."""
    fields: list[bytes] = []
    for field in wire_fields(data):
        inner = descriptor.fields_by_number[field.number].message_type
        value = data[field.begin : field.end]
        if inner is not None and not inner.GetOptions().map_entry:
            value = shuffled(random, value, inner)
        fields.append(data[field.start : field.begin] + value)
    random.shuffle(fields)
    return b"".join(fields)


def descriptor_of(name: str) -> Any:
    return message_class(name).DESCRIPTOR
