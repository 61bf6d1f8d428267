"""Any YAML layout of a document as mappings, lists and text: the slow and careful way to read.

libyaml's parser gives events; what is built from them here is bounded and has no surprises: every
scalar stays the text it is, so that a header `Content-Length: 20` is no number, and aliases, tags,
repeated keys and deep nesting are refused. The types come later, from the structs in `documents`.

A body that is written as a mapping or a list under `json:` or `proto:` becomes compact JSON text,
its plain scalars read by the core schema of YAML 1.2 (section 10.3.2): `yes` is text, `1e21` a
number. A number that is one in JSON too keeps its digits.
"""

import re
from collections.abc import Iterator

import yaml
from msgspec import Raw, json
from yaml import events

from .documents import CassetteError

type Node = str | list[Node] | dict[str, Node]
"""What a document is made of before it has types."""

type NodePath = tuple[str | int, ...]
"""Keys and indexes from the document's root."""

type ComposedJSON = bool | str | Raw | list[ComposedJSON] | dict[str, ComposedJSON] | None

DEPTH = 200
"""Levels of nesting, as many as Mesos's own JSON parser takes."""

_BODIES = frozenset({(), ("request",), ("response",)})
_BASE64 = frozenset({"base64", "wire"})
_BLANKS = re.compile(r"[ \t\n]+")

_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_INTEGER = re.compile(r"([-+]?)0*([0-9]+)")
_FLOAT = re.compile(r"([-+]?)0*([0-9]*)(?:\.([0-9]*))?([eE][-+]?[0-9]+)?")
_OTHER_BASE = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_NO_JSON = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


class DocumentError(CassetteError):
    """A document is wrong; `line` counts from 1 at its start mark, `text` says what is wrong."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(f"line {line}: {text}")
        self.line = line
        self.text = text


class Composition:
    """One document, composed. `lines` has the line of every value by its path, from 1."""

    root: dict[str, Node]

    def __init__(self, data: bytes) -> None:
        self.line_numbers: dict[NodePath, int] = {}
        self._events: Iterator[events.Event] = iter(yaml.parse(data, Loader=yaml.CSafeLoader))
        try:
            self.root = self._document()
        except yaml.YAMLError as error:
            raise _not_yaml(error) from error

    def _document(self) -> dict[str, Node]:
        for event in self._events:
            if isinstance(event, events.DocumentStartEvent):
                break
        root = self._node(next(self._events), ())
        for event in self._events:
            if isinstance(event, events.DocumentStartEvent):
                raise DocumentError(self._line(event), "found a second document, expected `---`")
        if not isinstance(root, dict):
            found = "nothing" if root == "" else _kind(root)
            raise DocumentError(1, f"expected a mapping, found {found}")
        return root

    def _node(self, event: events.Event, path: NodePath) -> Node:
        self.line_numbers[path] = self._line(event)
        self._check(event, path)
        match event:
            case events.MappingStartEvent() if self._is_body(path):
                return json.encode(self._json(event, path)).decode()
            case events.SequenceStartEvent() if self._is_body(path):
                return json.encode(self._json(event, path)).decode()
            case events.MappingStartEvent():
                return {key: self._node(value, (*path, key)) for key, value in self._pairs(path)}
            case events.SequenceStartEvent():
                return [self._node(item, (*path, i)) for i, item in enumerate(self._items())]
            case _:
                text = _value(event)
                return _BLANKS.sub("", text) if path and path[-1] in _BASE64 else text

    def _json(self, event: events.Event, path: NodePath) -> ComposedJSON:
        self._check(event, path)
        match event:
            case events.MappingStartEvent():
                return {key: self._json(value, (*path, key)) for key, value in self._pairs(path)}
            case events.SequenceStartEvent():
                return [self._json(item, (*path, i)) for i, item in enumerate(self._items())]
            case events.ScalarEvent() if event.implicit[0]:
                return self._resolved(event)
            case _:
                return _value(event)

    def _resolved(self, event: events.ScalarEvent) -> ComposedJSON:
        try:
            return resolved(str(event.value))
        except ValueError as error:
            raise DocumentError(self._line(event), f"{error}") from error

    def _pairs(self, path: NodePath) -> Iterator[tuple[str, events.Event]]:
        seen: set[str] = set()
        for event in self._items():
            if not isinstance(event, events.ScalarEvent):
                self._check(event, path)
                found = "a list" if isinstance(event, events.SequenceStartEvent) else "a mapping"
                raise DocumentError(self._line(event), f"expected text as a key, found {found}")
            self._check(event, path)
            key = str(event.value)
            if key in seen:
                raise DocumentError(self._line(event), f"key `{key}` is there twice")
            seen.add(key)
            yield key, next(self._events)

    def _items(self) -> Iterator[events.Event]:
        for event in self._events:
            if isinstance(event, events.CollectionEndEvent):
                return
            yield event

    def _check(self, event: events.Event, path: NodePath) -> None:
        if isinstance(event, events.AliasEvent):
            raise DocumentError(self._line(event), f"aliases are not read: found `*{event.anchor}`")
        if isinstance(event, events.NodeEvent) and event.anchor is not None:
            raise DocumentError(self._line(event), f"anchors are not read: found `&{event.anchor}`")
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise DocumentError(self._line(event), f"tags are not read: found `{tag}`")
        if len(path) > DEPTH:
            raise DocumentError(self._line(event), f"nested deeper than {DEPTH} levels")

    @staticmethod
    def _is_body(path: NodePath) -> bool:
        return bool(path) and path[-1] in ("json", "proto") and path[:-1] in _BODIES

    @staticmethod
    def _line(event: events.Event) -> int:
        return event.start_mark.line + 1 if event.start_mark else 1


def _value(event: events.Event) -> str:
    return str(event.value) if isinstance(event, events.ScalarEvent) else ""


def _not_yaml(error: yaml.YAMLError) -> DocumentError:
    """Say what libyaml says, in one line."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        problem = ", ".join(filter(None, (error.context, error.problem)))
        return DocumentError(error.problem_mark.line + 1, f"not YAML: {problem}")
    reason = getattr(error, "reason", None) or " ".join(str(error).split())
    return DocumentError(1, f"not YAML: {reason}")


def resolved(text: str) -> ComposedJSON:
    """Read a plain scalar by the core schema of YAML 1.2. ValueError for infinity and NaN."""
    match text:
        case "" | "~" | "null" | "Null" | "NULL":
            return None
        case "true" | "True" | "TRUE":
            return True
        case "false" | "False" | "FALSE":
            return False
        case _:
            return _number(text)


def _number(text: str) -> ComposedJSON:
    if _JSON_NUMBER.fullmatch(text):
        return Raw(text)
    if _OTHER_BASE.fullmatch(text):
        return Raw(str(int(text, 0)))
    if found := _INTEGER.fullmatch(text):
        return Raw(("-" if found[1] == "-" else "") + found[2])
    found = _FLOAT.fullmatch(text)
    if found and (found[2] or found[3]):
        sign = "-" if found[1] == "-" else ""
        fraction = "." + found[3] if found[3] else ""
        return Raw(f"{sign}{found[2] or '0'}{fraction}{found[4] or ''}")
    if _NO_JSON.fullmatch(text):
        raise ValueError(f"`{text}` is no number in JSON; Mesos writes it as text, in quotes")
    return text


def _kind(node: Node) -> str:
    match node:
        case str():
            return "text"
        case list():
            return "a list"
        case dict():
            return "a mapping"
