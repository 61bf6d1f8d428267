"""The layout of the writer, and that all readers read the same in it."""

import datetime
import os
import stat
from pathlib import Path

import msgspec
import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from support.document_strategies import TEXT, documents, event

from mesotape.cassettes.format import fast_reader, parsing, yaml_writer
from mesotape.cassettes.format.bodies import (
    ascii_proto_formatter,
    decode_body,
    format_ascii_json,
)
from mesotape.cassettes.format.documents import (
    CassetteError,
    Document,
    End,
    Event,
    Exchange,
    Header,
    Note,
    Request,
    Response,
)
from mesotape.cassettes.format.json_spacing import MAX_INDENTED_BYTES
from mesotape.cassettes.format.yaml_reader import Composition
from mesotape.cassettes.recording.writer import CassetteWriter
from mesotape.cassettes.storage.reader import Cassette
from mesotape.cassettes.storage.repair import cut_damaged_tail
from mesotape.proto.messages.descriptors import message_class


def assert_readers_agree(data: bytes) -> None:
    slow = Composition(data).root
    fast = fast_reader.parse_document_nodes(data)
    assert fast is None or fast == slow
    event = fast_reader.parse_event(data)
    assert event is None or event == parsing.document_from_nodes(slow)
    # With the base loader, which like us leaves every scalar the text it is, in C and in Python.
    plain = yaml.load(data, Loader=yaml.CBaseLoader)
    assert plain == slow
    assert plain == yaml.load(data.decode(), Loader=yaml.BaseLoader)


@given(documents())
def test_a_written_document_is_read(document: Document) -> None:
    data = yaml_writer.format_document(document)
    assert parsing.parse_document(data) == document
    assert_readers_agree(data)


@given(documents())
def test_plain_scalars_are_text_to_the_safe_loader_too(document: Document) -> None:
    if isinstance(document, Exchange):
        loaded = yaml.load(yaml_writer.format_document(document), Loader=yaml.CSafeLoader)
        assert loaded["request"]["path"] == document.request.path
        assert loaded["request"].get("headers", {}) == document.request.headers
        assert loaded["response"].get("headers", {}) == document.response.headers


@given(documents())
def test_equal_documents_have_the_same_bytes(document: Document) -> None:
    assert yaml_writer.format_document(
        parsing.parse_document(yaml_writer.format_document(document))
    ) == yaml_writer.format_document(document)


@pytest.mark.parametrize("key", ["end ", "end- ", "end  ", "en d "])
def test_blanks_after_a_key_do_not_belong_to_it(key: str) -> None:
    data = f"---\n{key}: 1\nat: 0.000000\ncause: server\n...\n".encode()
    assert fast_reader.parse_document_nodes(data) in (None, Composition(data).root)


@settings(suppress_health_check=[HealthCheck.filter_too_much])
@given(documents(), st.data())
def test_an_edited_document_is_read_as_yaml_reads_it(
    document: Document, data: st.DataObject
) -> None:
    text = yaml_writer.format_document(document)
    at = data.draw(st.integers(4, len(text)))
    edited = text[:at] + data.draw(TEXT).encode() + text[at:]
    nodes = fast_reader.parse_document_nodes(edited)
    read_event = fast_reader.parse_event(edited)
    assume(nodes is not None or read_event is not None)  # Fails if no edit at all is read.
    root = Composition(edited).root
    assert nodes in (None, root)
    assert read_event is None or read_event == parsing.document_from_nodes(root)


