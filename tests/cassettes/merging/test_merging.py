"""Merged cassettes are sound, play, and have the documents of all, on one clock."""

import asyncio
import re
from collections import Counter
from pathlib import Path

import pytest
from support.cut_cassettes import captured, documents, live, replay
from support.playback_cassettes import STREAM, end, exchange

from mesotape.cassettes.cutting.choice import Choice
from mesotape.cassettes.cutting.cutting import cut_cassette
from mesotape.cassettes.format.documents import CassetteError
from mesotape.cassettes.merging.merging import merge_cassettes
from mesotape.cassettes.storage.reader import Cassette
from mesotape.cassettes.validation.judge import find_problems

CLIENT = re.compile(rb"^client: .*\n", re.MULTILINE)
HEADER = "---\nmesotape: 1\nserver: {server}\nrecorded_at: {at}\n...\n"
EVENT = "---\nevent: {}\nof: {}\nat: {}\n{}json: {{type: HEARTBEAT}}\n...\n"
SUBSCRIBE = b'{"type":"SUBSCRIBE"}'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("merged")


@pytest.mark.parametrize("name", ["scheduler-protobuf-execute", "all-events", "agent-session"])
def test_the_parts_of_a_cassette_become_the_cassette_again(name: str, folder: Path) -> None:
    whole = captured(name, folder)
    with Cassette.open(whole) as cassette:
        clients = [str(number) for number in range(1, cassette.last_client_number + 1)]
        known = [each.code for each in find_problems(cassette)]
    parts = [folder / f"{name}-{number}.yaml" for number in (0, 1)]
    for number, part in enumerate(parts):
        cut_cassette(whole, Choice(clients=tuple(clients[number::2])), part)
    output = folder / "merged.yaml"
    result = merge_cassettes(parts, output)
    kept = [documents(part).total() for part in parts]
    assert result.cassettes == 2
    merged = without_clients(documents(output))
    assert merged.total() == sum(kept)
    if sum(kept) == documents(whole).total():  # no part needed something of the other
        assert merged == without_clients(documents(whole))
    with Cassette.open(output) as cassette:
        assert sorted(each.code for each in find_problems(cassette)) == sorted(known)
        replay(cassette)


def without_clients(found: Counter[bytes]) -> Counter[bytes]:
    """Leave out the numbers of connections."""
    return Counter({CLIENT.sub(b"", data): count for data, count in found.items()})


def test_the_schedulers_of_both_play_to_their_ends(folder: Path) -> None:
    names = ("scheduler-json-pymesos", "scheduler-json-execute")
    output = folder / "both.yaml"
    merge_cassettes([captured(name, folder) for name in names], output)
    with Cassette.open(output) as cassette:
        numbers = [e.exchange for e in cassette.exchanges() if e.response.stream]
    assert len(numbers) == 2
    for number in numbers:
        assert asyncio.run(live(output, output, number)) > 0


def written(path: Path, at: str, *texts: str, server: str = "master") -> Path:
    path.write_text(HEADER.format(server=server, at=at) + "".join(texts))
    return path


def test_times_are_on_the_clock_of_the_first(tmp_path: Path) -> None:
    later = written(
        tmp_path / "later.yaml",
        "2026-11-22T14:00:02.5+02:00",
        "# first\n",
        exchange(7, SUBSCRIBE, STREAM, at=1.0),
        EVENT.format(1, 7, 1.25, "chunks: [[10, 1.25], [13, 1.5]]\n"),
        "---\nevent: 2 # by hand\nof: 7\nat: 2\njson: {type: HEARTBEAT}\n...\n",
        end(7, 3.0, "client"),
        "---\nnote: slow\nat: 3.5\nof: 7\n...\n",
    )
    earlier = written(
        tmp_path / "earlier.yaml", "2026-11-22T12:00:00Z", exchange(3, at=2.0), exchange(9, at=9.0)
    )
    merge_cassettes([later, earlier], tmp_path / "out.yaml")
    with Cassette.open(tmp_path / "out.yaml") as cassette:
        assert cassette.header.recorded_at.isoformat() == "2026-11-22T12:00:00+00:00"
        exchanges = [(each.exchange, each.at, each.client) for each in cassette.exchanges()]
        assert exchanges == [(1, 2.0, 2), (2, 3.5, 1), (3, 9.0, 2)]
        first, second = cassette.events(2)
        assert (first.at, first.chunks, second.at) == (3.75, [(10, 3.75), (13, 4.0)], 4.5)
        last = cassette.stream_end(2)
        assert last is not None
        assert (last.at, last.cause) == (5.5, "client")
        assert [(note.note, note.at, note.of) for note in cassette.notes()] == [
            ("merged from later.yaml, earlier.yaml", 0.0, None),
            ("slow", 6.0, 2),
        ]
        assert find_problems(cassette) == []
    text = (tmp_path / "out.yaml").read_text()
    assert "# first\n" in text
    kinds = re.findall(r"^(exchange|event|end|note): *(\d*)", text, re.MULTILINE)
    assert [f"{kind} {number}".strip() for kind, number in kinds] == [
        "note",
        "exchange 1",
        "exchange 2",
        "event 1",
        "event 2",
        "end 2",
        "note",
        "exchange 3",
    ]


REFUSED = [
    (("a.yaml", "agent.yaml"), "a.yaml: of a master: a cassette has one kind of server: merge"),
    (("a.yaml", "twice.yaml"), "two exchanges have the number 1: run mesotape validate --fix"),
    (("a.yaml", "out.yaml"), "out.yaml: is a cassette that is read: choose another file"),
    (("a.yaml", "none.yaml"), "none.yaml: there is no such file"),
]


@pytest.mark.parametrize(("names", "text"), REFUSED, ids=[each[1] for each in REFUSED])
def test_what_cannot_be_merged_is_refused(
    names: tuple[str, ...], text: str, tmp_path: Path
) -> None:
    at = "2026-11-22T12:00:00Z"
    for name in ("a.yaml", "out.yaml"):
        written(tmp_path / name, at, exchange(1))
    written(tmp_path / "agent.yaml", at, exchange(1), server="agent")
    written(tmp_path / "twice.yaml", at, exchange(1), exchange(1))
    before = (tmp_path / "out.yaml").read_bytes()
    with pytest.raises(CassetteError, match=re.escape(text)):
        merge_cassettes([tmp_path / name for name in names], tmp_path / "out.yaml")
    assert (tmp_path / "out.yaml").read_bytes() == before


def test_a_file_without_its_last_line_end_is_merged(tmp_path: Path) -> None:
    at = "2026-11-22T12:00:00Z"
    paths = [
        written(tmp_path / f"{number}.yaml", at, exchange(1, at=number).rstrip("\n"))
        for number in (1, 2)
    ]
    merge_cassettes(paths, tmp_path / "out.yaml")
    with Cassette.open(tmp_path / "out.yaml") as cassette:
        assert [each.at for each in cassette.exchanges()] == [1.0, 2.0]


def test_servers_that_cannot_be_told_apart_are_listed(tmp_path: Path) -> None:
    paths = [
        written(tmp_path / f"{name}.yaml", f"2026-11-22T12:00:00Z\nupstream: http://{name}:5050")
        for name in ("one", "two")
    ]
    result = merge_cassettes(paths, tmp_path / "out.yaml")
    assert result.mixed_servers == ["http://one:5050", "http://two:5050"]
    assert merge_cassettes(paths[:1] * 2, tmp_path / "out.yaml").mixed_servers == []
