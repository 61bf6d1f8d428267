"""Opening cassettes that are complete, cut off, written by hand, compressed, or wrong."""

import gzip
import os
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.paths import DATA

from mesotape.cassettes.format import yaml_writer
from mesotape.cassettes.format.documents import (
    CassetteError,
    Document,
    Event,
    Exchange,
    Note,
    Request,
    Response,
)
from mesotape.cassettes.indexing import segments
from mesotape.cassettes.storage.reader import Cassette

GOLDEN = DATA / "golden.yaml"
START = "---\nmesotape: 1\nrecorded_at: 2026-11-22T12:18:29Z\n...\n"
LINES = START.count("\n")


def whole() -> list[Document]:
    with Cassette.open(GOLDEN) as cassette:
        return [document for document, _ in cassette.documents()]


@pytest.fixture
def hand(tmp_path: Path):
    def write(text: str | bytes) -> Path:
        path = tmp_path / "master.yaml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


def test_the_golden_cassette_is_what_the_writer_writes() -> None:
    assert b"".join(map(yaml_writer.format_document, whole())) == GOLDEN.read_bytes()


def test_exchanges_are_in_the_order_of_numbers_and_documents_in_that_of_the_file() -> None:
    with Cassette.open(GOLDEN) as cassette:
        assert [exchange.exchange for exchange in cassette.exchanges()] == [1, 2, 3, 4]
        assert cassette.exchange(2).request.proto is not None
        lines = GOLDEN.read_text().split("\n")
        for document, line in cassette.documents():
            assert lines[line - 2] == "---"
            assert lines[line - 1].split(":")[0] == type(document).__name__.lower().replace(
                "header", "mesotape"
            )
        assert len(cassette) == 4


def test_each_side_of_an_exchange_has_its_own_stream() -> None:
    with Cassette.open(GOLDEN) as cassette:
        assert [event.event for event in cassette.events(1)] == [1, 2, 3, 4, 5]
        assert [event.of for event in cassette.events(4, "client")] == [4]
        assert list(cassette.events(4)) == []
        assert list(cassette.events(99)) == []
        end, client_end = cassette.stream_end(1), cassette.stream_end(4, "client")
        assert end is not None
        assert end.cause == "client"
        assert client_end is not None
        assert client_end.from_ == "client"
        assert cassette.stream_end(2) is None
        assert [note.of for note in cassette.notes()] == [1]


def test_the_last_numbers_and_the_intact_length_are_known() -> None:
    with Cassette.open(GOLDEN) as cassette:
        assert (cassette.last_exchange_number, cassette.last_client_number) == (4, 3)
        assert cassette.last_at_seconds == 31.201944
        assert cassette.intact_bytes == GOLDEN.stat().st_size
        assert cassette.warnings == []


def test_heads_leave_out_the_bodies_of_responses() -> None:
    with Cassette.open(GOLDEN) as cassette:
        for exchange, head in zip(cassette.exchanges(), cassette.exchange_heads(), strict=True):
            assert head.request == exchange.request
            assert head.response.headers == exchange.response.headers
            assert head.response.status == exchange.response.status
            assert head.response.json is head.response.proto is None
            assert head.response.text is head.response.wire is None


@pytest.mark.parametrize("body", ['{\n  "a": "é"\n}', "x" * 300_000, "x\x7f" * 100_000, "a\n\nb"])
@pytest.mark.parametrize("question", ['{\n  "type": "GET_STATE"\n}', "y\n" * 50_000 + "z"])
def test_heads_of_long_exchanges(hand, body: str, question: str) -> None:
    request = Request(method="POST", path="/", json=question)
    response = Response(after=0.5, status=200, headers={"A": "b"}, text=body)
    told = Exchange(exchange=1, at=0.0, client=1, request=request, response=response)
    with Cassette.open(hand(START.encode() + yaml_writer.format_exchange(told))) as cassette:
        assert list(cassette.exchanges()) == [told]
        empty = Response(after=0.5, status=200, headers={"A": "b"})
        assert [one.response for one in cassette.exchange_heads()] == [empty]
        assert [one.request for one in cassette.exchange_heads()] == [request]


