"""The compiled layout is that of the Python code."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from mesotape.cassettes.format import bodies, json_spacing, scalars

native: Any = scalars.native
pytestmark = pytest.mark.skipif(native is None, reason="the module was not compiled")

BORDERS = (
    '"\\/~ \t\x1f\x7f\x80\x9f\xa0\u2027\u2028\u2029\u202a\ufefe\ufeff\ufffd\ufffe\uffff'
    "\ud7ff\ud800\udfff\ue000\U00010000\U0010ffff"
)
CHARACTERS = st.one_of(st.characters(), st.sampled_from(BORDERS))
TEXTS = st.text(CHARACTERS, max_size=20)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=20
)
NUMBERS = ["1", "-1", "0", "01", "1.", ".5", "1.5", "1e5", "1E+", "1E+7", "-0", "1e-2", "-", "NaN"]
WORDS = ["true", "nul", "null", "false", "\\", "\\u", "\\u00e9", "\\x", '""', '"a"', '"a":1', "{}"]
OTHERS = [*'{}[],:"', " ", "\n", "\t", "\x7f", "\x00", "\xe9", "\ud800"]
PIECES = st.sampled_from([*NUMBERS, *WORDS, *OTHERS])


def encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


JSON = VALUES.map(lambda value: json.dumps(value, separators=(",", ":"), ensure_ascii=False))
MUTATED = st.tuples(JSON, PIECES, st.integers(0, 40)).map(
    lambda x: x[0][: x[2]] + x[1] + x[0][x[2] :]
)
DATA = st.one_of(JSON, MUTATED, st.lists(PIECES).map("".join)).map(encoded)


def without_module(function: Any, *arguments: Any) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        for module in (json_spacing, scalars):
            patch.setattr(module, "native", None)
        return function(*arguments)


EDGES = [
    *(encoded(f'["{character}"]') for character in BORDERS),
    *(b'["\xff"]', b'["\xc0\x80"]', b'["\xe0\x80\x80"]', b'["\xf4\x90\x80\x80"]', b'["\xc3"]'),
    *(encoded(each) for each in [*NUMBERS, *WORDS]),
    *(encoded(f"[{each}]") for each in [*NUMBERS, *WORDS]),
    *(b"[" * depth + b"]" * depth for depth in (63, 64, 65, 66)),
    *(b'{"a":' * depth + b"1" + b"}" * depth for depth in (20, 40, 63, 64, 65)),
    *(b"[" * depth + b'"%b"' % (b"x" * 5000) + b"]" * depth for depth in (64, 65)),
    *(b'["\\ud800"]', b'["\\udc00"]', b'["\\uD83D\\uDE00"]', b'["\\ud7ff"]', b'["\\ud800x"]'),
    *(b"[}", b"{]", b"[1}", b'{"a":1]', b"[1,]", b'{"a":1,}', b'{"a"}', b"{1:2}", b"[1]2", b'["a'),
]


@pytest.mark.parametrize("data", EDGES, ids=lambda data: repr(data[:20]))
def test_edges_are_laid_out_alike(data: bytes) -> None:
    compare(data)
    compare(data[:-1])


@given(DATA)
def test_bodies_are_laid_out_alike(data: bytes) -> None:
    compare(data)


def compare(data: bytes) -> None:
    body = bodies.decode_json_body(data)
    assert body == without_module(bodies.decode_json_body, data)
    assert bodies.format_ascii_json(data) == without_module(bodies.format_ascii_json, data)
    if (indented := native.indent_json(data, 16)) is not None:
        assert body == {"json": indented.decode()}
        assert len(indented) <= 16 * len(data)
        assert scalars.can_be_literal_block(indented.decode())


@given(JSON)
def test_usual_json_is_laid_out_by_the_module(text: str) -> None:
    assume(text.isprintable() and all(number not in text for number in ("inf", "Inf")))
    assert native.indent_json(text.encode(), 100) == msgspec.json.format(text.encode())


@given(st.text(CHARACTERS | st.sampled_from("{[\n \t")), st.sampled_from([b"", b"  ", b"    "]))
@example("{\n}", b"  ")
@example("{" + 100 * "ab\n" + "}", b"    ")
def test_blocks_are_laid_out_alike(text: str, indent: bytes) -> None:
    for each in (text, "{" + text, "{" + text + "}"):
        block = scalars.format_literal_block(each, indent)
        assert block == without_module(scalars.format_literal_block, each, indent)


def test_wrong_arguments() -> None:
    for arguments in ((), (b"",), ("", 1), (b"", "")):
        for function in (native.indent_json, native.indent_plain_lines):
            with pytest.raises(TypeError):
                function(*arguments)
    assert native.indent_plain_lines(b"a\nb", 129) is None
    assert native.indent_plain_lines(b"a\nb", -1) is None
    assert native.indent_plain_lines(b"a\nb", 128) == b"a\n" + 128 * b" " + b"b"
    assert native.indent_json(b"", 16) is native.indent_json(b"[[1]]", 1) is None
