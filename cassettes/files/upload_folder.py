"""A folder of this machine whose files become objects of a store.

    ~/.local/state/mesotape/uploads/k3x9/.destination     s3://bucket/2026-11-30/agent-7.yaml
                                         agent-7.yaml     empty: it is an object now
                                         agent-7.2.yaml   not uploaded yet

A file that was uploaded is emptied and keeps its name, so whoever reads it finds the object by it.
A file that takes its place afterwards is uploaded again.

Whoever works in the folder holds a shared lock on `.destination`, until it ends, however it ends.
So a folder that can be locked alone is what a recorder left that was killed.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from .object_path import ObjectPath, to_path

_DESTINATION = ".destination"


class UploadFolder:
    """A folder that is locked until it is closed or removed. `destination` is the first object."""

    def __init__(self, path: Path, destination: ObjectPath, lock: int) -> None:
        self.path = path
        self.destination = destination
        self._lock = lock

    @classmethod
    def create(cls, destination: ObjectPath) -> "UploadFolder":
        """Create a folder that only its owner can read. Raises OSError."""
        import tempfile

        root = uploads_root()
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = Path(tempfile.mkdtemp(dir=root, prefix=""))
        new = path / ".new"
        new.write_text(f"{destination}\n", encoding="utf-8")
        lock = _open_locked(new, fcntl.LOCK_SH)
        assert lock is not None
        new.rename(path / _DESTINATION)  # From here on others see the folder, and it is locked.
        return cls(path, destination, lock)

    def remove(self) -> None:
        """Remove the folder with its files."""
        import shutil

        shutil.rmtree(self.path, ignore_errors=True)
        self.close()

    def close(self) -> None:
        """Leave the folder to others. May be called twice."""
        if self._lock >= 0:
            os.close(self._lock)
        self._lock = -1


def uploads_root() -> Path:
    """Return the folder of all upload folders: it outlives a restart of the machine."""
    state = os.environ.get("XDG_STATE_HOME", "")
    return Path(state or Path.home() / ".local" / "state") / "mesotape" / "uploads"


def left_folders() -> Iterator[UploadFolder]:
    """Lock and return the folders that no process uses any more."""
    for path, destination in _folders():
        with contextlib.suppress(FileNotFoundError):  # Another process has just removed it.
            if (lock := _open_locked(path / _DESTINATION, fcntl.LOCK_EX)) is not None:
                yield UploadFolder(path, destination, lock)


def has_folder(destination: ObjectPath) -> bool:
    """Return whether there is a folder with this destination."""
    return any(each == destination for _, each in _folders())


def join_folder(file: Path) -> None:
    """Hold the lock of the folder of a file until this process ends, if it is an upload folder."""
    with contextlib.suppress(OSError):
        _open_locked(file.parent / _DESTINATION, fcntl.LOCK_SH)


def uploaded_object(file: Path) -> ObjectPath | None:
    """Return the object that an empty file has become; None if it is no uploaded file."""
    destination = _read_destination(file.parent)
    return None if destination is None else destination.with_name(file.name)


def _folders() -> Iterator[tuple[Path, ObjectPath]]:
    root = uploads_root()
    for path in sorted(root.iterdir()) if root.is_dir() else ():
        if (destination := _read_destination(path)) is not None:
            yield path, destination


def _read_destination(folder: Path) -> ObjectPath | None:
    try:
        text = (folder / _DESTINATION).read_text(encoding="utf-8")
    except OSError:
        return None
    path = to_path(text.rstrip("\n"))
    return path if isinstance(path, ObjectPath) else None


def _open_locked(path: Path, kind: int) -> int | None:
    """Return the descriptor of a locked file; None if others hold its lock. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd
