r"""JSON text as Mesos parses it: picojson 1.3.0 with the patch of Mesos.

It differs from JSON in this (3rdparty/picojson-1.3.0.patch, stout/json.hpp):

    01  1.      are numbers, but +1 and .5 are not
    "\xff"      is a string: bytes from 0x20 on are not checked. Here a byte that is not UTF-8 is a
                lone surrogate (the surrogateescape of PEP 383), so that no byte is lost
    "\ud83d"    is an error: half a surrogate pair
    {"a":1,"a":2}  is {"a":2}
    1e400       is an error
    [[[...]]]   may be nested 200 deep

The parser here is exact and slow. `parse_json` tries msgspec first, and uses this parser for text
that msgspec refuses or might parse differently.

An integer outside int64 is a double in Mesos. Here it stays an integer, so that it is exact in a
field that is large enough.
"""

import re
from collections.abc import Callable

import msgspec

type JSONValue = dict[str, JSONValue] | list[JSONValue] | str | int | float | bool | None

MAX_DEPTH = 200

_BLANKS = re.compile(rb"[ \t\n\r]*")
_PLAIN = re.compile(rb'[^\x00-\x1f"\\]*')
_NUMBER = re.compile(rb"[0-9eE+.-]+")
_INTEGER = re.compile(rb"(-?)0*([1-9][0-9]*|0)")
_DOUBLE = re.compile(rb"-?([0-9]+(?:\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
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
    """Text that Mesos does not accept as JSON; the message is Mesos's own.

    In the response of a server, `Failed to parse body into JSON: ` precedes it. Bytes that are not
    UTF-8 are lone surrogates in it: encode it with `surrogateescape`.
    """


def parse_json(text: bytes) -> JSONValue:
    """Parse JSON text. Raises JSONTextError."""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return parse_json_exactly(text)
    return parse_json_exactly(text) if _differs(text) else value


def canonical_json(text: bytes) -> bytes | None:
    """Return JSON that all texts with the same value share, and no other; None if there is none."""
    try:
        return msgspec.json.encode(parse_json(text), order="sorted")
    except (ValueError, OverflowError, RecursionError, msgspec.MsgspecError):
        return None  # It is not JSON, or has a lone surrogate.


def parse_json_exactly(text: bytes) -> JSONValue:
    """Parse JSON text without msgspec. Raises JSONTextError."""
    return _Parser(text).document()


def _differs(text: bytes) -> bool:
    """Return whether picojson may refuse valid JSON: nested too deep, or a number too large."""
    if text.count(b"[") + text.count(b"{") > MAX_DEPTH and _is_deep(text):
        return True
    return len(text) > 308 and b"0" * 309 in text.translate(_DIGITS_TO_ZERO)


def _is_deep(text: bytes) -> bool:
    brackets = _STRING.sub(b"", text).translate(_CURLY_TO_SQUARE, _NO_BRACKETS)
    for _ in range(MAX_DEPTH):
        if not brackets:
            return False
        brackets = brackets.replace(b"[]", b"")  # removes the innermost level
    return bool(brackets)


class _Parser:
    """Parses one value; `position` is that of the next byte."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.position = 0
        self.depth = 0

    def document(self) -> JSONValue:
        value = self.value()
        rest = self.text[self.position :]
        if rest.strip(b" \t\n\r"):
            raise JSONTextError(
                f"Parsed JSON included non-whitespace trailing characters: {_lossless(rest)}"
            )
        return value

    def value(self) -> JSONValue:
        match self.skip_blanks():
            case 0x22:  # "
                self.position += 1
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
        self.position += 1
        if self.depth == MAX_DEPTH:
            raise self.error()
        self.depth += 1
        value = read()
        self.depth -= 1
        return value

    def array(self) -> JSONValue:
        items: list[JSONValue] = []
        if self.skip(b"]"):
            return items
        while True:
            items.append(self.value())
            if not self.skip(b","):
                self.expect(b"]")
                return items

    def object(self) -> JSONValue:
        members: dict[str, JSONValue] = {}
        if self.skip(b"}"):
            return members
        while True:
            self.expect(b'"')
            name = self.string()
            self.expect(b":")
            members[name] = self.value()
            if not self.skip(b","):
                self.expect(b"}")
                return members

    def literal(self, word: bytes, value: JSONValue) -> JSONValue:
        for byte in word:
            if self.peek() != byte:
                raise self.error()
            self.position += 1
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
        """Parse a string after its opening quote."""
        pieces = bytearray()
        while True:
            pieces += self.take(_PLAIN)
            match self.peek():
                case 0x22:  # "
                    self.position += 1
                    return _lossless(pieces)
                case 0x5C:  # \
                    self.position += 1
                    pieces += self.escaped()
                case _:
                    raise self.error()

    def escaped(self) -> bytes:
        byte = self.peek()
        if byte == ord("u"):
            self.position += 1
            return self.codepoint().encode()
        if byte not in _ESCAPES:
            # picojson consumes the byte before it refuses it, but does not count its line.
            raise self.error(skip=1)
        self.position += 1
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
            self.position += 1
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
        """Return the next byte, or -1 at the end."""
        return self.text[self.position] if self.position < len(self.text) else -1

    def take(self, pattern: re.Pattern[bytes]) -> bytes:
        match = pattern.match(self.text, self.position)
        if match is None:
            return b""
        self.position = match.end()
        return match.group()

    def skip_blanks(self) -> int:
        self.take(_BLANKS)
        return self.peek()

    def skip(self, byte: bytes) -> bool:
        taken = self.skip_blanks() == byte[0]
        self.position += taken
        return taken

    def expect(self, byte: bytes) -> None:
        if not self.skip(byte):
            raise self.error()

    def error(self, skip: int = 0) -> JSONTextError:
        line = 1 + self.text.count(b"\n", 0, self.position)
        rest, _, _ = self.text[self.position + skip :].partition(b"\n")
        near = _lossless(bytes(byte for byte in rest if byte >= 0x20))
        return JSONTextError(f"syntax error at line {line} near: {near}")


def _lossless(raw: bytes | bytearray) -> str:
    return raw.decode("utf-8", "surrogateescape")
