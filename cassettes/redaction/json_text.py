"""JSON without the secrets in its strings.

The text is read token by token and only strings are replaced, so everything else stays as it is:
white space, numbers, the order of members. Messages in protobuf are redacted as the JSON that shows
them.
"""

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

from .edits import Edit, apply_edits
from .members import ENVIRONMENTS, LABELS, VALUES, Member, MemberRedactor

_TOKEN = re.compile(r'"([^"\\]*+(?:\\.[^"\\]*+)*+)(?:"(\s*+:)?|\\?\Z)|[{}\[\]]', re.DOTALL)
_STRING, _KEY = 1, 2
"""The last group of a token."""


class _OpenValue:
    """An object or a list that is open. `key` is the name of the member that has it.

    `owner` is the key of the object in which that member is. `size` is the number of strings,
    objects and lists in it, and `position` its own in a list. `is_suspect` is true of a list if
    each string in it may be a secret.

    An object may give a name to its value, as `{"name": "PATH", "value": "/bin"}` does. The name
    may come after the value, so `values` wait for the end of their object.
    """

    __slots__ = (
        *("is_list", "is_suspect", "key", "label", "owner", "parent", "position", "size"),
        "values",
    )

    def __init__(
        self,
        key: str,
        owner: str,
        parent: "_OpenValue | None" = None,
        *,
        is_list: bool = False,
        is_suspect: bool = False,
    ) -> None:
        self.key = key
        self.owner = owner
        self.parent = parent
        self.position = 0 if parent is None else parent.size
        self.size = 0
        self.is_list = is_list
        self.is_suspect = is_suspect
        self.label: _String | None = None
        self.values: list[_String] = []

    def open(self, key: str, *, is_list: bool, is_suspect: bool) -> "_OpenValue":
        """Return a new object or list in this one; `key` is its key if this is an object."""
        inner = _OpenValue(
            self.key if self.is_list else key,
            self.owner if self.is_list else self.key,
            self,
            is_list=is_list,
            is_suspect=is_suspect,
        )
        self.size += 1
        return inner

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


class _String(NamedTuple):
    """A string between two offsets, its key, and whether it may be a secret, or name one."""

    begin: int
    end: int
    key: str
    is_suspect: bool


class JsonRedactor:
    """Redacts strings in JSON by where they are."""

    def __init__(self, members: MemberRedactor) -> None:
        self._members = members
        self._places: list[tuple[_OpenValue, str] | None] = []

    @property
    def path(self) -> str:
        """The path of the string that is being redacted, like `tasks[0].data`."""
        path = ""
        for place in self._places:
            if place is not None:
                container, key = place
                path = _join(path, container.path)
                path = f"{path}[{container.size}]" if container.is_list else _join(path, key)
        return path

    def redact_json(self, source: str) -> str:
        """Return JSON without the secrets in it; the same object if there are none.

        What is not JSON is redacted as far as it looks like it.
        """
        self._places.append(None)
        try:
            edits = sorted(self._edits(source))
        finally:
            self._places.pop()
        return apply_edits(source, edits)

    def _edits(self, source: str) -> Iterator[Edit[str]]:
        """Iterate over the replacements: begin, end, and the new text."""
        # A string is looked into if there is a keyword, a known secret or an escape in it, in its
        # key or in the label of its object, or if its place has a rule. Nothing is kept of all
        # others: there may be millions.
        positions = self._members.text.suspects.positions(source)
        next_suspect, suspects = 0, iter(positions or ())
        container = _OpenValue("", "")
        key, is_key_suspect = "", False
        for token in _TOKEN.finditer(source):
            kind = token.lastindex
            if kind is None:
                bracket = source[token.start()]
                if bracket in "{[":
                    is_suspect = container.is_suspect if container.is_list else is_key_suspect
                    container = container.open(key, is_list=bracket == "[", is_suspect=is_suspect)
                elif container.parent is not None:
                    yield from self._edit_values(source, container)
                    container = container.parent
                key, is_key_suspect = "", False
                continue
            begin, end = token.span(_STRING)
            if positions is not None:
                while next_suspect < begin:
                    next_suspect = next(suspects, len(source))
            is_suspect = (
                positions is None or next_suspect < end or source.find("\\", begin, end) >= 0
            )
            if kind == _KEY:
                key = _unescape(source[begin:end])
                is_key_suspect = is_suspect or self._members.has_rule(container.key, key)
            elif container.is_list:
                if is_suspect or container.is_suspect:
                    member = Member(container.key, container.owner, "", None, container.size)
                    yield from self._edit(source, begin, end, container, member)
                container.size += 1
            else:
                string = _String(begin, end, key, is_suspect or is_key_suspect)
                if key in LABELS:
                    container.label = string
                if key in VALUES:
                    container.values.append(string)
                elif string.is_suspect:
                    member = Member(key, container.key, "")
                    yield from self._edit(source, begin, end, container, member)
        while True:  # what was not closed, if it is not JSON
            yield from self._edit_values(source, container)
            if container.parent is None:
                return
            container = container.parent

    def _edit_values(self, source: str, container: _OpenValue) -> Iterator[Edit[str]]:
        """Iterate over the replacements of the values in an object, whose label is known now."""
        if not container.values:
            return
        label, is_suspect = None, False
        if container.label is not None:
            begin, end, _, is_suspect = container.label
            label = _unescape(source[begin:end])
            is_suspect = is_suspect or label in ENVIRONMENTS
        for begin, end, key, is_suspect_value in container.values:
            if is_suspect or is_suspect_value:
                member = Member(key, container.key, "", label)
                yield from self._edit(source, begin, end, container, member)

    def _edit(
        self, source: str, begin: int, end: int, container: _OpenValue, member: Member
    ) -> Iterator[Edit[str]]:
        value = _unescape(source[begin:end])
        if value:
            self._places[-1] = container, member.key
            redacted = self._members.redact(member._replace(value=value))
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