@pytest.mark.parametrize("size", [1 << 20])
@pytest.mark.parametrize("what", ["x", "é", "\x7f", "a\n", " \n", "\n", "\u2028"])
def test_long_texts_come_back(what: str, size: int) -> None:
    document = Event(event=1, of=1, at=0.0, text=what * (size // len(what)))
    assert parsing.parse_document(yaml_writer.format_event(document)) == document


def test_a_long_header_name_comes_back() -> None:
    request = Request(method="GET", path="/", headers={"X" * 5000: "a", "é" * 5000: ["b", "c"]})
    document = Exchange(exchange=1, at=0.0, client=1, request=request, response=Response(after=0.0))
    assert parsing.parse_document(yaml_writer.format_document(document)) == document


def test_most_events_are_read_by_the_fast_reader() -> None:
    for body in ({"json": '{\n  "a": "é"\n}'}, {"proto": "{}", "chunks": [(5, 0.5)]}):
        document = Event(event=1, of=1, at=1.5, **body)
        assert fast_reader.parse_event(yaml_writer.format_event(document)) == document


def test_most_exchanges_are_read_by_the_fast_reader() -> None:
    headers = {"Accept": "*/*", "Content-Length": "20", "Set-Cookie": ["a=b", "c"]}
    request = Request(method="POST", path="/api/v1", headers=headers, json="{\n}")
    response = Response(after=0.25, status=200, headers=headers, text="two\nlines")
    document = Exchange(
        exchange=1, at=0.0, client=1, peer="127.0.0.1:5", request=request, response=response
    )
    fast = fast_reader.parse_document_nodes(yaml_writer.format_document(document))
    assert fast is not None
    assert parsing.document_from_nodes(fast) == document


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"1.500000", b"7.250000"), (b'"a": "\xc3\xa9"', b'"b": []'), (b"of: 1", b"of: 12")],
)
def test_an_event_that_was_edited_within_the_layout_is_read_by_the_fast_reader(
    old: bytes, new: bytes
) -> None:
    text = yaml_writer.format_event(Event(event=1, of=1, at=1.5, json='{\n  "a": "é"\n}'))
    edited = text.replace(old, new)
    assert edited != text
    read_event = fast_reader.parse_event(edited)
    assert read_event is not None
    assert read_event == parsing.document_from_nodes(Composition(edited).root)


HEADER = Header(mesotape=1, recorded_at=datetime.datetime(2026, 11, 22, tzinfo=datetime.UTC))


@pytest.mark.parametrize(
    ("document", "lines"),
    [
        (HEADER, "mesotape: 1\nrecorded_at: 2026-11-22T00:00:00.000000Z\n"),
        (
            msgspec.structs.replace(HEADER, server="master", redaction=["cookie", "a, b", "yes"]),
            "mesotape: 1\nserver: master\nrecorded_at: 2026-11-22T00:00:00.000000Z\n"
            'redaction: [cookie, "a, b", "yes"]\n',
        ),
        (Note(note="disk: full", at=1 / 3, of=2), 'note: "disk: full"\nat: 0.333333\nof: 2\n'),
        (
            End(end=1, at=31.201944, from_="client", cause="client"),
            "end: 1\nat: 31.201944\nfrom: client\ncause: client\n",
        ),
        (
            Event(event=2, of=1, at=0.5, chunks=[(3, 0.5), (4, 0.75)], json="1"),
            "event: 2\nof: 1\nat: 0.500000\nchunks: [[3, 0.500000], [4, 0.750000]]\n"
            "json: |-\n  1\n",
        ),
        (
            Event(event=2, of=1, at=0.5, base64=b"\xff", malformed="bad length", offset=9),
            'event: 2\nof: 1\nat: 0.500000\nbase64: "/w=="\nmalformed: bad length\noffset: 9\n',
        ),
        (
            Event(event=1, of=1, at=0.0, proto="{}", wire=b"\x01", wire_of="44136fa355b3"),
            "event: 1\nof: 1\nat: 0.000000\nproto: |-\n  {}\n"
            'wire: "AQ=="\nwire_of: "44136fa355b3"\n',
        ),
        (
            Event(event=1, of=1, at=0.0, text=" a\n\n b\n"),
            "event: 1\nof: 1\nat: 0.000000\ntext: |2\n   a\n\n   b\n",
        ),
        (
            Event(event=1, of=1, at=0.0, text="a\x7f\r\n"),
            'event: 1\nof: 1\nat: 0.000000\ntext: "a\\x7F\\r\\n"\n',
        ),
    ],
)
def test_the_layout(document: Document, lines: str) -> None:
    assert yaml_writer.format_document(document).decode() == f"---\n{lines}...\n"


def test_plain_and_quoted_header_values() -> None:
    headers = {
        "Date": "Sun, 22 Nov 2026 12:18:29 GMT",
        "Content-Length": "20",
        "Accept": "*/*",
        "Location": "//master.example:5050",
        "X": "a: b",
        "B": "no",
        "on": "a #b",
        "Z": "",
    }
    request = Request(method="GET", path="/", headers=headers)
    assert yaml_writer.format_exchange(
        Exchange(exchange=1, at=0.0, client=1, request=request, response=Response(after=0.0))
    ).decode().splitlines()[8:-3] == [
        "    Date: Sun, 22 Nov 2026 12:18:29 GMT",
        '    Content-Length: "20"',
        '    Accept: "*/*"',
        "    Location: //master.example:5050",
        '    X: "a: b"',
        '    B: "no"',
        '    "on": "a #b"',
        '    Z: ""',
    ]


