"""Exported tables: their files, and what a query reads of them."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from support.playback_cassettes import HEADER

from mesotape.cassettes.format.documents import CassetteError, Event
from mesotape.cassettes.format.yaml_writer import format_document
from mesotape.cassettes.tables import parquet_files
from mesotape.cassettes.tables.arrow import SCHEMAS, CassetteDataset
from mesotape.cassettes.tables.parquet_files import (
    ParquetFolderError,
    is_parquet_folder,
    parquet_tables,
    write_parquet,
)

DAY = 86_400.0


def unseen(path: Path, done: int) -> None:
    """Take the progress of a scan."""


def cassette(path: Path, server: str | None, *times: float) -> Path:
    events = [
        Event(event=number, of=1, at=at, json='{"type":"HEARTBEAT"}')
        for number, at in enumerate(times, 1)
    ]
    header = HEADER.format(server=server or "master")
    header = header if server else header.replace("server: master\n", "")
    path.write_bytes(header.encode() + b"".join(map(format_document, events)))
    return path


@pytest.fixture
def two_days(tmp_path: Path) -> list[Path]:
    return [
        cassette(tmp_path / "a.yaml", "master", 3.0, 5.0, DAY),
        cassette(tmp_path / "b.yaml", "master", 2.0, 4.0),
        cassette(tmp_path / "c.yaml", "agent", 1.0),
        cassette(tmp_path / "d.yaml", None, 1.0),
    ]


def table(found: ds.Dataset) -> pa.Table:
    return found.scanner().to_table()


def test_there_is_a_file_for_each_day_and_server(two_days: list[Path], tmp_path: Path) -> None:
    folder = tmp_path / "t.parquet"
    counts = write_parquet(two_days, folder, unseen)
    assert counts["events"] == 7
    files = sorted(str(each.relative_to(folder)) for each in folder.rglob("events/**/*.parquet"))
    assert [file.split("/")[1:3] for file in files] == [
        ["day=2026-11-22", "server=__HIVE_DEFAULT_PARTITION__"],
        ["day=2026-11-22", "server=agent"],
        ["day=2026-11-22", "server=master"],
        ["day=2026-11-23", "server=master"],
    ]
    assert folder.stat().st_mode & 0o777 == 0o700
    assert not list(tmp_path.glob(".*"))


def test_the_files_are_sorted_compressed_and_versioned(
    two_days: list[Path], tmp_path: Path
) -> None:
    write_parquet(two_days, tmp_path / "t.parquet", unseen)
    file = tmp_path / "t.parquet/events/day=2026-11-22/server=master/1.parquet"
    read = pq.ParquetFile(file)
    assert read.schema_arrow.metadata[b"mesotape.tables"] == b"1"
    assert read.metadata.row_group(0).column(0).compression == "ZSTD"
    assert read.read()["at_seconds"].to_pylist() == [2.0, 3.0, 4.0, 5.0]


def test_what_is_read_is_what_the_cassettes_have(two_days: list[Path], tmp_path: Path) -> None:
    write_parquet(two_days, tmp_path / "t.parquet", unseen)
    assert is_parquet_folder(tmp_path / "t.parquet")
    assert not is_parquet_folder(tmp_path)
    found = parquet_tables([tmp_path / "t.parquet"])
    for name, schema in SCHEMAS.items():
        direct = CassetteDataset(two_days, name, unseen).scanner().to_reader().read_all()
        assert found[name].schema.names == schema.names
        order = [("cassette", "ascending"), ("exchange", "ascending"), ("at_seconds", "ascending")]
        assert table(found[name]).sort_by(order).equals(direct.sort_by(order)), name
    days = pc.unique(table(found["events"])["day"]).to_pylist()
    assert [str(day) for day in days] == ["2026-11-22", "2026-11-23"]


def test_row_groups_are_bounded(
    two_days: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_files, "_MAX_GROUP_ROWS", 2)
    write_parquet(two_days, tmp_path / "t.parquet", unseen)
    file = tmp_path / "t.parquet/events/day=2026-11-22/server=master/1.parquet"
    groups = pq.ParquetFile(file)
    assert [groups.read_row_group(n)["at_seconds"].to_pylist() for n in range(2)] == [
        [3.0, 5.0],
        [2.0, 4.0],
    ]


def test_held_rows_are_bounded(
    two_days: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_files, "_MAX_HELD_BYTES", 0)
    write_parquet(two_days, tmp_path / "t.parquet", unseen)
    assert table(parquet_tables([tmp_path / "t.parquet"])["events"]).num_rows == 7


def test_several_folders_are_one_table(two_days: list[Path], tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    write_parquet(two_days[:1], folders[0], unseen)
    write_parquet(two_days[1:], folders[1], unseen)
    assert table(parquet_tables(folders)["events"]).num_rows == 7


def test_nothing_is_left_of_an_export_that_fails(two_days: list[Path], tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("hello: 1\n")
    with pytest.raises(CassetteError, match="not a cassette"):
        write_parquet([*two_days, wrong], tmp_path / "t.parquet", unseen)
    assert {each.suffix for each in tmp_path.iterdir()} == {".yaml"}


def test_a_folder_with_files_is_refused(two_days: list[Path], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write_parquet(two_days, tmp_path / "empty", unseen)
    for folder in (tmp_path / "empty", two_days[0]):
        with pytest.raises(ParquetFolderError, match="already exists: choose another folder"):
            write_parquet(two_days, folder, unseen)


def test_another_version_is_refused(two_days: list[Path], tmp_path: Path) -> None:
    write_parquet(two_days, tmp_path / "t", unseen)
    file = next(tmp_path.rglob("events/**/*.parquet"))
    rows = pq.read_table(file).replace_schema_metadata({b"mesotape.tables": b"2"})
    pq.write_table(rows, file)
    with pytest.raises(ParquetFolderError, match="tables have version 2, expected 1: export again"):
        parquet_tables([tmp_path / "t"])
    file.write_bytes(b"PAR1 no more")
    with pytest.raises(ParquetFolderError, match=r"1\.parquet: cannot be read"):
        parquet_tables([tmp_path / "t"])
