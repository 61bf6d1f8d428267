"""The line of a fault within a document: of a place in the text of a body, or of a member of it.

A body is a literal block, whose lines are those of its text, or a mapping, whose members have lines
of their own; text in another style (quoted, folded) has the line at which it begins. This runs only
when something is wrong.
"""

import contextlib
import re
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..format.documents import DocumentError, NodePath

if TYPE_CHECKING:
    from ..format.yaml_reader import Composition

_TOKEN = re.compile(r'[ \t\r\n]*(?:("(?:[^"\\]|\\.)*")|([{}\[\],:])|([^ \t\r\n{}\[\],:"]+))')


def key_line(data: bytes, path: NodePath) -> int:
    """Return the line of a value in a document, or of what is around it, from 1 at `---`."""
    try:
        line_numbers = _compose(data).line_numbers
    except DocumentError as error:
        return error.line
    while path and path not in line_numbers:
        path = path[:-1]
    return line_numbers.get(path, 1)


def text_line(data: bytes, body: NodePath, text: str, offset: int) -> int:
    """Return the line of a character of a body's text."""
    try:
        composition = _compose(data)
    except DocumentError as error:
        return error.line
    line = composition.line_numbers.get(body, 1)
    if body not in composition.literal_blocks:
        return line
    return line + 1 + text.count("\n", 0, offset)


def member_line(data: bytes, body: NodePath, text: str, member: NodePath) -> int:
    """Return the line of a member of the JSON in a body, or of what is around it."""
    composition = _compose(data)
    if body not in composition.literal_blocks:
        return key_line(data, (*body, *member))
    best, length = 0, -1
    for path, offset in _member_offsets(text):
        if len(path) > length and path == member[: len(path)]:
            best, length = offset, len(path)
    return text_line(data, body, text, best)


def _compose(data: bytes) -> "Composition":
    from ..format.yaml_reader import Composition

    return Composition(data)


def _member_offsets(text: str) -> Iterator[tuple[NodePath, int]]:
    """Yield the path and offset of each member and item of JSON text, as far as it is valid."""
    tokens = deque(
        (match[match.lastindex or 0], match.start(match.lastindex or 0))
        for match in _TOKEN.finditer(text)
    )
    with contextlib.suppress(IndexError, RecursionError):  # The text ends, or nests, too soon.
        yield from _value_offsets(tokens, ())


def _value_offsets(
    tokens: deque[tuple[str, int]], path: NodePath
) -> Iterator[tuple[NodePath, int]]:
    token, offset = tokens.popleft()
    yield path, offset
    if token == "{":
        while (member := tokens.popleft())[0] != "}":
            if member[0] != ",":
                inner = (*path, member[0][1:-1])
                yield inner, member[1]
                tokens.popleft()  # The colon.
                yield from _value_offsets(tokens, inner)
    elif token == "[":
        index = 0
        while tokens[0][0] != "]":
            if tokens[0][0] == ",":
                tokens.popleft()
            yield from _value_offsets(tokens, (*path, index))
            index += 1
        tokens.popleft()