def test_a_lone_surrogate_is_no_character() -> None:
    document = parsing.parse_document(yaml_writer.format_note(Note(note="\udc80", at=0.0)))
    assert document == Note(note="\ufffd", at=0.0)


EVENTS = [Event(event=n, of=1, at=float(n), json="{}") for n in (1, 2, 3)]
EXCHANGE = Exchange(
    exchange=1,
    at=0.5,
    client=3,
    request=Request(method="POST", path="/api/v1"),
    response=Response(after=0.25, status=200, stream="recordio"),
)


OLD = b"---\nmesotape: 1\nrecorded_at: 2026-11-22T00:00:00Z\nupstream: old\n...\n"


def test_a_written_file_is_a_cassette(tmp_path: Path) -> None:
    path = tmp_path / "new.yaml"
    with CassetteWriter.open(path, server="master", upstream="http://m:5050") as cassette_writer:
        cassette_writer.write([EXCHANGE, *EVENTS])
        assert cassette_writer.length_bytes == path.stat().st_size
    with Cassette.open(path) as cassette:
        assert cassette.header.server == "master"
        assert cassette.header.upstream == "http://m:5050"
        assert list(cassette.events(1)) == EVENTS


def test_a_written_file_belongs_to_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "new.yaml"
    before = os.umask(0)
    try:
        CassetteWriter.open(path).close()
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_appending_continues_after_the_last_whole_document(tmp_path: Path) -> None:
    path = tmp_path / "old.yaml"
    with CassetteWriter.open(path, server="master") as cassette_writer:
        cassette_writer.write([EXCHANGE, EVENTS[0]])
    with path.open("ab") as file:
        file.write(yaml_writer.format_event(EVENTS[1])[:-4])
    with CassetteWriter.open(path, "append", "master") as cassette_writer:
        assert (cassette_writer.last_exchange_number, cassette_writer.last_client_number) == (1, 3)
        assert cassette_writer.elapsed_seconds >= 1.0
        assert len(cassette_writer.warnings) == 1
        cassette_writer.write([EVENTS[2]])
    with Cassette.open(path) as cassette:
        assert list(cassette.events(1)) == [EVENTS[0], EVENTS[2]]
        assert not cassette.warnings


def test_appending_to_no_file_creates_it(tmp_path: Path) -> None:
    CassetteWriter.open(tmp_path / "new.yaml", "append").close()
    assert len(Cassette.open(tmp_path / "new.yaml")) == 0


def test_appending_adds_a_missing_line_end(tmp_path: Path) -> None:
    path = tmp_path / "hand.yaml"
    path.write_bytes(b"---\nmesotape: 1\nrecorded_at: 2026-11-22T00:00:00Z\n...")
    with CassetteWriter.open(path, "append") as cassette_writer:
        cassette_writer.write([EXCHANGE])
    assert len(Cassette.open(path)) == 1


def test_overwriting_leaves_nothing_of_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "old.yaml"
    path.write_bytes(OLD)
    CassetteWriter.open(path, "overwrite").close()
    assert b"old" not in path.read_bytes()
    Cassette.open(path).close()


def test_overwriting_replaces_the_old_file_with_the_first_documents(tmp_path: Path) -> None:
    path = tmp_path / "old.yaml"
    path.write_bytes(OLD)
    with CassetteWriter.open(path, "overwrite") as cassette_writer:
        assert path.read_bytes() == OLD
        cassette_writer.write([EXCHANGE])
        assert len(Cassette.open(path)) == 1
        with pytest.raises(CassetteError, match="another recorder is writing to it"):
            CassetteWriter.open(path, "append")
    assert list(tmp_path.iterdir()) == [path]


def test_an_overwriting_that_is_discarded_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "old.yaml"
    path.write_bytes(OLD)
    CassetteWriter.open(path, "overwrite").discard()
    assert path.read_bytes() == OLD
    assert list(tmp_path.iterdir()) == [path]


def test_overwriting_by_a_link_replaces_the_file_that_it_leads_to(tmp_path: Path) -> None:
    path, link = tmp_path / "old.yaml", tmp_path / "link.yaml"
    path.write_bytes(OLD)
    link.symlink_to(path)
    CassetteWriter.open(link, "overwrite").close()
    assert link.is_symlink()
    assert path.read_bytes() != OLD


