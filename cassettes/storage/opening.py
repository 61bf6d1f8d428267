"""Open a cassette so that it can be read at any offset: a file, plain or compressed, or a pipe."""

import contextlib
import io
import os
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, override

from ..files.object_path import ObjectPath
from ..files.readable_file import LocalFile, ReadableFile
from ..files.upload_folder import uploaded_object
from ..format.documents import CassetteError

MAX_UNPACKED_BYTES = 1 << 32
"""4 GiB. A file that is longer once unpacked is likely made to fill the disk."""

_EXAMINED_BYTES = 1 << 20
"""Without the first key of a header in these, the rest is not even unpacked."""

GZIP_MAGIC = b"\x1f\x8b"
GZIP_WINDOW = 31  # zlib's code for the format of gzip
_BLOCK = 1 << 20

_UTF16 = {
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
    b"-\0-\0-\0": "UTF-16LE",
    b"\0-\0-\0-": "UTF-16BE",
}
"""How a cassette in another Unicode encoding begins."""


def open_for_reading(
    path: Path, *, max_unpacked_bytes: int = MAX_UNPACKED_BYTES, is_copied: bool = False
) -> tuple[ReadableFile, list[str]]:
    """Open a cassette; return the file, and warnings.

    A compressed file or a pipe is first copied into an unnamed temporary file, and any file with
    `is_copied`, so that it may be written to. If a compressed file
    is cut off or damaged, the part before that is copied, and there is a warning. Of a file that
    does not begin like a cassette, only the beginning is copied. An object of a store is read range
    by range, unless it is compressed; that is so, too, for a file that was uploaded and emptied.

    Raises `CassetteError` if the file cannot be read, is longer than `max_unpacked_bytes` once
    copied, or is binary.
    """
    if not hasattr(os, "pread"):
        raise CassetteError(f"{path}: cassettes cannot be read on Windows: use WSL, Linux or macOS")
    try:
        if isinstance(path, ObjectPath):
            file, warnings = _open_object(path, max_unpacked_bytes)
        else:
            file, warnings = _open_file(path, max_unpacked_bytes, is_copied)
        head = file.pread(4096, 0)
    except FileNotFoundError as error:
        if error.filename is None and error.strerror:  # There is no folder for temporary files.
            raise CassetteError(f"{path}: cannot be copied: {error.strerror}") from error
        raise CassetteError(f"{path}: {missing_file_text(path)}") from None
    except OSError as error:
        raise CassetteError(f"{path}: cannot be read: {error.strerror or error}") from error
    if (reason := _unreadable(head)) is not None:
        file.close()
        raise CassetteError(f"{path}:1: {reason}")
    # Only the header is examined: after it, a crash may have left blocks of zeros.
    if b"\0" in head.partition(b"\n...\n")[0]:
        file.close()
        raise CassetteError(f"{path}:1: not a cassette: found binary data, expected a line `---`")
    return file, warnings


def missing_file_text(path: Path) -> str:
    """Return the reason why a file cannot be opened, with the name that differs in case only."""
    text = "there is no such file"
    try:
        names = [each.name for each in path.parent.iterdir()]
    except OSError:
        return text
    near = next((name for name in names if name.lower() == path.name.lower()), None)
    return f"{text}; {near} differs from it in upper and lower case" if near else text


def is_utf16(head: bytes) -> bool:
    """Return whether a file begins like a cassette in UTF-16."""
    return head.startswith(tuple(_UTF16))


def _unreadable(head: bytes) -> str | None:
    """Return what an editor did to a file that it cannot be read, if that is known."""
    for mark, name in _UTF16.items():
        if head.startswith(mark):
            convert = f"iconv -f {name} -t UTF-8"
            return f"the file is in {name}, expected UTF-8: save it as UTF-8, or convert: {convert}"
    if b"\r" in head and b"\n" not in head and b"\0" not in head:
        convert = r"tr '\r' '\n'"
        return f"the lines end with a carriage return alone: convert: {convert}"
    return None


