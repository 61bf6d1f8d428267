"""From a path to an open file that can be read at any offset."""

import gzip
import os
import stat
import tempfile
import zlib
from pathlib import Path
from typing import Protocol

from .documents import CassetteError

UNPACKED = 1 << 36
"""Bytes. What is longer once unpacked is taken for a trap."""

_GZIP = b"\x1f\x8b"
_BLOCK = 1 << 20


class _Source(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


def opened(path: Path) -> tuple[int, list[str]]:
    """Open a cassette; return its file descriptor, and warnings.

    A compressed file or a pipe is first copied into a file without a name, which is gone when it is
    closed. Raises `CassetteError` if there is nothing to read, or something that is no cassette.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise CassetteError(f"{path}: there is no such file") from None
    except OSError as error:
        raise CassetteError(f"{path}: cannot be opened: {error.strerror}") from error
    try:
        readable, warnings = _readable(path, fd)
    except OSError as error:
        raise CassetteError(f"{path}: cannot be read: {error.strerror or error}") from error
    finally:
        os.close(fd)
    if b"\0" in os.pread(readable, 4096, 0):
        os.close(readable)
        raise CassetteError(f"{path}:1: not a cassette: found binary data, expected a line `---`")
    return readable, warnings


def packed(fd: int) -> bool:
    """Whether a file is compressed with gzip."""
    return os.pread(fd, 2, 0) == _GZIP


def _readable(path: Path, fd: int) -> tuple[int, list[str]]:
    mode = os.fstat(fd).st_mode
    if stat.S_ISDIR(mode):
        raise CassetteError(f"{path}: is a folder, expected a file")
    if not stat.S_ISREG(mode):
        with open(fd, "rb", closefd=False) as pipe:
            return _copied(path, pipe)
    if packed(fd):
        with open(fd, "rb", closefd=False) as file, gzip.open(file) as unpacked:
            return _copied(path, unpacked)
    return os.dup(fd), []


def _copied(path: Path, source: _Source) -> tuple[int, list[str]]:
    """Copy into a file without a name. A source that is damaged further on counts up to there."""
    with tempfile.TemporaryFile() as copy:
        try:
            while block := source.read(_BLOCK):
                copy.write(block)
                if copy.tell() > UNPACKED:
                    raise CassetteError(f"{path}: is longer than {UNPACKED} bytes once unpacked")
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            warnings = [f"{path}: the compressed file is cut off or damaged: {error}"]
        else:
            warnings = []
        copy.flush()
        return os.dup(copy.fileno()), warnings
