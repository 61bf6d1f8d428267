"""An exchange in a group is one that the fast reader reads, with a call in JSON or no body."""

import json
import re

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesotape.cassettes.format import fast_reader, yaml_writer
from mesotape.cassettes.format.bodies import encode_body
from mesotape.cassettes.format.documents import Exchange, Request, Response
from mesotape.cassettes.format.heads import is_sendable
from mesotape.cassettes.indexing.compiled import native
from mesotape.cassettes.storage.exchange_outlines import NO_GROUP
from mesotape.cassettes.storage.reader import Cassette

pytestmark = pytest.mark.skipif(native is None, reason="without it, there are no groups")

HEADER = b"---\nmesotape: 1\nserver: master\nrecorded_at: 2026-11-22T12:18:29.104233Z\n...\n"
USUAL = """\
---
exchange: 7
at: 1.500000
client: 3
peer: "127.0.0.1:4711"
request:
  method: POST
  path: /api/v1
  headers:
    Host: "127.0.0.1:5050"
    Accept-Encoding: gzip, deflate
  json: |-
    {
      "type": "READ_FILE",
      "read_file": {
        "path": "/a",
        "offset": -2.5e+3,
        "more": [true, null, {}, []]
      }
    }
response:
  after: 0.001000
  status: 200
  reason: Fine
  headers:
    Date: Sun, 22 Nov 2026 12:18:29 GMT
    Content-Length: "51"
  spacing: spaced
  json: |-
    {
      "a": 1
    }
...
"""
PIECES = [
    *(
        "on",
        "no",
        "Null",
        "Date",
        "a: b",
        "a:b",
        "x #y",
        "x#y",
        "a ",
        " a",
        "a  b",
        "a:",
        "-a",
        "1",
    ),
    *('"', '""', '"a"', '"a\\"', "\\", "\\u0041", "é", "\x7f", "\t", "\0", "\r", "\n", "\n\n"),
    *("", " ", "  ", "    ", "{", "}", "[", "]", ",", ":", "0", "-", "01", "1.", ".5", "e", "#"),
    *('"type"', "type", '"type": 1, ', "...\n", "---\n", "  status: 404\n", "    Date: b\n", "GET"),
    *(
        "  cause: server\n",
        "  stream: chunks\n",
        "  json: |-\n",
        "  text: |-\n",
        "200",
        "600",
        "yes",
    ),
    *(
        "peer: a\n",
        "    é\n",
        "    a\n",
        "A: b",
        "A_b: c",
        "json",
        "text",
        "proto",
        "spaced",
        "odd",
    ),
]
PLACES = [match.span() for match in re.finditer(r"[A-Za-z-]+|[0-9.]+|[ ]+|\n|.", USUAL)]
damages = st.tuples(st.sampled_from(PLACES), st.integers(0, 2), st.sampled_from(PIECES))


def damage(text, place, how, piece):
    """Replace something by a piece, or insert that before or after it."""
    start, end = place
    return text[: end if how == 1 else start] + piece + text[start if how == 2 else end :]


def outline(data):
    """Return the group and the columns of one document."""
    offsets = memoryview(b"".join(n.to_bytes(8, "little") for n in (5, 5 + len(data)))).cast("Q")
    groups = {}
    columns = native.read_outlines(data, offsets, groups)
    group, client, start, size = (
        memoryview(c).cast(t)[0] for c, t in zip(columns, "IQQI", strict=True)
    )
    body = data[start - 5 : start - 5 + size]
    return (None if group == NO_GROUP else list(groups)[group]), client, body


@pytest.mark.parametrize("how", [0, 1, 2])
def test_an_exchange_with_a_damage_is_in_a_group_only_if_the_fast_reader_reads_it(how):
    grouped = sum(
        is_grouped(damage(USUAL, place, how, each)) for place in PLACES for each in PIECES
    )
    assert grouped > 100


@settings(deadline=None)
@given(damages, damages)
def test_an_exchange_with_two_damages_is_in_a_group_only_if_the_fast_reader_reads_it(first, second):
    is_grouped(damage(damage(USUAL, *max(first, second)), *min(first, second)))


@pytest.mark.parametrize("names", [("type", "kind"), ("kind", "type"), ("type", "type")])
def test_the_type_of_a_call_is_a_member_of_the_whole(names):
    outer, inner = names
    text = USUAL.replace('"type": ', f'"{outer}": ').replace('"path": ', f'"{inner}": ')
    assert is_grouped(text) == (names == ("type", "kind"))


def is_grouped(text):
    """Return whether an exchange is in a group; then it is compared with what Python reads."""
    data = text.encode()
    group, client, body = outline(data)
    if group is None:
        return False
    read = fast_reader.parse_exchange_head(data)
    name, status, spacing, head, _ = group.split(b"\0")
    answer = data.partition(b"\nresponse:\n")[2]
    assert head in data
    if read is None:  # The reason is in what the exchanges of a group have in common.
        usual = b"request:\n  method: GET\n  path: /\n"
        asked = head + (body + b"\n" if body else b"")
        read = fast_reader.parse_exchange_head(
            data.replace(asked, usual).replace(b"  spacing: " + spacing + b"\n", b"")
        )
        assert read is not None
    elif body:  # Any other body is in the head.
        call = encode_body(read.request)
        assert msgspec.json.format(body, indent=-1) == call
        assert json.loads(call)["type"] == json.loads(name)
        assert call.count(b'"type"') == 1
    assert read.client == client
    assert read.response.status == int(status)
    assert read.response.cause is read.response.stream is None
    assert is_sendable(read.response)
    assert not spacing or b"  spacing: " + spacing + b"\n" in answer
    return True


def test_a_usual_call_is_in_a_group():
    group, client, body = outline(USUAL.encode())
    assert group is not None
    assert group.startswith(b'"READ_FILE"\x00200\0spaced\0request:\n')
    assert client == 3
    assert msgspec.json.decode(body)["read_file"]["path"] == "/a"


@pytest.mark.parametrize("order", [[1, 2, 3, 4], [3, 1, 4, 2]])
def test_rows_are_in_the_order_of_numbers(tmp_path, order):
    def documents():
        for number in order:
            body = f'{{"type": "READ_FILE", "read_file": {{"path": "/{number}"}}}}'
            asked = Request(method="POST", path="/api/v1", json=body)
            answered = Response(after=0.0, status=200)
            exchange = Exchange(
                exchange=number, at=1.0, client=number, request=asked, response=answered
            )
            yield yaml_writer.format_document(exchange)
            if number == 1:
                yield b"---\nnote: a\nat: 0.000000\n...\n"

    path = tmp_path / "c.yaml"
    path.write_bytes(HEADER + b"".join(documents()))
    with Cassette.open(path) as cassette:
        outlines = cassette.outlines()
        assert list(outlines.clients) == [1, 2, 3, 4]
        assert list(outlines.groups) == [0, 0, 0, 0]
        found = [
            msgspec.json.decode(each)["read_file"]["path"] for each in outlines.bodies(range(4))
        ]
        assert found == ["/1", "/2", "/3", "/4"]