def is_gzip_file(fd: int) -> bool:
    """Return whether a file is compressed with gzip."""
    return os.pread(fd, 2, 0) == GZIP_MAGIC


def _open_object(path: ObjectPath, max_bytes: int) -> tuple[ReadableFile, list[str]]:
    from ..files.object_file import ObjectFile

    file = ObjectFile(path)
    if not file.status().size and path.is_dir():
        file.close()
        raise CassetteError(f"{path}: is a folder, expected a file")
    if file.pread(2, 0) != GZIP_MAGIC:
        return file, []
    with contextlib.closing(file):
        return _copy(path, _unpack_blocks(_SequentialReader(file)), max_bytes)


class _SequentialReader(io.RawIOBase):
    """Reads a file from its beginning to its end."""

    def __init__(self, file: ReadableFile) -> None:
        super().__init__()
        self._file = file
        self._place = 0

    @override
    def read(self, size: int = -1, /) -> bytes:
        data = self._file.pread(size, self._place)
        self._place += len(data)
        return data


def _open_file(path: Path, max_bytes: int, is_copied: bool) -> tuple[ReadableFile, list[str]]:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise CassetteError(f"{path}: cannot be opened: {error.strerror}") from error
    try:
        return _open_seekable(path, fd, max_bytes, is_copied)
    finally:
        os.close(fd)


def _open_seekable(
    path: Path, fd: int, max_bytes: int, is_copied: bool
) -> tuple[ReadableFile, list[str]]:
    mode = os.fstat(fd).st_mode
    if stat.S_ISDIR(mode):
        raise CassetteError(f"{path}: is a folder, expected a file")
    if not os.fstat(fd).st_size and (uploaded := uploaded_object(path)) is not None:
        return _open_object(uploaded, max_bytes)
    if stat.S_ISREG(mode) and is_gzip_file(fd):
        with open(fd, "rb", closefd=False) as file:
            return _copy(path, _unpack_blocks(file), max_bytes)
    if is_copied or not stat.S_ISREG(mode):
        with open(fd, "rb", closefd=False) as file:
            return _copy(path, _read_blocks(file), max_bytes)
    return LocalFile(os.dup(fd)), []


def _copy(path: Path, blocks: Iterator[bytes], max_bytes: int) -> tuple[ReadableFile, list[str]]:
    import tempfile

    warnings: list[str] = []
    with tempfile.TemporaryFile() as copy:
        try:
            begin = bytearray()
            for block in blocks:
                copy.write(block)
                if copy.tell() > max_bytes:
                    raise CassetteError(
                        f"{path}: is longer than {max_bytes} bytes once unpacked: write it to a "
                        "file without compression"
                    )
                if len(begin) < _EXAMINED_BYTES:
                    begin += block
                    if len(begin) >= _EXAMINED_BYTES and b"mesotape" not in begin:
                        break
        except (EOFError, zlib.error) as error:
            warnings = [f"the compressed file is cut off or damaged: {error}"]
        copy.flush()
        return LocalFile(os.dup(copy.fileno())), warnings


def _read_blocks(file: IO[bytes]) -> Iterator[bytes]:
    while block := file.read(_BLOCK):
        yield block


def _unpack_blocks(file: IO[bytes] | _SequentialReader) -> Iterator[bytes]:
    """Unpack gzip (RFC 1952). Unlike the gzip module, this yields all data before a damaged part.

    Raises `EOFError` or `zlib.error` there.
    """
    unpacking = zlib.decompressobj(wbits=GZIP_WINDOW)
    data = b""
    while data := data or file.read(_BLOCK):
        if unpacking.eof:
            unpacking = zlib.decompressobj(wbits=GZIP_WINDOW)  # The next member.
        yield unpacking.decompress(data, _BLOCK)
        data = unpacking.unconsumed_tail or unpacking.unused_data
    yield unpacking.flush()
    if not unpacking.eof:
        raise EOFError("the end is missing")
