"""An open file that is read at any offset."""

import os
from functools import partial
from typing import NamedTuple, Protocol


class FileStatus(NamedTuple):
    """What changes if a file is written to."""

    size: int
    mtime_ns: int


class ReadableFile(Protocol):
    """A file of any kind. Methods raise OSError."""

    @property
    def pread(self) -> "ReadsAt":
        """A function that reads bytes at an offset, fewer at the end of the file."""
        ...

    def status(self) -> FileStatus:
        """Return the size and the time of modification as they are now."""
        ...

    def close(self) -> None:
        """Close the file."""
        ...


class ReadsAt(Protocol):
    """Reads bytes at an offset."""

    def __call__(self, size: int, offset: int, /) -> bytes:
        """Return up to `size` bytes."""
        ...


class LocalFile:
    """A file of this machine, by its descriptor, which this owns."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.pread: ReadsAt = partial(os.pread, fd)

    def status(self) -> FileStatus:
        """Return the size and the time of modification as they are now."""
        status = os.fstat(self.fd)
        return FileStatus(status.st_size, status.st_mtime_ns)

    def close(self) -> None:
        """Close the file; reading raises OSError then."""
        os.close(self.fd)
        self.pread = partial(os.pread, -1)
