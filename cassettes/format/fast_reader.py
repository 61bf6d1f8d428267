r"""The writer's own layout, read back fast.

Everything here is strict: a byte that the writer would not have put there makes the answer None,
and the caller turns to `composing`, which reads any YAML and explains what is wrong with it. So
nothing here has to be forgiving, and nothing it returns may differ from what YAML says.
"""

import re
from functools import lru_cache
from typing import cast

from msgspec import json

from .documents import Event, Headers
from .scalars import LITERAL_BLOCK_BYTES, PLAIN_SCALAR_PATTERN, can_be_literal_block
from .yaml_reader import Node

_EVENT = re.compile(
    rb"---\nevent: ([1-9][0-9]{0,17})\nof: ([1-9][0-9]{0,17})\nat: ([0-9]{1,12}\.[0-9]{6})\n"
    rb"(from: client\n)?(?:chunks: (\[\[[0-9]{1,18}, [0-9]{1,12}\.[0-9]{6}\]"
    rb"(?:, \[[0-9]{1,18}, [0-9]{1,12}\.[0-9]{6}\])*\])\n)?"
    rb"(json|proto|text): \|-\n  (?=[^ \t\n])"
)
_START, _END = b"---\n", b"\n...\n"
_QUOTED = r'"([ !#-\[\]-~]*)"'
_ENTRY = {
    indent: re.compile(
        rf'{" " * indent}(?:({PLAIN_SCALAR_PATTERN})|"([ !#-\[\]-~]*)"):'
        rf"(?: (?:({PLAIN_SCALAR_PATTERN}|[0-9]{{1,18}}(?:\.[0-9]{{6}})?)|{_QUOTED}|(\|-)))?\n"
    )
    for indent in (0, 2, 4)
}
_ITEM = re.compile(rf"      - (?:({PLAIN_SCALAR_PATTERN})|{_QUOTED})\n")
_DEEP = re.compile(r"(?:    [^\n]*\n)+")
_OUTSIDE = {2: re.compile(r"\n(?!  )"), 4: re.compile(r"\n(?!    )")}
_BODY = re.compile(r"  (?:json|text|proto|base64): ")
_LONGEST_KEY = 1000
_KEPT_HEADERS = 4096
"""Characters of the longest headers that are kept for the next exchange."""


def parse_event(data: bytes) -> Event | None:
    """Read an event whose body is a literal block, which is nearly every event there is."""
    found = _EVENT.match(data)
    if not found or not data.endswith(_END):
        return None
    number, of, at, side, chunks, form = found.groups()
    text = _literal(data[found.end() : -len(_END)])
    if text is None:
        return None
    return Event(
        event=int(number),
        of=int(of),
        at=float(at),
        from_="client" if side else None,
        chunks=json.decode(chunks, type=list[tuple[int, float]]) if chunks else None,
        json=text if form == b"json" else None,
        text=text if form == b"text" else None,
        proto=text if form == b"proto" else None,
    )


def parse_document_nodes(data: bytes) -> dict[str, Node] | None:
    """Read any document, all values as text."""
    text = decode_unescaped(data)
    if text is None or not data.startswith(_START):
        return None
    try:
        root, position = _mapping(text, len(_START), 0)
    except OtherLayoutError:
        return None
    return root if text[position:] == "...\n" else None


def parse_exchange_head_nodes(data: bytes) -> dict[str, Node] | None:
    """Read an exchange up to the body of its response; `data` may be cut off somewhere behind."""
    text = decode_unescaped(data[: data.rfind(b"\n") + 1])
    if text is None or not data.startswith(_START):
        return None
    try:
        root, position = _mapping(text, len(_START), 0, stop=True)
    except OtherLayoutError:
        return None
    return root if "response" in root and _BODY.match(text, position) else None


class OtherLayoutError(Exception):
    """Not as the writer would have written it."""


def decode_unescaped(data: bytes) -> str | None:
    """Decode what has no character that the writer would have escaped."""
    if data.translate(None, LITERAL_BLOCK_BYTES):
        return None
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    return text if text.isascii() or can_be_literal_block(text) else None


def _literal(block: bytes) -> str | None:
    """Undo the indentation of a literal block without blank lines, two blanks in."""
    lines = block.split(b"\n  ")
    if block.count(b"\n") != len(lines) - 1:
        return None
    text = decode_unescaped(b"\n".join(lines))
    return None if text is None or text[-1] == "\n" else text


def _mapping(
    text: str, position: int, indent: int, *, stop: bool = False
) -> tuple[dict[str, Node], int]:
    """Read the entries that stand `indent` blanks in; with `stop`, up to the response's body."""
    values: dict[str, Node] = {}
    entry = _ENTRY[indent]
    while found := entry.match(text, position):
        if stop and indent and _BODY.match(text, position):
            break
        plain_key, quoted_key, plain, quoted, block = found.groups()
        key = quoted_key if plain_key is None else plain_key
        if key in values or len(key) > _LONGEST_KEY:
            raise OtherLayoutError
        position = found.end()
        if plain is not None:
            values[key] = plain
        elif quoted is not None:
            values[key] = quoted
        elif block is not None:
            values[key], position = _block(text, position, indent + 2)
        elif indent == 4:
            values[key], position = _items(text, position)
        elif key == "headers":
            values[key], position = _headers(text, position)
        else:
            stopping = stop and key == "response"
            values[key], position = _mapping(text, position, indent + 2, stop=stopping)
    if not values:
        raise OtherLayoutError
    return values, position


def _headers(text: str, position: int) -> tuple[dict[str, Node], int]:
    """Read headers, which are mostly those of the exchange before."""
    found = _DEEP.match(text, position)
    if not found:
        raise OtherLayoutError
    return cast("dict[str, Node]", dict(parse_header_lines(found[0]))), found.end()


def parse_header_lines(text: str) -> Headers:
    """Read the lines of headers. Raises OtherLayoutError.

    Who gets what is read must not change it: others get it, too.
    """
    return _known_headers(text) if len(text) <= _KEPT_HEADERS else _all_headers(text)


def _all_headers(text: str) -> Headers:
    values, position = _mapping(text, 0, 4)
    if position != len(text):
        raise OtherLayoutError
    return cast("Headers", values)  # Text and lists of it are all that stands so deep.


_known_headers = lru_cache(maxsize=1024)(_all_headers)


def _block(text: str, position: int, indent: int) -> tuple[str, int]:
    """Read a literal block, and give where it ends. Raises OtherLayoutError."""
    outside = _OUTSIDE.get(indent)
    end = outside.search(text, position) if outside else None
    start = position + indent
    if not end or text[position:start].strip(" ") or text[start : start + 1] in "\t \n":
        raise OtherLayoutError
    block = text[start : end.start()].replace("\n" + " " * indent, "\n")
    if block[-1] == "\n":
        raise OtherLayoutError
    return block, end.end()


def _items(text: str, position: int) -> tuple[list[Node], int]:
    items: list[Node] = []
    while found := _ITEM.match(text, position):
        items.append(found[1] if found[2] is None else found[2])
        position = found.end()
    if not items:
        raise OtherLayoutError
    return items, position
