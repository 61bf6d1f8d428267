"""Opening a file for reading: plain, compressed, or neither."""

import gzip
import os
from pathlib import Path

import pytest

from mesotape.cassettes.format.documents import CassetteError
from mesotape.cassettes.storage.opening import open_for_reading

HEADER = b"---\nmesotape: 1\n...\n"


def read_all(path: Path, **limits: int) -> bytes:
    fd, warnings = open_for_reading(path, **limits)
    assert warnings == []
    with open(fd, "rb") as file:
        file.seek(0)
        return file.read()


def test_a_compressed_file_may_be_as_long_as_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "long.yaml.gz"
    data = HEADER + b"#" * 5_000_000
    path.write_bytes(gzip.compress(data))
    assert read_all(path, max_unpacked_bytes=len(data)) == data
    with pytest.raises(CassetteError) as error:
        open_for_reading(path, max_unpacked_bytes=len(data) - 1)
    assert str(error.value) == f"{path}: is longer than {len(data) - 1} bytes once unpacked"


def test_the_limit_is_not_for_plain_files(tmp_path: Path) -> None:
    path = tmp_path / "plain.yaml"
    path.write_bytes(HEADER)
    assert read_all(path, max_unpacked_bytes=1) == HEADER


def test_the_members_of_a_compressed_file_are_joined(tmp_path: Path) -> None:
    path = tmp_path / "joined.yaml.gz"
    path.write_bytes(gzip.compress(HEADER) + gzip.compress(HEADER))
    assert read_all(path) == HEADER * 2


def test_a_file_that_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "loop.yaml"
    path.symlink_to(path)
    with pytest.raises(CassetteError, match=f"^{path}: cannot be opened: Too many levels"):
        open_for_reading(path)


def test_zeros_that_a_crash_left_after_the_header_are_not_binary_data(tmp_path: Path) -> None:
    path = tmp_path / "crashed.yaml"
    path.write_bytes(HEADER + bytes(100))
    fd, _ = open_for_reading(path)
    os.close(fd)
