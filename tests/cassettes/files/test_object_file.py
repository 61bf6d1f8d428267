"""Objects are read range by range, through a cache of bounded size."""

import io
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesotape.cassettes.files import object_path
from mesotape.cassettes.files.object_file import BlockCache, ObjectFile
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
    return ObjectFile(ObjectPath("s3://bucket/a.yaml"), BlockCache(**limits))


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
    cache = BlockCache(block_bytes=100, cache_bytes=350)
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
    inherited[1].forget(file._number)


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
