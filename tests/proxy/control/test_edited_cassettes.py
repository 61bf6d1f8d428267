"""Cassettes that are edited while they are replayed, look by look."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.cassette_builder import call, said, written

from mesotape.cassettes.format.documents import CassetteError
from mesotape.cassettes.playback.playback import Playback
from mesotape.cassettes.storage.reader import Cassette
from mesotape.proxy.control.edited_cassettes import EditedCassettes


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return written(tmp_path / "a.yaml", call(1, 0.0, said("GET_HEALTH")))


@pytest.fixture
def edited(path: Path) -> Iterator[EditedCassettes]:
    def open_playback(files: ExitStack) -> Playback:
        return Playback(files.enter_context(Cassette.open(path, is_copied=True)))

    with ExitStack() as files:
        watched = EditedCassettes(open_playback(files), open_playback)
        files.callback(watched.close)
        yield watched


def count(playback: Playback | None) -> int | None:
    return None if playback is None else len(playback.cassettes[0])


def test_an_edit_is_opened_once_it_is_written(path: Path, edited: EditedCassettes) -> None:
    assert edited.look() is None
    written(path, call(1, 0.0, said("GET_HEALTH")), call(2, 1.0, said("GET_STATE")))
    assert [count(edited.look()) for _ in range(3)] == [None, 2, None]


def test_a_file_that_is_away_is_waited_for(path: Path, edited: EditedCassettes) -> None:
    data = path.read_bytes()
    path.unlink()
    assert [count(edited.look()) for _ in range(3)] == [None, None, None]
    path.write_bytes(data)
    assert [count(edited.look()) for _ in range(3)] == [None, 1, None]


def test_a_broken_edit_is_reported_once_and_can_be_corrected(
    path: Path, edited: EditedCassettes
) -> None:
    data = path.read_bytes()
    path.write_bytes(data.replace(b"mesotape: 1", b"mesotape: x"))
    assert edited.look() is None
    with pytest.raises(CassetteError):
        edited.look()
    assert edited.look() is None
    path.write_bytes(data)
    assert [count(edited.look()) for _ in range(2)] == [None, 1]


def test_what_is_not_read_any_more_is_closed(path: Path, edited: EditedCassettes) -> None:
    opened: list[Playback] = []
    for number in range(2, 6):
        written(path, *(call(each, float(each), said("GET_HEALTH")) for each in range(1, number)))
        edited.look()
        playback = edited.look()
        assert playback is not None
        opened.append(playback)
    is_open = [each.cassettes[0]._file.is_open for each in opened]  # pyright: ignore[reportPrivateUsage]
    assert is_open == [False, False, True, True]
