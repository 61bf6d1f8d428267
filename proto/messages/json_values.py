"""Values of fields that are not messages, from JSON values, as Mesos converts them.

    "5"  5.9  1e3    are integers: a string may hold a number, a fraction is cut off, and a value
                     out of range wraps around
    "true"           is a boolean, but 1 is not
    "Infinity"       is a double, but "NaN" is not
    "NO_SUCH"        is ignored unless the enum field is required; a number is never an enum
    "aG k="          is base64: blanks and missing padding are accepted

Sources: stout/protobuf.hpp, stout/base64.hpp. An integer up to 2**64-1 in a uint64 field is exact
here, where Mesos converts it through a double.
"""

from __future__ import annotations

from binascii import a2b_base64
from typing import TYPE_CHECKING, Any

from .picojson import JSONTextError, JSONValue, parse_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.descriptor import FieldDescriptor

    # The Python type of a field depends on its descriptor.
    type ValueReader = Callable[[JSONValue], Any]

_BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
_BLANKS = frozenset(" \t\n\v\f\r")


class ConversionError(ValueError):
    """JSON that is not the message; the text is Mesos's own.

    In the response of a server, `Failed to convert JSON into Call protobuf: ` precedes it, except
    in the operator API of an agent.
    """


class MissingFieldsError(ConversionError):
    """JSON that lacks required fields of the message; the text names them."""


def value_reader(field: FieldDescriptor) -> ValueReader:
    """Return the function that converts a JSON value for a field that is not a message.

    It raises ConversionError, or returns None to leave the field unset.
    """
    if field.enum_type is not None:
        numbers = {value.name: value.number for value in field.enum_type.values}
        return _enum_reader(field.name, numbers, is_required=field.is_required)
    match field.type:
        case field.TYPE_STRING:
            return _string_reader(field.name)
        case field.TYPE_BYTES:
            return _bytes_reader(field.name)
        case field.TYPE_BOOL:
            return _bool_reader(field.name)
        case field.TYPE_DOUBLE:
            return _double_reader(field.name)
        case field.TYPE_INT32:
            return _integer_reader(field.name, -(2**31), 2**31)
        case field.TYPE_UINT32:
            return _integer_reader(field.name, 0, 2**32)
        case field.TYPE_INT64:
            return _integer_reader(field.name, -(2**63), 2**63)
        case field.TYPE_UINT64:
            return _integer_reader(field.name, 0, 2**64)
        case _:
            raise NotImplementedError(f"{field.full_name} has a type that no Mesos message uses")


def unexpected_type_error(value: JSONValue, name: str) -> ConversionError:
    """Return the error for a value of the wrong JSON type, with the text of Mesos."""
    match value:
        case dict():
            json_type = "object"
        case list():
            json_type = "array"
        case str():
            json_type = "string"
        case bool():
            json_type = "boolean"
        case _:
            json_type = "number"
    return ConversionError(f"Not expecting a JSON {json_type} for field '{name}'")


def _string_reader(name: str) -> ValueReader:
    def read_string(value: JSONValue) -> str:
        if isinstance(value, str):
            return value
        raise unexpected_type_error(value, name)

    return read_string


def _bytes_reader(name: str) -> ValueReader:
    def read_bytes(value: JSONValue) -> bytes:
        if not isinstance(value, str):
            raise unexpected_type_error(value, name)
        try:
            return base64_decode(value)
        except ValueError as error:
            raise ConversionError(
                f"Failed to base64 decode bytes field '{name}': {error}"
            ) from None

    return read_bytes


def base64_decode(text: str) -> bytes:
    """Decode base64 as Mesos does (stout/base64.hpp). Raises ValueError with the text of Mesos."""
    try:
        return a2b_base64(text, strict_mode=True)
    except ValueError:
        return _lenient_base64(text)


def _lenient_base64(text: str) -> bytes:
    digits: list[str] = []
    for character in text:
        if character == "=":
            break
        if character in _BASE64:
            digits.append(character)
        elif character not in _BLANKS:
            first = character.encode("utf-8", "surrogateescape")[:1]
            shown = first.decode("utf-8", "surrogateescape")
            raise ValueError(f"Invalid character '{shown}'")
    if len(digits) % 4 == 1:
        digits.pop()  # six bits are less than a byte
    return a2b_base64("".join(digits) + "=" * (-len(digits) % 4))


def _enum_reader(name: str, numbers: dict[str, int], *, is_required: bool) -> ValueReader:
    def read_enum(value: JSONValue) -> int | None:
        if not isinstance(value, str):
            raise unexpected_type_error(value, name)
        if value not in numbers and is_required:
            raise ConversionError(f"Failed to find enum for '{value}'")
        return numbers.get(value)

    return read_enum


def _bool_reader(name: str) -> ValueReader:
    def read_bool(value: JSONValue) -> bool:
        if isinstance(value, str):
            value = _parse_inside(value, name, "boolean")
        if isinstance(value, bool):
            return value
        raise unexpected_type_error(value, name)

    return read_bool


def _double_reader(name: str) -> ValueReader:
    def read_double(value: JSONValue) -> float:
        if isinstance(value, str):
            if value in ("Infinity", "-Infinity"):
                return float(value)
            value = _parse_inside(value, name, "number")
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _to_double(value)
        raise unexpected_type_error(value, name)

    return read_double


def _integer_reader(name: str, least: int, end: int) -> ValueReader:
    def read_integer(value: JSONValue) -> int:
        if isinstance(value, str):
            value = _parse_inside(value, name, "number")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise unexpected_type_error(value, name)
        if isinstance(value, int) and least <= value < end:
            return value
        # The cast of C++; for a double out of range its result is undefined, and this is one.
        if not -(2**63) <= value < 2**63:
            value = _to_double(value)
        return least + (int(value) - least) % (end - least)

    return read_integer


def _to_double(value: float) -> float:
    """Return a number of JSON as Mesos stores it: one that no double holds is not JSON for it."""
    try:
        return float(value)
    except OverflowError:
        raise JSONTextError("Value out of range") from None


def _parse_inside(text: str, name: str, json_type: str) -> JSONValue:
    """Parse the number or boolean in a string."""
    try:
        value = parse_json(text.encode("utf-8", "surrogateescape"))
        fits = isinstance(value, bool) if json_type == "boolean" else type(value) in (int, float)
        reason = None if fits else "Unexpected JSON type parsed"
    except JSONTextError as error:
        value, reason = None, str(error)
    if reason is None:
        return value
    raise ConversionError(
        f"Failed to parse '{text}' as a JSON {json_type} for field '{name}': {reason}"
    )
