"""Objects are read range by range, through a cache of bounded size."""

import io
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesotape.cassettes.files import object_path
from mesotape.cassettes.files.object_file import BlockCache, ObjectFile, read_heads
from mesotape.cassettes.files.object_path import (
    ObjectPath,
    ObjectStoreError,
    is_object_url,
    to_path,
)

DATA = bytes(range(256)) * 4


class Store:
    """A store with one object, that counts what is read of it."""

    def __init__(self, data: bytes = DATA, error: Exception | None = None) -> None:
        self.data = data
        self.error = error
        self.reads: list[tuple[int, int]] = []

    def open(self, name: str, mode: str, cache_type: str = "") -> Any:
        store = self

        class Object(io.BytesIO):
            size = len(store.data)

            def read(self, size: int | None = -1) -> bytes:
                if store.error is not None:
                    raise store.error
                store.reads.append((self.tell(), size or 0))
                return super().read(size)

        return Object(self.data)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    store = Store()
    monkeypatch.setattr(object_path, "_store", lambda protocol: store)
    return store


def opened(**limits: int) -> ObjectFile:
    cache = BlockCache(**{"range_blocks": 1, **limits})
    return ObjectFile(ObjectPath("s3://bucket/a.yaml"), cache)


def test_only_the_blocks_that_are_needed_are_read(store: Store) -> None:
    file = opened(block_bytes=100, cache_bytes=1000)
    assert file.pread(50, 190) == DATA[190:240]
    assert file.pread(5, 150) == DATA[150:155]
    assert store.reads == [(100, 100), (200, 100)]
    assert file.status().size == len(DATA)
    file.close()


