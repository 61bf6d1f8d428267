"""An open file that is read at any offset while nothing changes it.

A cassette is indexed once, and its documents are read later, at the offsets of the index. If the
file is written to in between, these offsets have other content. So each read compares the size and
the time of modification with those at the start. A file that is replaced or deleted under its name
stays as it was opened, and can be read on.
"""

import os
from pathlib import Path

from ..format.documents import CassetteError


class ChangedError(CassetteError):
    """The file was written to after it was opened."""


class OpenedFile:
    """Reads a file that was opened as `fd`, which it then owns; `size` is its length at the start.

    With `may_grow`, data that is appended is no change: the file of a running recorder is then
    read as far as it was written.
    """

    def __init__(self, path: Path, fd: int, *, may_grow: bool = False) -> None:
        self.path = path
        self.fd = fd
        self._may_grow = may_grow
        status = os.fstat(fd)
        self.size, self._mtime_ns = status.st_size, status.st_mtime_ns

    def read(self, start: int, size: int) -> bytes:
        """Read `size` bytes at an offset, fewer at the end of the file.

        Raises ChangedError, or CassetteError if the file cannot be read.
        """
        try:
            data = os.pread(self.fd, size, start)
            # After the read, not before: the time of modification is set before data is written.
            status = os.fstat(self.fd)
        except OSError as error:
            raise self._read_error(error) from error
        if status.st_mtime_ns != self._mtime_ns or status.st_size != self.size:
            self._check_size(status.st_size)
        return data

    def read_unchecked(self, start: int, size: int) -> bytes:
        """Read like `read`; the caller is to call `check_unchanged` afterwards."""
        try:
            return os.pread(self.fd, size, start)
        except OSError as error:
            raise self._read_error(error) from error

    def check_unchanged(self) -> None:
        """Raise ChangedError if the file was changed: what was read before may be wrong."""
        self.read(0, 0)

    def _read_error(self, error: OSError) -> CassetteError:
        return CassetteError(f"{self.path}: cannot be read: {error.strerror}")

    def _check_size(self, size: int) -> None:
        if self._may_grow and size >= self.size:
            return
        found = "in place" if size == self.size else f"it had {self.size} bytes, now {size}"
        raise self.changed_error(found)

    def changed_error(self, found: str) -> ChangedError:
        """Return the error for a file that was changed; `found` says how."""
        return ChangedError(
            f"{self.path}: changed since it was opened ({found}); open it again, or play a copy"
        )

    def close(self) -> None:
        """Close the file. May be called twice."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
