r"""JSON text as Mesos reads it: picojson 1.3.0, as Mesos patches it.

It is JSON with these differences (3rdparty/picojson-1.3.0.patch, stout/json.hpp):

    01  1.      are numbers, but +1 and .5 are not
    "\xff"      is a string: bytes from 0x20 up are not looked at. Here such a byte is a lone
                surrogate (the surrogateescape of PEP 383), so that no byte is lost
    "\ud83d"    is an error: half a surrogate pair
    {"a":1,"a":2}  is {"a":2}
    1e400       is an error
    [[[...]]]   may be 200 deep

This reader is exact and slow. `parse` asks msgspec first, and turns here for what msgspec refuses
or would read otherwise.

An integer outside int64 is a double to Mesos. Here it stays an integer, so that a field that has
room for it can keep its value.
"""

import re
from collections.abc import Callable

import msgspec

type JSONValue = dict[str, JSONValue] | list[JSONValue] | str | int | float | bool | None

MAX_DEPTH = 200

_BLANKS = re.compile(rb"[ \t\n\r]*")
_PLAIN = re.compile(rb'[^\x00-\x1f"\\]*')
_NUMBER = re.compile(rb"[0-9eE+.-]+")
_INTEGER = re.compile(rb"(-?)0*([0-9]+)")
_DOUBLE = re.compile(rb"-?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_QUADHEX = re.compile(rb"[0-9A-Fa-f]{0,4}")
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_CURLY_TO_SQUARE = bytes.maketrans(b"{}", b"[]")
_DIGITS_TO_ZERO = bytes.maketrans(b"123456789", b"000000000")
_LITERALS: dict[int, tuple[bytes, JSONValue]] = {
    ord("n"): (b"null", None),
    ord("t"): (b"true", True),
    ord("f"): (b"false", False),
}
_ESCAPES = dict(zip(b'"\\/bfnrt', b'"\\/\b\f\n\r\t', strict=True))


class JSONTextError(ValueError):
    """Text that Mesos does not take for JSON; the message is Mesos's own.

    A server puts `Failed to parse body into JSON: ` before it. Bytes of the text that are no UTF-8
    stand in it as lone surrogates: encode it with `surrogateescape`.
    """


def parse_json(text: bytes) -> JSONValue:
    """Read JSON text. Raises JSONTextError."""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return parse_json_exactly(text)
    return parse_json_exactly(text) if _differs(text) else value


def parse_json_exactly(text: bytes) -> JSONValue:
    """Read JSON text without msgspec's help. Raises JSONTextError."""
    return _Reader(text).whole()


def _differs(text: bytes) -> bool:
    """Whether sound JSON text may be more than picojson takes: too deep, or a number too large."""
    if text.count(b"[") + text.count(b"{") > MAX_DEPTH and _is_deep(text):
        return True
    return len(text) > 308 and b"0" * 309 in text.translate(_DIGITS_TO_ZERO)


def _is_deep(text: bytes) -> bool:
    brackets = _STRING.sub(b"", text).translate(_CURLY_TO_SQUARE, _NO_BRACKETS)
    for _ in range(MAX_DEPTH):
        if not brackets:
            return False
        brackets = brackets.replace(b"[]", b"")  # the innermost level of all
    return bool(brackets)


class _Reader:
    """Reads one value. `at` is the next byte."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.at = 0
        self.depth = 0

    def whole(self) -> JSONValue:
        value = self.value()
        rest = self.text[self.at :]
        if rest.strip(b" \t\n\r"):
            found = _lossless(rest)
            raise JSONTextError(f"Parsed JSON included non-whitespace trailing characters: {found}")
        return value

    def value(self) -> JSONValue:
        match self.skip_blanks():
            case 0x22:  # "
                self.at += 1
                return self.string()
            case 0x5B:  # [
                return self.nested(self.array)
            case 0x7B:  # {
                return self.nested(self.object)
            case 0x2D | 0x30 | 0x31 | 0x32 | 0x33 | 0x34 | 0x35 | 0x36 | 0x37 | 0x38 | 0x39:
                return self.number()
            case byte if byte in _LITERALS:
                return self.literal(*_LITERALS[byte])
            case _:
                raise self.error()

    def nested(self, read: Callable[[], JSONValue]) -> JSONValue:
        self.at += 1
        if self.depth == MAX_DEPTH:
            raise self.error()
        self.depth += 1
        value = read()
        self.depth -= 1
        return value

    def array(self) -> JSONValue:
        items: list[JSONValue] = []
        if self.takes(b"]"):
            return items
        while True:
            items.append(self.value())
            if not self.takes(b","):
                self.expect(b"]")
                return items

    def object(self) -> JSONValue:
        members: dict[str, JSONValue] = {}
        if self.takes(b"}"):
            return members
        while True:
            self.expect(b'"')
            name = self.string()
            self.expect(b":")
            members[name] = self.value()
            if not self.takes(b","):
                self.expect(b"}")
                return members

    def literal(self, word: bytes, value: JSONValue) -> JSONValue:
        for byte in word:
            if self.peek() != byte:
                raise self.error()
            self.at += 1
        return value

    def number(self) -> int | float:
        token = self.take(_NUMBER)
        if not _DOUBLE.fullmatch(token):
            raise self.error()
        number = float(token)
        if number in (float("inf"), float("-inf")):
            raise JSONTextError("Value out of range")
        integer = _INTEGER.fullmatch(token)
        return int(integer[1] + integer[2]) if integer else number

    def string(self) -> str:
        """Read on behind the opening quote."""
        pieces = bytearray()
        while True:
            pieces += self.take(_PLAIN)
            match self.peek():
                case 0x22:  # "
                    self.at += 1
                    return _lossless(pieces)
                case 0x5C:  # \
                    self.at += 1
                    pieces += self.escaped()
                case _:
                    raise self.error()

    def escaped(self) -> bytes:
        byte = self.peek()
        if byte == ord("u"):
            self.at += 1
            return self.codepoint().encode()
        if byte not in _ESCAPES:
            # picojson has read the byte before it refuses it, but has not counted its line yet.
            raise self.error(skip=1)
        self.at += 1
        return bytes([_ESCAPES[byte]])

    def codepoint(self) -> str:
        first = self.quadhex()
        if not 0xD800 <= first <= 0xDFFF:
            return chr(first)
        if first >= 0xDC00:
            raise self.error()
        for byte in b"\\u":
            if self.peek() != byte:
                raise self.error()
            self.at += 1
        second = self.quadhex()
        if not 0xDC00 <= second <= 0xDFFF:
            raise self.error()
        return chr(0x10000 + ((first - 0xD800) << 10 | (second - 0xDC00)))

    def quadhex(self) -> int:
        digits = self.take(_QUADHEX)
        if len(digits) < 4:
            raise self.error()
        return int(digits, 16)

    def peek(self) -> int:
        """Look at the next byte; -1 at the end."""
        return self.text[self.at] if self.at < len(self.text) else -1

    def take(self, pattern: re.Pattern[bytes]) -> bytes:
        found = pattern.match(self.text, self.at)
        if found is None:
            return b""
        self.at = found.end()
        return found.group()

    def skip_blanks(self) -> int:
        self.take(_BLANKS)
        return self.peek()

    def takes(self, byte: bytes) -> bool:
        taken = self.skip_blanks() == byte[0]
        self.at += taken
        return taken

    def expect(self, byte: bytes) -> None:
        if not self.takes(byte):
            raise self.error()

    def error(self, skip: int = 0) -> JSONTextError:
        line = 1 + self.text.count(b"\n", 0, self.at)
        rest, _, _ = self.text[self.at + skip :].partition(b"\n")
        near = _lossless(bytes(byte for byte in rest if byte >= 0x20))
        return JSONTextError(f"syntax error at line {line} near: {near}")


def _lossless(raw: bytes | bytearray) -> str:
    return raw.decode("utf-8", "surrogateescape")
