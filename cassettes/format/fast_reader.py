r"""Read the writer's own layout fast.

There is a reader for events, one for many events at once, one for exchanges without the body of the
response (all that opening a replay needs), and one for any document. Each is strict: where a byte
is not as the writer would have written it, the result is None, and the caller turns to
`yaml_reader`, which reads any YAML and explains errors. So nothing here has to be forgiving, and no
result may differ from that of YAML.
"""

import re
from functools import lru_cache
from typing import Any, cast, get_args

from msgspec import json

from .documents import EndCause, Event, Exchange, Headers, Node, Request, Response, Spacing
from .scalars import (
    LITERAL_BLOCK_BYTES,
    MAX_KEY_LENGTH,
    NUMBER_PATTERN,
    PLAIN_SCALAR_PATTERN,
    QUOTED_TEXT_PATTERN,
    SECONDS_PATTERN,
    can_be_literal_block,
)

EVENT_HEAD_PATTERN = (
    rf"---\nevent: ({NUMBER_PATTERN})\nof: ({NUMBER_PATTERN})\nat: ({SECONDS_PATTERN})\n"
    r"(from: client\n)?"
)

EXCHANGE_HEAD_PATTERN = (
    rf"---\nexchange: ({NUMBER_PATTERN})\nat: ({SECONDS_PATTERN})\nclient: ({NUMBER_PATTERN})\n"
)

_SPACING = rf"spacing: ({'|'.join(get_args(Spacing.__value__))})\n(?= *json)"
_START, _END = b"---\n", b"\n...\n"
_CHUNK = rf"\[[0-9]{{1,18}}, {SECONDS_PATTERN}\]"
_EVENT = re.compile(
    rf"{EVENT_HEAD_PATTERN}(?:chunks: (\[{_CHUNK}(?:, {_CHUNK})*\])\n)?"
    rf"(?:{_SPACING})?(json|proto|text): \|-\n  (?=[^ \t\n])".encode()
)

_EVENTS = (
    rf"(?m)^---\nevent: {NUMBER_PATTERN}\nof: %d\nat: ({SECONDS_PATTERN})\n"
    rf"(?:chunks: \[{_CHUNK}(?:, {_CHUNK})*\]\n)?"
    r"(json|proto): \|-\n(  (?=[^ \t\n])[^\n]*+(?:\n  [^\n]*+)*+)\n\.\.\.$"
)

_SCALAR = f'({PLAIN_SCALAR_PATTERN}|"{QUOTED_TEXT_PATTERN}")'
_HEADERS = r"(?:  headers:\n((?:    [^\n]*\n)+))?"
_STREAM = r"(?:  stream: (recordio|chunks)\n)?"
_EXCHANGE_HEAD = re.compile(
    rf"{EXCHANGE_HEAD_PATTERN}(?:peer: {_SCALAR}\n)?"
    rf"request:\n  method: {_SCALAR}\n  path: {_SCALAR}\n(?:  version: {_SCALAR}\n)?"
    rf"{_HEADERS}{_STREAM}"
    rf"(?:(?:  {_SPACING})?  (json|text|proto): \|-\n    (?![ \t\n])([^\n]*\n(?:    [^\n]*\n)*))?"
    rf"response:\n  after: ({SECONDS_PATTERN})\n(?:  status: ([2-5][0-9]{{2}})\n)?"
    rf"(?:  reason: {_SCALAR}\n)?{_HEADERS}{_STREAM}"
    rf"(?:  cause: ({'|'.join(get_args(EndCause.__value__))})\n)?"
    rf"(?:\.\.\.\n\Z|(?:  {_SPACING})?  (json|text|proto): "
    r"(?:\|-?(?=\n(?:    [^ \t\n]|\Z))|\|2-?(?=\n)))"
)

