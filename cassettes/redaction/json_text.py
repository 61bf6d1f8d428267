"""JSON without the secrets in its strings.

The text is read token by token and only strings are replaced, so everything else stays as it is:
white space, numbers, the order of members. Messages in protobuf are redacted as the JSON that shows
them.
"""

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

from .members import LABELS, Member, MemberRedactor
from .text import Suspects

_TOKEN = re.compile(r'"([^"\\]*+(?:\\.[^"\\]*+)*+)"(\s*+:)?|[{}\[\]]', re.DOTALL)


class _StringToken(NamedTuple):
    """A string in a container, and its position if that is a list: `raw` starts at `begin`."""

    begin: int
    raw: str
    key: str
    owner: str
    position: int


class _OpenValue:
    """An object or a list that is open. `key` is the name of the member that has it.

    `owner` is the key of the object in which that member is. `label` is the name that an object
    gives to its value, as `{"name": "PATH", "value": "/bin"}` does; it may come after the value.
    `size` is the number of strings, objects and lists in it, and `position` its own in a list.
    """

    __slots__ = ("is_list", "key", "label", "owner", "parent", "position", "size", "strings")

    def __init__(
        self, key: str, owner: str, parent: "_OpenValue | None" = None, *, is_list: bool
    ) -> None:
        self.key = key
        self.parent = parent
        self.position = 0 if parent is None else parent.size
        self.size = 0
        self.owner = owner
        self.is_list = is_list
        self.label: str | None = None
        self.strings: list[_StringToken] = []

    @property
    def path(self) -> str:
        """Where it is in the document, like `tasks[0].labels`."""
        steps: list[str] = []
        value = self
        while (parent := value.parent) is not None:
            if parent.is_list:
                steps.append(f"[{value.position}]")
            elif value.key:
                steps += value.key, "."
            value = parent
        return "".join(reversed(steps)).removeprefix(".")

    def add(self, key: str, begin: int, raw: str) -> None:
        if self.is_list:
            string = _StringToken(begin, raw, self.key, self.owner, len(self.strings))
        else:
            string = _StringToken(begin, raw, key, self.key, 0)
            if key in LABELS:
                self.label = _unescape(raw)
        self.size += 1
        self.strings.append(string)


class JsonRedactor:
    """Redacts strings in JSON by where they are."""

    def __init__(self, members: MemberRedactor) -> None:
        self._members = members
        self._places: list[tuple[_OpenValue, str, int] | None] = []

    @property
    def path(self) -> str:
        """The path of the string that is being redacted, like `tasks[0].data`."""
        path = ""
        for place in self._places:
            if place is not None:
                container, key, position = place
                path = _join(path, container.path)
                path = f"{path}[{position}]" if container.is_list else _join(path, key)
        return path

    def redact_json(self, source: str) -> str:
        """Return JSON without the secrets in it; the same object if there are none.

        What is not JSON is redacted as far as it looks like it.
        """
        self._places.append(None)
        try:
            return self._redact_json(source)
        finally:
            self._places.pop()

    def _redact_json(self, source: str) -> str:
        suspects = self._members.text.find_suspects(source)
        edits: list[tuple[int, int, str]] = []
        stack = [_OpenValue("", "", is_list=False)]
        key = ""
        for token in _TOKEN.finditer(source):
            raw, colon = token.group(1, 2)
            container = stack[-1]
            if raw is None:
                if token.group() in "{[":
                    name = container.key if container.is_list else key
                    owner = container.owner if container.is_list else container.key
                    is_list = token.group() == "["
                    stack.append(_OpenValue(name, owner, container, is_list=is_list))
                    container.size += 1
                elif len(stack) > 1:
                    edits += self._edits(stack.pop(), suspects)
            elif colon is not None:
                key = _unescape(raw)
            else:
                container.add(key, token.start(1), raw)
        for container in reversed(stack):  # what was not closed, if it is not JSON
            edits += self._edits(container, suspects)
        if not edits:
            return source
        return _apply(source, sorted(edits))

    def _edits(self, container: _OpenValue, suspects: Suspects) -> Iterator[tuple[int, int, str]]:
        """Iterate over the replacements in a container: begin, end, and the new text."""
        label = container.label
        for begin, raw, key, owner, position in container.strings:
            end = begin + len(raw)
            if not (
                suspects.has_names
                or suspects.is_between(begin, end)
                or self._members.has_rule(owner, key)
            ):
                continue
            value = _unescape(raw)
            if value:
                self._places[-1] = container, key, position
                redacted = self._members.redact(Member(key, owner, value, label, position))
                if redacted != value:
                    yield begin, end, _escape(redacted)


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path and key else path or key


def _unescape(raw: str) -> str:
    if "\\" not in raw:
        return raw
    try:
        value = json.loads(f'"{raw}"', strict=False)
    except ValueError:
        return raw
    return value if isinstance(value, str) else raw


def _escape(text: str) -> str:
    """Return the inside of a JSON string; what is not in Unicode is written as an escape."""
    return json.dumps(text, ensure_ascii=not text.isprintable())[1:-1]


def _apply(source: str, edits: list[tuple[int, int, str]]) -> str:
    pieces: list[str] = []
    position = 0
    for begin, end, text in edits:
        pieces += [source[position:begin], text]
        position = end
    return "".join([*pieces, source[position:]])
