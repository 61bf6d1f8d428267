"""Opening a file for reading: plain, compressed, or neither."""

import contextlib
import gzip
from pathlib import Path

import pytest

from mesotape.cassettes.files.readable_file import ReadableFile
from mesotape.cassettes.format.documents import CassetteError
from mesotape.cassettes.storage.opening import open_for_reading
from mesotape.cassettes.storage.reader import Cassette

HEADER = b"---\nmesotape: 1\n...\n"


def read_all(path: Path, **limits: int) -> bytes:
    file, warnings = open_for_reading(path, **limits)
    assert warnings == []
    data = file.pread(file.status().size + 1, 0)
    file.close()
    return data


def test_a_compressed_file_may_be_as_long_as_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "long.yaml.gz"
    data = HEADER + b"#" * 5_000_000
    path.write_bytes(gzip.compress(data))
    assert read_all(path, max_unpacked_bytes=len(data)) == data
    with pytest.raises(CassetteError) as error:
        open_for_reading(path, max_unpacked_bytes=len(data) - 1)
    text = f"is longer than {len(data) - 1} bytes once unpacked: "
    assert str(error.value) == f"{path}: {text}write it to a file without compression"


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
    file, _ = open_for_reading(path)
    file.close()


@pytest.mark.parametrize("byte", [b"\0", b"y\n"])
def test_only_the_beginning_of_what_is_no_cassette_is_unpacked(tmp_path: Path, byte: bytes) -> None:
    path = tmp_path / "bomb.yaml.gz"
    path.write_bytes(gzip.compress(byte * 20_000_000))
    opened: list[ReadableFile] = []
    with contextlib.suppress(CassetteError):
        opened.append(open_for_reading(path, max_unpacked_bytes=3_000_000)[0])
    for file in opened:
        assert file.status().size < 3_000_000
        file.close()
    with pytest.raises(CassetteError, match="not a cassette"):
        Cassette.open(path)


def test_an_endless_device_is_no_cassette() -> None:
    with pytest.raises(CassetteError, match=r"^/dev/zero:1: not a cassette: found binary data"):
        Cassette.open("/dev/zero")
