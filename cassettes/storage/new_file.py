"""New files that replace old ones at once, written beside them, and the lock of recorders.

    check_is_not_read(path, [cassette])
    with locked(path), new_file(path) as file:
        file.write(…)

A crash leaves the old file, and perhaps a hidden file of the new one.
"""

import contextlib
import errno
import fcntl
import gzip
import os
import tempfile
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import IO, cast

from ..files.object_path import ObjectPath
from ..format.documents import CassetteError
from .opening import GZIP_MAGIC
from .reader import Cassette


@contextlib.contextmanager
def new_file(path: Path, *, packs: bool | None = None) -> Generator[IO[bytes]]:
    """Create a file that takes the name `path` if the block succeeds, and is removed if it fails.

    Only its owner can read it, or who could read the file that it replaces. A device or a pipe is
    not replaced: it is written to. With `packs`, what is written is compressed; None: if the name
    ends in `.gz`. Raises OSError.
    """
    packs = path.suffix == ".gz" if packs is None else packs
    if isinstance(path, ObjectPath):
        with _uploaded(path, packs=packs) as file:
            yield file
        return
    if _is_special(path):
        with path.open("wb") as file, _packed(file, packs=packs) as out:
            yield out
        return
    destination = path.resolve()
    mode = 0o600
    if destination.exists():
        mode = destination.stat().st_mode & 0o777
    with tempfile.NamedTemporaryFile(
        "wb", dir=destination.parent, prefix=f".{destination.name}.", delete=False
    ) as file:
        try:
            with _packed(cast("IO[bytes]", file), packs=packs) as out:
                yield out
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
            Path(file.name).replace(destination)
            _sync_folder(destination.parent)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


@contextlib.contextmanager
def _packed(file: IO[bytes], *, packs: bool) -> Generator[IO[bytes]]:
    """Return what compresses into a file, or the file itself."""
    if not packs:
        yield file
        return
    with gzip.GzipFile(fileobj=file, mode="wb", filename="") as packing:
        yield cast("IO[bytes]", packing)


@contextlib.contextmanager
def _uploaded(path: ObjectPath, *, packs: bool) -> Generator[IO[bytes]]:
    """Write a temporary file, and upload it as an object, which appears when it is complete."""
    with tempfile.TemporaryDirectory(prefix="mesotape-") as folder:
        copy = Path(folder) / "object"
        with new_file(copy, packs=packs) as file:
            yield file
        path.call(path.store.put_file, str(copy), str(path))


@contextlib.contextmanager
def locked(path: Path) -> Generator[None]:
    """Hold the lock of recorders. Raises CassetteError if one is writing to the file.

    No recorder writes to an object of a store, or to a device or a pipe.
    """
    if isinstance(path, ObjectPath) or _is_special(path):
        yield
        return
    try:
        file = path.open("rb")
    except OSError:  # reading it will say why
        yield
        return
    with file:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CassetteError(f"{path}: a recorder is writing to it: stop it first") from None
        yield


def check_is_not_read(output: Path, cassettes: Iterable[Cassette]) -> None:
    """Raise CassetteError if a new file would replace one of those that it is made of.

    Raises OSError if there is no folder for it, before work of minutes is done in vain.
    """
    if not isinstance(output, ObjectPath):
        if output.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        output.resolve().parent.stat()
    inputs = {part.resolve() for each in cassettes for part in each.part_paths}
    if output.resolve() in inputs:
        raise CassetteError(f"{output}: is a cassette that is read: choose another file")


def _is_special(path: Path) -> bool:
    """Return whether a path is a device or a pipe, which the file beside it must not replace."""
    return path.exists() and not path.is_file() and not path.is_dir()


def is_packed(path: Path) -> bool:
    """Return whether a file is compressed. Raises OSError."""
    with path.open("rb") as file:
        return file.read(2) == GZIP_MAGIC


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
