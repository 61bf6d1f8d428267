"""JSON of common writers is shown indented, and written again as it was."""

import json
from typing import get_args

import msgspec
import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st

from mesotape.cassettes.format import parsing, yaml_writer
from mesotape.cassettes.format.bodies import BodyFields, decode_body, encode_body
from mesotape.cassettes.format.documents import Body, Event, Exchange, Request, Response, Spacing
from mesotape.cassettes.format.json_spacing import (
    MAX_GROWTH,
    MAX_INDENTED_BYTES,
    MAX_NESTING,
    apply_spacing,
    can_be_indented,
    find_spacing,
)
from mesotape.proto.messages.descriptors import message_class

SPACINGS = get_args(Spacing.__value__)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.text('"\\ {}[],:\n\té\u2028'),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.text('"\\:'), inner),
)

ACCEPT = {
    "type": "ACCEPT",
    "framework_id": {"value": "f-1"},
    "accept": {
        "offer_ids": [{"value": "o-1"}, {"value": "o-2"}],
        "operations": [],
        "filters": {},
        "note": 'é </a> "quoted": [1, {2: 3}]',
        "ports": [31000, 31001],
    },
}


def compact(value: object) -> bytes:
    return msgspec.json.encode(value)


def protobuf_call() -> object:
    text = '{"type":"DECLINE","decline":{"offer_ids":[{"value":"a"},{"value":"b"}],"filters":{}}}'
    return json_format.Parse(text, message_class("mesos.v1.scheduler.Call")())


# What each of these writers prints for {"a": 1, "b": [1, {"c": "x"}], "d": {}, "e": []}; the
# outputs of those that are not in Python are copied.
WRITERS: list[tuple[bytes, Spacing]] = [
    (json.dumps(ACCEPT).encode(), "spaced"),
    (json.dumps(ACCEPT, ensure_ascii=False, sort_keys=True).encode(), "spaced"),
    (json.dumps(ACCEPT, indent=2).encode(), "indent-2"),
    (json.dumps(ACCEPT, indent=4).encode(), "indent-4"),
    (json.dumps(ACCEPT, indent=1).encode(), "indent-1"),
    (json.dumps(ACCEPT, indent="\t").encode(), "indent-tab"),
    (json.dumps(ACCEPT, indent=2).encode() + b"\n", "indent-2 newline"),
    (json_format.MessageToJson(protobuf_call()).encode(), "indent-2"),
    (
        json_format.MessageToJson(protobuf_call(), preserving_proto_field_name=True).encode(),
        "indent-2",
    ),
    (json_format.MessageToJson(protobuf_call(), indent=None).encode(), "spaced"),
    (rb'{"a":"\u003ca\u003e \u2028","b":[1,{"c":"x"}],"d":{},"e":[]}' + b"\n", "compact newline"),
    (
        b'{\n  "a" : 1,\n  "b" : [ 1, {\n    "c" : "x"\n  } ],\n  "d" : { },\n  "e" : [ ]\n}',
        "jackson",
    ),
    (
        b'{\n  "a": 1,\n  "b": [1, {\n    "c": "x"\n  }],\n  "d": {\n  },\n  "e": []\n}',
        "protobuf-java",
    ),
    (
        b'{\n "a": 1,\n "b": [\n  1,\n  {\n   "c": "x"\n  }\n ],\n "d": {},\n "e": []\n}\n',
        "indent-1 newline",
    ),
    (b'{"a":1, "b":[1, {"c":"x"}], "d":{}, "e":[]}', "comma-spaced"),
    (
        b'{\n  "a":  1,\n  "b":  [\n    1,\n    {\n      "c":  "x"\n    }\n  ],\n'
        b'  "d":  {},\n  "e":  []\n}',
        "protobuf-go",
    ),
]


@pytest.mark.parametrize(("data", "spacing"), WRITERS)
def test_the_spacing_of_a_writer_is_found(data: bytes, spacing: Spacing) -> None:
    body = decode_body(data, "json")
    shown = msgspec.json.format(data, indent=2).decode()
    assert body == {"spacing": spacing, "json": shown}
    assert encode_body(Body(**body)) == data


@given(JSON, st.sampled_from(SPACINGS))
def test_any_json_in_any_spacing_comes_back(value: object, spacing: Spacing) -> None:
    data = apply_spacing(compact(value), spacing)
    body = decode_body(data, "json")
    assert encode_body(Body(**body)) == data
    if isinstance(value, dict) and value:
        assert "json" in body


@given(JSON, st.sampled_from(SPACINGS), st.sampled_from(SPACINGS))
def test_a_spacing_keeps_the_tokens(value: object, first: Spacing, second: Spacing) -> None:
    data = compact(value)
    spaced = apply_spacing(data, first)
    assert json.loads(spaced) == json.loads(data)
    assert msgspec.json.format(spaced, indent=-1) == data
    assert apply_spacing(spaced, second) == apply_spacing(data, second)


