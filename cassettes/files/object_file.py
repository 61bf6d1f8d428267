"""An object of a store, read range by range through a cache of bounded size.

The cache is an unnamed file in the folder for temporary files, and a block of the object is in one
of its slots. When all are taken, the block that was not used for longest gives way. So after
the first read of a cassette, from beginning to end, as much of it as fits is in the cache.

If the object is replaced while it is open, the store refuses to read on, where it can: the answers
of one open file are never of two objects.
"""

import os
import tempfile
import threading
from collections import OrderedDict

from .object_path import ObjectPath
from .readable_file import FileStatus

BLOCK_BYTES = 1 << 22
CACHE_BYTES = 1 << 28
"""256 MiB."""


class ObjectFile:
    """An open object. Raises OSError."""

    def __init__(
        self,
        path: ObjectPath,
        *,
        block_bytes: int = BLOCK_BYTES,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        self._path = path
        self._object = path.call(path.store.open, str(path), "rb", cache_type="none")
        self._size: int = self._object.size
        self._block_bytes = block_bytes
        self._max_blocks = max(1, cache_bytes // block_bytes)
        self._cache = tempfile.TemporaryFile()  # noqa: SIM115 it is closed with this
        self._slots: OrderedDict[int, int] = OrderedDict()
        self._lock = threading.Lock()

    def status(self) -> FileStatus:
        """Return the size. An object never changes; another one may take its name."""
        return FileStatus(self._size, 0)

    def pread(self, size: int, offset: int, /) -> bytes:
        """Read bytes at an offset, fewer at the end."""
        stop = min(offset + size, self._size)
        pieces: list[bytes] = []
        while offset < stop:
            block, start = divmod(offset, self._block_bytes)
            length = min(stop - offset, self._block_bytes - start)
            pieces.append(self._read_block(block, start, length))
            offset += length
        return b"".join(pieces)

    def close(self) -> None:
        """Close the object, and remove the cache."""
        self._cache.close()
        self._object.close()

    def _read_block(self, block: int, start: int, length: int) -> bytes:
        with self._lock:
            slot = self._slots.get(block)
            if slot is not None:
                self._slots.move_to_end(block)
                return os.pread(self._cache.fileno(), length, slot * self._block_bytes + start)
            data = self._path.call(self._fetch, block)
            if len(self._slots) < self._max_blocks:
                slot = len(self._slots)
            else:
                _, slot = self._slots.popitem(last=False)
            os.pwrite(self._cache.fileno(), data, slot * self._block_bytes)
            self._slots[block] = slot
            return data[start : start + length]

    def _fetch(self, block: int) -> bytes:
        self._object.seek(block * self._block_bytes)
        return self._object.read(self._block_bytes)