_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}Z"
_ENTRY = {
    indent: re.compile(
        rf'{" " * indent}(?:({PLAIN_SCALAR_PATTERN})|"({QUOTED_TEXT_PATTERN})"):'
        rf"(?: (?:({PLAIN_SCALAR_PATTERN}|[0-9]{{1,18}}(?:\.[0-9]{{6}})?|{_TIME})|"
        rf'"({QUOTED_TEXT_PATTERN})"|(\|-)))?\n'
    )
    for indent in (0, 2, 4)
}
_ITEM = re.compile(rf'      - (?:({PLAIN_SCALAR_PATTERN})|"({QUOTED_TEXT_PATTERN})")\n')
_RULES = re.compile(r"redaction: \[([a-z][a-z0-9-]*(?:, [a-z][a-z0-9-]*)*)\]\n")
_HEADER_LINES = re.compile(r"(?:    [^\n]*\n)+")
_BLOCK_END = {2: re.compile(r"\n(?!  )"), 4: re.compile(r"\n(?!    )")}
_MAX_CACHED_HEADERS = 4096
"""Characters of the longest header lines that are cached."""


class _OtherLayoutError(Exception):
    """The writer would have written it in another way."""


def parse_event(data: bytes) -> Event | None:
    """Parse an event whose body is a literal block, as nearly all are."""
    match = _EVENT.match(data)
    if not match or not data.endswith(_END):
        return None
    number, of, at, side, chunks, spacing, form = match.groups()
    text = _unindent(data[match.end() : -len(_END)])
    if text is None:
        return None
    return Event(
        event=int(number),
        of=int(of),
        at=float(at),
        from_="client" if side else None,
        chunks=json.decode(chunks, type=list[tuple[int, float]]) if chunks else None,
        spacing=cast("Spacing", spacing.decode()) if spacing else None,
        json=text if form == b"json" else None,
        text=text if form == b"text" else None,
        proto=text if form == b"proto" else None,
    )


def parse_event_bodies(data: bytes, of: int) -> list[tuple[bytes, bytes, bytes]] | None:
    """Return the times, and the forms and texts of the bodies, of one exchange's events in `data`.

    The texts are those of literal blocks, with their indentation: white space to JSON. Documents in
    another layout, or with another body than `json` or `proto`, are not found: compare the number.
    """
    if _decode_unescaped(data) is None:
        return None
    return _events_pattern(of).findall(data)


@lru_cache(maxsize=64)
def _events_pattern(of: int) -> re.Pattern[bytes]:
    return re.compile((_EVENTS % of).encode())


def parse_exchange_head(data: bytes, *, ends_in_body: bool = False) -> Exchange | None:
    """Parse an exchange without the body of its response.

    `data` may be cut off within that body. Then `ends_in_body` is needed: whether the last lines of
    the whole document belong to a body too, so that no key follows the part that is not read.

    `parse_document_nodes` could read all of this, but one expression for the usual exchange and the
    cache of headers are worth a second description of it: without, opening a cassette of 10,000
    exchanges takes 31 to 39 % more CPU (bench/opening.py, paired runs), and reading the heads
    alone twice as much. Exchanges with rarer keys (a request in base64, `wire`) are read in whole.
    """
    text = _decode_unescaped(data[: data.rfind(b"\n") + 1])
    match = None if text is None else _EXCHANGE_HEAD.match(text)
    if text is None or match is None:
        return None
    fields: tuple[Any, ...] = match.groups()
    number, at, client, peer, method, path, version, headers, stream = fields[:9]
    spacing, form, block, after, status, reason, answer_headers = fields[9:16]
    answer_stream, cause, _, answer_form = fields[16:]
    body = None if block is None else block[:-1].replace("\n    ", "\n")
    if body is not None and body[-1:] in ("\n", ""):
        return None
    if answer_form is not None and not _is_rest_body(text, match.end(), ends_in_body=ends_in_body):
        return None
    try:
        return Exchange(
            exchange=int(number),
            at=float(at),
            client=int(client),
            peer=None if peer is None else _unquote(peer),
            request=Request(
                method=_unquote(method),
                path=_unquote(path),
                version="HTTP/1.1" if version is None else _unquote(version),
                headers={} if headers is None else _parse_headers(headers),
                stream=stream,
                spacing=spacing,
                json=body if form == "json" else None,
                text=body if form == "text" else None,
                proto=body if form == "proto" else None,
            ),
            response=Response(
                after=float(after),
                status=None if status is None else int(status),
                reason=None if reason is None else _unquote(reason),
                headers={} if answer_headers is None else _parse_headers(answer_headers),
                stream=answer_stream,
                cause=cause,
            ),
        )
    except _OtherLayoutError:
        return None


