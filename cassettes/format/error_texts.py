"""What is wrong with a document, in the words of somebody who wrote it by hand.

exchange 4: request.method: expected text, found a list
"""

import re
from typing import get_args

import msgspec

from ...proto.api.apis import ServerKind
from .documents import EndCause
from .yaml_reader import Composition, DocumentError, Node, NodePath

_AT = re.compile(r"(.*) - at `\$\.?(.*)`", re.DOTALL)
_STEP = re.compile(r"\[([0-9]+|\.\.\.)\]|([^.\[\]]+)")
_TYPE = re.compile(r"Expected `([^`]*)`(?: of length ([0-9]+))?(?:, got .*| ([<>]=) (.*))")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*)`")
_NAMES = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bytes": "base64",
    "array": "a list",
    "object": "a mapping",
}
_CHOICES = {
    "cause": get_args(EndCause.__value__),
    "from": ("client",),
    "server": get_args(ServerKind.__value__),
    "stream": ("recordio", "chunks"),
}
_SHOWN = 60


def to_document_error(error: msgspec.ValidationError, composition: Composition) -> DocumentError:
    """Say what does not fit the structs, where, and what was expected."""
    found = _AT.fullmatch(str(error))
    problem, steps = (found[1], found[2]) if found else (str(error), "")
    path = _path(composition.root, steps)
    if unknown := _UNKNOWN.fullmatch(problem):
        path = (*path, unknown[1])
    text = _in_words(problem, path, _value(composition.root, path))
    known = next(
        p for n in range(len(path) + 1) if (p := path[: len(path) - n]) in composition.line_numbers
    )
    place = ".".join(str(step) for step in path)
    parts = (document_name(composition.root), place, text)
    return DocumentError(composition.line_numbers[known], ": ".join(filter(None, parts)))


def document_name(root: dict[str, Node]) -> str:
    """Name a document for a message."""
    match root:
        case {"mesotape": _}:
            return "header"
        case {"exchange": number}:
            return f"exchange {number}"
        case {"event": number, "of": of}:
            return f"event {number} of exchange {of}"
        case {"event": number}:
            return f"event {number}"
        case {"end": of}:
            return f"end of exchange {of}"
        case _:
            return "note"


def _in_words(problem: str, path: NodePath, value: Node) -> str:
    if _UNKNOWN.fullmatch(problem):
        return "unknown key"
    if missing := _MISSING.fullmatch(problem):
        return f"expected a key `{missing[1]}`, found none"
    if problem.startswith("Invalid enum value"):
        choices = _CHOICES.get(str(path[-1]) if path else "", ())
        return f"expected {' or '.join(choices)}, found {_shown(value)}"
    if problem.startswith("Invalid base64"):
        return f"expected base64, found {_shown(value)}"
    if problem.startswith("Invalid RFC3339"):
        return f"expected a time like 2026-11-22T12:18:29.104233Z, found {_shown(value)}"
    if expected := _TYPE.fullmatch(problem):
        return f"expected {_expected(expected)}, found {_shown(value)}"
    return problem


def _expected(found: re.Match[str]) -> str:
    types, length, bound, limit = found.groups()
    names = " or ".join(_NAMES.get(one, one) for one in types.split(" | ") if one != "null")
    if length is not None:
        return f"{names} of {length}"
    if bound is not None:
        return f"{names} of at {'least' if bound == '>=' else 'most'} {float(limit):g}"
    return names


def _shown(value: Node) -> str:
    match value:
        case str():
            return repr(value) if len(value) <= _SHOWN else repr(value[:_SHOWN]) + "…"
        case []:
            return "an empty list"
        case list():
            return "a list"
        case dict():
            return "a mapping"


def _path(root: Node, steps: str) -> NodePath:
    """Read msgspec's path. It does not tell keys of mappings (`[...]`), so the culprit is found."""
    path: NodePath = ()
    for index, key in _STEP.findall(steps):
        if key:
            path = (*path, key)
        elif index == "...":
            path = (*path, _culprit(_value(root, path)))
        else:
            path = (*path, int(index))
    return path


def _culprit(headers: Node) -> str:
    """Find the header whose value is neither text nor a list of text."""
    pairs = headers.items() if isinstance(headers, dict) else ()
    for key, value in pairs:
        match value:
            case str():
                continue
            case list() if all(isinstance(one, str) for one in value):
                continue
            case _:
                return key
    return "..."


def _value(root: Node, path: NodePath) -> Node:
    value = root
    for step in path:
        match value, step:
            case dict(), str() if step in value:
                value = value[step]
            case list(), int() if step < len(value):
                value = value[step]
            case _:
                return ""
    return value
