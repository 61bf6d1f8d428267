"""A renamed cassette is sound, plays, and has the same names in both encodings."""

import asyncio
import re
from pathlib import Path

import pytest
from support.cut_cassettes import captured, live, replay
from support.paths import ROOT
from support.playback_cassettes import STREAM, exchange

from mesotape.cassettes.format.documents import CassetteError, Exchange
from mesotape.cassettes.renaming.renaming import rename_cassette
from mesotape.cassettes.storage.reader import Cassette
from mesotape.cassettes.storage.recorded_bodies import encode_request
from mesotape.cassettes.validation.judge import find_problems

NAMES = [
    "scheduler-json-pymesos",
    "scheduler-protobuf-execute",
    "all-events",
    "agent-session",
    "master-unary-json",
    "master-unary-protobuf",
    "executor-api",
]
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("renamed")


@pytest.mark.parametrize("name", NAMES)
def test_a_capture_is_sound_plays_and_has_new_names(name: str, folder: Path) -> None:
    path, output = captured(name, folder), folder / f"{name}-renamed.yaml"
    result = rename_cassette(path, output)
    assert result.counts
    text = output.read_text()
    old_names = {each for each in UUID.findall(text) if not each.startswith("00000000-")}
    assert bool(old_names) == bool(result.left) == (name == "executor-api")
    with Cassette.open(path) as cassette:
        known = [each.code for each in find_problems(cassette)]
    with Cassette.open(output) as cassette:
        assert [each.code for each in find_problems(cassette)] == known
        replay(cassette)
        assert list(wrong_lengths(cassette)) == []
    assert text.count("\n---\n") == path.read_text().count("\n---\n")
    again = folder / "again.yaml"
    rename_cassette(output, again)
    assert again.read_bytes() == output.read_bytes()


def wrong_lengths(cassette: Cassette):
    """Yield exchanges whose request has another length than its head says."""
    for each in cassette.exchanges():
        length = each.request.headers.get("Content-Length")
        if each.request.json is None or length is None:
            continue
        if int(str(length)) != len(encode_request(cassette, each, None)):
            yield each.exchange


@pytest.mark.parametrize(
    ("name", "number"), [("scheduler-json-execute", 1), ("scheduler-protobuf-execute", 1)]
)
def test_a_scheduler_plays_it_to_its_end(name: str, number: int, folder: Path) -> None:
    output = folder / f"{name}-played.yaml"
    rename_cassette(captured(name, folder), output)
    assert asyncio.run(live(output, output, number)) > 0


def test_both_encodings_have_the_same_names(tmp_path: Path) -> None:
    output = tmp_path / "renamed.yaml"
    rename_cassette(ROOT / "cassettes" / "samples" / "master.yaml", output)
    with Cassette.open(output) as cassette:
        json, proto = (list(cassette.events(number)) for number in (1, 2))
    found = [
        (re.findall(r'"((?:agent|framework|container)-\d+)"', (each.json or each.proto or "")))
        for events in (json, proto)
        for each in events
    ]
    half = len(found) // 2
    assert [set(each) for each in found[:half]] == [set(each) for each in found[half:]]
    assert any(found)


HAND_WRITTEN = """---
mesotape: 1
server: agent
recorded_at: 2026-11-22T12:18:29.104233Z
upstream: http://node7.corp.net:5051
...
# a comment on node7.corp.net
---
exchange: 1
at: 0.1
client: 1
peer: "10.1.2.3:40000"
request:
  method: GET
  path: /files/read?path=/slaves/e569076e-deef-4401-a45a-d2f47ce055ff-S0/stdout
  headers:
    Host: node7.corp.net:5051
response:
  after: 0.1
  status: 307
  headers:
    Date: Sun, 22 Nov 2026 12:18:29 GMT
    Location: //node8.corp.net:5051/
  base64: "ZTU2OTA3NmUtZGVlZi00NDAxLWE0NWEtZDJmNDdjZTA1NWZmLVMw"
...
---
note: node7.corp.net was slow
at: 3.0
...
# the last
"""


