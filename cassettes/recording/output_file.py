"""The file that a recording is written to: whole documents, or nothing.

A file is touched only after it is clear that it may be. A cassette that is to be overwritten stays
until the first documents of the new one are written: to a file beside it, which is then renamed. So
a recorder that fails before that leaves the old cassette, and one that is killed after it loses
nothing of the new one.

A part of the disk is reserved, so that the last documents fit when it is full.
"""

import contextlib
import errno
import fcntl
import os
import re
import resource
import stat
import tempfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Self

from ...proto.counted import counted
from ..format.documents import CassetteError
from .writer_reports import ExistingFilePolicy

RESERVED_BYTES = 1 << 16
"""Space that is kept for the last documents: the ends of open streams, and a note."""

_HEAD_BYTES = 1 << 16
_CASSETTE = re.compile(rb"""(?:^|[{,\n])[ \t]*["']?mesotape["']?[ \t]*:""")
_GZIP_WINDOW = 31  # zlib's code for the format of gzip

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
}


class CassetteExistsError(CassetteError):
    """The file already exists, and was to be neither overwritten nor appended to."""


class IncompleteWriteError(OSError):
    """Some documents could not be written; `unwritten` are these, in order."""

    def __init__(self, error: OSError, unwritten: Sequence[bytes]) -> None:
        super().__init__(error.errno, error.strerror)
        self.unwritten = list(unwritten)


class OutputFile:
    """An open file. `length_bytes` is its length, without a tail (`write_tail`).

    `path` is its name in the end, `written_path` the present one.
    """

    def __init__(self, path: Path, fd: int, *, is_new: bool) -> None:
        self.path = self.written_path = path
        self.fd = fd
        self.length_bytes = 0
        self._tail_bytes = 0
        self._is_new = is_new
        self._replaced_fd = -1
        self._reserve: IO[bytes] | None = None

    @classmethod
    def open(cls, path: Path, existing: ExistingFilePolicy) -> Self:
        """Open a file with mode 0600, and lock it. Raises CassetteError, CassetteExistsError."""
        if path.is_symlink():
            path = Path(os.path.realpath(path))
        try:
            if not _is_there(path, existing):
                return cls(path, _create(path), is_new=True)
            fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileExistsError as error:
            raise _exists_error(path) from error
        except OSError as error:
            raise CassetteError(f"{path}: cannot be written: {error.strerror}") from error
        try:
            _lock(path, fd)
            _check_is_cassette(path, fd)
            if existing == "append" or not os.fstat(fd).st_size:
                os.fchmod(fd, 0o600)
                return cls(path, fd, is_new=False)
            return cls._beside(path, fd)
        except BaseException as error:
            os.close(fd)
            if isinstance(error, OSError):
                raise CassetteError(f"{path}: cannot be written: {error.strerror}") from error
            raise

    @classmethod
    def _beside(cls, path: Path, replaced_fd: int) -> Self:
        """Create a file that takes the place of an open one when `publish` is called."""
        fd, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".new")
        os.set_inheritable(fd, False)
        fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_APPEND)
        output = cls(path, fd, is_new=True)
        output.written_path, output._replaced_fd = Path(name), replaced_fd
        _lock(path, fd)
        return output

    def append(self, documents: Sequence[bytes]) -> None:
        """Append documents.

        Raises IncompleteWriteError; then the file has as many whole documents as fit, and no more.
        """
        data = b"".join(documents)
        written, view = 0, memoryview(data)
        try:
            room_bytes = self._room_bytes()
            while written < len(data):
                if written >= room_bytes:
                    raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
                written += os.write(self.fd, view[written : min(len(data), room_bytes)])
        except OSError as error:
            count = whole_bytes = 0
            while whole_bytes + len(documents[count]) <= written:
                whole_bytes += len(documents[count])
                count += 1
            self.length_bytes += whole_bytes
            with contextlib.suppress(OSError):
                os.ftruncate(self.fd, self.length_bytes)
            raise IncompleteWriteError(error, documents[count:]) from error
        self.length_bytes += len(data)

    def reserve(self) -> None:
        """Reserve space for a tail, if there is any: in a file that has no name."""
        if self._reserve is None:
            with contextlib.suppress(OSError):
                self._reserve = tempfile.TemporaryFile(dir=self.path.parent, buffering=0)  # noqa: SIM115
                self._reserve.write(bytes(RESERVED_BYTES))

    def write_tail(self, data: bytes) -> None:
        """Write last documents into the reserved space; `cut_tail` removes them again."""
        if self._reserve is not None:
            self._reserve.close()
            self._reserve = None
        with contextlib.suppress(OSError):
            self._tail_bytes = os.write(self.fd, data)
            if self._tail_bytes < len(data):
                self.cut_tail()

    def cut_tail(self) -> None:
        """Remove the tail. Raises OSError."""
        os.ftruncate(self.fd, self.length_bytes)
        self._tail_bytes = 0

    def cut(self, length_bytes: int) -> None:
        """Cut the file to a length. Raises OSError."""
        os.ftruncate(self.fd, length_bytes)
        self.length_bytes = length_bytes

    def publish(self) -> None:
        """Take the place of the file that is overwritten. Raises OSError."""
        if self._replaced_fd < 0:
            return
        self.written_path.replace(self.path)
        self.written_path = self.path
        os.close(self._replaced_fd)
        self._replaced_fd = -1

    def sync(self) -> None:
        """Wait until the data is on the disk, as far as the system can tell. Raises OSError."""
        os.fsync(self.fd)

    def free_bytes(self) -> tuple[int, int]:
        """Return the free space on the disk, and its size. Raises OSError."""
        status = os.fstatvfs(self.fd)
        return status.f_bavail * status.f_frsize, status.f_blocks * status.f_frsize

    def is_renamed(self) -> bool:
        """Return whether the file has another name now, or another file has its name."""
        try:
            return not os.path.samestat(self.written_path.stat(), os.fstat(self.fd))
        except OSError:
            return True

    def damage(self) -> str | None:
        """Return what somebody else did to the file so that it cannot be continued."""
        status = os.fstat(self.fd)
        expected = self.length_bytes + self._tail_bytes
        if not status.st_nlink:
            return "the file was removed"
        if status.st_size < expected:
            return f"the file was truncated, from {expected} bytes to {status.st_size}"
        if status.st_size > expected and not self._tail_bytes:
            written = counted(status.st_size - expected, "byte")
            return f"another process wrote {written} into the file"
        return None

    def close(self) -> None:
        """Close the file and release its lock. May be called twice."""
        for fd in (self.fd, self._replaced_fd):
            if fd >= 0:
                os.close(fd)
        self.fd = self._replaced_fd = -1
        if self._reserve is not None:
            self._reserve.close()

    def discard(self) -> None:
        """Close the file, and remove it if it is new."""
        if self.fd >= 0 and self._is_new and not self.is_renamed():
            self.written_path.unlink(missing_ok=True)
        self.close()

    def _room_bytes(self) -> int:
        """Return how much may be written up to the limit of the size of files, less the reserve."""
        limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
        if limit == resource.RLIM_INFINITY:
            return 1 << 62
        return max(0, limit - RESERVED_BYTES - self.length_bytes)