def test_errors_of_opening(tmp_path: Path) -> None:
    path = tmp_path / "old.yaml"
    with CassetteWriter.open(path, server="master"):
        with pytest.raises(CassetteError, match="already exists: choose another file"):
            CassetteWriter.open(path)
        with pytest.raises(CassetteError, match="another recorder is writing to it"):
            CassetteWriter.open(path, "append", "master")
    with pytest.raises(CassetteError, match="of an agent, found one of a master"):
        CassetteWriter.open(path, "append", "agent")
    with pytest.raises(CassetteError, match="cannot be created: No such file or directory"):
        CassetteWriter.open(tmp_path / "no" / "x.yaml")


@given(
    st.one_of(
        st.recursive(
            st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.text("a \t\x7f\n")),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        ).map(lambda value: msgspec.json.encode(value)),
        st.sampled_from([b"", b"{} ", b'{"a": 1}', b"[1,\n2]", b'"\x7f"', b'"a b"', b"\xff", b"{"]),
    )
)
def test_the_fast_format_of_a_json_event_is_that_of_the_document(data: bytes) -> None:
    quick, form = format_ascii_json(data), decode_body(data, "json")
    if quick is not None:
        assert yaml_writer.format_ascii_event(3, 7, 1.25, b"json", quick) == event(form)
    assert (quick is None) == (
        "json" not in form
        or "spacing" in form
        or not data.isascii()
        or b"\x7f" in data
        or len(data) > MAX_INDENTED_BYTES
    )


@given(
    TEXT | st.text('a \x7f\n\\"\x1f'), st.sampled_from([b"", b"\x80\x7d\x01", b"\x08\x03", b"\x08"])
)
def test_the_fast_format_of_a_protobuf_event_is_that_of_the_document(
    text: str, more: bytes
) -> None:
    message = message_class("mesos.v1.scheduler.Event")()
    message.type = 8
    message.error.message = text.encode(errors="replace").decode()
    data = message.SerializeToString() + more
    quick = ascii_proto_formatter("mesos.v1.scheduler.Event")(data)
    form = decode_body(data, "proto", "mesos.v1.scheduler.Event")
    if quick is not None:
        assert yaml_writer.format_ascii_event(3, 7, 1.25, b"proto", quick) == event(form)
    assert (quick is None) == (
        "proto" not in form or "wire" in form or not form["proto"].isascii() or "\x7f" in text
    )


def test_an_empty_record_has_no_body_in_either_format() -> None:
    assert decode_body(b"", "proto", "mesos.v1.master.Event") == {}
    assert ascii_proto_formatter("mesos.v1.master.Event")(b"") is None


NOTE = b"---\nnote: here\nat: 1.000000\n...\n"


@pytest.mark.parametrize(
    "tail",
    [
        b"# The agent is drained from here on.\n# TODO: record the teardown, too.\n",
        b"\n\n  # indented\n\t\n",
        b"# Windows\r\n\r\n",
        b"%YAML 1.2\n",
        b"# " + b"long " * 2000 + b"\n",
        b"# no line end",
        b"",
    ],
)
@pytest.mark.parametrize("cut_off", [b"", b"---\nnote: cut o", b"junk\n# after junk\n"])
def test_appending_and_repairing_keep_comments(tmp_path: Path, tail: bytes, cut_off: bytes) -> None:
    check_comments_are_kept(tmp_path, "short", tail, cut_off)


@pytest.mark.parametrize("cut_off", [b"", b"---\nnote: cut o", b"junk\n# after junk\n"])
def test_appending_and_repairing_keep_comments_after_a_long_document(
    tmp_path: Path, cut_off: bytes
) -> None:
    check_comments_are_kept(tmp_path, "x" * (3 << 20), b"# a comment\n", cut_off)


def check_comments_are_kept(tmp_path: Path, text: str, tail: bytes, cut_off: bytes) -> None:
    path = tmp_path / "cassette.yaml"
    with CassetteWriter.open(path) as cassette:
        cassette.write([Note(note=text, at=0.0)])
    sound = path.read_bytes() + tail
    lines = sound if sound.endswith(b"\n") else sound + b"\n"
    path.write_bytes(sound if not cut_off else lines + cut_off)
    with CassetteWriter.open(path, "append") as cassette:
        cassette.write([NOTE])
    assert path.read_bytes() == lines + NOTE
    path.write_bytes(sound if not cut_off else lines + cut_off)
    cut_damaged_tail(path)
    assert path.read_bytes() == (sound if not cut_off else lines)
    with Cassette.open(path) as cassette:
        assert [note.note for note in cassette.notes()] == [text]