@given(
    st.lists(st.sampled_from(['{"a":', "[", "1", ",", "]", "}", " ", "\n", '"x": ']), max_size=12)
)
def test_any_white_space_comes_back(parts: list[str]) -> None:
    data = "".join(parts).encode()
    assert encode_body(Body(**decode_body(data, "json"))) == data


@pytest.mark.parametrize(
    "data",
    [
        b'{"a" :1}',
        b'{"a": 1,"b": 2}',
        b'{"a": 1, "b":2}',
        b' {"a": 1}',
        b'{"a": 1} ',
        b'{"a": 1}\n\n',
        b'{"a": 1}\r\n',
        b'{\r\n  "a": 1\r\n}',
        b'{\n     "a": 1\n}',
        b'{\n"a": 1\n}',
        b'{\n  "a": 1 }',
        b"[ 1, 2 ]",
    ],
)
def test_other_white_space_is_text(data: bytes) -> None:
    assert decode_body(data, "json") == {"text": data.decode()}


def test_json_without_white_space_has_no_spacing() -> None:
    assert find_spacing(compact(ACCEPT)) in (None, "compact")
    assert "spacing" not in decode_body(compact(ACCEPT), "json")


@pytest.mark.parametrize("spacing", SPACINGS)
def test_a_cassette_keeps_every_spacing(spacing: Spacing) -> None:
    data = apply_spacing(compact(ACCEPT), spacing)
    form = decode_body(data, "json")
    exchange = Exchange(
        exchange=1,
        at=0.0,
        client=1,
        request=Request(method="POST", path="/api/v1", **form),
        response=Response(after=0.5, status=200, **form),
    )
    for document in (exchange, Event(event=1, of=1, at=0.5, **form)):
        written = yaml_writer.format_document(document)
        assert f"spacing: {form['spacing']}\n".encode() in written
        assert parsing.parse_document(written) == document


def test_an_edited_value_is_sent_with_the_spacing() -> None:
    text = (
        '---\nevent: 1\nof: 1\nat: 0\nspacing: spaced\njson: |-\n  {\n      "a":[1,\n  2]}\n...\n'
    )
    event = parsing.parse_document(text.encode())
    assert isinstance(event, Event)
    assert encode_body(event) == b'{"a": [1, 2]}'
    plain = parsing.parse_document(
        b"---\nevent: 1\nof: 1\nat: 0\njson: {a: [1]}\nspacing: jackson newline\n...\n"
    )
    assert isinstance(plain, Event)
    assert encode_body(plain) == b'{\n  "a" : [ 1 ]\n}\n'


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (
            "spacing: spaced\ntext: x",
            "event 1 of exchange 1: found spacing without json: remove it",
        ),
        ("spacing: spaced", "event 1 of exchange 1: found spacing without json: remove it"),
        ("spacing: wide\njson: '1'", "event 1 of exchange 1: spacing: expected comma-spaced or "),
    ],
)
def test_a_wrong_spacing_is_an_error(lines: str, text: str) -> None:
    data = f"---\nevent: 1\nof: 1\nat: 0.000000\n{lines}\n...\n"
    with pytest.raises(parsing.DocumentError) as error:
        parsing.parse_document(data.encode())
    assert error.value.text.startswith(text)


def nested(levels: int, inner: bytes = b"1") -> bytes:
    return b"[" * levels + inner + b"]" * levels


@pytest.mark.parametrize(
    ("data", "is_indented"),
    [
        (nested(10), True),
        (nested(500), False),
        (nested(MAX_NESTING, b",".join([b'"]%b"' % (b"x" * 40)] * 500)), True),
        (nested(MAX_NESTING + 1, b",".join([b'"]%b"' % (b"x" * 40)] * 500)), False),
        (nested(MAX_NESTING + 1, b",".join([rb'"\\","]\\\"[","{\n"'] * 2000)), False),
        (nested(20, b",".join([rb'"\\","[\\\"[","{\""'] * 2000)), True),
        (b'{"a":"' + b"[" * 5000 + b'"}', True),
        (b'{"a":"' + b"x" * MAX_INDENTED_BYTES + b'"}', False),
    ],
)
def test_json_that_is_nested_deeply_stays_on_one_line(data: bytes, *, is_indented: bool) -> None:
    body = decode_body(data, "json")
    assert ("\n" in body["json"]) == is_indented
    assert len(body["json"]) <= MAX_GROWTH * len(data)
    assert encode_body(Body(**body)) == data


@given(JSON)
def test_the_nesting_does_not_depend_on_strings(value: object) -> None:
    deep: object = value
    for _ in range(MAX_NESTING):
        deep = [value, deep]
    assert can_be_indented(compact([value] * 10))
    assert can_be_indented(compact(deep)) == (not isinstance(value, list | dict))


def test_spaced_json_that_is_nested_deeply_is_text() -> None:
    data = json.dumps([json.loads(nested(100)), 1]).encode()
    assert decode_body(data, "json") == BodyFields(text=data.decode())
