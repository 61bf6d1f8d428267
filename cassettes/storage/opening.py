"""From a path to an open file that can be read at any offset."""

import os
import stat
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ..format.documents import CassetteError

UNPACKED = 1 << 36
"""Bytes. What is longer once unpacked is taken for a trap."""

_GZIP = b"\x1f\x8b"
_GZIP_WINDOW = 31  # zlib's code for the format of gzip
_BLOCK = 1 << 20


def open_for_reading(path: Path) -> tuple[int, list[str]]:
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
    # What stands behind the header may be what a crash left.
    if b"\0" in os.pread(readable, 4096, 0).partition(b"\n...\n")[0]:
        os.close(readable)
        raise CassetteError(f"{path}:1: not a cassette: found binary data, expected a line `---`")
    return readable, warnings


def is_gzip_file(fd: int) -> bool:
    """Whether a file is compressed with gzip."""
    return os.pread(fd, 2, 0) == _GZIP


def _readable(path: Path, fd: int) -> tuple[int, list[str]]:
    mode = os.fstat(fd).st_mode
    if stat.S_ISDIR(mode):
        raise CassetteError(f"{path}: is a folder, expected a file")
    if not stat.S_ISREG(mode):
        with open(fd, "rb", closefd=False) as pipe:
            return _copied(path, _blocks(pipe))
    if is_gzip_file(fd):
        with open(fd, "rb", closefd=False) as file:
            return _copied(path, _unpacked(file))
    return os.dup(fd), []


def _copied(path: Path, blocks: Iterator[bytes]) -> tuple[int, list[str]]:
    """Copy into a file without a name. A source that is damaged further on counts up to there."""
    warnings: list[str] = []
    with tempfile.TemporaryFile() as copy:
        try:
            for block in blocks:
                copy.write(block)
                if copy.tell() > UNPACKED:
                    raise CassetteError(f"{path}: is longer than {UNPACKED} bytes once unpacked")
        except (EOFError, zlib.error) as error:
            warnings = [f"{path}: the compressed file is cut off or damaged: {error}"]
        copy.flush()
        return os.dup(copy.fileno()), warnings


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    while block := file.read(_BLOCK):
        yield block


def _unpacked(file: IO[bytes]) -> Iterator[bytes]:
    """Unpack gzip (RFC 1952). Unlike the gzip module, give all that is before damage."""
    unpacking = zlib.decompressobj(wbits=_GZIP_WINDOW)
    data = b""
    while data := data or file.read(_BLOCK):
        if unpacking.eof:
            unpacking = zlib.decompressobj(wbits=_GZIP_WINDOW)  # Members may follow each other.
        yield unpacking.decompress(data, _BLOCK)
        data = unpacking.unconsumed_tail or unpacking.unused_data
    yield unpacking.flush()
    if not unpacking.eof:
        raise EOFError("its end is missing")