@pytest.mark.parametrize("body_bytes", [2, 100_000, 3 << 20])
@pytest.mark.parametrize("peer", ["somebody", "x" * 300, "x" * 70_000, "x" * (2 << 20)])
def test_keys_after_the_body_of_the_response_are_read(hand, body_bytes: int, peer: str) -> None:
    text = (
        "---\nexchange: 1\nat: 0.000000\nclient: 1\nrequest:\n  method: GET\n  path: /\n"
        f"response:\n  after: 0.000000\n  text: |-\n    {'x' * body_bytes}\npeer: {peer}\n...\n"
    )
    with Cassette.open(hand(START + text)) as cassette:
        assert next(cassette.exchange_heads()).peer == peer


def test_reading_heads_does_not_read_long_bodies_into_memory(hand) -> None:
    response = Response(after=0.5, status=200, json=f'{{"a":"{"x" * (16 << 20)}"}}')
    request = Request(method="GET", path="/")
    told = Exchange(exchange=1, at=0.0, client=1, request=request, response=response)
    with Cassette.open(hand(START.encode() + yaml_writer.format_exchange(told))) as cassette:
        tracemalloc.start()
        try:
            assert len(list(cassette.exchange_heads())) == 1
            assert tracemalloc.get_traced_memory()[1] < 4 << 20
        finally:
            tracemalloc.stop()


def test_a_cassette_cut_off_anywhere_loads_up_to_there(tmp_path: Path) -> None:
    documents, data = whole(), GOLDEN.read_bytes()
    ends = [place + 5 for place in range(len(data)) if data.startswith(b"\n...\n", place)]
    path = tmp_path / "cut.yaml"
    for length in range(len(data)):
        path.write_bytes(data[:length])
        sound = [end for end in ends if end - 1 <= length]
        if not sound:
            with pytest.raises(CassetteError):
                Cassette.open(path)
            continue
        with Cassette.open(path) as cassette:
            assert [document for document, _ in cassette.documents()] == documents[: len(sound)]
            assert cassette.intact_bytes == min(sound[-1], length)
            assert bool(cassette.warnings) == (length > sound[-1])


def test_the_warning_has_the_line_of_the_cut(hand) -> None:
    with Cassette.open(hand(START + "---\nevent: 1\nof: 1\n")) as cassette:
        assert cassette.warnings == [
            f"{cassette.path}:{LINES + 1}: there is no end mark `...`: "
            "the document was cut off and is left out"
        ]


def test_a_document_without_end_mark_in_the_middle_is_left_out(hand) -> None:
    cut = START + "---\nnote: cut\nat: 1\n---\nnote: whole\nat: 2\n...\n"
    with Cassette.open(hand(cut)) as cassette:
        assert [note.note for note in cassette.notes()] == ["whole"]
        assert len(cassette.warnings) == 1
        assert cassette.intact_bytes == len(cut)


@pytest.mark.parametrize("block", [16, 64, 1000])
def test_blocks_of_any_size_give_the_same(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = whole()
    monkeypatch.setattr(segments, "BLOCK_BYTES", block)
    assert whole() == expected


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 3_000_000), max_size=4))
def test_long_documents_are_found(tmp_path_factory: pytest.TempPathFactory, sizes) -> None:
    path = tmp_path_factory.mktemp("long") / "long.yaml"
    events = [
        Event(event=n, of=1, at=float(n), text="x" * size) for n, size in enumerate(sizes, start=1)
    ]
    path.write_bytes(START.encode() + b"".join(map(yaml_writer.format_event, events)))
    with Cassette.open(path) as cassette:
        assert list(cassette.events(1)) == events


