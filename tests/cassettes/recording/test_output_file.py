"""Files that are refused, and writes that fail."""

import errno
import gzip
import os
import resource
import socket
import stat
from pathlib import Path

import pytest

from mesotape.cassettes.format.documents import CassetteError
from mesotape.cassettes.recording.output_file import (
    RESERVED_BYTES,
    ExistingFilePolicy,
    IncompleteWriteError,
    OutputFile,
)

CASSETTE = b"---\nmesotape: 1\nrecorded_at: 2026-11-22T00:00:00Z\n...\n"

POLICIES = pytest.mark.parametrize("existing", ["refuse", "overwrite", "append"])


def socket_at(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


@POLICIES
@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda path: path.mkdir(), "a folder"),
        (os.mkfifo, "a named pipe"),
        (socket_at, "a socket"),
        (lambda path: path.symlink_to("/dev/null"), "a device"),
    ],
    ids=["folder", "pipe", "socket", "device"],
)
def test_what_is_no_file_is_refused_untouched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, existing: ExistingFilePolicy, make, kind: str
) -> None:
    monkeypatch.chdir(tmp_path)  # The path of a socket is short.
    path = Path("x")
    make(path)
    before = path.stat()
    with pytest.raises(CassetteError, match=f": is {kind}, expected a file: choose another name"):
        OutputFile.open(path, existing)
    after = path.stat()
    assert (after.st_mode, after.st_mtime_ns) == (before.st_mode, before.st_mtime_ns)


@pytest.mark.parametrize("existing", ["overwrite", "append"])
@pytest.mark.parametrize(
    "data",
    [
        b"TODO: milk\n",
        b"\x1f\x8b\x08",
        gzip.compress(b"milk", mtime=0),
        b"a: mesotape\n...\n",
        b"\0",
    ],
)
def test_a_foreign_file_is_refused_untouched(
    tmp_path: Path, existing: ExistingFilePolicy, data: bytes
) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(data)
    path.chmod(0o644)
    with pytest.raises(CassetteError, match=r"notes\.txt: is not a cassette: choose another name"):
        OutputFile.open(path, existing)
    assert path.read_bytes() == data
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        CASSETTE,
        b"# mine\n---\nserver: master\nmesotape : 1\n",
        b'{"mesotape": 1}',
        gzip.compress(CASSETTE, mtime=0),
        b"---\nmesotape: 2\n",
        b"\xef\xbb\xbf---\r\nmesotape: 1\r\n",
    ],
)
def test_a_cassette_or_an_empty_file_is_overwritten(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "old.yaml"
    path.write_bytes(data)
    path.chmod(0o644)
    file = OutputFile.open(path, "overwrite")
    file.append([CASSETTE])
    file.publish()
    file.close()
    assert path.read_bytes() == CASSETTE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


DOCUMENTS = [b"---\n%d\n...\n" % number for number in range(100)]


class FakeDisk:
    """`os.write` on a disk of a size: it takes less than was asked for, and then fails."""

    def __init__(self, size: int, number: int) -> None:
        self.size, self._number = size, number
        self._write = os.write

    def __call__(self, fd: int, data: memoryview) -> int:
        if not self.size:
            raise OSError(self._number, os.strerror(self._number))
        written = self._write(fd, data[: self.size])
        self.size -= written
        return written


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG])
@pytest.mark.parametrize("size", [0, 1, 9, 10, 11, 99, 100, 500, 1000])
def test_on_a_full_disk_there_are_as_many_whole_documents_as_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, number: int
) -> None:
    path = tmp_path / "a.yaml"
    file = OutputFile.open(path, "refuse")
    disk = FakeDisk(size, number)
    monkeypatch.setattr(os, "write", disk)
    with pytest.raises(IncompleteWriteError) as raised:
        file.append(DOCUMENTS)
    assert raised.value.errno == number
    count = len(DOCUMENTS) - len(raised.value.unwritten)
    assert path.read_bytes() == b"".join(DOCUMENTS[:count])
    assert size - 10 < file.length_bytes <= size
    assert DOCUMENTS[count:] == raised.value.unwritten
    disk.size = 1 << 20
    file.write_tail(b"tail")
    assert path.read_bytes() == b"".join(DOCUMENTS[:count]) + b"tail"
    file.cut_tail()
    file.append(raised.value.unwritten)
    assert path.read_bytes() == b"".join(DOCUMENTS)


def test_below_the_limit_of_the_size_of_files_there_is_room_for_a_tail(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    file = OutputFile.open(path, "refuse")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (RESERVED_BYTES + 105, before[1]))
    try:
        with pytest.raises(IncompleteWriteError, match="File too large"):
            file.append(DOCUMENTS)
        assert file.length_bytes == 100
        file.write_tail(b"x" * RESERVED_BYTES)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.stat().st_size == 100 + RESERVED_BYTES


def test_the_reserve_has_no_name(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    file = OutputFile.open(path, "refuse")
    file.reserve()
    assert list(tmp_path.iterdir()) == [path]
    file.close()


def test_damage_is_what_others_did(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    file = OutputFile.open(path, "refuse")
    file.append(DOCUMENTS)
    assert (file.damage(), file.is_renamed()) == (None, False)
    file.write_tail(b"tail")
    assert file.damage() is None
    file.cut_tail()
    with path.open("ab") as other:
        other.write(b"abc")
    assert file.damage() == "another process wrote 3 bytes into the file"
    os.truncate(path, 5)
    assert file.damage() == f"the file was truncated, from {file.length_bytes} bytes to 5"
    os.truncate(path, file.length_bytes)
    path.rename(tmp_path / "b.yaml")
    assert (file.damage(), file.is_renamed()) == (None, True)
    path.write_bytes(b"another")
    assert (file.damage(), file.is_renamed()) == (None, True)
    (tmp_path / "b.yaml").unlink()
    assert file.damage() == "the file was removed"
