"""Cutting a damaged tail off a cassette.

What a crash left behind the last whole document goes, and nothing else: a document that was cut off
further up, or says something wrong, is for a person to mend.
"""

import gzip
import os
import shutil
import tempfile
from pathlib import Path
from typing import IO

from ..format.documents import CassetteError
from .opening import is_gzip_file, open_for_reading
from .reader import Cassette

_BLOCK = 1 << 20


def cut_damaged_tail(path: Path, *, backup: bool = False) -> int:
    """Cut off what is not whole at the end; gives how many bytes that was, unpacked.

    With `backup` the cassette as it was stays beside it, under its name and `.bak`. A compressed
    one is written anew, whole or not at all. Without a whole header nothing is done.
    Raises OSError.
    """
    try:
        with Cassette.open(path, lenient=True) as cassette:
            sound, warned = cassette.intact_bytes, bool(cassette.warnings)
    except CassetteError:
        return 0
    fd, _ = open_for_reading(path)
    with open(fd, "rb") as plain, path.open("rb") as file:
        tail = plain.seek(0, os.SEEK_END) - sound
        plain.seek(sound)
        damaged = tail > 0 and _is_damage(plain.read(_BLOCK))
        compressed = is_gzip_file(file.fileno())
        if not damaged and not (compressed and warned):
            return 0
        if backup:
            shutil.copy2(path, path.with_name(f"{path.name}.bak"))
        if compressed:
            _write_packed(path, plain, sound)
    if not compressed:
        os.truncate(path, sound)
    return tail if damaged else 0


def _is_damage(tail: bytes) -> bool:
    """Whether there is more than comments and blanks."""
    return any(line.strip() and not line.startswith((b"#", b"%")) for line in tail.split(b"\n"))


def _write_packed(path: Path, plain: IO[bytes], size: int) -> None:
    plain.seek(0)
    with tempfile.NamedTemporaryFile("wb", dir=path.parent, delete=False) as file:
        try:
            with gzip.GzipFile(fileobj=file, mode="wb", filename="") as packing:
                while size > 0 and (data := plain.read(min(_BLOCK, size))):
                    packing.write(data)
                    size -= len(data)
            file.flush()
            shutil.copymode(path, file.name)
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