HAND = """\
# A cassette by hand.
%YAML 1.2
--- # the header
{mesotape: 1, "recorded_at": '2026-11-22 12:18:29+01:00', server: master}
...
# Comments may stand between documents.

---
at: 0
exchange: 1
client: 1
request: {method: POST, path: /api/v1, headers: {Content-Length: 20, X: [yes, ~]}, json: {type: X}}
response:
    after: 1e-3
    status: 200
    headers:
        Content-Type: >-
            text/plain;
            charset=utf-8
    stream: recordio
... # the end
---
of: 1
event: 1
at: 1
json:
  type: yes
  list: [1, 0x1F, 0o17, 1e21, +1.50, .5, 1., 123456789012345678901234567890, -0, 007]
  text: ["1", no, 1_000, 12:30, 2026-11-22, '']
  flags: [true, FALSE, Null, ~, ]
  ? nested
  : {a: {b: []}}
...
--- {event: 2, of: 1, at: 2, base64: " aGlo
  aGk= "}
...
---
event: 3
of: 1
at: 3.000000
json: {}
from: client
...
"""


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_cassettes_by_hand(hand, line_end: str, mark: str) -> None:
    with Cassette.open(hand((mark + HAND).replace("\n", line_end))) as cassette:
        assert cassette.warnings == []
        assert cassette.header.server == "master"
        exchange = cassette.exchange(1)
        assert exchange.request.headers == {"Content-Length": "20", "X": ["yes", "~"]}
        assert exchange.request.json == '{"type":"X"}'
        assert exchange.response.after == 0.001
        assert exchange.response.headers == {"Content-Type": "text/plain; charset=utf-8"}
        first, second = cassette.events(1)
        assert first.json == (
            '{"type":"yes","list":[1,31,15,1e21,1.50,0.5,1,123456789012345678901234567890,-0,7],'
            '"text":["1","no","1_000","12:30","2026-11-22",""],"flags":[true,false,null,null],'
            '"nested":{"a":{"b":[]}}}'
        )
        assert second.base64 == b"hihhi"
        assert [event.event for event in cassette.events(1, "client")] == [3]


def test_compressed_cassettes_are_read_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "golden.yaml.gz"
    path.write_bytes(gzip.compress(GOLDEN.read_bytes()))
    with Cassette.open(path) as cassette:
        assert [document for document, _ in cassette.documents()] == whole()
    assert os.listdir(tmp_path) == ["golden.yaml.gz"]  # noqa: PTH208


def test_a_damaged_compressed_cassette_is_read_up_to_the_damage(tmp_path: Path) -> None:
    path = tmp_path / "golden.yaml.gz"
    path.write_bytes(gzip.compress(GOLDEN.read_bytes())[:-100])
    with Cassette.open(path) as cassette:
        assert "the compressed file is cut off or damaged" in cassette.warnings[-1]
        assert len(cassette)


def test_a_pipe_is_read(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, GOLDEN.read_bytes())
    os.close(writing)
    with Cassette.open(f"/dev/fd/{reading}") as cassette:
        assert len(cassette) == 4
    os.close(reading)


def exchange(request: str = "{method: GET, path: /}", response: str = "{after: 0}") -> str:
    return f"---\nexchange: 4\nat: 0\nclient: 1\nrequest: {request}\nresponse: {response}\n...\n"


