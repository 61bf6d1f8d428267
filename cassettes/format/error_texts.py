"""Error texts for documents, worded for a person that writes cassettes by hand.

    exchange 4: request.method: expected text, found a list

msgspec checks a document much faster than the code below, but reports the place and the reason
only as English text, in words that change between its versions. So its text is not read: once it
has refused a document, the document is compared with the structs again, key by key, to find the
first difference. This runs for wrong documents alone, and at most once for each.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import inspect

from ...proto.shown_text import quote_start
from .closest_word import closest_word
from .documents import Document, DocumentError, Node, NodePath

if TYPE_CHECKING:
    from .yaml_reader import Composition

    type Mismatch = tuple[NodePath, str]
    """The path of a value that does not fit, and the reason."""

_TYPES: dict[type[inspect.Type], tuple[Any, str]] = {
    inspect.NoneType: (None, "nothing"),
    inspect.StrType: (str, "text"),
    inspect.IntType: (int, "a whole number"),
    inspect.FloatType: (float, "a number"),
    inspect.BytesType: (bytes, "base64"),
    inspect.DateTimeType: (datetime.datetime, "a time like 2026-11-22T12:18:29.104233Z"),
    inspect.ListType: (list, "a list"),
    inspect.DictType: (dict, "a mapping"),
    inspect.StructType: (dict, "a mapping"),
}
"""The Python type that a value is converted to, and its name in a message."""

_OTHER_TYPE = (Any, "another value")
"""Of a type that the structs do not use today. Every value fits."""

_LONGEST_SHOWN = 60


def to_document_error(
    error: msgspec.ValidationError, composition: Composition, document_type: type[Document]
) -> DocumentError:
    """Return the error for a document that msgspec refused, with line, path and expectation.

    If the comparison finds nothing wrong, msgspec checks something that is not known here; then
    the text is msgspec's own.
    """
    root, line_numbers = composition.root, composition.line_numbers
    mismatch = _find_mismatch(root, inspect.type_info(document_type), ())
    path, reason = mismatch or ((), str(error))
    known_path = path
    while known_path not in line_numbers:
        known_path = known_path[:-1]
    parts = (document_name(root), ".".join(map(quote_start, path)), reason)
    return DocumentError(line_numbers[known_path], ": ".join(filter(None, parts)))


def document_name(root: dict[str, Node]) -> str:
    """Return the name of a document for a message, such as `event 4 of exchange 2`."""
    match root:
        case {"mesotape": _}:
            return "header"
        case {"exchange": number}:
            return f"exchange {_shown_number(number)}"
        case {"event": number, "of": of}:
            return f"event {_shown_number(number)} of exchange {_shown_number(of)}"
        case {"event": number}:
            return f"event {_shown_number(number)}"
        case {"end": of}:
            return f"end of exchange {_shown_number(of)}"
        case _:
            return "note"


def _shown_number(node: Node) -> str:
    return quote_start(node, 20) if isinstance(node, str) else "?"


def _find_mismatch(value: Node, expected: inspect.Type, path: NodePath) -> Mismatch | None:
    """Return the first place where a value does not fit a type; None if all of it fits."""
    match expected, value:
        case inspect.UnionType(types=types), _:
            return _find_in_union(value, types, path)
        case inspect.StructType(fields=fields), dict():
            return _find_in_struct(value, {each.encode_name: each for each in fields}, path)
        case inspect.DictType(value_type=inner), dict():
            parts = [(part, inner, (*path, key)) for key, part in value.items()]
        case inspect.ListType(item_type=inner), list():
            if len(value) < (expected.min_length or 0):
                return _mismatch(path, _type_name(expected), value)
            parts = [(part, inner, (*path, index)) for index, part in enumerate(value)]
        case inspect.TupleType(item_types=types), list() if len(value) == len(types):
            parts = [(value[index], inner, (*path, index)) for index, inner in enumerate(types)]
        case _:
            expectation = _unmet_expectation(value, expected)
            return None if expectation is None else _mismatch(path, expectation, value)
    return next(filter(None, (_find_mismatch(*part) for part in parts)), None)


def _find_in_struct(
    node: dict[str, Node], fields: dict[str, inspect.Field], path: NodePath
) -> Mismatch | None:
    for key, value in node.items():
        if key not in fields:
            near = closest_word(key, fields)
            hint = f"; the nearest is `{near}`" if near else ""
            return (*path, key), f"unknown key{hint}"
        if mismatch := _find_mismatch(value, fields[key].type, (*path, key)):
            return mismatch
    for key, field in fields.items():
        if field.required and key not in node:
            return path, f"expected a key `{key}`, found none"
    return None


def _find_in_union(value: Node, types: tuple[inspect.Type, ...], path: NodePath) -> Mismatch | None:
    """Return None if a value fits one of the types, else the mismatch that helps most.

    That is one inside the value: `[d, [e]]` is neither text nor a list of text, but only of the
    list there is an item to point at.
    """
    mismatches: list[Mismatch] = []
    for each in types:
        mismatch = _find_mismatch(value, each, path)
        if mismatch is None:
            return None
        if not isinstance(each, inspect.NoneType):
            mismatches.append(mismatch)
    deepest = max(mismatches, key=lambda mismatch: len(mismatch[0]))
    if len(mismatches) == 1 or len(deepest[0]) > len(path):
        return deepest
    names = [_type_name(each) for each in types if not isinstance(each, inspect.NoneType)]
    return _mismatch(path, " or ".join(names), value)


def _unmet_expectation(value: Node, expected: inspect.Type) -> str | None:
    """Return what a value should be, such as `a number of at least 0`; None if it is that."""
    match expected:
        case inspect.LiteralType(values=choices):
            return None if value in choices else _type_name(expected)
        case inspect.TupleType():
            return _type_name(expected)
        case _:
            python_type, name = _TYPES.get(type(expected), _OTHER_TYPE)
    try:
        converted = msgspec.convert(value, python_type, strict=False)
    except msgspec.ValidationError:
        return name
    # `not x >= y` and not `x < y`, for NaN.
    match expected:
        case inspect.IntType(ge=least) | inspect.FloatType(ge=least) if (
            least is not None and not converted >= least
        ):
            return f"{name} of at least {_limit(least)}"
        case inspect.IntType(le=most) | inspect.FloatType(le=most) if (
            most is not None and not converted <= most
        ):
            return f"{name} of at most {_limit(most)}"
        case _:
            return None


def _limit(value: float) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _type_name(expected: inspect.Type) -> str:
    match expected:
        case inspect.LiteralType(values=choices):
            return " or ".join(map(str, choices))
        case inspect.TupleType(item_types=types):
            return f"a list of {len(types)}"
        case inspect.ListType(min_length=int(least)):
            return f"a list of at least {least}"
        case _:
            return _TYPES.get(type(expected), _OTHER_TYPE)[1]


def _mismatch(path: NodePath, expectation: str, value: Node) -> Mismatch:
    return path, f"expected {expectation}, found {_shown(value)}"


def _shown(value: Node) -> str:
    match value:
        case str() if len(value) > _LONGEST_SHOWN:
            return f"{value[:_LONGEST_SHOWN]!r}…"
        case str():
            return repr(value)
        case []:
            return "an empty list"
        case list():
            return "a list"
        case dict():
            return "a mapping"