def test_headers_paths_notes_and_what_is_left(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(HAND_WRITTEN)
    result = rename_cassette(tmp_path / "a.yaml", tmp_path / "b.yaml")
    with Cassette.open(tmp_path / "b.yaml") as cassette:
        header, (only,), (note,) = cassette.header, cassette.exchanges(), cassette.notes()
    text = (tmp_path / "b.yaml").read_text()
    assert "\n# a comment on host-1.example\n---\n" in text
    assert text.endswith("...\n# the last\n")
    assert header.upstream == "http://host-1.example:5051"
    assert header.recorded_at.isoformat() == "2000-01-01T00:00:00.104233+00:00"
    assert isinstance(only, Exchange)
    assert only.peer == "192.0.2.1:40000"
    assert only.request.path == "/files/read?path=/slaves/agent-1/stdout"
    assert only.request.headers == {"Host": "host-1.example:5051"}
    assert only.response.headers == {
        "Date": "Sat, 01 Jan 2000 00:00:00 GMT",
        "Location": "//host-2.example:5051/",
    }
    assert note.note == "host-1.example was slow"
    assert result.left == [f"{tmp_path / 'a.yaml'}:9"]


MESSAGES = [
    ("text: {plain}", True),
    ('text: "\\n\\x27{plain}"', False),
    ('text: "\\x08\\x01\\n\\x27{plain}"', False),
]


@pytest.mark.parametrize(("body", "is_renamed"), MESSAGES, ids=[each[0] for each in MESSAGES])
def test_a_message_that_is_shown_as_text_is_not_damaged(
    body: str, is_renamed: bool, tmp_path: Path
) -> None:
    agent = "e569076e-deef-4401-a45a-d2f47ce055ff-S0"
    answer = f"status: 200\n  {body.format(plain=agent)}"
    text = HAND_WRITTEN.partition("# a comment")[0] + exchange(1, b"{}", answer)
    (tmp_path / "a.yaml").write_text(text)
    result = rename_cassette(tmp_path / "a.yaml", tmp_path / "b.yaml")
    with Cassette.open(tmp_path / "b.yaml") as cassette:
        text = cassette.exchange(1).response.text or ""
    assert ("agent-1" in text, agent in text) == (is_renamed, not is_renamed)
    assert len(result.left) == (not is_renamed)


def test_chunks_follow_the_new_lengths(tmp_path: Path) -> None:
    written = HAND_WRITTEN.partition("# a comment")[0] + exchange(1, b"{}", STREAM)
    agent = "e569076e-deef-4401-a45a-d2f47ce055ff-S0"
    text = f'{{"id": "{agent}"}}'
    size = len(text)
    written += f"---\nevent: 1\nof: 1\nat: 1\nchunks: [[9, 1], [{size - 6}, 2]]\n"
    (tmp_path / "a.yaml").write_text(f"{written}json: '{text}'\n...\n")
    rename_cassette(tmp_path / "a.yaml", tmp_path / "b.yaml")
    with Cassette.open(tmp_path / "b.yaml") as cassette:
        (renamed,) = cassette.events(1)
    assert renamed.json == '{"id": "agent-1"}'
    assert renamed.chunks == [(9, 1.0), (size - 6 - len(agent) + len("agent-1"), 2.0)]


def test_only_what_is_asked_for_changes(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(HAND_WRITTEN)
    result = rename_cassette(
        tmp_path / "a.yaml", tmp_path / "b.yaml", ids=False, hosts=False, times=False
    )
    assert (result.counts, result.moved_seconds, result.left) == ({}, 0, [])
    assert (tmp_path / "b.yaml").read_text() == HAND_WRITTEN


def test_the_input_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(HAND_WRITTEN)
    with pytest.raises(CassetteError, match="is a cassette that is read"):
        rename_cassette(tmp_path / "a.yaml", tmp_path / "a.yaml")
