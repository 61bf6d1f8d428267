"""Strings of JSON are replaced by their key, label or place; everything else stays as it is."""

import json

import pytest

from mesotape.cassettes.format.documents import Event
from mesotape.cassettes.redaction.redactor import Redactor

SECRET = "kX9.fj2-ffQ0zz"


def redacted(source: str) -> str:
    return Redactor().redact(Event(event=1, of=1, at=0, json=source)).json or ""


@pytest.mark.parametrize(
    "source",
    [
        '{"password":"SECRET"}',
        '{ "password" : "SECRET" , "a":1}',
        '{"password":["no","SECRET"]}',
        '{"password":[["SECRET"]]}',
        '{"name":"password","value":"SECRET"}',
        '{"value":"SECRET","name":"password"}',
        '{"value":"SECRET","a":{"name":"b","value":"c"},"key":"password"}',
        '{"a":[1,{"Name":"api_key","Value":"SECRET"}]}',
        '{"name":"env","value":"A=SECRET"}',
        '{"env":["A=SECRET","B=true"]}',
        '{"env":{"A":"SECRET"}}',
        '{"command":{"arguments":["run","SECRET"]}}',
        '["a",["b",{"x":"token=SECRET"}]]',
        '{"not ASCII":"äöü","\\u00e4":"ä","password":"SECRET"}',
        '{"äöü 😀":["😀 token=SECRET"]}',
        '{"p\\u0061ssword":"SECRET","token":1}',
        '{"a":"{\\"sid\\":\\"SECRET\\"}"}',
        '{"sid":"SECRET"}',
        '{"password":"SECRET',
        '{"password":"SECRET\\',
        '[{"a":{"password":"SECRET"}',
        '{"password":"SECRET"}}}]',
    ],
)
def test_a_secret_is_replaced_and_nothing_else(source: str) -> None:
    text = redacted(source.replace("SECRET", SECRET))
    assert SECRET not in text
    assert text.rstrip("\\") == source.replace("SECRET", "REDACTED-1").rstrip("\\")


@pytest.mark.parametrize(
    "source",
    [
        '{"a":"p\\u0061ssword=SECRET","token":1}',
        '{"a":"https:\\/\\/ops:SECRET@host\\/x"}',
        '{"token":1,"a":{"b":"p\\u0061ssword=SECRET"}}',
        '{"flags":[{"name":"port","value":"p\\u0061ssword=SECRET"}]}',
        '{"flags":[{"name":"p\\u0061ssword","value":"SECRET"}]}',
    ],
)
def test_a_secret_in_a_text_with_escapes_is_replaced(source: str) -> None:
    text = redacted(source.replace("SECRET", SECRET))
    assert json.loads(text) == json.loads(source.replace("SECRET", "REDACTED-1"))


@pytest.mark.parametrize(
    "source",
    [
        '{"password":""}',
        '{"password":null,"token":12345678,"secret":true}',
        '{"name":"tokens_left","value":"a word"}',
        '{"value":"a word","value":"another","token":1}',
        '{"a":"password"}',
        '["password","a word"]',
        '{"name":"password"},{"value":"a word"}',
        '{"password":null} "a word" ["a word"]',
        '{"a":{"name":"password"},"value":"a word"}',
        '{"password":{"a":"a word"}}',
    ],
)
def test_what_is_no_secret_stays(source: str) -> None:
    assert redacted(source) == source


def test_a_list_of_strings_is_redacted_by_its_position() -> None:
    # The first argument is the program.
    value = {"command": {"arguments": ["/bin/tool", "/bin/tool", "a-b-c/d"]}}
    assert json.loads(redacted(json.dumps(value)))["command"]["arguments"] == [
        "/bin/tool",
        "REDACTED-1",
        "REDACTED-2",
    ]