def _is_there(path: Path, existing: ExistingFilePolicy) -> bool:
    """Return whether a file exists. Raises CassetteError for one that must not be touched."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "no regular file")
        raise CassetteError(f"{path}: is {kind}, expected a file: choose another name")
    if existing == "refuse":
        raise _exists_error(path)
    return True


def _exists_error(path: Path) -> CassetteExistsError:
    text = 'already exists: choose another file, or existing="overwrite" or "append"'
    return CassetteExistsError(f"{path}: {text}")


def _create(path: Path) -> int:
    flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_CREAT | os.O_EXCL
    try:
        fd = os.open(path, flags, 0o600)
    except FileExistsError:
        raise
    except OSError as error:
        raise CassetteError(f"{path}: cannot be created: {error.strerror}") from error
    try:
        os.fchmod(fd, 0o600)
        _lock(path, fd)
    except BaseException:
        path.unlink(missing_ok=True)
        os.close(fd)
        raise
    return fd


def _lock(path: Path, fd: int) -> None:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise CassetteError(
            f"{path}: cannot be written: another recorder is writing to it"
        ) from None


def _check_is_cassette(path: Path, fd: int) -> None:
    """Refuse to write to a file that is something else; an empty one may become a cassette."""
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        raise CassetteError(f"{path}: was replaced while it was opened: try again")
    head = os.pread(fd, _HEAD_BYTES, 0)
    if not head:
        return
    if head.startswith(b"\x1f\x8b"):
        with contextlib.suppress(zlib.error):
            head = zlib.decompressobj(wbits=_GZIP_WINDOW).decompress(head, _HEAD_BYTES)
    if not _CASSETTE.search(head.partition(b"\n...\n")[0]):
        text = "is not a cassette: choose another name, or remove the file first"
        raise CassetteError(f"{path}: {text}")
