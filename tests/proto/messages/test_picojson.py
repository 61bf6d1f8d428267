import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.paths import DATA

from mesotape.proto.messages.picojson import (
    JSONTextError,
    JSONValue,
    canonical_json,
    parse_json,
    parse_json_exactly,
)

VECTORS = json.loads((DATA / "mesos-vectors.json").read_text())
CASES = [(case["in"].encode(), case.get("ok"), case.get("error")) for case in VECTORS["json_parse"]]


def outcome(text: bytes, exactly: bool) -> tuple[str, JSONValue]:
    try:
        return "value", (parse_json_exactly if exactly else parse_json)(text)
    except JSONTextError as error:
        return "error", str(error)


def in_doubles(value: JSONValue) -> JSONValue:
    """A value as Mesos holds it, which has doubles for integers outside int64."""
    match value:
        case dict():
            return {name: in_doubles(member) for name, member in value.items()}
        case int() if not -(2**63) <= value < 2**63:
            return float(value)
        case _:
            return value


@pytest.mark.parametrize("exactly", [False, True])
@pytest.mark.parametrize(("text", "ok", "error"), CASES)
def test_text_is_read_as_mesos_reads_it(
    text: bytes, ok: str | None, error: str | None, exactly: bool
) -> None:
    result, value = outcome(text, exactly)
    assert result == ("error" if ok is None else "value")
    if ok is None:
        assert value == error
    else:
        # As text, because 1 is not 1.0 here.
        assert sorted_text(in_doubles(value)) == sorted_text(json.loads(ok))


def sorted_text(value: JSONValue) -> str:
    return json.dumps(value, sort_keys=True)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"01", 1),
        (b"-01.50", -1.5),
        (b"1.", 1.0),
        (b"-.5", -0.5),
        (b"-0", 0),
        (b"1e-400", 0.0),
        (b"18446744073709551615", 2**64 - 1),
        (b"0" * 5000 + b"1" + b"0" * 300, 10**300),
        (b'"\xff\xc3\xa9"', "\udcffé"),
        (b'"\xed\xa0\x80"', "\udced\udca0\udc80"),
        (b'"\\ud83d\\ude00\\u0041\\b\\f\\n\\r\\t\\/\\"\\\\"', '😀A\b\f\n\r\t/"\\'),
        (b'"\x7f"', "\x7f"),
        (b" [ 1 , [ ] , { } , true , false , null ] \r\n\t", [1, [], {}, True, False, None]),
        (b"[" * 200 + b"]" * 200, json.loads("[" * 200 + "]" * 200)),
    ],
)
def test_what_mesos_accepts(text: bytes, value: JSONValue) -> None:
    assert parse_json(text) == value
    assert parse_json_exactly(text) == value


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (b"+1", "syntax error at line 1 near: +1"),
        (b".5", "syntax error at line 1 near: .5"),
        (b"--1", "syntax error at line 1 near: "),
        (b"1e+400", "Value out of range"),
        (b"1" * 309 + b"0", "Value out of range"),
        (b'{"ignored":' + b"9" * 400 + b"}", "Value out of range"),
        (b"\xef\xbb\xbf{}", "syntax error at line 1 near: \ufeff{}"),
        (b'"a\x01b"', 'syntax error at line 1 near: b"'),
        (b'"abc', "syntax error at line 1 near: "),
        (b'"\\', "syntax error at line 1 near: "),
        (b'"\\u12', "syntax error at line 1 near: "),
        (b'"\\u12x4"', 'syntax error at line 1 near: x4"'),
        (b'"\\udc00"', 'syntax error at line 1 near: "'),
        (b'"\\ud83d\\u0041"', 'syntax error at line 1 near: "'),
        (b'"\\ud83d\\n"', 'syntax error at line 1 near: n"'),
        (b'"\\\nx"', 'syntax error at line 1 near: x"'),
        (b"[\n\n1\n2]\n3", "syntax error at line 4 near: 2]"),
        (b'{"a":1,}', "syntax error at line 1 near: }"),
        (b"[1 2]", "syntax error at line 1 near: 2]"),
        (b"[\xff]", "syntax error at line 1 near: \udcff]"),
        (b"{} x", "Parsed JSON included non-whitespace trailing characters:  x"),
        (b"[" * 201, "syntax error at line 1 near: "),
        (b'{"":' * 200 + b"[]", "syntax error at line 1 near: ]"),
    ],
)
def test_text_that_mesos_refuses_is_an_error(text: bytes, error: str) -> None:
    assert outcome(text, exactly=False) == ("error", error)
    assert outcome(text, exactly=True) == ("error", error)


def test_brackets_in_strings_are_no_depth() -> None:
    value = [["[" * 300], {"}": '"[{\\' * 300}] + [[]] * 300
    assert parse_json(json.dumps(value).encode()) == value


@pytest.mark.parametrize("pair", [b"[]", b"[[],[]]", b'{"a":[{}]}'])
def test_depth_is_counted_alike_with_and_without_msgspec(pair: bytes) -> None:
    for depth in range(195, 203):
        text = b"[" * depth + pair + b"]" * depth
        assert outcome(text, exactly=False) == outcome(text, exactly=True)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
    ),
)


@given(json_values, st.sampled_from([None, 1]), st.booleans())
def test_sound_json_reads_alike_with_and_without_msgspec(
    value: JSONValue, indent: int | None, ensure_ascii: bool
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ensure_ascii).encode()
    assert parse_json(text) == parse_json_exactly(text) == value


@given(json_values, st.data())
def test_damaged_json_reads_alike_with_and_without_msgspec(
    value: JSONValue, data: st.DataObject
) -> None:
    text = json.dumps(value).encode()
    place = data.draw(st.integers(0, len(text)))
    damage = data.draw(
        st.binary(max_size=2)
        | st.sampled_from(list(b'"\\{}[]:,0.e-u \n')).map(lambda b: bytes([b]))
    )
    damaged = text[:place] + damage + text[place + data.draw(st.integers(0, 2)) :]
    assert outcome(damaged, exactly=False) == outcome(damaged, exactly=True)


@given(st.binary())
@example(b"1e999")
@example(b"-")
def test_any_bytes_read_alike_with_and_without_msgspec(text: bytes) -> None:
    assert outcome(text, exactly=False) == outcome(text, exactly=True)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        (b' {"b": 1, "a": {"d": [2, 1], "c": null}}', b'{"a":{"c":null,"d":[2,1]},"b":1}'),
        (b'{"a":1,"a":2}', b'{"a":2}'),
        (b"01", b"1"),
        (b"1e2", b"100.0"),
        (b"1.", b"1.0"),
        (rb'"\u0061\/"', b'"a/"'),
        (b"-0.0", b"-0.0"),
        (b'"\xff"', None),
        (b"1" * 40, b"1" * 40),
        (b"1e400", None),
        (b"[" * 300 + b"]" * 300, None),
        (b"{", None),
        (b"", None),
    ],
)
def test_texts_of_one_value_have_one_canonical_text(text: bytes, canonical: bytes | None) -> None:
    assert canonical_json(text) == canonical
    if canonical is not None:
        assert canonical_json(canonical) == canonical
        assert parse_json(canonical) == parse_json(text)
