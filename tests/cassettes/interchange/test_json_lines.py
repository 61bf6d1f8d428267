import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support.captures import names
from support.cassette_builder import RECORDED_AT

from mesotape.cassettes.format.documents import Document, Event, Header, Note, PlacedError
from mesotape.cassettes.interchange.json_lines import (
    decode_line,
    encode_line,
    read_json_lines,
    write_json_lines,
)
from mesotape.cassettes.storage.reader import Cassette

HEADER = Header(mesotape=1, recorded_at=RECORDED_AT)


@pytest.mark.parametrize("name", names())
def test_the_documents_of_a_capture_come_back(name: str, captured: Callable[[str], Path]) -> None:
    with Cassette.open(captured(name)) as cassette:
        documents = [document for document, _ in cassette.documents()]
        lines = list(write_json_lines(cassette))
    assert len(lines) == len(documents)
    assert list(read_json_lines(lines, "x.jsonl")) == documents


@pytest.mark.parametrize(
    ("document", "shown"),
    [
        (Note(note="paused", at=1.0), '{"note":"paused","at":1.0}'),
        (
            Event(event=1, of=2, at=0.5, from_="client", json='{\n  "type": "A"\n}'),
            '{"event":1,"of":2,"at":0.5,"from":"client","json":{"type":"A"}}',
        ),
        (
            Event(event=1, of=2, at=0.5, proto='{\n  "n": 1.0\n}', wire=b"\x08", wire_of="ab"),
            '{"event":1,"of":2,"at":0.5,"proto":{"n":1.0},"wire":"CA==","wire_of":"ab"}',
        ),
        (
            Event(event=1, of=2, at=0.5, json='"json"', spacing="compact newline"),
            '{"event":1,"of":2,"at":0.5,"spacing":"compact newline","json":"json"}',
        ),
        (
            Event(event=1, of=2, at=0.5, chunks=[(3, 0.5), (4, 0.25)], text='{"json": 1}'),
            '{"event":1,"of":2,"at":0.5,"chunks":[[3,0.5],[4,0.25]],"text":"{\\"json\\": 1}"}',
        ),
    ],
)
def test_a_line_has_the_keys_of_the_document(document: Document, shown: str) -> None:
    line = encode_line(document)
    assert line.decode() == f"{shown}\n"
    assert decode_line(line) == document


def test_a_number_in_a_body_keeps_its_digits() -> None:
    text = '{\n  "a": 1e400,\n  "b": 1.0,\n  "b": 0.10000000000000000000001\n}'
    event = Event(event=1, of=1, at=0.0, json=text)
    assert decode_line(encode_line(event)) == event


def test_a_line_that_another_writer_spaced_is_the_same() -> None:
    event = Event(event=1, of=1, at=0.0, json='{\n  "type": "A",\n  "n": [\n    1\n  ]\n}')
    spaced = json.dumps(json.loads(encode_line(event))).encode()
    assert spaced != encode_line(event)
    assert decode_line(spaced) == event


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"{", "x.jsonl:2: Input data was truncated"),
        (b"[1]", "x.jsonl:2: Expected `object`, got `array`"),
        (b'{"at": 1}', "x.jsonl:2: expected one of the keys mesotape, exchange, event, end, note, "
         "found at"),
        (b'{"note": "x", "at": -1}', "x.jsonl:2: Expected `float` >= 0.0 - at `$.at`"),
        (b'{"mesotape": 2, "recorded_at": "2026-01-01T00:00:00Z"}',
         "x.jsonl:2: format 2 is newer than this mesotape reads (1): upgrade mesotape"),
        (b'{"event": 1, "of": 1, "at": 0, "json": 1, "text": "a"}',
         "x.jsonl:2: event 1 of exchange 1: expected one form of the body, found json and text"),
    ],
)  # fmt: skip
def test_a_wrong_line_is_an_error_with_its_number(line: bytes, text: str) -> None:
    with pytest.raises(PlacedError) as caught:
        list(read_json_lines([encode_line(HEADER), line], "x.jsonl"))
    assert str(caught.value) == text
