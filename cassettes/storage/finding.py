"""The cassettes in a folder, or below a name in an object store."""

import re
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..files.object_path import ObjectPath
from .opening import GZIP_MAGIC, GZIP_WINDOW
from .part_names import CASSETTE_SUFFIXES, first_part_path

_HEAD_BYTES = 4096
_PART = re.compile(rb"^part: ([0-9]{1,9})$", re.MULTILINE)


def cassettes_in(folder: Path) -> list[Path]:
    """Return the cassettes in a folder and in those below, sorted. Raises OSError.

    The further parts of a cassette are left out, as they are read with the first, if that is there.
    """
    files = sorted(each for each in folder.rglob("*") if each.name.endswith(CASSETTE_SUFFIXES))
    heads: Iterable[bytes]
    if isinstance(folder, ObjectPath):
        from ..files.object_file import read_heads

        objects = [each for each in files if isinstance(each, ObjectPath)]
        heads = read_heads(folder, objects, _HEAD_BYTES)
    else:
        files = [each for each in files if each.is_file()]
        heads = _read_heads(files)
    names = set(files)
    return [
        path
        for path, head in zip(files, heads, strict=True)
        if (first := _first_part(path, head)) == path or (first and first not in names)
    ]


def _read_heads(files: list[Path]) -> Iterator[bytes]:
    for each in files:
        with each.open("rb") as file:
            yield file.read(_HEAD_BYTES)


def _first_part(path: Path, head: bytes) -> Path | None:
    """Return the first part of the cassette that a file belongs to; None if it is no cassette."""
    if head.startswith(GZIP_MAGIC):
        try:
            head = zlib.decompressobj(GZIP_WINDOW).decompress(head, _HEAD_BYTES)
        except zlib.error:
            return path  # Reading it will say what is wrong.
    if b"mesotape" not in head:
        return None
    number = _PART.search(head.partition(b"\n...\n")[0])
    return path if number is None else first_part_path(path, int(number[1]))
