"""Make the changes of `mesotape validate --fix`.

Only numbers at the beginnings of lines are changed, and documents that are there twice removed; all
other bytes stay, comments included. The new file is written beside the old one and replaces it only
if it is sound in what was changed, so that a guess that was wrong leaves the file as it was.
"""

import contextlib
import gzip
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from msgspec import Struct

from ..format.documents import CassetteError, Document, End, Event, Exchange, Note
from ..format.parsing import parse_document
from ..storage.new_file import is_packed, new_file
from ..storage.reader import Cassette
from .findings import FINDING_KINDS, CassetteFinding
from .judge import find_problems
from .renumbering import Renumbering

_BLOCK_BYTES = 1 << 20
_NUMBER_KEYS: dict[type[Document], dict[str, str]] = {
    Exchange: {"exchange": "exchange", "client": "client"},
    Event: {"event": "event", "of": "of"},
    End: {"end": "end"},
    Note: {"of": "of"},
}
"""The keys of numbers, by the attributes that hold them."""


class FixResult(Struct):
    """The changes, each as `line N: text`, and why something could not be changed."""

    changes: list[str]
    reason: str | None = None


class _NotBetterError(Exception):
    """The new file is not sound."""


class _Edit(Struct):
    """The new bytes of a document, and what is new; no bytes: it is removed."""

    data: bytes
    text: str


def fix_numbers(path: Path, *, backup: bool = False) -> FixResult:
    """Correct the numbers of a cassette, and remove documents that are there twice.

    Raises OSError. A file without such a fault is not touched.
    """
    path = path.resolve()
    try:
        with Cassette.open(path, lenient=True) as cassette:
            findings = find_problems(cassette)
            if not any(_is_fixable(each) for each in findings):
                return FixResult([])
            if len(cassette.part_paths) > 1:
                return FixResult([], "the cassette has parts, which cannot be corrected together")
            if any(each.code in ("document", "second-header") for each in findings):
                return FixResult([], "correct the wrong documents first, then run it again")
            return _fix(path, cassette, findings, backup=backup)
    except CassetteError as error:
        return FixResult([], str(error))


def _is_fixable(finding: CassetteFinding) -> bool:
    return bool(FINDING_KINDS[finding.code].fix) and finding.code != "cut-off"


def _fix(
    path: Path, cassette: Cassette, findings: list[CassetteFinding], *, backup: bool
) -> FixResult:
    numbers = Renumbering(cassette)
    edits: dict[int, _Edit] = {}
    changes: list[str] = []
    for source in cassette.sources():
        document, data = cassette.read_source(source)
        wanted = numbers.change(document, source.number)
        if wanted == document:
            continue
        edit = _edit(document, wanted, data)
        if edit is None:
            text = f"line {source.line}: its numbers are not at the beginnings of lines"
            return FixResult([], f"{text}, so it has to be corrected by hand")
        edits[source.number] = edit
        changes.append(f"{path}:{source.line}: {edit.text}")
    if not changes:
        return FixResult([], "how to correct the numbers is not clear")
    try:
        with new_file(path, packs=False) as new:
            _write(cassette, edits, new, packs=is_packed(path))
            _check(findings, Path(new.name))
            if backup:
                shutil.copy2(path, path.with_name(f"{path.name}.bak"))
    except _NotBetterError as error:
        return FixResult([], str(error))
    return FixResult(changes)


def _check(before: list[CassetteFinding], path: Path) -> None:
    """Raise _NotBetterError unless fewer faults are left in the new file."""
    with Cassette.open(path, lenient=True) as fixed:
        after = find_problems(fixed)
    if not _is_better(before, after):
        raise _NotBetterError(
            "which records belong to which exchange is not clear: correct the numbers by hand"
        )


def _edit(document: Document, wanted: Document | None, data: bytes) -> _Edit | None:
    """Return the edit that makes a document the wanted one; None if there is none."""
    name = _name(document)
    if wanted is None:
        return _Edit(b"", f"{name}: removed, it is there twice")
    texts: list[str] = []
    edited = data
    for attribute, key in _NUMBER_KEYS[type(document)].items():
        old, new = getattr(document, attribute), getattr(wanted, attribute)
        if old != new:
            pattern = rf"^({key}:[ \t]*){old}(?![0-9])".encode()
            edited = re.sub(pattern, rf"\g<1>{new}".encode(), edited, count=1, flags=re.MULTILINE)
            texts.append(f"{key} {old} is now {new}")
    try:
        is_wanted = parse_document(edited) == wanted
    except CassetteError:
        is_wanted = False
    return _Edit(edited, f"{name}: {', '.join(texts)}") if is_wanted else None


def _name(document: Document) -> str:
    match document:
        case Exchange(exchange=number):
            return f"exchange {number}"
        case Event(event=number, of=of):
            return f"event {number} of exchange {of}"
        case End(end=of):
            return f"end of exchange {of}"
        case _:
            return "note"


def _is_better(before: list[CassetteFinding], after: list[CassetteFinding]) -> bool:
    """Return whether fewer faults are left, and no error of a kind that was not there."""
    known = {each.code for each in before}
    left = [each for each in after if _is_fixable(each)]
    return len(left) < sum(_is_fixable(each) for each in before) and all(
        each.code in known for each in after if each.level == "error"
    )


def _write(cassette: Cassette, edits: dict[int, _Edit], file: IO[bytes], *, packs: bool) -> None:
    with contextlib.ExitStack() as stack:
        out: IO[bytes] = file
        if packs:
            packing = gzip.GzipFile(fileobj=file, mode="wb", filename="")
            out = cast("IO[bytes]", stack.enter_context(packing))
        offset = 0
        for number, edit in edits.items():
            start, end = cassette.span(number)
            for data in _copy(cassette, offset, start):
                out.write(data)
            out.write(edit.data)
            offset = end
        for data in _copy(cassette, offset, cassette.length_bytes):
            out.write(data)
    file.flush()


def _copy(cassette: Cassette, start: int, end: int) -> Iterator[bytes]:
    while start < end and (data := cassette.read_bytes(start, min(end, start + _BLOCK_BYTES))):
        yield data
        start += len(data)
