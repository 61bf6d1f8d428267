import base64

import pytest
from support.cassette_builder import exchange, said, written

from mesotape.cassettes.comparing.comparison import Comparison
from mesotape.cassettes.format.documents import Event, Response
from mesotape.cassettes.matching.ignore_rules import IGNORE_NOTHING
from mesotape.cassettes.storage.reader import Cassette

HEADERS = {"Content-Type": "application/recordio", "Message-Content-Type": "application/json"}
CONTAINER = {"container_id": {"value": "c"}}
CALL = said("ATTACH_CONTAINER_OUTPUT", attach_container_output=CONTAINER)


def session(path, *records):
    response = Response(after=0.0, status=200, headers=HEADERS, stream="recordio")
    events = [
        Event(event=n, of=1, at=float(n), text=said("DATA", data={"type": kind, "data": data}))
        for n, (kind, text) in enumerate(records, 1)
        for data in [base64.b64encode(text).decode()]
    ]
    return written(path, [exchange(1, 0.0, CALL, response, "/api/v1"), *events], server="agent")


def compare(first, second):
    with Cassette.open(first) as ours, Cassette.open(second) as theirs:
        return list(Comparison(ours, theirs, IGNORE_NOTHING).differences())


OUTPUT = [("STDOUT", b"hel"), ("STDERR", b"oh"), ("STDOUT", b"lo world")]


def test_where_output_is_divided_does_not_matter(tmp_path):
    other = [("STDERR", b"o"), ("STDOUT", b"hello "), ("STDERR", b"h"), ("STDOUT", b"world")]
    assert compare(session(tmp_path / "a", *OUTPUT), session(tmp_path / "b", *other)) == []


@pytest.mark.parametrize(
    ("text", "place", "first", "second"),
    [
        (b"hello World", "data[6]", "'hello world'", "'hello World'"),
        (b"hello", "data[5]", "'hello world'", None),
        (b"hello world!", "data[11]", None, "'hello world!'"),
    ],
)
def test_the_first_difference_of_an_output_is_named(tmp_path, text, place, first, second):
    other = [("STDERR", b"oh"), ("STDOUT", text)]
    found = compare(session(tmp_path / "a", *OUTPUT), session(tmp_path / "b", *other))
    ((change,),) = (each.changes for each in found)
    assert (change.path, change.first, change.second) == (place, first, second)
    assert found[0].what == "DATA STDOUT"