NO_END_MARK = "cut off: there is no end mark `...`; each document ends with such a line"
ERRORS = [
    ("", "master.yaml: not a cassette: the file is empty"),
    ("# nothing\n", "master.yaml: not a cassette: the file is empty"),
    ("\0\1", "master.yaml:1: not a cassette: found binary data, expected a line `---`"),
    ("{}", "master.yaml:1: not a cassette: expected a line `---`, found '{}'"),
    ("--", "master.yaml:1: not a cassette: expected a line `---`, found '--'"),
    ("---\nmesot", f"master.yaml:2: header: {NO_END_MARK}"),
    ("---\nmesotape: 1\n", f"master.yaml:2: header: {NO_END_MARK}"),
    ("---\napiVersion: v1\n", "master.yaml:1: not a cassette: expected a key `mesotape`"),
    (
        "---\nkind: Pod\n...\n",
        "master.yaml:2: expected one of the keys mesotape, exchange, event, end, note, found kind",
    ),
    ("---\nnote: x\nat: 0\n...\n", "master.yaml:2: expected the header (`mesotape: 1`) first"),
    (
        "---\nmesotape: 2\nnew: 1\n...\n",
        "master.yaml:2: format 2 is newer than this mesotape reads (1): upgrade mesotape",
    ),
    ("---\nmesotape: 0\n...\n", "master.yaml:2: found format 0, expected 1"),
    (
        "---\nmesotape: one\nrecorded_at: 2026-11-22T12:18:29Z\n...\n",
        "master.yaml:2: header: mesotape: expected a whole number, found 'one'",
    ),
    (
        "---\nmesotape: 1\nrecorded_at: now\n...\n",
        "master.yaml:3: header: recorded_at: "
        "expected a time like 2026-11-22T12:18:29.104233Z, found 'now'",
    ),
    (
        "---\nmesotape: 1\n...\n",
        "master.yaml:2: header: expected a key `recorded_at`, found none",
    ),
    (START + START, "master.yaml:6: found a second header: two cassettes in one file"),
]

REQUESTS = [
    ("{method: [], path: /}", ".method: expected text, found an empty list"),
    ("{method: [GET], path: /}", ".method: expected text, found a list"),
    ("{method: GET}", ": expected a key `path`, found none"),
    ("{method: GET, path: /, colour: red}", ".colour: unknown key"),
    ("[]", ": expected a mapping, found an empty list"),
    (
        "{method: GET, path: /, headers: {A: b, C: {d: e}}}",
        ".headers.C: expected text or a list of at least 1, found a mapping",
    ),
    (
        "{method: GET, path: /, headers: {A: b, C: [d, [e]]}}",
        ".headers.C.1: expected text, found a list",
    ),
]
RESPONSES = [
    ("{after: soon}", ".after: expected a number, found 'soon'"),
    ("{after: -1}", ".after: expected a number of at least 0, found '-1'"),
    ("{after: nan}", ".after: expected a number of at least 0, found 'nan'"),
    (
        "{after: 0, cause: rain}",
        ".cause: expected client or malformed or server or server-cut or stopped, found 'rain'",
    ),
    ("{after: 0, base64: '?'}", ".base64: expected base64, found '?'"),
]
OTHERS = [
    (
        exchange("{method: GET, path: /, json: {}, text: x}"),
        "5: exchange 4: request: expected one form of the body, found json and text",
    ),
    (
        exchange("{method: GET, path: /, wire: aGk=}"),
        "5: exchange 4: request: found wire without proto: write the bytes under base64",
    ),
    (
        exchange(response="{after: 0, json: {a: .inf}}"),
        "6: `.inf` is not a number in JSON; Mesos writes it as text, in quotes",
    ),
    (
        "---\nevent: 0\nof: 1\nat: 0\n...\n",
        "2: event 0 of exchange 1: event: expected a whole number of at least 1, found '0'",
    ),
    (
        "---\nevent: 1\nof: 1\nat: 0\nchunks: [[1]]\n...\n",
        "5: event 1 of exchange 1: chunks.0: expected a list of 2, found a list",
    ),
    ("---\nevent: 1\nof: 1\nat: 0\nat: 1\n...\n", "5: found the key `at` twice"),
    ("---\nat: &a 0\nnote: x\n...\n", "2: anchors are not allowed: found `&a`"),
    ("---\nat: *a\n...\n", "2: aliases are not allowed: found `*a`"),
    ("---\nat: !!int 1\n...\n", "2: tags are not allowed: found `tag:yaml.org,2002:int`"),
    ("---\n? [a]\n: b\n...\n", "2: expected text as a key, found a list"),
    (
        "---\na: [\n...\n",
        "3: not YAML: while parsing a flow node, did not find expected node content",
    ),
    ("---\n" + "[" * 300 + "]" * 300 + "\n...\n", "2: nested deeper than 200 levels"),
    ("---\n- a\n...\n", "1: expected a mapping, found a list"),
    ("---\n...\n", "1: expected a mapping, found nothing"),
]
OTHERS += [(exchange(text), f"5: exchange 4: request{error}") for text, error in REQUESTS]
OTHERS += [
    (exchange("{method: GET, path: /}", text), f"6: exchange 4: response{error}")
    for text, error in RESPONSES
]


