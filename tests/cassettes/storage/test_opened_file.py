import gzip
import hashlib
import os
import threading

import pytest
from support.cassette_builder import BEAT, call, said, stream, written

from mesotape.cassettes.format.documents import CassetteError
from mesotape.cassettes.storage.opened_file import ChangedError
from mesotape.cassettes.storage.reader import Cassette

EVENTS = [(0.1 * number, BEAT) for number in range(1, 20)]


@pytest.fixture
def path(tmp_path):
    health = call(2, 3.0, said("GET_HEALTH"), '{"type":"GET_HEALTH"}')
    return written(tmp_path / "a.yaml", stream(1, 0.0, EVENTS), health)


def in_place(path, data):
    """Write to the file itself; its time changes even on a file system with coarse times."""
    with open(path, "r+b") as file:
        file.write(data)
        file.truncate()
    later = path.stat().st_mtime_ns + 1_000_000
    os.utime(path, ns=(later, later))


def rename_over(path, data):
    other = path.with_suffix(".new")
    other.write_bytes(data)
    other.replace(path)


CHANGES = {
    "shortened": (lambda path, data: in_place(path, data[: len(data) // 2]), True),
    "emptied": (lambda path, data: in_place(path, b""), True),
    "lengthened": (lambda path, data: in_place(path, data + data), True),
    "rewritten": (
        lambda path, data: in_place(path, data.replace(b"HEARTBEAT", b"heartbeat")),
        True,
    ),
    "rewritten, same size, other layout": (lambda path, data: in_place(path, data[::-1]), True),
    "replaced": (lambda path, data: rename_over(path, b"nothing of it"), False),
    "deleted": (lambda path, data: path.unlink(), False),
    "renamed": (lambda path, data: path.rename(path.with_suffix(".old")), False),
    "made read-only": (lambda path, data: path.chmod(0o400), False),
}

READS = {
    "events": lambda cassette: [event.text for event in cassette.events(1)],
    "an exchange": lambda cassette: cassette.exchange(2).response.text,
    "all exchanges": lambda cassette: list(cassette.exchanges()),
    "heads": lambda cassette: list(cassette.exchange_heads()),
    "documents": lambda cassette: list(cassette.documents()),
}


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_is_changed_while_it_is_open(path, change, read):
    act, is_change = CHANGES[change]
    with Cassette.open(path) as cassette:
        expected = READS[read](cassette)
        act(path, path.read_bytes())
        if not is_change:
            assert READS[read](cassette) == expected
            return
        with pytest.raises(ChangedError, match="changed since it was opened") as raised:
            READS[read](cassette)
        assert str(raised.value).startswith(f"{path}: ")


def test_a_change_in_the_middle_of_a_stream_is_noticed_at_the_next_event(path):
    with Cassette.open(path) as cassette:
        events = cassette.events(1)
        assert next(events).event == 1
        in_place(path, b"")
        with pytest.raises(ChangedError, match=r"it had \d+ bytes, now 0"):
            next(events)


@pytest.mark.parametrize("change", ["shortened", "emptied", "rewritten", "deleted"])
def test_a_compressed_cassette_is_played_from_its_copy(path, change):
    packed = path.with_suffix(".yaml.gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    with Cassette.open(packed) as cassette:
        CHANGES[change][0](packed, packed.read_bytes())
        assert len(READS["events"](cassette)) == len(EVENTS)


def test_what_inspects_a_cassette_may_see_it_grow(path):
    with Cassette.open(path, may_grow=True) as cassette:
        in_place(path, path.read_bytes() * 2)
        assert len(READS["events"](cassette)) == len(EVENTS)
        in_place(path, b"")
        with pytest.raises(ChangedError):
            READS["events"](cassette)


def test_a_file_that_cannot_be_read_is_named(path, monkeypatch):
    def fail(*_):
        raise OSError(5, "Input/output error")

    with Cassette.open(path) as cassette:
        monkeypatch.setattr(cassette._file._file, "pread", fail)
        with pytest.raises(CassetteError, match=rf"{path}: cannot be read: Input/output error"):
            cassette.exchange(2)


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("is_closed", [False, True])
@pytest.mark.parametrize("is_packed", [False, True])
def test_the_digest_is_that_of_the_file_that_was_opened(path, is_closed, is_packed):
    if is_packed:
        packed = path.with_suffix(".yaml.gz")
        packed.write_bytes(gzip.compress(path.read_bytes()))
        path = packed
    expected = sha256(path)
    with Cassette.open(path) as cassette:
        assert cassette.digest == expected
        rename_over(path, path.read_bytes() + b"# another file\n")
        if is_closed:
            cassette.close()
        assert cassette.digest == (None if is_closed or is_packed else expected)


def test_the_digest_is_known_after_the_end_and_not_of_a_pipe(path, tmp_path):
    with Cassette.open(path) as cassette:
        pass
    assert cassette.digest == sha256(path)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(path.read_bytes()))
    writer.start()
    with Cassette.open(pipe) as cassette:
        assert cassette.digest is None
    writer.join()
