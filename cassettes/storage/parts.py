"""Cassettes in parts: `c.yaml`, `c.2.yaml`, `c.3.yaml` … are read as one, by the name of the first.

The header of a part after the first has its number, `part: 2`, and the `recorded_at` of the first.
So the parts of an older recording under the same name are not taken for parts of this one.
"""

from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from ..files.object_path import ObjectPath
from ..files.readable_file import ReadableFile
from ..format.documents import CassetteError, Header
from ..format.parsing import parse_document
from .opening import open_for_reading
from .part_names import first_part_path, part_path

_HEADER_END = b"\n...\n"
HEADER_BYTES = 1 << 16


class FurtherPart(Struct, frozen=True):
    """An open file; its first `header_bytes` bytes are the header."""

    path: Path
    file: ReadableFile
    header_bytes: int
    header_lines: int
    warnings: list[str]


def parse_header(head: bytes) -> Header | None:
    """Parse the header in the first `HEADER_BYTES` bytes of a cassette; None if it is not there."""
    try:
        header = parse_document(head[: head.find(_HEADER_END) + len(_HEADER_END)])
    except CassetteError:
        return None
    return header if isinstance(header, Header) else None


def open_further_parts(
    path: Path, head: bytes, *, is_copied: bool = False
) -> Iterator[FurtherPart]:
    """Open the parts after the first, whose first `HEADER_BYTES` bytes are `head`.

    Raises CassetteError if one is missing, or if the file at `path` is not the first.
    """
    header = parse_header(head)
    if header is None:
        return
    if header.part is not None:
        first = first_part_path(path, header.part)
        raise CassetteError(f"{path}: is part {header.part} of a cassette: open {first.name}")
    number = 2
    while (found := _are_there(path, number))[0]:
        part = _open_part(part_path(path, number), number, header, is_copied)
        if part is None:
            return
        yield part
        number += 1
    later = part_path(path, number + 1)
    if found[1] and (part := _open_part(later, number + 1, header, is_copied)) is not None:
        part.file.close()
        raise CassetteError(f"{part_path(path, number)}: is missing, but there is {later.name}")


def _are_there(path: Path, number: int) -> tuple[bool, bool]:
    """Return whether there is a part, and whether there is the next one. Raises CassetteError."""
    first, second = part_path(path, number), part_path(path, number + 1)
    if not isinstance(path, ObjectPath):
        return first.is_file(), second.is_file()
    if path.listing is not None:
        return str(first) in path.listing.objects, str(second) in path.listing.objects
    try:
        heads = path.read_heads([first, second], 1)
    except OSError as error:
        raise CassetteError(f"{error.filename}: cannot be read: {error.strerror}") from error
    return heads[0] is not None, heads[1] is not None


def _open_part(path: Path, number: int, first: Header, is_copied: bool) -> FurtherPart | None:
    """Open a part; None if it is not of the same recording."""
    try:
        file, warnings = open_for_reading(path, is_copied=is_copied)
    except CassetteError:
        return None
    head, mark, _ = file.pread(HEADER_BYTES, 0).partition(_HEADER_END)
    try:
        header = parse_document(head + mark)
    except CassetteError:
        header = None
    if not isinstance(header, Header) or (header.part, header.recorded_at) != (
        number,
        first.recorded_at,
    ):
        file.close()
        return None
    size = len(head) + len(mark)
    return FurtherPart(path, file, size, (head + mark).count(b"\n"), warnings)
