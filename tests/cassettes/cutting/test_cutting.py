"""A cut cassette is sound, plays, and has the documents of the original byte for byte."""

import asyncio
import gzip
import re
from pathlib import Path

import pytest
from support.cut_cassettes import captured, cut, documents, live, replay
from support.playback_cassettes import STREAM, exchange

from mesotape.cassettes.cutting.choice import Choice
from mesotape.cassettes.cutting.cutting import NothingChosenError, cut_cassette
from mesotape.cassettes.format.documents import CassetteError
from mesotape.cassettes.storage.reader import Cassette
from mesotape.cassettes.validation.judge import find_problems

SUBSCRIBE = b'{"type":"SUBSCRIBE"}'

CHOICES = [
    ("scheduler-json-pymesos", Choice(since=5, until=15)),
    ("scheduler-json-pymesos", Choice(until=2.5)),
    ("scheduler-json-pymesos", Choice(since=20)),
    ("scheduler-json-pymesos", Choice(calls=("ACCEPT",))),
    ("scheduler-json-pymesos", Choice(types=("UPDATE",))),
    ("scheduler-json-pymesos", Choice(calls=("KILL",), types=("UPDATE",))),
    ("scheduler-json-pymesos", Choice(clients=("3",))),
    ("scheduler-protobuf-execute", Choice(types=("UPDATE",))),
    ("scheduler-protobuf-execute", Choice(calls=("KILL",))),
    ("scheduler-protobuf-execute", Choice(since=8, until=30)),
    ("scheduler-json-execute", Choice(calls=("ACKNOWLEDGE",), until=1)),
    ("sched-all", Choice(parties=("operator",))),
    ("sched-all", Choice(until=10)),
    ("all-events", Choice(types=("TASK_ADDED", "TASK_UPDATED"))),
    ("master-subscribe-json", Choice(types=("TASK_UPDATED",), clients=("1",))),
    ("master-subscribe-protobuf", Choice(since=10, until=20)),
    ("agent-session", Choice(until=3)),
    ("agent-session", Choice(parties=("container",))),
    ("executor-api", Choice(parties=("executor",), types=("LAUNCH",))),
    ("master-mixed", Choice(calls=("GET_HEALTH", "/version"))),
    ("master-unary-json", Choice(servers=("127.0.0.1:15060",), calls=("GET_STATE",))),
    ("stream-ends", Choice(until=20)),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cut")


@pytest.mark.parametrize(("name", "choice"), CHOICES, ids=[f"{n}: {c}" for n, c in CHOICES])
def test_what_is_kept_is_sound_plays_and_has_the_same_bytes(
    name: str, choice: Choice, folder: Path
) -> None:
    original, output = cut(name, folder, choice)
    before, after = documents(original), documents(output)
    assert after
    assert after.total() < before.total()
    assert after <= before
    with Cassette.open(original) as cassette:
        known = {(each.code, each.text) for each in find_problems(cassette)}
    with Cassette.open(output) as cassette:
        assert {(each.code, each.text) for each in find_problems(cassette)} <= known
        replay(cassette)


NEEDS = [
    ("the stream of a call", "scheduler-json-pymesos", Choice(calls=("REVIVE",)), {1, 2, 17}, 4),
    (
        "calls that hold an event",
        "scheduler-json-pymesos",
        Choice(types=("OFFERS",), since=4, until=9),
        {1, 2, 16, 17, 18, 19},
        3,
    ),
    (
        "what came before of a task",
        "scheduler-json-pymesos",
        Choice(calls=("KILL",)),
        {1, 2, 7, 11, 12, 25},
        9,
    ),
    (
        "the answers to events",
        "scheduler-json-pymesos",
        Choice(until=1.588),
        {1, 2, *range(3, 8)},
        7,
    ),
    (
        "the call that ends a stream",
        "scheduler-json-pymesos",
        Choice(types=("HEARTBEAT",), since=30),
        {1, 2, 28},
        2,
    ),
    (
        "heartbeats of a stream that calls need",
        "scheduler-json-pymesos",
        Choice(clients=("3",), since=15, until=17),
        {1, 2, 21},
        3,
    ),
    ("the output of an input", "agent-session", Choice(clients=("11",)), {10, 11}, 9),
]


@pytest.mark.parametrize(
    ("name", "choice", "exchanges", "events"),
    [each[1:] for each in NEEDS],
    ids=[n[0] for n in NEEDS],
)
def test_what_is_chosen_keeps_what_it_needs(
    name: str, choice: Choice, exchanges: set[int], events: int, folder: Path
) -> None:
    _, output = cut(name, folder, choice)
    with Cassette.open(output) as cassette:
        kept = list(cassette.exchanges())
        assert {each.exchange for each in kept} == exchanges
        sides = ("server", "client")
        numbers = [cassette.last_event_number(e.exchange, side) for e in kept for side in sides]
    assert sum(numbers) == events


SCHEDULERS = [
    ("scheduler-json-pymesos", 2, Choice(since=5, until=15)),
    ("scheduler-json-pymesos", 2, Choice(until=2.5)),
    ("scheduler-json-pymesos", 2, Choice(calls=("ACCEPT",))),
    ("scheduler-json-pymesos", 2, Choice(types=("UPDATE",))),
    ("scheduler-json-pymesos", 2, Choice(calls=("KILL",))),
    ("scheduler-protobuf-execute", 1, Choice(types=("UPDATE",))),
    ("scheduler-json-execute", 1, Choice(since=1)),
]


@pytest.mark.parametrize(
    ("name", "number", "choice"), SCHEDULERS, ids=[f"{n}: {c}" for n, _, c in SCHEDULERS]
)
def test_a_scheduler_plays_it_to_its_end(
    name: str, number: int, choice: Choice, folder: Path
) -> None:
    original, output = cut(name, folder, choice)
    assert asyncio.run(live(output, original, number)) > 0


SMALL = """---
mesotape: 1
server: master
recorded_at: 2026-11-22T12:18:29.104233Z
...
{exchanges}# before the first event
---
event: 1
of: 1
at: 0.2
json: {{type: SUBSCRIBED}}
...
---
event: 2
of: 1
at: 5.0
json: {{type: HEARTBEAT}}
...
# before the last
---
event:   3 # by hand
of: 1
at: 10.0
json: {{type: TASK_ADDED}}
...
{end}---
note: a note
at: 4.0
...
---
note: a note of the stream
at: 20.0
of: 1
...
"""

END = "---\nend: 1\nat: 12.0\ncause: client\n...\n"


def small(path: Path, end: str = END) -> Path:
    path.write_text(SMALL.format(exchanges=exchange(1, SUBSCRIBE, STREAM, at=0.1), end=end))
    return path


ENDS = [
    ("the end is in the time chosen", Choice(until=12), END, (12.0, "client")),
    ("the end is after it", Choice(until=6), END, (6.0, "stopped")),
    ("an event is after it", Choice(until=6), "", (6.0, "stopped")),
    ("it goes on to the end of the recording", Choice(since=1), "", None),
    ("it ends later than the last event", Choice(types=("HEARTBEAT",)), END, (12.0, "client")),
]


@pytest.mark.parametrize(
    ("choice", "end", "expected"), [each[1:] for each in ENDS], ids=[each[0] for each in ENDS]
)
def test_a_stream_ends_as_recorded_or_where_it_was_cut(
    choice: Choice, end: str, expected: tuple[float, str] | None, tmp_path: Path
) -> None:
    cut_cassette(small(tmp_path / "a.yaml", end), choice, tmp_path / "b.yaml")
    with Cassette.open(tmp_path / "b.yaml") as cassette:
        found = cassette.stream_end(1)
    assert (found and (found.at, found.cause)) == expected


@pytest.mark.parametrize("suffix", [".yaml", ".yaml.gz"])
def test_comments_notes_and_the_layout_of_a_person_stay(suffix: str, tmp_path: Path) -> None:
    output = tmp_path / f"b{suffix}"
    result = cut_cassette(small(tmp_path / "a.yaml"), Choice(since=6), output)
    assert (result.events, result.chosen_events, result.all_events) == (2, 1, 3)
    data = output.read_bytes()
    text = (gzip.decompress(data) if suffix.endswith("gz") else data).decode()
    assert 'note: "cut from a.yaml: --since 6"' in text
    assert "# before the last\n---\nevent:   2 # by hand\n" in text
    assert "# before the first event" in text
    assert "a note of the stream" in text
    assert "a note\n" not in text
    with Cassette.open(output) as cassette:
        assert find_problems(cassette) == []


def test_a_stream_ends_after_a_file_without_its_last_line_end(tmp_path: Path) -> None:
    path = small(tmp_path / "a.yaml", "")
    text = path.read_text()
    path.write_text(text + text[text.index("---\nnote: a note of") :].strip())
    cut_cassette(path, Choice(until=6), tmp_path / "b.yaml")
    with Cassette.open(tmp_path / "b.yaml") as cassette:
        assert cassette.stream_end(1) is not None
        assert len(list(cassette.notes())) == 4


def test_parts_become_one_file(tmp_path: Path) -> None:
    path = small(tmp_path / "a.yaml")
    head, rest = path.read_text().split("# before the last\n")
    path.write_text(head)
    header = head[: head.index("...\n")]
    path.with_name("a.2.yaml").write_text(f"{header}part: 2\n...\n{rest}")
    cut_cassette(path, Choice(since=6), tmp_path / "b.yaml")
    with Cassette.open(tmp_path / "b.yaml") as cassette:
        assert [event.at for event in cassette.events(1)] == [0.2, 10.0]


REFUSED = [
    ("a.yaml", "b.yaml", Choice(calls=("KILL",)), "nothing is chosen by --call KILL"),
    ("a.yaml", "b.yaml", Choice(parties=("x",)), "the parties are operator on connection 1"),
    ("a.yaml", "b.yaml", Choice(since=100), "nothing is chosen by --since 100"),
    ("a.yaml", "a.yaml", Choice(since=6), "is a cassette that is read"),
    ("twice.yaml", "b.yaml", Choice(since=6), "run mesotape validate --fix first"),
]


@pytest.mark.parametrize(("name", "output", "choice", "text"), REFUSED, ids=[r[3] for r in REFUSED])
def test_what_cannot_be_cut_is_refused_and_nothing_is_written(
    name: str, output: str, choice: Choice, text: str, tmp_path: Path
) -> None:
    small(tmp_path / "a.yaml")
    twice = small(tmp_path / "twice.yaml", exchange(1, at=11))
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert twice in before
    with pytest.raises((CassetteError, NothingChosenError), match=re.escape(text)):
        cut_cassette(tmp_path / name, choice, tmp_path / output)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_progress_never_goes_back(tmp_path: Path) -> None:
    percents: list[int] = []
    path = captured("scheduler-json-pymesos", tmp_path)
    cut_cassette(path, Choice(calls=("KILL",)), tmp_path / "out.yaml", percents.append)
    assert percents == sorted(percents)
    assert 40 < max(percents) <= 100


def test_nothing_chosen_has_an_error_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(NothingChosenError):
        cut_cassette(small(tmp_path / "a.yaml"), Choice(since=100), tmp_path / "b.yaml")