@pytest.mark.parametrize(("text", "message"), OTHERS)
def test_errors_of_documents(hand, text: str, message: str) -> None:
    path = hand(START + text)
    with pytest.raises(CassetteError) as error:
        Cassette.open(path)
    line, _, rest = message.partition(":")
    assert str(error.value) == f"{path}:{LINES + int(line)}:{rest}"


@pytest.mark.parametrize(("text", "message"), ERRORS)
def test_errors(hand, text: str, message: str) -> None:
    path = hand(text)
    with pytest.raises(CassetteError) as error:
        Cassette.open(path)
    assert str(error.value).removeprefix(f"{path.parent}/") == message


def test_invalid_utf8_is_an_error(hand) -> None:
    with pytest.raises(CassetteError, match="not YAML: invalid leading UTF-8 octet"):
        Cassette.open(hand(START.encode() + b"---\nnot: \xff\n...\n"))


def test_a_path_that_is_not_a_readable_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CassetteError, match=r"no.yaml: there is no such file$"):
        Cassette.open(tmp_path / "no.yaml")
    with pytest.raises(CassetteError, match=r"is a folder, expected a file$"):
        Cassette.open(tmp_path)


def test_a_missing_exchange_is_an_error() -> None:
    with (
        Cassette.open(GOLDEN) as cassette,
        pytest.raises(CassetteError, match=r"there is no exchange 9; the last is 4$"),
    ):
        cassette.exchange(9)


def test_an_error_in_the_layout_of_the_writer_is_found_when_the_document_is_read(hand) -> None:
    text = "---\nevent: 1\nof: 1\nat: 0.000000\njson: |-\n  {}\njson: |-\n  {}\n...\n"
    with Cassette.open(hand(START + text)) as cassette:
        with pytest.raises(CassetteError, match=f":{LINES + 7}: found the key `json` twice"):
            list(cassette.events(1))
        assert list(cassette.notes()) == []


def test_a_note_is_read(hand) -> None:
    with Cassette.open(hand(START + "---\nat: 1\nnote: by hand\n...\n")) as cassette:
        assert list(cassette.notes()) == [Note(note="by hand", at=1.0)]


LONG_NOTE = b"---\nnote: a\nat: 0.1\n# %b\n...\n"
LONG_ANSWER = (
    b"---\nexchange: 1\nat: 0.100000\nclient: 1\nrequest:\n  method: GET\n  path: /\n"
    b"response:\n  after: 0.100000\n  status: 200\n  text: %b\n...\n"
)


@pytest.mark.parametrize(
    ("document", "is_found_at_once"), [(LONG_NOTE, True), (LONG_ANSWER, False)]
)
def test_a_document_beyond_the_limit_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, document: bytes, *, is_found_at_once: bool
) -> None:
    monkeypatch.setattr(segments, "MAX_DOCUMENT_BYTES", 3_000_000)
    path = tmp_path / "long.yaml"
    header = b"---\nmesotape: 1\nrecorded_at: 2024-01-01T00:00:00.000000Z\n...\n"
    for size in (2_000_000, 3_000_000):
        path.write_bytes(header + document % (b"a" * size))
        length = len(document % (b"a" * size))
        with Cassette.open(path, lenient=True) as cassette:
            errors = [
                str(each)
                for each, _ in cassette.documents_or_errors()
                if isinstance(each, CassetteError)
            ]
            text = f"{path}:5: the document has {length} bytes, the limit is 3000000: delete it"
            assert errors == ([] if size < 3_000_000 else [text])
            found = [str(each) for each in cassette.wrong_documents]
            assert found == (errors if is_found_at_once else [])
