"""Make the changes of `mesotape validate --fix`.

Only numbers at the beginnings of lines are changed, and documents that are there twice removed; all
other bytes stay, comments included. The new file is written beside the old one and replaces it only
if it is sound in what was changed, so that a guess that was wrong leaves the file as it was.
"""

import contextlib
import fcntl
import gzip
import os
import re
import shutil
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import IO, cast

from msgspec import Struct

from ..format.documents import CassetteError, Document, End, Event, Exchange, Note
from ..format.parsing import parse_document
from ..storage.opening import is_gzip_file
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
    with _lock(path), _new_file(path) as new:
        _write(cassette, edits, new, is_packed=_is_packed(path))
        with Cassette.open(new.name, lenient=True) as fixed:
            after = find_problems(fixed)
        if not _is_better(findings, after):
            text = (
                "which records belong to which exchange is not clear: correct the numbers by hand"
            )
            return FixResult([], text)
        if backup:
            shutil.copy2(path, path.with_name(f"{path.name}.bak"))
        shutil.copymode(path, new.name)
        Path(new.name).replace(path)
    return FixResult(changes)


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


def _write(
    cassette: Cassette, edits: dict[int, _Edit], file: IO[bytes], *, is_packed: bool
) -> None:
    with contextlib.ExitStack() as stack:
        out: IO[bytes] = file
        if is_packed:
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
    os.fsync(file.fileno())


def _copy(cassette: Cassette, start: int, end: int) -> Iterator[bytes]:
    while start < end and (data := cassette.read_bytes(start, min(end, start + _BLOCK_BYTES))):
        yield data
        start += len(data)


def _is_packed(path: Path) -> bool:
    with path.open("rb") as file:
        return is_gzip_file(file.fileno())


@contextlib.contextmanager
def _lock(path: Path) -> Generator[None]:
    """Hold the lock of recorders. Raises OSError if one is writing to the file."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OSError(0, "a recorder is writing to it") from None
        yield


@contextlib.contextmanager
def _new_file(path: Path) -> Generator[IO[bytes]]:
    """Create a file beside another; it is removed unless it has replaced the other."""
    suffix = ".yaml.gz" if _is_packed(path) else ".yaml"
    with tempfile.NamedTemporaryFile("wb", dir=path.parent, suffix=suffix, delete=False) as file:
        try:
            yield file
        finally:
            Path(file.name).unlink(missing_ok=True)
