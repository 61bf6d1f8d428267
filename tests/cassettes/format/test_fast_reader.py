"""The fast reader of exchange heads gives what parsing the whole exchange gives, or None."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.document_strategies import documents

from mesotape.cassettes.format import fast_reader, parsing, yaml_writer
from mesotape.cassettes.format.documents import DocumentError, Exchange, Header, Request, Response
from mesotape.cassettes.format.fast_reader import parse_exchange_head
from mesotape.cassettes.format.yaml_reader import Composition

AT = datetime.datetime(2026, 11, 22, 21, 4, 33, 124171, datetime.UTC)

HEADERS = {"Host": "127.0.0.1:5050", "Accept": "application/json", "X": ["a", "b"]}
exchanges = documents().filter(lambda document: isinstance(document, Exchange))


def parse_whole(data):
    exchange = parsing.parse_document(data)
    assert isinstance(exchange, Exchange)
    return parsing.without_response_body(exchange)


@pytest.mark.parametrize(
    "header",
    [
        Header(mesotape=1, server="master", recorded_at=AT, redaction=["cookie", "url-query"]),
        Header(mesotape=1, recorded_at=AT, upstream="http://m:5050", recorder="mesotape 0.1.0"),
        Header(mesotape=1, recorded_at=AT.replace(microsecond=0), part=2, redaction=["a"]),
    ],
)
def test_a_written_header_is_read_as_yaml_reads_it(header):
    data = yaml_writer.format_document(header)
    root = fast_reader.parse_document_nodes(data)
    assert root is not None
    assert root == Composition(data).root


LINES = ["json: [a, b]", "redaction: [a]", "redaction: [a, b,]", "redaction: []", "part: 1-2T3Z"]


@pytest.mark.parametrize("line", [*LINES, "redaction: [On, 1]", 'redaction: ["a"]', "at: [a]"])
@pytest.mark.parametrize("before", ["", "redaction: [b]\n", "note: x\n"])
def test_a_line_with_a_list_is_read_as_yaml_reads_it_or_not_at_all(line, before):
    data = f"---\nmesotape: 1\n{before}{line}\n...\n".encode()
    if (root := fast_reader.parse_document_nodes(data)) is not None:
        assert root == Composition(data).root


@given(exchanges)
def test_a_written_exchange_is_read_the_same(exchange):
    data = yaml_writer.format_document(exchange)
    assert parse_exchange_head(data) in (None, parse_whole(data))


@given(exchanges, st.data())
def test_an_edited_exchange_is_read_the_same_or_not_at_all(exchange, edits):
    data = bytearray(yaml_writer.format_document(exchange))
    start = edits.draw(st.integers(0, len(data) - 1))
    data[start : start + edits.draw(st.integers(0, 2))] = edits.draw(
        st.sampled_from([b"", b" ", b"\n", b'"', b":", b"0", b"- ", b"\n  ", b"    ", b"\xc3"])
    )
    if (head := parse_exchange_head(bytes(data))) is not None:
        try:
            assert head == parse_whole(bytes(data))
        except DocumentError as error:
            pytest.fail(f"{head} is read, but the whole is wrong: {error}")


@pytest.mark.parametrize("headers", [{}, HEADERS])
@pytest.mark.parametrize(
    "request_fields",
    [
        {},
        {"json": '{\n  "type": "X"\n}'},
        {"json": '{\n  "type": "X"\n}', "spacing": "spaced"},
        {"text": "x"},
        {"version": "HTTP/1.0"},
        {"stream": "recordio"},
    ],
)
@pytest.mark.parametrize(
    "response_fields",
    [
        {"status": 202},
        {"status": 200, "json": "{}"},
        {"status": 200, "json": "{}", "spacing": "compact newline"},
        {"status": 200, "text": "two\nlines\n"},
        {"status": 200, "stream": "recordio"},
        {"status": 200, "reason": "Fine", "cause": "server-cut", "text": "x"},
        {},
    ],
)
def test_the_fast_reader_knows_usual_exchanges(headers, request_fields, response_fields):
    exchange = Exchange(
        exchange=7,
        at=1.5,
        client=3,
        peer="127.0.0.1:40001",
        request=Request(method="POST", path="/api/v1", headers=headers, **request_fields),
        response=Response(after=0.25, headers=headers, **response_fields),
    )
    head = parse_exchange_head(yaml_writer.format_document(exchange))
    assert head == parsing.without_response_body(exchange)


@pytest.mark.parametrize("body", ["line\n" * 100 + "end", "x" * 600])
def test_the_head_of_an_exchange_that_is_cut_off_in_its_body_is_complete(body):
    response = Response(after=0.5, status=200, text=body)
    request = Request(method="GET", path="/state")
    exchange = Exchange(exchange=1, at=0.0, client=1, request=request, response=response)
    data = yaml_writer.format_document(exchange)[:-50]
    assert parse_exchange_head(data, ends_in_body=True) == parsing.without_response_body(exchange)
    assert parse_exchange_head(data, ends_in_body=False) is None


@pytest.mark.parametrize("key", ["  headers:\n    A: b\n", "peer: |-\n    somebody\n"])
def test_a_key_after_the_body_of_the_response_is_not_overlooked(key):
    request, response = Request(method="GET", path="/"), Response(after=0.5, status=200, json="{}")
    exchange = Exchange(exchange=1, at=0.0, client=1, request=request, response=response)
    data = yaml_writer.format_document(exchange).replace(b"\n...\n", f"\n{key}...\n".encode())
    assert parse_exchange_head(data, ends_in_body=True) is None
    assert parse_whole(data) != parsing.without_response_body(exchange)


@pytest.mark.parametrize("data", [b"", b"---\n", b"\xff" * 100, b"---\nexchange: 1\n"])
def test_anything_but_an_exchange_is_none(data):
    assert parse_exchange_head(data) is None