def test_the_block_that_was_not_used_for_longest_gives_way(store: Store) -> None:
    file = opened(block_bytes=100, cache_bytes=250)
    for block in (0, 1, 0, 2, 0, 1):
        assert file.pread(100, block * 100) == DATA[block * 100 : block * 100 + 100]
    assert [start // 100 for start, _ in store.reads] == [0, 1, 2, 1]
    assert file._cache.length_bytes <= 250
    file.close()


def test_open_objects_share_the_cache_and_a_closed_one_leaves_it(store: Store) -> None:
    cache = BlockCache(block_bytes=100, cache_bytes=350, range_blocks=1)
    first, second = (ObjectFile(ObjectPath("s3://bucket/a.yaml"), cache) for _ in "12")
    for block in range(10):
        for file in (first, second):
            assert file.pread(100, block * 100) == DATA[block * 100 : block * 100 + 100]
    assert len(store.reads) == 20
    assert cache.length_bytes <= 300
    first.close()
    for _ in range(2):
        assert second.pread(300, 0) == DATA[:300]
    assert len(store.reads) == 23
    second.close()


def test_a_forked_process_opens_the_object_anew_unless_it_was_replaced(store: Store) -> None:
    file = opened(block_bytes=100, cache_bytes=1000)
    inherited = file._object, file._cache
    assert file.pread(5, 0) == DATA[:5]
    file._process = -1
    assert file.pread(5, 0) == DATA[:5]
    assert (file._object, file._cache) != inherited
    file._process = -1
    store.data = DATA * 2
    for _ in range(2):
        with pytest.raises(OSError, match="was replaced since it was opened"):
            file.pread(5, 0)
    file.close()
    inherited[1].forget(file._owner, len(DATA))


def test_it_ends_where_the_object_ends(store: Store) -> None:
    file = opened(block_bytes=1000, cache_bytes=1000)
    assert file.pread(100, 1000) == DATA[1000:]
    assert file.pread(100, 1024) == b""
    assert file.pread(100, 5000) == b""
    file.close()


@given(
    reads=st.lists(st.tuples(st.integers(0, 1100), st.integers(0, 1100)), max_size=30),
    block_bytes=st.integers(1, 300),
    cache_bytes=st.integers(0, 900),
)
def test_any_reads_are_those_of_a_file(
    reads: list[tuple[int, int]], block_bytes: int, cache_bytes: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(object_path, "_store", lambda protocol: Store())
        file = opened(block_bytes=block_bytes, cache_bytes=cache_bytes)
        for size, offset in reads:
            assert file.pread(size, offset) == DATA[offset : offset + size]
        file.close()


def test_any_error_of_a_store_is_one_of_the_system(store: Store) -> None:
    file = opened()
    store.error = RuntimeError("no\n answer")
    with pytest.raises(ObjectStoreError, match="no answer") as caught:
        file.pread(1, 0)
    assert caught.value.filename == "s3://bucket/a.yaml"
    store.error = PermissionError(13, "Access Denied")
    with pytest.raises(PermissionError, match="Access Denied"):
        file.pread(1, 0)
    file.close()


URLS = (
    ("s3://bucket/a.yaml", True),
    ("gs://bucket", True),
    ("az://container/x", True),
    ("http://127.0.0.1:5050", False),
    ("https://master.example", False),
    ("a.yaml", False),
    ("/x/s3://y", False),
    ("s3:/x", False),
    ("s3://", False),
    ("C://x", False),
)


@pytest.mark.parametrize(("text", "expected"), URLS)
def test_a_url_of_a_store_is_known(text: str, expected: bool) -> None:
    assert is_object_url(text) is expected
    assert isinstance(to_path(text), ObjectPath) is expected
    assert str(to_path(text)) == text or not expected


def test_the_url_of_a_file_is_its_path() -> None:
    assert to_path("file:///tmp/a.yaml") == Path("/tmp/a.yaml")


def test_a_path_keeps_its_url() -> None:
    path = to_path("s3://bucket/day/a.yaml.gz")
    assert (path.name, path.suffix, path.parts[0]) == ("a.yaml.gz", ".gz", "s3:")
    for other in (path.with_name("a.2.yaml"), path.parent / "a.2.yaml"):
        assert isinstance(other, ObjectPath)
        assert str(other) == f"{other}" == os.fspath(other) == "s3://bucket/day/a.2.yaml"
    assert path == to_path("s3://bucket/day/a.yaml.gz")
    assert path != Path("/bucket/day/a.yaml.gz")
    assert path.samefile("s3://bucket/day/a.yaml.gz")
    assert path.resolve() is path


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ObjectStoreError, match="foo:// cannot be used: Protocol not known"):
        to_path("foo://bucket/a").exists()
    monkeypatch.setitem(__import__("sys").modules, "fsspec", None)
    with pytest.raises(ObjectStoreError, match=r"needs fsspec: pip install 'mesotape\[cloud\]'"):
        to_path("s3://bucket/a").exists()


def test_an_object_that_cannot_be_read_is_not_taken_for_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    paths = [ObjectPath(f"s3://bucket/{name}.yaml") for name in "abc"]
    answers: list[bytes | Exception] = [b"---", FileNotFoundError("b"), RuntimeError("416")]
    sizes = {"c.yaml": 0}

    class Listed:
        def cat_ranges(self, names: list[str], *_: Any, **__: Any) -> list[bytes | Exception]:
            return answers[: len(names)]

        def info(self, name: str) -> dict[str, Any]:
            return {"type": "file", "size": sizes[name.rpartition("/")[2]]}

    monkeypatch.setattr(object_path, "_store", lambda protocol: Listed())
    folder = ObjectPath("s3://bucket")
    assert folder.read_heads(paths, 3) == [b"---", None, b""]
    sizes["c.yaml"] = 5
    with pytest.raises(ObjectStoreError, match="416"):
        folder.read_heads(paths, 3)


def test_an_object_is_a_binary_file_whose_errors_are_those_of_files(store: Store) -> None:
    with ObjectPath("s3://bucket/a.yaml").open() as file:
        assert (file.read(3), file.seek(-2, 2), file.read()) == (DATA[:3], 1022, DATA[-2:])
    store.error = RuntimeError("the store has ended")
    with (
        ObjectPath("s3://bucket/a.yaml").open() as file,
        pytest.raises(ObjectStoreError, match="the store has ended"),
    ):
        file.read()


class Folder:
    """A store that lists objects with their versions, and counts requests by object."""

    def __init__(self, objects: dict[str, bytes]) -> None:
        self.objects = objects
        self.denied: set[str] = set()
        self.together: list[list[str]] = []
        self.opened: list[str] = []

    def find(self, name: str, detail: bool) -> dict[str, dict[str, Any]]:
        return {each: self._info(each) for each in self.objects}

    def unstrip_protocol(self, name: str) -> str:
        return name

    def cat_ranges(
        self, names: list[str], starts: list[int], ends: list[int], on_error: str
    ) -> list[bytes | Exception]:
        self.together.append(names)
        return [
            PermissionError(13, "Access Denied")
            if name in self.denied
            else self.objects[name][start:end]
            for name, start, end in zip(names, starts, ends, strict=True)
        ]

    def open(self, name: str, mode: str, cache_type: str = "") -> Any:
        if name in self.denied:
            raise PermissionError(13, "Access Denied")
        self.opened.append(name)
        file: Any = type("Object", (io.BytesIO,), {})(self.objects[name])
        file.size, file.details = len(self.objects[name]), self._info(name)
        return file

    def _info(self, name: str) -> dict[str, Any]:
        data = self.objects[name]
        return {"type": "file", "size": len(data), "ETag": f'"{hash(data)}"'}


def listed(monkeypatch: pytest.MonkeyPatch, *sizes: int) -> tuple[Folder, list[ObjectPath]]:
    """Return a store with objects of some sizes, and their paths as they were listed."""
    data = {f"s3://bucket/{n:03}.yaml": bytes([n]) * size for n, size in enumerate(sizes)}
    store = Folder(data)
    monkeypatch.setattr(object_path, "_store", lambda protocol: store)
    return store, list(ObjectPath("s3://bucket").rglob("*"))


def test_small_objects_of_a_listing_are_fetched_whole_and_some_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store, paths = listed(monkeypatch, *[200_000] * 100, 0, 2_000_000, *[1_000_000] * 20)
    cache = BlockCache()
    for path in paths:
        file = ObjectFile(path, cache)
        size = file.status().size
        assert file.pread(size, 0) == store.objects[str(path)]
        assert file.pread(10, max(0, size - 10)) == store.objects[str(path)][-10:]
        file.close()
    fetched = [name for names in store.together for name in names]
    assert sorted(fetched) == sorted({*store.objects} - {*store.opened})
    assert store.opened == ["s3://bucket/100.yaml", "s3://bucket/101.yaml"]
    for names in store.together:
        assert len(names) <= 64
        assert sum(len(store.objects[name]) for name in names) <= 1 << 24
    assert cache.length_bytes == 0


def test_an_object_that_cannot_be_fetched_with_others_is_opened_in_its_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store, paths = listed(monkeypatch, 100, 100, 100, 100)
    store.denied = {str(paths[1])}
    store.objects[str(paths[2])] = b"longer" * 100
    cache, found = BlockCache(), list[object]()
    for path in paths:
        try:
            file = ObjectFile(path, cache)
        except PermissionError as error:
            found.append(error.filename)
        else:
            found.append(file.pread(1000, 0))
            file.close()
    assert found == [bytes(100), str(paths[1]), b"longer" * 100, b"\3" * 100]
    assert len(store.together) == 1


def test_an_object_that_was_replaced_since_it_was_listed_is_not_read_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store, paths = listed(monkeypatch, 100, 100)
    cache = BlockCache(block_bytes=100)
    first, second = (ObjectFile(path, cache) for path in paths)
    store.objects[str(paths[1])] = b"x" * 100
    for file in (first, second):
        cache.forget(file._owner, 100)
    assert first.pread(100, 0) == bytes(100)
    with pytest.raises(OSError, match="was replaced since it was opened"):
        second.pread(100, 0)
    first.close()
    second.close()


def test_heads_are_those_of_small_objects_that_are_kept_and_of_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store, paths = listed(monkeypatch, 100, 2_000_000, 0, 5)
    cache = BlockCache()
    heads = read_heads(ObjectPath("s3://bucket"), paths, 50, cache)
    assert heads == [store.objects[str(path)][:50] for path in paths]
    assert [len(names) for names in store.together] == [2, 2]
    for path in paths:
        cache.forget(path.listed, 100)
    assert cache.length_bytes == 0
