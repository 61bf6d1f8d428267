"""JSON without the secrets in its strings.

The text is read token by token and only strings are replaced, so everything else stays as it is:
white space, numbers, the order of members. Messages in protobuf are redacted as the JSON that shows
them.

Objects and lists in which nothing can be a secret are passed over by one match of an expression,
which takes a tenth of the time.
"""

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from .edits import Edit, apply_edits
from .members import ENVIRONMENTS, LABELS, VALUES, Member, MemberRedactor

_TOKEN = re.compile(r'"([^"\\]*+(?:\\.[^"\\]*+)*+)(?:"(\s*+:)?|\\?\Z)|[{}\[\]]', re.DOTALL)
_STRING, _KEY = 1, 2
"""The last group of a token."""

_BETWEEN = r'[^"{}\[\]]*+'
_PLAIN_STRING = r'"[^"\\]*+"'
_PLAIN_DEPTH = 6
"""Of the objects and lists that are passed over; one in a task is less deep."""


@cache
def _plain_value() -> str:
    """Return the expression of an object or list without escapes; any bracket closes any other.

    It takes linear time: an attempt goes over a text once, and a text is in few attempts, one for
    each object around it that is less than `_PLAIN_DEPTH` away.
    """
    value = "(?!)"
    for _ in range(_PLAIN_DEPTH):
        value = rf"[{{\[]{_BETWEEN}(?:(?:{_PLAIN_STRING}|{value}){_BETWEEN})*+[}}\]]"
    return value


@cache
def _runs(value: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return the expressions of such values in a row, and of one of them."""
    return re.compile(f"(?:(?:{value}){_BETWEEN})++"), re.compile(value)


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
        tokens = _TOKEN.finditer(source)
        while (token := next(tokens, None)) is not None:
            kind = token.lastindex
            begin, end = token.span(_STRING if kind else 0)
            if positions is not None:
                while next_suspect < begin:
                    next_suspect = next(suspects, len(source))
            if kind is None:
                bracket = source[begin]
                if bracket in "{[":
                    is_suspect = container.is_suspect if container.is_list else is_key_suspect
                    inner = container.open(key, is_list=bracket == "[", is_suspect=is_suspect)
                    end = self._pass_over(source, begin, next_suspect, inner)
                    if end > begin:
                        tokens = _TOKEN.finditer(source, end)
                    else:
                        container = inner
                elif container.parent is not None:
                    yield from self._edit_values(source, container)
                    container = container.parent
                key, is_key_suspect = "", False
                continue
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

    def _pass_over(self, source: str, begin: int, end: int, value: _OpenValue) -> int:
        """Return where a value ends, and those in a row after it, if nothing is a secret in them.

        Otherwise returns where it begins. There is no keyword before the `end`, so that only the
        value itself may be in a place with a rule.
        """
        pair = self._members.harmless_pair(value.key)
        if pair is None and value.is_suspect:
            return begin
        run, one = _runs(pair or _plain_value())
        found = run.match(source, begin, end)
        if found is None:
            return begin
        end = found.end()
        if value.parent is not None:
            count = (
                sum(1 for _ in one.finditer(source, begin, end))
                if pair is None
                else source.count("{", begin, end)
            )
            value.parent.size += count - 1
        return end

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
