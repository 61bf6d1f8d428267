"""Objects that are passed over have nothing that reading them one by one would replace."""

import json
import os

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.hidden_secrets import WORD, HiddenSecrets, Json, hidden_secrets, to_json

from mesotape.cassettes.format.documents import Event
from mesotape.cassettes.redaction.json_text import JsonRedactor
from mesotape.cassettes.redaction.members import Member, MemberRedactor
from mesotape.cassettes.redaction.redactor import Redactor

FEW = settings(max_examples=int(os.environ.get("MESOTAPE_EXAMPLES", "100")), deadline=None)

NAMES = ("flags", "variables", "environment", "command", "arguments", "uris", "value", "secret")
NAME: st.SearchStrategy[str] = st.sampled_from(
    (*NAMES, "name", "key", "type", "data", "env", "labels", "a", "password")
)
TEXT = WORD | st.sampled_from(
    ("v", "80", "TRUE", "10secs", "a word", "hunter2-hunter2", "quiet", "work_dir", "port", "env")
)
TOKEN = st.sampled_from(
    (*'{}[],:" \n', '\\"', "\\", '"value":', '"name":', "1", "null")
) | st.one_of(NAME.map('"{}":'.format), TEXT.map(json.dumps), st.just('{"name":"a","value":"b"},'))


@st.composite
def pairs(draw: st.DrawFn) -> Json:
    """A list of names and values, as of flags, variables and labels."""
    one = st.fixed_dictionaries({"name": TEXT, "value": TEXT | st.integers()})
    typed = st.fixed_dictionaries({"name": TEXT, "type": st.just("VALUE"), "value": TEXT})
    other = st.dictionaries(NAME, TEXT, max_size=4)
    members = draw(st.lists(one | typed | other, max_size=6))
    return {draw(NAME): [dict[str, Json](each) for each in members]}


def any_values() -> st.SearchStrategy[Json]:
    return st.recursive(
        TEXT | st.integers() | st.none() | pairs(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAME, inner, max_size=4),
        max_leaves=12,
    )


def redact(source: str) -> tuple[str | None, dict[str, int], set[tuple[str, str]]]:
    """Return redacted JSON, how often each rule fired, and where."""
    redactor = Redactor()
    places = set[tuple[str, str]]()
    redactor.on_found(lambda rule: places.add((rule, redactor.place)))
    redacted = redactor.redact(Event(event=1, of=1, at=0, json=source))
    return redacted.json, dict(redactor.counts), places


def assert_nothing_is_missed(source: str) -> None:
    found = redact(source)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JsonRedactor, "_pass_over", lambda _, source, begin, end, value: begin)
        assert found == redact(source)


@FEW
@given(st.lists(any_values(), max_size=4), st.sampled_from([None, 0, 2]))
@example([{"flags": [{"name": "a", "value": "b"}, {"name": "c", "value": "a word"}]}], None)
@example([{"flags": [{"name": "a{", "value": "{"}, {"name": "c", "value": "a word"}]}], None)
@example([{"variables": [{"name": "a", "value": "b"}, {"value": "a word", "name": "A"}]}], None)
@example([[{}, [], {"a": [{}]}, {"password": "a word"}]], None)
def test_in_json(value: Json, indent: int | None) -> None:
    assert_nothing_is_missed(to_json(value, indent, is_ascii=False))


@FEW
@given(hidden_secrets(), st.booleans())
def test_with_secrets(hidden: HiddenSecrets, is_ascii: bool) -> None:
    assert_nothing_is_missed(to_json(hidden.value, None, is_ascii=is_ascii))


@FEW
@given(st.lists(TOKEN, max_size=40).map("".join), NAME)
@example('{"name":"a","value":"b","a word"}]}', "flags")
@example('{"name":"a","value":"","c":"a word"}]}', "flags")
@example('{"name":"a","value":"b":"a word"}]}', "flags")
def test_in_what_is_no_json(text: str, name: str) -> None:
    assert_nothing_is_missed(f'{{"{name}":[{text}')
    assert_nothing_is_missed(f'"token":1,{text}{{"{name}":[{text}')


FLAG = '{"name":"work_dirs","value":"1"},'


@pytest.mark.parametrize(
    "source",
    [
        '{"flags":[' + FLAG * 3000 + '{"name":"work_dirs","value":"a word"}]}',
        '{"flags":[' + '{"name":"work_dir","value":"/a/word"},' * 3000 + '{"value":"a word"}]}',
        '{"variables":[' + FLAG * 3000 + '{"name":"A","value":"a word"}]}',
        '{"tasks":[' + '{"id":{"value":"a"},"tags":[["a"],{}]},' * 3000 + '{"token":"a word"}]}',
    ],
)
def test_only_one_of_many_members_is_looked_into(
    source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    redact_member = MemberRedactor.redact
    members: list[str] = []

    def noted(self: MemberRedactor, member: Member) -> str:
        members.append(member.value)
        return redact_member(self, member)

    monkeypatch.setattr(MemberRedactor, "redact", noted)
    redacted = Redactor().redact(Event(event=1, of=1, at=0, json=source))
    assert redacted.json == source.replace("a word", "REDACTED-1")
    assert set(members) == {"a word", "REDACTED-1"}
