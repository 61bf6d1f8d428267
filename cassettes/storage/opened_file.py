"""Open files that are read at any offset while nothing changes them.

A cassette is indexed once, and its documents are read later, at the offsets of the index. If the
file is written to in between, these offsets have other content. So each read compares the size and
the time of modification with those at the start. A file that is replaced or deleted under its name
stays as it was opened, and can be read on.

The further parts of a cassette (parts.py) follow the first without their headers, as if all were
one file.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from ...proto.counted import counted
from ..files.object_path import to_path
from ..files.readable_file import ReadableFile, ReadsAt
from ..files.source_file import SourceFile
from ..format.documents import CassetteError
from .parts import FurtherPart

_BLOCK_BYTES = 1 << 20
_MAX_SOUGHT_BYTES = 64
"""The length of the longest text that is found by a search."""


class ChangedError(CassetteError):
    """The file was written to after it was opened."""


class FilePart(Struct):
    """A file, without its first `skipped_bytes` bytes and `skipped_lines` lines.

    It is at the offset `start` of the whole, and `size` bytes long. `source` is what was under the
    path then: the open file, or the one that was unpacked; None if there was no file.
    """

    path: Path
    file: ReadableFile
    start: int
    skipped_bytes: int
    skipped_lines: int
    size: int
    mtime_ns: int
    source: SourceFile | None


class OpenedFile:
    """Reads an open file, which it then owns; `size` is its length at the start.

    With `may_grow`, data that is appended is no change: the file of a running recorder is then
    read as far as it was written.
    """

    def __init__(self, path: Path, file: ReadableFile, *, may_grow: bool = False) -> None:
        self.path = path
        self.is_open = True
        self._file = file
        self.size = 0
        self.parts: list[FilePart] = []
        self._may_grow = may_grow
        self._add(path, file, 0, 0)

    def add(self, part: FurtherPart) -> None:
        """Add a part, which this owns then."""
        self._add(part.path, part.file, part.header_bytes, part.header_lines)

    def part_at(self, offset: int) -> FilePart:
        """Return the part that has the byte at an offset."""
        if len(self.parts) == 1:
            return self.parts[0]
        return self.parts[bisect_right(self.parts, offset, key=lambda part: part.start) - 1]

    def pread(self, size: int, offset: int) -> bytes:
        """Read bytes at an offset, fewer at the end of the last part. Raises OSError."""
        if len(self.parts) == 1:
            return self._file.pread(size, offset)
        data = b""
        while len(data) < size:
            place, left = offset + len(data), size - len(data)
            part = self.part_at(place)
            if part is not self.parts[-1]:
                left = min(left, part.start + part.size - place)
            block = part.file.pread(left, place - part.start + part.skipped_bytes)
            if not block:
                break
            data += block
        return data

    def read(self, start: int, size: int) -> bytes:
        """Read `size` bytes at an offset, fewer at the end of the file.

        Raises ChangedError, or CassetteError if the file cannot be read.
        """
        try:
            data = self.pread(size, start)
        except OSError as error:
            raise self._read_error(error) from error
        # After the read, not before: the time of modification is set before data is written.
        part = self.part_at(start)
        self._check_part(part)
        if start + len(data) > part.start + part.size and part is not self.parts[-1]:
            self.check_unchanged()
        return data

    def read_unchecked(self, start: int, size: int) -> bytes:
        """Read like `read`; the caller is to call `check_unchanged` afterwards."""
        try:
            return self.pread(size, start)
        except OSError as error:
            raise self._read_error(error) from error

    def contains(self, texts: Sequence[bytes]) -> bool:
        """Return whether one of some short texts is anywhere in the file."""
        position, before = 0, b""
        while block := self.read_unchecked(position, _BLOCK_BYTES):
            searched = before + block
            if any(text in searched for text in texts):
                return True
            before, position = block[-_MAX_SOUGHT_BYTES:], position + len(block)
        return False

    def check_unchanged(self) -> None:
        """Raise ChangedError if the file was changed: what was read before may be wrong."""
        for part in self.parts:
            self._check_part(part)

    def _add(self, path: Path, file: ReadableFile, skipped_bytes: int, skipped_lines: int) -> None:
        status = file.status()
        size, start = status.size - skipped_bytes, self.size
        source = SourceFile.at(path)
        self.parts.append(
            FilePart(path, file, start, skipped_bytes, skipped_lines, size, status.mtime_ns, source)
        )
        self.size += size

    def _read_error(self, error: OSError) -> CassetteError:
        return CassetteError(f"{self.path}: cannot be read: {error.strerror or error}")

    def _check_part(self, part: FilePart) -> None:
        try:
            status = part.file.status()
        except OSError as error:
            raise self._read_error(error) from error
        size = status.size - part.skipped_bytes
        if status.mtime_ns == part.mtime_ns and size == part.size:
            return
        if self._may_grow and part is self.parts[-1] and size >= part.size:
            return
        had = f"it had {counted(part.size, 'byte')}, now {size}"
        found = "in place" if size == part.size else had
        raise self.changed_error(found)

    def digest(self) -> str | None:
        """Return the SHA-256 of all parts in hex, as they are in the files that were opened.

        None if these cannot be read any more, as a pipe, or a file that was replaced after `close`.
        """
        digest = hashlib.sha256()
        try:
            for part in self.parts:
                if part.source is not None and self.is_open and part.source.is_open_as(part.file):
                    for block in _blocks(part.file.pread):
                        digest.update(block)
                elif part.source is not None and part.source == SourceFile.at(_unlisted(part.path)):
                    with _unlisted(part.path).open("rb") as file:
                        while block := file.read(_BLOCK_BYTES):
                            digest.update(block)
                else:
                    return None
        except OSError:
            return None
        return digest.hexdigest()

    def changed_error(self, found: str) -> ChangedError:
        """Return the error for a file that was changed; `found` says how."""
        return ChangedError(
            f"{self.path}: changed since it was opened ({found}); open it again, or play a copy"
        )

    def close(self) -> None:
        """Close the file. May be called twice."""
        if self.is_open:
            for part in self.parts:
                part.file.close()
            self.is_open = False


def _unlisted(path: Path) -> Path:
    """Return a path whose status is that of now, not the one in a listing."""
    return to_path(str(path))


def _blocks(pread: ReadsAt) -> Iterator[bytes]:
    """Yield the content of a file."""
    place = 0
    while block := pread(_BLOCK_BYTES, place):
        yield block
        place += len(block)
