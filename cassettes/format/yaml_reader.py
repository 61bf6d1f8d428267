"""Read a document in any YAML layout as mappings, lists and text: slow and careful.

The document is built from the events of libyaml's parser. Every scalar remains text, so that a
header `Content-Length: 20` is not a number; types come later, from the structs in `documents`.
Aliases, anchors, tags, repeated keys and deep nesting are errors, so the result is bounded by the
size of the file.

A body that is a mapping or a list under `json:` or `proto:` becomes compact JSON text. Its plain
scalars are resolved by the core schema of YAML 1.2 (section 10.3.2): `yes` is text, `1e21` is a
number. A number that is valid in JSON keeps its digits.
"""

import re
from collections.abc import Iterator

import yaml
from msgspec import Raw, json
from yaml import events

from ...proto.shown_text import quote_start
from .documents import DocumentError, Node, NodePath

type ComposedJSON = bool | str | Raw | list[ComposedJSON] | dict[str, ComposedJSON] | None
"""A value of a body that is written as YAML. `Raw` is a number, as its digits."""

_MAX_DEPTH = 200
"""Levels of nesting: the limit of Mesos's JSON parser (picojson)."""

_BODY_PATHS = frozenset({(), ("request",), ("response",)})
_BASE64_KEYS = frozenset({"base64", "wire"})
_TAB_HINT = "the line is indented with a tab, expected blanks"
_BLANKS = re.compile(r"[ \t\n]+")

_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_INTEGER = re.compile(r"([-+]?)0*([1-9][0-9]*|0)")
_FLOAT = re.compile(r"([-+]?)0*((?:[1-9][0-9]*)?)(?:\.([0-9]*))?([eE][-+]?[0-9]+)?")
_OTHER_BASE = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_NOT_IN_JSON = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


class Composition:
    """A composed document: its root, and the line of each value by path, from 1 at `---`.

    `literal_blocks` are the paths of the values that are literal blocks.
    """

    root: dict[str, Node]

    def __init__(self, data: bytes) -> None:
        """Compose the document in `data`. Raises `DocumentError`."""
        self.line_numbers: dict[NodePath, int] = {}
        self.literal_blocks: set[NodePath] = set()
        self._events: Iterator[events.Event] = iter(yaml.parse(data, Loader=yaml.CSafeLoader))
        try:
            self.root = self._document()
        except yaml.YAMLError as error:
            raise _syntax_error(error, data) from error

    def _document(self) -> dict[str, Node]:
        for event in self._events:
            if isinstance(event, events.DocumentStartEvent):
                break
        first = next(self._events, None)
        if first is None:
            raise DocumentError(1, "expected a mapping, found nothing")
        root = self._node(first, ())
        for event in self._events:
            if isinstance(event, events.DocumentStartEvent):
                raise DocumentError(self._line(event), "found a second document, expected `---`")
        if not isinstance(root, dict):
            found = "nothing" if root == "" else _node_name(root)
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
                text = _scalar_text(event)
                if getattr(event, "style", None) == "|":
                    self.literal_blocks.add(path)
                return _BLANKS.sub("", text) if path and path[-1] in _BASE64_KEYS else text

    def _json(self, event: events.Event, path: NodePath) -> ComposedJSON:
        self.line_numbers[path] = self._line(event)
        self._check(event, path)
        match event:
            case events.MappingStartEvent():
                return {key: self._json(value, (*path, key)) for key, value in self._pairs(path)}
            case events.SequenceStartEvent():
                return [self._json(item, (*path, i)) for i, item in enumerate(self._items())]
            case events.ScalarEvent() if event.implicit[0]:
                return self._resolve(event)
            case _:
                return _scalar_text(event)

    def _resolve(self, event: events.ScalarEvent) -> ComposedJSON:
        try:
            return _resolve_scalar(str(event.value))
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
                raise DocumentError(self._line(event), f"found the key `{quote_start(key)}` twice")
            seen.add(key)
            yield key, next(self._events)

    def _items(self) -> Iterator[events.Event]:
        for event in self._events:
            if isinstance(event, events.CollectionEndEvent):
                return
            yield event

    def _check(self, event: events.Event, path: NodePath) -> None:
        tag = getattr(event, "tag", None)
        if isinstance(event, events.AliasEvent):
            text = f"aliases are not allowed: found `*{quote_start(event.anchor)}`"
        elif isinstance(event, events.NodeEvent) and event.anchor is not None:
            text = f"anchors are not allowed: found `&{quote_start(event.anchor)}`"
        elif tag is not None:
            text = f"tags are not allowed: found `{quote_start(tag)}`"
        elif len(path) > _MAX_DEPTH:
            text = f"nested deeper than {_MAX_DEPTH} levels"
        else:
            return
        raise DocumentError(self._line(event), text)

    @staticmethod
    def _is_body(path: NodePath) -> bool:
        return bool(path) and path[-1] in ("json", "proto") and path[:-1] in _BODY_PATHS

    @staticmethod
    def _line(event: events.Event) -> int:
        return event.start_mark.line + 1 if event.start_mark else 1


def _scalar_text(event: events.Event) -> str:
    return str(event.value) if isinstance(event, events.ScalarEvent) else ""


def _syntax_error(error: yaml.YAMLError, data: bytes) -> DocumentError:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        problem = ", ".join(filter(None, (error.context, error.problem)))
        number = error.problem_mark.line
        line = data.split(b"\n")[number] if number < data.count(b"\n") else b""
        hint = f"; {_TAB_HINT}" if b"\t" in line[: len(line) - len(line.lstrip())] else ""
        return DocumentError(number + 1, f"not YAML: {problem}{hint}")
    reason = getattr(error, "reason", None) or " ".join(str(error).split())
    return DocumentError(1, f"not YAML: {reason}")


def _resolve_scalar(text: str) -> ComposedJSON:
    """Resolve a plain scalar by the core schema of YAML 1.2. ValueError for infinity and NaN."""
    match text:
        case "" | "~" | "null" | "Null" | "NULL":
            return None
        case "true" | "True" | "TRUE":
            return True
        case "false" | "False" | "FALSE":
            return False
        case _:
            return _resolve_number(text)


def _resolve_number(text: str) -> ComposedJSON:
    if _JSON_NUMBER.fullmatch(text):
        return Raw(text)
    if _OTHER_BASE.fullmatch(text):
        if (number := int(text, 0)) >> 64:
            raise ValueError(f"`{quote_start(text)}` is more than 64 bits hold")
        return Raw(str(number))
    if match := _INTEGER.fullmatch(text):
        return Raw(("-" if match[1] == "-" else "") + match[2])
    match = _FLOAT.fullmatch(text)
    if match and (match[2] or match[3]):
        sign = "-" if match[1] == "-" else ""
        fraction = "." + match[3] if match[3] else ""
        return Raw(f"{sign}{match[2] or '0'}{fraction}{match[4] or ''}")
    if _NOT_IN_JSON.fullmatch(text):
        raise ValueError(f"`{text}` is not a number in JSON; Mesos writes it as text, in quotes")
    return text


def _node_name(node: Node) -> str:
    match node:
        case str():
            return "text"
        case list():
            return "a list"
        case dict():
            return "a mapping"
