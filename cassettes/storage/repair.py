"""Cut a damaged tail off a cassette.

Only the bytes after the last complete document are removed, as a crash leaves them. A document that
is cut off further up, or is wrong, is left for a person to correct.
"""

import errno
import os
import shutil
from pathlib import Path
from typing import IO

from ..files.readable_file import LocalFile
from ..format.documents import CassetteError
from .new_file import new_file
from .opening import is_gzip_file, open_for_reading
from .reader import Cassette

_BLOCK_BYTES = 1 << 20


def cut_damaged_tail(path: Path, *, backup: bool = False) -> int:
    """Cut off the bytes after the last complete document; return their number, unpacked.

    With `backup`, the file is first copied to its name plus `.bak`. A compressed file is written
    anew and replaced at once, so that an error leaves it as it was. Without a complete header,
    nothing is changed. Raises OSError.
    """
    try:
        with Cassette.open(path, lenient=True, with_parts=False) as cassette:
            intact_bytes, has_warnings = cassette.intact_bytes, bool(cassette.warnings)
    except CassetteError:
        return 0
    opened, _ = open_for_reading(path)
    if not isinstance(opened, LocalFile):
        opened.close()
        raise OSError(errno.EROFS, "objects of a store are not changed: copy it first")
    with open(opened.fd, "rb") as plain, path.open("rb") as file:
        tail_bytes = plain.seek(0, os.SEEK_END) - intact_bytes
        plain.seek(intact_bytes)
        is_damaged = tail_bytes > 0 and _has_content(plain.read(_BLOCK_BYTES))
        is_compressed = is_gzip_file(file.fileno())
        if not is_damaged and not (is_compressed and has_warnings):
            return 0
        if backup:
            shutil.copy2(path, path.with_name(f"{path.name}.bak"))
        if is_compressed:
            _replace_compressed(path, plain, intact_bytes)
    if not is_compressed:
        os.truncate(path, intact_bytes)
    return tail_bytes if is_damaged else 0


def _has_content(tail: bytes) -> bool:
    """Return whether there is more than comments, directives and blank lines."""
    return any(line.strip() and not line.startswith((b"#", b"%")) for line in tail.split(b"\n"))


def _replace_compressed(path: Path, plain: IO[bytes], size: int) -> None:
    plain.seek(0)
    with new_file(path, packs=True) as file:
        while size > 0 and (data := plain.read(min(_BLOCK_BYTES, size))):
            file.write(data)
            size -= len(data)
