"""New files: what they replace, and what they do not."""

import gzip
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from mesotape.cassettes.storage.new_file import locked, new_file


@pytest.mark.parametrize(
    ("packs", "unpack"), [(False, bytes), (True, gzip.decompress)], ids=["plain", "packed"]
)
def test_a_pipe_is_written_to_and_stays(
    packs: bool, unpack: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()), daemon=True)
    reader.start()
    with locked(pipe), new_file(pipe, packs=packs) as file:
        file.write(b"hello")
    reader.join(20)
    assert [unpack(each) for each in read] == [b"hello"]
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]
