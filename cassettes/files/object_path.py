"""The paths of objects in a store: `s3://bucket/2026-11-30/master.yaml`.

They are paths like others, as far as cassettes need it: names, parents, whether there is something,
reading, listing. What talks to the store is fsspec, with a library for each kind of store, so they
are found by the settings that these libraries have everywhere (AWS_PROFILE, AWS_ENDPOINT_URL …).
"""

import bisect
import datetime
import errno
import io
import os
import re
import stat
from collections.abc import Callable, Generator, Sequence
from importlib import import_module
from pathlib import Path, PosixPath
from typing import IO, Any, override

_URL = re.compile(r"([a-z][a-z0-9+.-]+)://(?=.)")
_COLLAPSED_URL = re.compile(r"([a-z][a-z0-9+.-]+):/(?!/)")
_READ_BYTES = 1 << 22
_SERVERS = ("http", "https")
"""Not stores: where a running server is."""


class ObjectStoreError(OSError):
    """The store cannot be used: its library is missing, or it does not answer."""


class NoBucketError(ObjectStoreError):
    """There is no such bucket. Only S3 tells it from a bucket without the object."""


def is_object_url(text: str) -> bool:
    """Return whether a text is the URL of an object."""
    match = _URL.match(text)
    return match is not None and match[1] not in _SERVERS


def to_path(text: str) -> Path:
    """Return the path of a file, or of an object if the text is its URL."""
    if text.startswith("file:///"):
        return Path(text.removeprefix("file://"))
    return ObjectPath(text) if is_object_url(text) else Path(text)


class ListedObject:
    """An object as it was listed. `version` is what its store calls that, if it does."""

    def __init__(self, info: dict[str, Any]) -> None:
        self.info = info
        self.size: int = info.get("size") or 0
        self.version = version_of(info)


class Listing:
    """The objects below a name, by their URLs, as they were listed."""

    def __init__(self, objects: dict[str, ListedObject]) -> None:
        self.objects = objects
        self._urls = sorted(objects)

    def from_url(self, url: str, count: int) -> list[str]:
        """Return some URLs in their order, from one on."""
        start = bisect.bisect_left(self._urls, url)
        return self._urls[start : start + count]


def version_of(info: dict[str, Any]) -> str | None:
    """Return what a store calls the version of an object; None if it does not."""
    found = next((info[name] for name in ("ETag", "etag") if info.get(name)), None)
    return None if found is None else str(found).strip('"')


