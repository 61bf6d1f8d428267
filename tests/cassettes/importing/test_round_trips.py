"""What is exported and imported again is the same cassette."""

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace
from support.captures import names_for_formats
from support.cassette_builder import call, said, stream, written
from support.imported_files import documents, export, import_file

from mesotape.cassettes.format.documents import End, Event, Exchange, Note
from mesotape.cassettes.interchange.losses import Losses
from mesotape.cassettes.redaction.rules import DEFAULT_RULES
from mesotape.cassettes.storage.reader import Cassette
from mesotape.cassettes.validation.judge import find_problems

_MOST_EXAMINED_BYTES = 1 << 18
"""To examine a longer cassette takes too long for a test."""


@pytest.mark.parametrize("name", names_for_formats())
@pytest.mark.parametrize("suffix", [".har", ".flow"])
def test_a_capture_comes_back(
    name: str, suffix: str, captured: Callable[[str], Path], tmp_path: Path
) -> None:
    path, losses = captured(name), Losses()
    file = export(path, tmp_path / f"c{suffix}", losses)
    back = import_file(file, tmp_path / "back.yaml", losses)
    assert documents(back) == documents(path)
    assert [*losses] == []
    if path.stat().st_size < _MOST_EXAMINED_BYTES:
        with Cassette.open(path) as old, Cassette.open(back) as new:
            assert len(find_problems(new)) == len(find_problems(old))


@pytest.mark.parametrize("suffix", [".har", ".flow"])
def test_placeholders_stay_and_no_secret_is_new(
    suffix: str, captured: Callable[[str], Path], tmp_path: Path
) -> None:
    """A cassette that was redacted comes back with the same placeholders."""
    plain = export(captured("secrets-agent"), tmp_path / f"plain{suffix}", Losses())
    once = import_file(plain, tmp_path / "once.yaml", Losses(), DEFAULT_RULES)
    assert b"CANARY" not in once.read_bytes()
    file = export(once, tmp_path / f"c{suffix}", Losses())
    assert b"CANARY" not in file.read_bytes()
    twice = import_file(file, tmp_path / "twice.yaml", Losses(), DEFAULT_RULES)
    assert documents(twice) == documents(once)


@pytest.mark.parametrize("suffix", [".har", ".flow"])
def test_an_exchange_stays_before_an_event_of_the_same_time(suffix: str, tmp_path: Path) -> None:
    assert 0.527020 + 0.031703 > 0.558723
    (subscribed, event) = stream(1, 0.527020, [(0.558723, said("HEARTBEAT"))])
    assert isinstance(subscribed, Exchange)
    response = replace(subscribed.response, after=0.031703)
    other = call(2, 0.6, said("GET_HEALTH"), said("GET_HEALTH"))
    path = written(tmp_path / "c.yaml", [replace(subscribed, response=response), event], other)
    file = export(path, tmp_path / f"c{suffix}", Losses())
    back = import_file(file, tmp_path / "back.yaml", Losses())
    assert back.read_bytes().index(b"\nexchange: 1\n") < back.read_bytes().index(b"\nevent: 1\n")


@pytest.mark.parametrize("suffix", [".har", ".flow"])
def test_what_a_recorder_rarely_writes_comes_back(suffix: str, tmp_path: Path) -> None:
    told = stream(1, 0.0, [(0.5, said("HEARTBEAT"))])
    late = Event(event=2, of=1, at=2.0, chunks=[(5, 1.0), (10, 2.0)], json='{\n  "type": "A"\n}')
    broken = Event(event=3, of=1, at=3.0, offset=38, base64=b"x\n", malformed="no length")
    notes = [Note(note="paused", at=2.5, of=1), Note(note="the disk was full", at=2.5)]
    end = End(end=1, at=4.0, cause="server-cut")
    path = written(tmp_path / "c.yaml", [*told, late, broken, *notes, end])
    file = export(path, tmp_path / f"c{suffix}", Losses())
    back = import_file(file, tmp_path / "back.yaml", Losses())
    with Cassette.open(path) as old, Cassette.open(back) as new:
        assert [*new.notes()] == [*old.notes()]
        assert new.stream_end(1) == old.stream_end(1)
        times = [(event.at, event.chunks) for event in new.events(1)]
        assert times[:2] == [(event.at, event.chunks) for event in old.events(1)][:2]


@pytest.mark.parametrize("suffix", [".har", ".flow"])
def test_a_stream_without_an_end_has_none_afterwards(suffix: str, tmp_path: Path) -> None:
    told = stream(1, 0.0, [(0.5, said("HEARTBEAT"))])
    path = written(tmp_path / "c.yaml", told)
    back = import_file(
        export(path, tmp_path / f"c{suffix}", Losses()), tmp_path / "back.yaml", Losses()
    )
    with Cassette.open(back) as cassette:
        assert cassette.stream_end(1) is None
        assert len([*cassette.events(1)]) == 1


@pytest.mark.parametrize("suffix", [".har", ".flow"])
def test_documents_are_in_the_order_of_time(
    suffix: str, captured: Callable[[str], Path], tmp_path: Path
) -> None:
    file = export(captured("two-clients"), tmp_path / f"c{suffix}", Losses())
    back = import_file(file, tmp_path / "back.yaml", Losses())
    times = list[float]()
    with Cassette.open(back) as cassette:
        for document, _ in cassette.documents():
            match document:
                case Exchange():
                    times.append(document.at + document.response.after)
                case Event() | End() | Note():
                    times.append(document.at)
                case _:
                    pass
    assert times == sorted(times)
