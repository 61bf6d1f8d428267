r"""Records of a stream as YAML documents, and what a list of them says at first sight.

--- # record 2, byte 96: DATA, 74 bytes
# STDOUT "hello\n"
{
  "type": "DATA",
…
"""

import contextlib
from collections import Counter, deque
from collections.abc import Sequence

import msgspec
from msgspec import Struct, json

from ..proto.recordio import Malformed, Piece
from . import display
from .subjects import Subject

NEWEST = 8
"""Records that are named first, because user interfaces show the first lines first."""

MAX_SAID = 400
"""Characters of what a process said."""


class Entry(Struct, frozen=True):
    """One piece of a stream as text; `kind` is the type of its message, if it has one."""

    number: int
    line: str
    text: str
    kind: str | None = None
    malformed: bool = False

    def __str__(self) -> str:
        return f"--- # {self.line}\n{self.text}\n"


def entries(pieces: Sequence[Piece], subject: Subject) -> list[Entry]:
    """Show the last pieces, as many as there is room for, but at least one."""
    found: deque[Entry] = deque()
    characters, size = display.MAX_TEXT, display.MAX_PROTOBUF
    for piece in reversed(pieces):
        size -= piece.size
        if found and (characters <= 0 or size <= 0):
            break
        found.appendleft(entry(piece, subject))
        characters -= len(found[0].text)
    return list(found)


def entry(piece: Piece, subject: Subject) -> Entry:
    """Show one piece."""
    line = f"record {piece.number}, byte {piece.offset}"
    if isinstance(piece, Malformed):
        return _marked(piece.number, line, piece.reason, display.as_bytes(piece.data))
    shown = display.show(piece.payload, subject)
    line = f"{line}: {len(piece.payload)} bytes"
    if shown.problem is not None:
        return _marked(piece.number, line, shown.problem, shown.text)
    kind = _kind(shown.text)
    text = _said(shown.text) + display.cut(shown.text)
    return Entry(piece.number, f"{line}, {kind or 'no type'}", text, kind)


def _marked(number: int, line: str, reason: str, text: str) -> Entry:
    mark = f"MALFORMED: {json.encode(reason).decode()}"
    return Entry(number, line, f"{mark}\n{text}", malformed=True)


def summary(shown: Sequence[Entry]) -> list[str]:
    """Say in comment lines what there is: counts by type, malformed pieces, the newest records."""
    kinds = Counter(one.kind or "no type" for one in shown if not one.malformed)
    counts = [f"{count} {kind}" for kind, count in kinds.most_common()]
    malformed = [str(one.number) for one in shown if one.malformed]
    lines = [f"# {', '.join(counts)}"] if counts else []
    if malformed:
        lines.append(f"# MALFORMED: record {', '.join(malformed)}")
    newest = [f"{one.number} {one.kind or '?'}" for one in reversed(shown[-NEWEST:])]
    return [*lines, f"# the newest: {', '.join(newest)}"] if len(shown) > 1 else lines


class _Named(Struct):
    type: str | None = None


class _Typed(Struct):
    type: str
    data: bytes


class _Output(Struct):
    data: _Typed


class _Attached(Struct):
    process_io: _Output


class _Input(Struct):
    attach_container_input: _Attached


_KIND = json.Decoder(_Named)
_OUTPUT = json.Decoder(_Output)
_INPUT = json.Decoder(_Input)


def _kind(text: str) -> str | None:
    try:
        return _KIND.decode(text).type
    except msgspec.DecodeError:
        return None


def _said(text: str) -> str:
    """Say in a comment line what a process wrote or was given, which is base64 in a message."""
    if (typed := _typed(text)) is None:
        return ""
    said = typed.data.decode(errors="backslashreplace")
    more = " …" if len(said) > MAX_SAID else ""
    return f"# {typed.type} {json.encode(said[:MAX_SAID]).decode()}{more}\n"


def _typed(text: str) -> _Typed | None:
    with contextlib.suppress(msgspec.DecodeError):
        return _OUTPUT.decode(text).data
    with contextlib.suppress(msgspec.DecodeError):
        return _INPUT.decode(text).attach_container_input.process_io.data
    return None
