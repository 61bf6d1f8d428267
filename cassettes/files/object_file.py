"""An object of a store, read range by range through a cache of bounded size.

All objects that a process has open share one cache: an unnamed file in the folder for temporary
files, with a block of an object in each slot. When all are taken, the block that was not used for
longest gives way. So after the first read of a cassette, from beginning to end, as much of it as
fits is in the cache. A request fetches many blocks.

Small objects that were listed together are fetched whole and many at a time: with the one that is
opened, those after it, each with one request.

If the object is replaced while it is open, the store refuses to read on, where it can: the answers
of one open file are never of two objects.

A process that was forked opens the object anew when it first reads, with a cache of its own: the
thread that talks to the store is not forked, and the slots of the cache would be written by both.
"""

import contextlib
import errno
import functools
import os
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import IO, Any

from .object_path import ListedObject, Listing, ObjectPath, version_of
from .readable_file import FileStatus

BLOCK_BYTES = 1 << 16
RANGE_BLOCKS = 64
"""4 MiB are fetched at once."""

CACHE_BYTES = 1 << 28
"""256 MiB."""

_SMALL_BYTES = 1 << 20
"""An object of up to 1 MiB is fetched whole, with others."""

_MOST_TOGETHER = 64
_MOST_TOGETHER_BYTES = 1 << 24

type _BlockKey = tuple[object, int]


class BlockCache:
    """Blocks of objects, by the object and the number of the block."""

    def __init__(
        self,
        block_bytes: int = BLOCK_BYTES,
        cache_bytes: int = CACHE_BYTES,
        range_blocks: int = RANGE_BLOCKS,
    ) -> None:
        self.block_bytes = block_bytes
        self.range_blocks = range_blocks
        self._max_blocks = max(1, cache_bytes // block_bytes)
        self._file: IO[bytes] | None = None
        self._slots: OrderedDict[_BlockKey, int] = OrderedDict()
        self._free: list[int] = []
        self._lock = threading.Lock()

    @property
    def length_bytes(self) -> int:
        """The space on the disk."""
        return 0 if self._file is None else os.fstat(self._file.fileno()).st_size

    def __contains__(self, key: _BlockKey) -> bool:
        return key in self._slots

    def read(self, key: _BlockKey, start: int, length: int) -> bytes | None:
        """Return bytes of a block; None if it is not there."""
        with self._lock:
            if self._file is None or (slot := self._slots.get(key)) is None:
                return None
            self._slots.move_to_end(key)
            return os.pread(self._file.fileno(), length, slot * self.block_bytes + start)

    def add(self, owner: object, block: int, data: bytes) -> None:
        """Keep the blocks of an object from one on."""
        for start in range(0, len(data), self.block_bytes):
            self._add((owner, block), data[start : start + self.block_bytes])
            block += 1

    def _add(self, key: _BlockKey, data: bytes) -> None:
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

    def forget(self, owner: object, size: int) -> None:
        """Let go of the blocks of an object; without any, there is no file."""
        with self._lock:
            for block in range(-(-size // self.block_bytes)):
                if (slot := self._slots.pop((owner, block), None)) is not None:
                    self._free.append(slot)
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
        self._process = os.getpid()
        self._cache = _shared_cache(self._process) if cache is None else cache
        self._lock = threading.Lock()
        self._object: Any = None
        listed = _fetched(path, self._cache)
        if listed is None:
            self._object = self._open()
            self._size, self._version = _version(self._object)
        else:
            self._size, self._version = listed.size, listed.version
        self._owner: object = listed or object()

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
        self._cache.forget(self._owner, self._size)
        if self._object is not None:
            self._object.close()

    def _open(self) -> Any:
        return self._path.call(self._path.store.open, str(self._path), "rb", cache_type="none")

    def _open_again(self) -> Any:
        opened = self._open()
        if _version(opened) != (self._size, self._version):
            raise OSError(errno.ESTALE, "was replaced since it was opened", str(self._path))
        return opened

    def _open_in_fork(self) -> None:
        opened = self._open_again()
        _inherited.append(self._object)
        self._object = opened
        self._process = os.getpid()
        self._cache = _shared_cache(self._process)

    def _read_block(self, block: int, start: int, length: int) -> bytes:
        if (kept := self._cache.read((self._owner, block), start, length)) is not None:
            return kept
        first = block - block % self._cache.range_blocks
        with self._lock:  # An object has one position.
            if self._object is None:
                self._object = self._open_again()
            data = self._path.call(self._fetch, first)
        self._cache.add(self._owner, first, data)
        start += (block - first) * self._cache.block_bytes
        return data[start : start + length]

    def _fetch(self, block: int) -> bytes:
        self._object.seek(block * self._cache.block_bytes)
        return self._object.read(self._cache.range_blocks * self._cache.block_bytes)


def read_heads(
    folder: ObjectPath, paths: Sequence[ObjectPath], size: int, cache: BlockCache | None = None
) -> list[bytes]:
    """Return the first bytes of objects that are to be opened next. Raises OSError.

    Small ones are fetched whole, as far as they fit into half of the cache.
    """
    cache = _shared_cache(os.getpid()) if cache is None else cache
    size = min(size, cache.block_bytes)
    left_bytes = CACHE_BYTES // 2
    heads: dict[ObjectPath, bytes | None] = {}
    for path in paths:
        if left_bytes > 0 and (listed := _fetched(path, cache)) is not None:
            left_bytes -= max(listed.size, cache.block_bytes)
            heads[path] = cache.read((listed, 0), 0, min(size, listed.size))
    others = [path for path in paths if heads.get(path) is None]
    heads.update(zip(others, folder.read_heads(others, size), strict=True))
    return [heads[path] or b"" for path in paths]


def _fetched(path: ObjectPath, cache: BlockCache) -> ListedObject | None:
    """Return an object that was listed, and is in the cache now; None if it is to be opened."""
    listing, listed = path.listing, path.listed
    if listing is None or listed is None or not _is_small(listed):
        return None
    if (listed, 0) not in cache:
        _fetch_together(path, listing, cache)
    return listed if (listed, 0) in cache else None


def _fetch_together(path: ObjectPath, listing: Listing, cache: BlockCache) -> None:
    """Fetch an object and those that follow, whole. What fails is told when it is opened."""
    found: dict[str, ListedObject] = {}
    left_bytes = _MOST_TOGETHER_BYTES
    for url in listing.from_url(str(path), _MOST_TOGETHER):
        listed = listing.objects[url]
        if not _is_small(listed) or not url.endswith(path.suffix) or (listed, 0) in cache:
            continue
        if (left_bytes := left_bytes - listed.size) < 0:
            break
        found[url] = listed
    ends = [listed.size + 1 for listed in found.values()]  # One that was replaced may be longer.
    data: list[bytes | Exception] = [OSError()] * len(found)
    with contextlib.suppress(OSError):
        starts = [0] * len(found)
        data = path.call(path.store.cat_ranges, [*found], starts, ends, on_error="return")
    for listed, each in zip(found.values(), data, strict=True):
        if isinstance(each, bytes) and len(each) == listed.size:
            cache.add(listed, 0, each)
        else:
            listed.version = None  # From now on it is opened like others.


def _is_small(listed: ListedObject) -> bool:
    return listed.version is not None and 0 < listed.size <= _SMALL_BYTES


def _version(opened: Any) -> tuple[int, str | None]:
    """Return the size of an open object, and its version."""
    return opened.size, version_of(getattr(opened, "details", None) or {})
