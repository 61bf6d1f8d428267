"""Which file is under a path, and when it was written to."""

import os
import stat
from pathlib import Path
from typing import NamedTuple

from .readable_file import LocalFile, ReadableFile


class SourceFile(NamedTuple):
    """A file, and when it was written to: equal if it was neither replaced nor changed."""

    device: int
    inode: int
    size: int
    mtime_ns: int

    @classmethod
    def at(cls, path: Path) -> "SourceFile | None":
        """Return the file under a path; None if there is none, or it is a pipe."""
        try:
            status = path.stat()
        except OSError:
            return None
        if not stat.S_ISREG(status.st_mode):
            return None
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)

    def is_open_as(self, file: ReadableFile) -> bool:
        """Return whether the file itself is open, and no unpacked copy of it."""
        if not isinstance(file, LocalFile):
            return True
        status = os.fstat(file.fd)
        return (self.device, self.inode) == (status.st_dev, status.st_ino)
