"""Cassettes in several files are read, continued and checked as one."""

import gzip
from pathlib import Path

import pytest

from mesotape.cassettes.format.documents import (
    CassetteError,
    Event,
    Exchange,
    Request,
    Response,
)
from mesotape.cassettes.recording.output_file import IncompleteWriteError
from mesotape.cassettes.recording.writer import CassetteWriter
from mesotape.cassettes.recording.writer_reports import ExistingFilePolicy
from mesotape.cassettes.storage.opened_file import ChangedError
from mesotape.cassettes.storage.part_names import first_part_path, part_path
from mesotape.cassettes.storage.reader import Cassette

EXCHANGE = Exchange(
    exchange=1,
    at=0.5,
    client=3,
    request=Request(method="POST", path="/api/v1"),
    response=Response(after=0.25, status=200, stream="recordio"),
)
MAX_BYTES = 1000


def events(begin: int, end: int) -> list[Event]:
    return [Event(event=n, of=1, at=float(n), json='{\n  "a": 1\n}') for n in range(begin, end)]


def write(path: Path, existing: ExistingFilePolicy = "refuse") -> None:
    with CassetteWriter.open(path, existing, max_part_bytes=MAX_BYTES) as writer:
        writer.write([EXCHANGE, *events(1, 20)])
        writer.write(events(20, 50))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "c.yaml"
    write(path)
    return path


def test_a_stream_goes_on_in_the_next_part(path: Path) -> None:
    files = sorted(path.parent.iterdir())
    assert len(files) > 4
    assert all(file.stat().st_size <= MAX_BYTES for file in files)
    with Cassette.open(path) as cassette:
        assert sorted(cassette.part_paths) == files
        assert cassette.is_regular
        assert not cassette.warnings
        assert list(cassette.events(1)) == events(1, 50)


def test_a_document_that_is_longer_than_a_part_is_one(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    long = Event(event=1, of=1, at=1.0, text="x" * 5 * MAX_BYTES)
    with CassetteWriter.open(path, max_part_bytes=MAX_BYTES) as writer:
        writer.write([EXCHANGE, long, *events(2, 4)])
    with Cassette.open(path) as cassette:
        assert len(cassette.part_paths) == 3
        assert list(cassette.events(1)) == [long, *events(2, 4)]


def test_lines_are_those_of_the_part(path: Path) -> None:
    second = part_path(path, 2)
    second.write_text(second.read_text().replace("---\nevent", "---\nevnt", 1))
    line = second.read_text().split("evnt")[0].count("\n") + 1
    with pytest.raises(CassetteError, match=rf"c\.2\.yaml:{line}: "):
        Cassette.open(path)


def test_lines_of_documents_start_anew_in_each_part(path: Path) -> None:
    with Cassette.open(path) as cassette:
        lines = iter([line for _, line in cassette.documents()])
        for part in cassette.part_paths:
            text = part.read_text().split("\n")
            count = sum(line == "---" for line in text) - (part != path)
            for line in [next(lines) for _ in range(count)]:
                assert text[line - 2] == "---"


def test_appending_goes_on_in_the_last_part(path: Path) -> None:
    before = sorted(path.parent.iterdir())
    with CassetteWriter.open(path, "append", max_part_bytes=MAX_BYTES) as writer:
        assert writer.last_exchange_number == 1
        writer.write(events(50, 70))
    assert len(list(path.parent.iterdir())) > len(before)
    with Cassette.open(path) as cassette:
        assert cassette.is_regular
        assert list(cassette.events(1)) == events(1, 70)


def test_parts_of_an_older_recording_are_left_out_and_replaced(path: Path) -> None:
    with CassetteWriter.open(path, "overwrite", max_part_bytes=MAX_BYTES) as writer:
        writer.write([EXCHANGE, *events(1, 3)])
    with Cassette.open(path) as cassette:
        assert cassette.part_paths == [path]
    write(path, "overwrite")
    with Cassette.open(path) as cassette:
        assert list(cassette.events(1)) == events(1, 50)


@pytest.mark.parametrize("existing", ["refuse", "append"])
def test_the_next_part_must_not_exist(path: Path, existing: ExistingFilePolicy) -> None:
    path.unlink()
    with pytest.raises(CassetteError, match=r"c\.2\.yaml: already exists, and would be the next"):
        CassetteWriter.open(path, existing, max_part_bytes=MAX_BYTES)
    assert not path.exists()


def test_a_part_that_cannot_be_begun_leaves_all_that_follows_unwritten(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    writer = CassetteWriter.open(path, max_part_bytes=MAX_BYTES)
    part_path(path, 2).write_text("mine")
    with pytest.raises(IncompleteWriteError, match="already exists") as raised:
        writer.write([EXCHANGE, *events(1, 50)])
    part_path(path, 2).unlink()
    writer.resume(raised.value.unwritten)
    writer.close()
    with Cassette.open(path) as cassette:
        assert list(cassette.events(1)) == events(1, 50)


def test_a_missing_part_is_an_error(path: Path) -> None:
    part_path(path, 3).unlink()
    with pytest.raises(CassetteError, match=r"c\.3\.yaml: is missing, but there is c\.4\.yaml"):
        Cassette.open(path)


def test_a_part_is_not_opened_alone(path: Path) -> None:
    with pytest.raises(CassetteError, match=r"c\.2\.yaml: is part 2 of a cassette: open c\.yaml"):
        Cassette.open(part_path(path, 2))
    Cassette.open(part_path(path, 2), with_parts=False).close()


def test_bytes_are_read_across_parts(path: Path) -> None:
    with Cassette.open(path) as cassette:
        length = cassette.length_bytes
        whole = cassette.read_bytes(0, length)
        bodies = [part.read_bytes() for part in cassette.part_paths]
    later = [data.partition(b"\n...\n")[2] for data in bodies[1:]]
    assert whole == bodies[0] + b"".join(later)


def test_a_change_of_any_part_is_noticed(path: Path) -> None:
    with Cassette.open(path) as cassette:
        second = part_path(path, 2)
        second.write_bytes(second.read_bytes()[:-30])
        with pytest.raises(ChangedError, match="changed since it was opened"):
            list(cassette.events(1))


def test_packed_parts_are_read(path: Path) -> None:
    files = sorted(path.parent.iterdir())
    for file in files:
        file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    with Cassette.open(f"{path}.gz") as cassette:
        assert list(cassette.events(1)) == events(1, 50)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("c.yaml", "c.2.yaml"),
        ("c", "c.2"),
        ("a.b.yaml", "a.b.2.yaml"),
        ("c.yaml.gz", "c.2.yaml.gz"),
        ("2.yaml", "2.2.yaml"),
    ],
)
def test_names_of_parts(first: str, second: str) -> None:
    assert part_path(Path("x") / first, 2) == Path("x") / second
    assert first_part_path(Path("x") / second, 2) == Path("x") / first
