r"""The writer's own layout, read back fast.

Everything here is strict: a byte that the writer would not have put there makes the answer None,
and the caller turns to `composing`, which reads any YAML and explains what is wrong with it. So
nothing here has to be forgiving, and nothing it returns may differ from what YAML says.
"""

import re

from msgspec import json

from .composing import Node
from .documents import Event
from .scalars import LITERAL, SAFE, literal

_EVENT = re.compile(
    rb"---\nevent: ([1-9][0-9]{0,17})\nof: ([1-9][0-9]{0,17})\nat: ([0-9]{1,12}\.[0-9]{6})\n"
    rb"(from: client\n)?(?:chunks: (\[\[[0-9]{1,18}, [0-9]{1,12}\.[0-9]{6}\]"
    rb"(?:, \[[0-9]{1,18}, [0-9]{1,12}\.[0-9]{6}\])*\])\n)?"
    rb"(json|proto|text): \|-\n  (?=[^ \t\n])"
)
_START, _END = b"---\n", b"\n...\n"
_SAFE = SAFE.encode()
_QUOTED = rb'"([ !#-\[\]-~]*)"'
_ENTRY = re.compile(
    rb'(?:(%b)|"([ !#-\[\]-~]*)"):(?: (?:(%b|[0-9]{1,18}(?:\.[0-9]{6})?)|%b|(\|-)))?\n'
    % (_SAFE, _SAFE, _QUOTED)
)
_ITEM = re.compile(rb"      - (?:(%b)|%b)\n" % (_SAFE, _QUOTED))
_OUTSIDE = {2: re.compile(rb"\n(?!  )"), 4: re.compile(rb"\n(?!    )")}
_BODY = re.compile(rb"  (?:json|text|proto|base64): ")
_LONGEST_KEY = 1000


def event(data: bytes) -> Event | None:
    """Read an event whose body is a literal block, which is nearly every event there is."""
    found = _EVENT.match(data)
    if not found or not data.endswith(_END):
        return None
    number, of, at, side, chunks, form = found.groups()
    text = _literal(data[found.end() : -len(_END)], b"\n  ")
    if text is None:
        return None
    values = {form.decode(): text}
    return Event(
        event=int(number),
        of=int(of),
        at=float(at),
        from_="client" if side else None,
        chunks=json.decode(chunks, type=list[tuple[int, float]]) if chunks else None,
        **values,
    )


def _literal(block: bytes, line_start: bytes) -> str | None:
    """Undo the indentation of a literal block without blank lines."""
    if block.count(b"\n") != block.count(line_start) or block.translate(None, LITERAL):
        return None
    try:
        text = block.replace(line_start, b"\n").decode()
    except UnicodeDecodeError:
        return None
    if text[-1] == "\n" or not (text.isascii() or literal(text)):
        return None
    return text


def document(data: bytes) -> dict[str, Node] | None:
    """Read any document, all values as text."""
    try:
        root, position = _mapping(data, len(_START), 0)
    except _OtherLayoutError:
        return None
    whole = data.startswith(_START) and data[position:] == b"...\n"
    return root if root and whole else None


def head(data: bytes) -> dict[str, Node] | None:
    """Read an exchange up to the body of its response; `data` may be cut off somewhere behind."""
    try:
        root, position = _mapping(data, len(_START), 0, stop=True)
    except _OtherLayoutError:
        return None
    return root if "response" in root and _BODY.match(data, position) else None


class _OtherLayoutError(Exception):
    """Not as the writer would have written it."""


def _mapping(
    data: bytes, position: int, indent: int, *, stop: bool = False
) -> tuple[dict[str, Node], int]:
    """Read the entries that stand `indent` blanks in; with `stop`, up to the response's body."""
    values: dict[str, Node] = {}
    blanks = b" " * indent
    while data.startswith(blanks, position):
        if stop and indent and _BODY.match(data, position):
            break
        found = _ENTRY.match(data, position + indent)
        if not found:
            break
        plain_key, quoted_key, plain, quoted, block = found.groups()
        key = (quoted_key if plain_key is None else plain_key).decode()
        if key in values or len(key) > _LONGEST_KEY:
            raise _OtherLayoutError
        position = found.end()
        if plain is not None or quoted is not None:
            values[key] = (quoted if plain is None else plain).decode()
        elif block is not None:
            values[key], position = _block(data, position, indent + 2)
        elif indent == 4:
            values[key], position = _items(data, position)
        else:
            stopping = stop and key == "response"
            values[key], position = _mapping(data, position, indent + 2, stop=stopping)
    if not values:
        raise _OtherLayoutError
    return values, position


def _block(data: bytes, position: int, indent: int) -> tuple[str, int]:
    outside = _OUTSIDE.get(indent)
    end = outside.search(data, position) if outside else None
    start = position + indent
    if not end or data[position:start].strip(b" ") or data[start : start + 1] in b" \t\n":
        raise _OtherLayoutError
    text = _literal(data[start : end.start()], b"\n" + b" " * indent)
    if text is None:
        raise _OtherLayoutError
    return text, end.end()


def _items(data: bytes, position: int) -> tuple[list[Node], int]:
    items: list[Node] = []
    while found := _ITEM.match(data, position):
        items.append((found[1] if found[2] is None else found[2]).decode())
        position = found.end()
    if not items:
        raise _OtherLayoutError
    return items, position
