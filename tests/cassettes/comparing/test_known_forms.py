"""Forms that are found by their texts are those of documents that are read in the usual way."""

import pytest
from support.captured_cassettes import captured as captured
from support.cassette_builder import said, stream, written

from mesotape.cassettes.comparing import transcript
from mesotape.cassettes.comparing.known_forms import KnownForms, divide
from mesotape.cassettes.matching.ignore_rules import IgnoreRules
from mesotape.cassettes.storage.reader import Cassette


def tables(path, known, *rules):
    """Return what a transcript has of each message, with the ids as they were numbered."""
    with Cassette.open(path) as cassette:
        read = transcript.Transcript(cassette, IgnoreRules(rules, with_answers=True), known)
        for _ in read.read():
            pass
        messages, ids = read.messages, read.ids
        found = [
            (messages.label(n), messages.kind(n), messages.digests[n], list(messages.ids(n)))
            for n in range(len(messages.digests))
        ]
        calls = [(each.number, each.line, each.facts, each.scope) for each in read.calls]
        described = list(zip(ids.kinds, ids.digests, ids.owners, ids.spellings, strict=True))
        return found, calls, described


@pytest.fixture
def slowly(monkeypatch):
    """Return the tables without known forms."""

    def read(path, *rules):
        with monkeypatch.context() as patched:
            patched.setattr(transcript, "divide", lambda text, context: None)
            return tables(path, KnownForms(), *rules)

    return read


@pytest.mark.parametrize("rules", [(), ("task-ids", "*:task_updated.status.uuid")])
@pytest.mark.parametrize(
    "name",
    [
        "two-clients",
        "master-subscribe-json",
        "scheduler-protobuf-execute",
        "executor-api",
        "agent-session",
        "master-errors",
        "all-events",
    ],
)
def test_captures_are_read_alike(captured, slowly, name, rules):
    expected = slowly(captured(name), *rules)
    known = KnownForms()
    assert tables(captured(name), known, *rules) == expected
    assert len(known) > 0
    assert tables(captured(name), known, *rules) == expected


def update(task, *, name="a", source="SOURCE_MASTER", label="x", agent="S1", more=""):
    text = said(
        "TASK_ADDED",
        task_added={
            "task": {
                "name": name,
                "task_id": {"value": task},
                "framework_id": {"value": "F"},
                "agent_id": {"value": agent},
                "state": "TASK_RUNNING",
                "statuses": [
                    {"task_id": {"value": task}, "state": "TASK_RUNNING", "timestamp": 5.5}
                ],
                "labels": {"labels": [{"key": "name", "value": label}]},
            }
        },
    )
    return text.replace("}", more + "}", 1) if more else text


PAIRS = {
    "other ids": (update("t-1"), update("t-2")),
    "an id that is empty": (update("t-1"), update("")),
    "equal ids": (update("t-1", agent="t-1"), update("t-1", agent="t-2")),
    "ids in names": (update("t-1", name="t-1-a"), update("t-2", name="t-2-a")),
    "an id in a label": (update("7", name="7", label="7"), update("8", name="8", label="8")),
    "two ids in a name": (
        update("ab", agent="bc", name="abc"),
        update("bc", agent="ab", name="abc"),
    ),
    "an id in the name of another message": (
        update("t-1", label="t-1"),
        update("t-2", label="t-2"),
    ),
    "a name with escapes": (update("t", name='t"t'), update("u", name='u"u')),
}


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_events_that_differ_in_ids_are_read_alike(tmp_path, slowly, pair):
    events = [(0.1 * n, body) for n, body in enumerate([*pair, *pair[::-1]], 1)]
    path = written(tmp_path / "cassette.yaml", stream(1, 0.0, events))
    assert tables(path, KnownForms()) == slowly(path)


@pytest.mark.parametrize(
    ("text", "is_divided"),
    [
        (b'{"task_id": {"value": "t"}}', True),
        (b'{"name": "tt", "task_id": {"value": "t"}}', True),
        (b'{"name": "tu", "task_id": {"value": "t"}, "agent_id": {"value": "u"}}', False),
        (rb'{"task_id": {"value": "\u0074"}}', False),
        (b'{"data": "%b"}' % (b"x" * 20_000), False),
    ],
)
def test_an_unusual_text_is_not_divided(text, is_divided):
    assert (divide(text, None) is not None) == is_divided


def test_texts_with_other_ids_have_one_key():
    first, second = (
        divide(b'{"offer_ids":[{"value":"%b"},{"value":"%b"}],"timestamp":%b}' % values, None)
        for values in ((b"o1", b"o2", b"1.5"), (b"o3", b"o4", b"7"))
    )
    assert first.key == second.key
    assert (first.ids, second.ids) == ([b"o1", b"o2"], [b"o3", b"o4"])
