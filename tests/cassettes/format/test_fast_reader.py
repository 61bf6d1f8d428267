"""The quick way to read the head of an exchange says what the careful way says, or nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.document_strategies import documents

from mesotape.cassettes.format import head_reader, parsing, yaml_writer
from mesotape.cassettes.format.documents import Exchange, Request, Response
from mesotape.cassettes.format.yaml_reader import DocumentError

HEADERS = {"Host": "127.0.0.1:5050", "Accept": "application/json", "X": ["a", "b"]}
exchanges = documents().filter(lambda told: isinstance(told, Exchange))


def carefully(data):
    told = parsing.parse_document(data)
    assert isinstance(told, Exchange)
    return parsing.without_response_body(told)


def is_body(data):
    """As the reader decides it: the last line is one of a block."""
    last = data.removesuffix(b"\n...\n")
    return last[last.rfind(b"\n") + 1 :].startswith(b"    ")


def quickly(data):
    return head_reader.match_exchange_head(data, ends_in_body=is_body(data))


@given(exchanges)
def test_what_is_written_is_read_the_same(told):
    data = yaml_writer.format_document(told)
    assert quickly(data) in (None, carefully(data))


@given(exchanges, st.data())
def test_what_is_changed_is_read_the_same(told, how):
    data = bytearray(yaml_writer.format_document(told))
    place = how.draw(st.integers(0, len(data) - 1))
    data[place : place + how.draw(st.integers(0, 2))] = how.draw(
        st.sampled_from([b"", b" ", b"\n", b'"', b":", b"0", b"- ", b"\n  ", b"    ", b"\xc3"])
    )
    if (told := quickly(bytes(data))) is not None:
        try:
            assert told == carefully(bytes(data))
        except DocumentError as error:
            pytest.fail(f"{told} is not {error}")


@pytest.mark.parametrize("headers", [{}, HEADERS])
@pytest.mark.parametrize("asked", [{}, {"json": '{\n  "type": "X"\n}'}, {"text": "x"}])
@pytest.mark.parametrize(
    "answered",
    [{"status": 202}, {"status": 200, "json": "{}"}, {"status": 200, "stream": "recordio"}, {}],
)
def test_usual_exchanges_are_read_quickly(headers, asked, answered):
    told = Exchange(
        exchange=7,
        at=1.5,
        client=3,
        peer="127.0.0.1:40001",
        request=Request(method="POST", path="/api/v1", headers=headers, **asked),
        response=Response(after=0.25, headers=headers, **answered),
    )
    assert quickly(yaml_writer.format_document(told)) == parsing.without_response_body(told)


def test_a_head_that_is_cut_off_in_its_body_is_whole():
    response = Response(after=0.5, status=200, text="line\n" * 100 + "end")
    request = Request(method="GET", path="/state")
    told = Exchange(exchange=1, at=0.0, client=1, request=request, response=response)
    data = yaml_writer.format_document(told)
    assert head_reader.match_exchange_head(
        data[:-50], ends_in_body=True
    ) == parsing.without_response_body(told)
    assert head_reader.match_exchange_head(data[:-50], ends_in_body=False) is None


@pytest.mark.parametrize("data", [b"", b"---\n", b"\xff" * 100, b"---\nexchange: 1\n"])
def test_what_is_no_exchange_is_none(data):
    assert quickly(data) is None
