"""Errors of documents are found in the structs, not in the text of msgspec."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesotape.cassettes.format import parsing, yaml_reader
from mesotape.cassettes.format.documents import DocumentError, Event, Exchange, Note
from mesotape.cassettes.format.error_texts import to_document_error

EVENT = {"event": "1", "of": "1", "at": "0"}
EXCHANGE = {
    "exchange": "1",
    "at": "0",
    "client": "1",
    "request": {"method": "GET", "path": "/"},
    "response": {"after": "0"},
}
SCALARS = st.sampled_from(["x", "", "1", "0", "-1", "1.5", "nan", "1e13", "null", "client", "aGk="])
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3), max_leaves=6)
VALUES |= st.dictionaries(st.sampled_from(["a", "path", "after", "status"]), VALUES, max_size=3)


class ComposedNodes(yaml_reader.Composition):
    """A composition of given values, all on line 1."""

    def __init__(self, root):
        self.root = root
        self.line_numbers = {(): 1}


def error_of(root, document_type):
    try:
        msgspec.convert(root, document_type, strict=False)
    except msgspec.ValidationError as error:
        return error, str(to_document_error(error, ComposedNodes(root), document_type))
    return None


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"at": "1e13"}, "at: expected a number of at most 1e+12, found '1e13'"),
        ({"at": "nan"}, "at: expected a number of at least 0, found 'nan'"),
        ({"offset": "-1"}, "offset: expected a whole number of at least 0, found '-1'"),
        ({"offset": "1.5"}, "offset: expected a whole number, found '1.5'"),
        ({"from": "server"}, "from: expected client, found 'server'"),
        ({"chunks": "1"}, "chunks: expected a list, found '1'"),
        ({"chunks": [["1", "2"], ["1", {}]]}, "chunks.1.1: expected a number, found a mapping"),
        ({"wire": "?" * 80}, f"wire: expected base64, found '{'?' * 60}'…"),
        ({"malformd": "x"}, "malformd: unknown key; the nearest is `malformed`"),
        ({"x": "x"}, "x: unknown key"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_the_expectation(fields, problem):
    _, text = error_of(EVENT | fields, Event)
    assert text == f"line 1: event 1 of exchange 1: {problem}"


@given(st.sampled_from(["at", "from", "chunks", "offset", "wire", "text", "note"]), VALUES)
def test_every_error_of_an_event_is_found(key, value):
    if (errors := error_of(EVENT | {key: value}, Event)) is not None:
        error, text = errors
        assert text.startswith(f"line 1: event 1 of exchange 1: {key}")
        assert not text.endswith(str(error))


@given(st.sampled_from(["request", "response"]), st.text("abc", max_size=2), VALUES)
def test_every_error_of_an_exchange_is_found(side, name, value):
    for key in ("headers", "status", "stream", "method", name):
        part = EXCHANGE[side] | {key: {name: value} if key == "headers" else value}
        if (errors := error_of(EXCHANGE | {side: part}, Exchange)) is not None:
            error, text = errors
            assert text.startswith(f"line 1: exchange 1: {side}.{key}")
            assert not text.endswith(str(error))


def test_an_error_that_is_not_found_in_the_structs_has_the_text_of_msgspec():
    error = msgspec.ValidationError("A new kind of check")
    root = {"note": "x", "at": "0"}
    document_error = to_document_error(error, ComposedNodes(root), Note)
    assert str(document_error) == "line 1: note: A new kind of check"


def test_the_line_is_that_of_the_innermost_known_part():
    data = b"---\nevent: 1\nof: 1\nat: 0\nchunks:\n- [1, 0]\n- [1,\n  x]\n...\n"
    with pytest.raises(DocumentError) as error:
        parsing.parse_document(data)
    assert error.value.line == 8
    assert error.value.text == "event 1 of exchange 1: chunks.1.1: expected a number, found 'x'"