class ObjectPath(PosixPath):
    """The path of an object, or of all objects whose names begin with it and a slash.

    A path that was found in a folder keeps what was listed there, and need not ask the store for
    its status. Methods that are not here would look for a file of this machine.
    """

    listing: Listing | None = None

    @override
    def __str__(self) -> str:
        return _COLLAPSED_URL.sub(r"\1://", super().__str__(), count=1)

    @override
    def __fspath__(self) -> str:
        return str(self)

    @override
    def with_segments(self, *segments: str | os.PathLike[str]) -> "ObjectPath":
        """Return a path that was made from this one."""
        path = ObjectPath(*segments)
        path.listing = self.listing
        return path

    @property
    def listed(self) -> ListedObject | None:
        """The object as it was listed; None if it was not."""
        return None if self.listing is None else self.listing.objects.get(str(self))

    @property
    def store(self) -> Any:
        """The file system of fsspec. Raises ObjectStoreError if its library is missing."""
        return _store(str(self).partition("://")[0])

    @override
    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """Return the kind, size and time of an object, as it was listed if it was.

        Raises OSError.
        """
        listed = self.listed
        info = self.call(self.store.info, str(self)) if listed is None else listed.info
        kind = stat.S_IFDIR if info["type"] == "directory" else stat.S_IFREG
        found = next((info[key] for key in ("LastModified", "mtime", "updated") if key in info), 0)
        seconds = found.timestamp() if isinstance(found, datetime.datetime) else 0
        size = info.get("size") or 0
        return os.stat_result((kind | 0o400, 0, 0, 1, 0, 0, size, seconds, seconds, seconds))

    @override
    def exists(self, *, follow_symlinks: bool = True) -> bool:
        """Return whether there is such an object, or one below. Raises ObjectStoreError."""
        return self._kind() is not None

    @override
    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        """Return whether there is such an object."""
        return self._kind() == stat.S_IFREG

    @override
    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        """Return whether there are objects below."""
        return self._kind() == stat.S_IFDIR

    @override
    def open(  # pyright: ignore[reportIncompatibleMethodOverride] for reading bytes only
        self, *_: Any, **__: Any
    ) -> IO[Any]:
        """Open an object for reading bytes. Raises OSError, also while it is read."""
        return io.BufferedReader(_ObjectReader(self), _READ_BYTES)

    @override
    def iterdir(self) -> "Generator[ObjectPath]":
        """Iterate over what is directly below. Raises OSError."""
        yield from map(self._named, self.call(self.store.ls, str(self), detail=False))

    @override
    def rglob(  # pyright: ignore[reportIncompatibleMethodOverride] it has more options
        self, pattern: str, **_: Any
    ) -> "Generator[ObjectPath]":
        """Iterate over all objects below, whatever the pattern is. Raises OSError."""
        found = self.call(self.store.find, str(self), detail=True)
        paths = {self._named(name): ListedObject(info) for name, info in found.items()}
        listing = Listing({str(path): listed for path, listed in paths.items()})
        for path in paths:
            path.listing = listing
            yield path

    def read_heads(self, paths: Sequence[Path], size: int) -> list[bytes | None]:
        """Return the first bytes of objects, which are read at the same time. Raises OSError.

        None for an object that is not there.
        """
        names = [str(path) for path in paths]
        sizes = [size] * len(names)
        found = self.call(self.store.cat_ranges, names, [0] * len(names), sizes, on_error="return")
        return [_head(path, each) for path, each in zip(paths, found, strict=True)]

    @override
    def resolve(self, strict: bool = False) -> "ObjectPath":
        """Return the same path: there are no links."""
        return self

    @override
    def samefile(self, other_path: str | os.PathLike[str]) -> bool:
        """Return whether another path is this one."""
        return str(self) == str(other_path)

    def call[Result](self, function: Callable[..., Result], *values: Any, **options: Any) -> Result:
        """Call a function of the store. Whatever it raises is an OSError then."""
        try:
            return function(*values, **options)
        except (FileNotFoundError, PermissionError) as error:
            if type(error.__cause__).__name__ == "NoSuchBucket":
                raise NoBucketError(errno.ENOENT, "there is no such bucket", str(self)) from error
            number = error.errno or errno.ENOENT
            raise type(error)(number, error.strerror or str(error), str(self)) from error
        except Exception as error:
            text = " ".join(str(error).split()) or type(error).__name__
            raise ObjectStoreError(errno.EIO, text, str(self)) from error

    def _named(self, name: str) -> "ObjectPath":
        return ObjectPath(self.store.unstrip_protocol(name))

    def _kind(self) -> int | None:
        try:
            return stat.S_IFMT(self.stat().st_mode)
        except FileNotFoundError:
            return None


class _ObjectReader(io.RawIOBase):
    """An object that is read from its beginning on. Raises OSError."""

    def __init__(self, path: ObjectPath) -> None:
        super().__init__()
        self._path = path
        self._object = path.call(path.store.open, str(path), "rb", cache_type="none")

    @override
    def readable(self) -> bool:
        return True

    @override
    def seekable(self) -> bool:
        return True

    @override
    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        return self._object.seek(offset, whence)

    @override
    def readinto(self, buffer: Any, /) -> int:
        data = self._path.call(self._object.read, len(buffer))
        buffer[: len(data)] = data
        return len(data)

    @override
    def close(self) -> None:
        if not self.closed:
            self._object.close()
        super().close()


def _head(path: Path, found: bytes | Exception) -> bytes | None:
    """Return the bytes that were read of an object; None if it is not there. Raises OSError."""
    if isinstance(found, bytes):
        return found
    if isinstance(found, FileNotFoundError):
        return None
    if path.stat().st_size == 0:  # It has no first byte.
        return b""
    raise ObjectStoreError(errno.EIO, " ".join(str(found).split()), str(path)) from found


def _store(protocol: str) -> Any:
    try:
        fsspec: Any = import_module("fsspec")  # It has no types.
    except ModuleNotFoundError as error:
        text = f"{protocol}:// needs fsspec: pip install 'mesotape[cloud]'"
        raise ObjectStoreError(errno.ENOSYS, text) from error
    try:
        # Other processes write to the store, so what it lists is not remembered.
        return fsspec.filesystem(protocol, use_listings_cache=False)
    except (ImportError, ValueError) as error:
        text = f"{protocol}:// cannot be used: {' '.join(str(error).split())}"
        raise ObjectStoreError(errno.ENOSYS, text) from error
