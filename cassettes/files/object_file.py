"""An object of a store, read range by range through a cache of bounded size.

All objects that a process has open share one cache: an unnamed file in the folder for temporary
files, with a block of an object in each slot. When all are taken, the block that was not used for
longest gives way. So after the first read of a cassette, from beginning to end, as much of it as
fits is in the cache.

If the object is replaced while it is open, the store refuses to read on, where it can: the answers
of one open file are never of two objects.

A process that was forked opens the object anew when it first reads, with a cache of its own: the
thread that talks to the store is not forked, and the slots of the cache would be written by both.
"""

import errno
import functools
import itertools
import os
import tempfile
import threading
from collections import OrderedDict
from typing import IO, Any

from .object_path import ObjectPath
from .readable_file import FileStatus

BLOCK_BYTES = 1 << 22
CACHE_BYTES = 1 << 28
"""256 MiB."""

_files = itertools.count()


class BlockCache:
    """Blocks of open objects, by the number of the object and of the block."""

    def __init__(self, block_bytes: int = BLOCK_BYTES, cache_bytes: int = CACHE_BYTES) -> None:
        self.block_bytes = block_bytes
        self._max_blocks = max(1, cache_bytes // block_bytes)
        self._file: IO[bytes] | None = None
        self._slots: OrderedDict[tuple[int, int], int] = OrderedDict()
        self._free: list[int] = []
        self._lock = threading.Lock()

    @property
    def length_bytes(self) -> int:
        """The space on the disk."""
        return 0 if self._file is None else os.fstat(self._file.fileno()).st_size

    def read(self, key: tuple[int, int], start: int, length: int) -> bytes | None:
        """Return bytes of a block; None if it is not there."""
        with self._lock:
            if self._file is None or (slot := self._slots.get(key)) is None:
                return None
            self._slots.move_to_end(key)
            return os.pread(self._file.fileno(), length, slot * self.block_bytes + start)

    def add(self, key: tuple[int, int], data: bytes) -> None:
        """Keep a block."""
        with self._lock:
            if self._file is None:
                self._file = tempfile.TemporaryFile()  # noqa: SIM115 it is closed when it is empty
                self._free = list(range(self._max_blocks))[::-1]
            if key in self._slots:
                return
            slot = self._free.pop() if self._free else self._slots.popitem(last=False)[1]
            try:
                os.pwrite(self._file.fileno(), data, slot * self.block_bytes)
            except BaseException:
                self._free.append(slot)
                raise
            self._slots[key] = slot

    def forget(self, number: int) -> None:
        """Let go of the blocks of an object; without any, there is no file."""
        with self._lock:
            for key in [key for key in self._slots if key[0] == number]:
                self._free.append(self._slots.pop(key))
            if self._file is not None and not self._slots:
                self._file.close()
                self._file = None


@functools.cache
def _shared_cache(process: int) -> BlockCache:
    """Return the cache of all objects that a process has open."""
    return BlockCache()


_inherited: list[Any] = []
"""What a forked process does not close: that would wait for the thread it does not have."""


class ObjectFile:
    """An open object. Raises OSError."""

    def __init__(self, path: ObjectPath, cache: BlockCache | None = None) -> None:
        self._path = path
        self._object = self._open()
        self._size: int = self._object.size
        self._process = os.getpid()
        self._cache = _shared_cache(self._process) if cache is None else cache
        self._number = next(_files)
        self._lock = threading.Lock()

    def status(self) -> FileStatus:
        """Return the size. An object never changes; another one may take its name."""
        return FileStatus(self._size, 0)

    def pread(self, size: int, offset: int, /) -> bytes:
        """Read bytes at an offset, fewer at the end."""
        if self._process != os.getpid():
            self._open_in_fork()
        stop = min(offset + size, self._size)
        pieces: list[bytes] = []
        while offset < stop:
            block, start = divmod(offset, self._cache.block_bytes)
            length = min(stop - offset, self._cache.block_bytes - start)
            pieces.append(self._read_block(block, start, length))
            offset += length
        return b"".join(pieces)

    def close(self) -> None:
        """Close the object, and let go of its blocks."""
        self._cache.forget(self._number)
        self._object.close()

    def _open(self) -> Any:
        return self._path.call(self._path.store.open, str(self._path), "rb", cache_type="none")

    def _open_in_fork(self) -> None:
        opened = self._open()
        if _version(opened) != _version(self._object):
            raise OSError(errno.ESTALE, "was replaced since it was opened", str(self._path))
        _inherited.append(self._object)
        self._object = opened
        self._process = os.getpid()
        self._cache = _shared_cache(self._process)

    def _read_block(self, block: int, start: int, length: int) -> bytes:
        key = self._number, block
        if (kept := self._cache.read(key, start, length)) is not None:
            return kept
        with self._lock:  # An object has one position.
            data = self._path.call(self._fetch, block)
        self._cache.add(key, data)
        return data[start : start + length]

    def _fetch(self, block: int) -> bytes:
        self._object.seek(block * self._cache.block_bytes)
        return self._object.read(self._cache.block_bytes)


def _version(opened: Any) -> tuple[int, object]:
    """Return the size of an open object, and what its store calls the version, if it does."""
    details = getattr(opened, "details", None) or {}
    return opened.size, next((details[name] for name in ("ETag", "etag") if name in details), None)