def parse_document_nodes(data: bytes) -> dict[str, Node] | None:
    """Parse a document of any kind, all scalars as text, as `yaml_reader.Composition` does."""
    text = _decode_unescaped(data)
    if text is None or not data.startswith(_START):
        return None
    try:
        root, position = _parse_mapping(text, len(_START), 0)
    except _OtherLayoutError:
        return None
    if (rules := _RULES.match(text, position)) and "redaction" not in root:
        root["redaction"], position = [*rules[1].split(", ")], rules.end()
    return root if text[position:] == "...\n" else None


def _is_rest_body(text: str, start: int, *, ends_in_body: bool) -> bool:
    """Return whether all of an exchange after `start` is the literal block of its response's body.

    Then every line but the end mark has the indentation of the block, or is blank. Lines are
    counted rather than matched: this runs for every exchange of a cassette.
    """
    is_whole = text.endswith("\n...\n", start)
    lines = text.count("\n", start) - (2 if is_whole else 1)
    indented = text.count("\n    ", start) + text.count("\n\n", start)
    return lines == indented and (is_whole or ends_in_body)


def _decode_unescaped(data: bytes) -> str | None:
    """Decode UTF-8; None if there is a character that the writer escapes."""
    if data.translate(None, LITERAL_BLOCK_BYTES):
        return None
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    return text if text.isascii() or can_be_literal_block(text) else None


def _unindent(block: bytes) -> str | None:
    """Return the text of a literal block that is indented by two, and has no blank lines."""
    lines = block.split(b"\n  ")
    if block.count(b"\n") != len(lines) - 1:
        return None
    text = _decode_unescaped(b"\n".join(lines))
    return None if text is None or text[-1] == "\n" else text


def _unquote(value: str) -> str:
    return value[1:-1] if value[0] == '"' else value


def _parse_mapping(text: str, position: int, indent: int) -> tuple[dict[str, Node], int]:
    """Parse entries that are indented by `indent`; return them, and where they end.

    Only a few shapes exist in this layout: keys at 0, 2 and 4 blanks (of the document, of a request
    or response, of headers), and lists at 6 (of a repeated header).
    """
    values: dict[str, Node] = {}
    entry = _ENTRY[indent]
    while match := entry.match(text, position):
        plain_key, quoted_key, plain, quoted, block = match.groups()
        key = quoted_key if plain_key is None else plain_key
        if key in values or len(key) > MAX_KEY_LENGTH:
            raise _OtherLayoutError
        position = match.end()
        if plain is not None:
            values[key] = plain
        elif quoted is not None:
            values[key] = quoted
        elif block is not None:
            values[key], position = _parse_block(text, position, indent + 2)
        elif indent == 4:
            values[key], position = _parse_items(text, position)
        elif key == "headers":
            lines = _HEADER_LINES.match(text, position)
            if not lines:
                raise _OtherLayoutError
            values[key] = cast("dict[str, Node]", dict(_parse_headers(lines[0])))
            position = lines.end()
        else:
            values[key], position = _parse_mapping(text, position, indent + 2)
    if not values:
        raise _OtherLayoutError
    return values, position


def _parse_headers(lines: str) -> Headers:
    """Parse the lines of headers. All exchanges with the same lines share one result."""
    return _cached_headers(lines) if len(lines) <= _MAX_CACHED_HEADERS else _read_headers(lines)


def _read_headers(lines: str) -> Headers:
    values, position = _parse_mapping(lines, 0, 4)
    if position != len(lines):
        raise _OtherLayoutError
    return cast("Headers", values)  # At this depth there is only text and lists of text.


_cached_headers = lru_cache(maxsize=1024)(_read_headers)


def _parse_block(text: str, position: int, indent: int) -> tuple[str, int]:
    block_end = _BLOCK_END.get(indent)
    end = block_end.search(text, position) if block_end else None
    start = position + indent
    if not end or text[position:start].strip(" ") or text[start : start + 1] in "\t \n":
        raise _OtherLayoutError
    block = text[start : end.start()].replace("\n" + " " * indent, "\n")
    if block[-1] == "\n":
        raise _OtherLayoutError
    return block, end.end()


def _parse_items(text: str, position: int) -> tuple[list[Node], int]:
    items: list[Node] = []
    while match := _ITEM.match(text, position):
        items.append(match[1] if match[2] is None else match[2])
        position = match.end()
    if not items:
        raise _OtherLayoutError
    return items, position
