"""The parts of a recording become objects of a store, here one in memory."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec  # pyright: ignore[reportMissingTypeStubs]
import pytest

from mesotape.cassettes.files.object_path import ObjectPath
from mesotape.cassettes.files.upload_folder import UploadFolder, join_folder, left_folders
from mesotape.cassettes.format.documents import CassetteError, Note
from mesotape.cassettes.recording.writer import CassetteWriter
from mesotape.cassettes.storage.reader import Cassette
from mesotape.cassettes.storage.uploading import uploading

OUTPUT = ObjectPath("memory://bucket/day/a.yaml")
NOTES = [Note(note=f"{number}" * 200, at=number) for number in range(1, 5)]


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    store = fsspec.filesystem("memory")
    yield store
    store.store.clear()
    store.pseudo_dirs[:] = [""]


def written_parts(path: Path, notes: list[Note]) -> None:
    """Write a part for each note."""
    with CassetteWriter.open(path, "refuse", "master", max_part_bytes=400) as writer:
        for note in notes:
            writer.write([note])


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def notes_in(path: Path) -> list[Note]:
    with Cassette.open(path) as cassette:
        return list(cassette.notes())


def sizes(folder: Path) -> list[bool]:
    return [bool(each.stat().st_size) for each in sorted(folder.glob("*.yaml"))]


def test_a_part_is_uploaded_and_emptied_and_read_in_the_store(store: Any) -> None:
    reports: list[str] = []
    with uploading(OUTPUT, "refuse", reports.append) as upload:
        assert upload is not None
        upload.start()
        writer = CassetteWriter.open(upload.local, "refuse", "master", max_part_bytes=400)
        for note in NOTES[:3]:
            writer.write([note])
        wait_for(lambda: sizes(upload.local.parent) == [False, True, False])
        assert store.exists("memory://bucket/day/a.2.yaml")
        assert not store.exists("memory://bucket/day/a.3.yaml")
        assert notes_in(upload.local) == NOTES[:3]
        writer.close()
        continued = CassetteWriter.open(upload.local, "append", "master", max_part_bytes=400)
        assert continued.file.path.name == "a.3.yaml"
        continued.write(NOTES[3:])
        continued.close()
        assert upload.finish()
    assert reports == []
    assert not upload.local.parent.exists()
    assert notes_in(OUTPUT) == NOTES
    with (
        pytest.raises(CassetteError, match="already exists"),
        uploading(OUTPUT, "refuse", reports.append),
    ):
        pass


def test_a_part_that_is_written_again_is_uploaded_again(store: Any) -> None:
    with uploading(OUTPUT, "refuse", print) as upload:
        assert upload is not None
        upload.start()
        written_parts(upload.local, NOTES[:2])
        assert upload.finish()
        again = upload.local.with_name("again")
        written_parts(again, NOTES[2:3])
        again.rename(upload.local)
        assert upload.finish()
    with Cassette.open(OUTPUT, with_parts=False) as first:
        assert list(first.notes()) == NOTES[2:3]


def left(output: ObjectPath) -> Path:
    """Leave parts as a recorder that was killed."""
    folder = UploadFolder.create(output)
    written_parts(folder.path / output.name, NOTES)
    folder.close()
    return folder.path


def test_what_killed_recorders_left_is_uploaded_by_one_that_runs(store: Any) -> None:
    others = [ObjectPath(f"memory://bucket/day/{name}.yaml") for name in "xy"]
    reports = list[str]()
    folders = [left(others[0])]
    with uploading(OUTPUT, "refuse", reports.append) as upload:
        assert upload is not None
        upload.start()
        wait_for(lambda: not folders[0].exists())
        folders.append(left(others[1]))
        wait_for(lambda: not folders[1].exists())
    assert reports == [f"{other}: uploaded what an earlier recorder left" for other in others]
    assert [notes_in(other) for other in others] == [NOTES, NOTES]


def test_what_was_left_under_the_same_name_is_uploaded_first(store: Any) -> None:
    left(OUTPUT)
    with (
        pytest.raises(CassetteError, match="already exists"),
        uploading(OUTPUT, "refuse", print),
    ):
        pass
    assert notes_in(OUTPUT) == NOTES


def test_the_folder_of_another_process_is_left_alone(store: Any) -> None:
    folder = UploadFolder.create(OUTPUT)
    written_parts(folder.path / OUTPUT.name, NOTES)
    assert list(left_folders()) == []
    join_folder(folder.path / OUTPUT.name)
    folder.close()
    assert list(left_folders()) == []  # The process that writes still works in it.
    with (
        pytest.raises(CassetteError, match="another recorder is writing to it"),
        uploading(OUTPUT, "overwrite", print),
    ):
        pass
    assert store.find("memory://") == []


def test_an_upload_that_fails_is_reported_once_and_tried_again(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports, attempts = list[str](), list[str]()
    put_file = store.put_file

    def refuse(local: str, name: str) -> None:
        attempts.append(name)
        if len(attempts) < 3:
            raise OSError(5, "busy")
        put_file(local, name)

    monkeypatch.setattr(type(store), "put_file", lambda self, local, name: refuse(local, name))
    with uploading(OUTPUT, "refuse", reports.append) as upload:
        assert upload is not None
        upload.start()
        written_parts(upload.local, NOTES)
        wait_for(lambda: len(attempts) > 2)
        assert upload.finish()
    failed, works = reports
    assert failed.startswith(f"{OUTPUT}: cannot be uploaded: ")
    assert failed.endswith("busy")
    assert works == f"{OUTPUT}: uploading works again"
    assert notes_in(OUTPUT) == NOTES
