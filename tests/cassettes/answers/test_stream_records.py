"""Records that are read many at once are, byte for byte, those that are read one by one."""

import json
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.cassette_builder import RECORDED_AT
from support.document_strategies import bodies

from mesotape.cassettes.answers import stream_records
from mesotape.cassettes.answers.answer import RecordBlock, encode_chunk
from mesotape.cassettes.answers.stream_records import RecordCaches, StreamRecords
from mesotape.cassettes.answers.transcoding import transcode
from mesotape.cassettes.format import yaml_writer
from mesotape.cassettes.format.bodies import decode_body
from mesotape.cassettes.format.documents import (
    CassetteError,
    End,
    Event,
    Exchange,
    Header,
    Request,
    Response,
)
from mesotape.cassettes.storage.opened_file import ChangedError
from mesotape.cassettes.storage.reader import Cassette
from mesotape.proto.messages import mapping

EVENT = "mesos.v1.master.Event"
MESSAGES = [
    {"type": "HEARTBEAT"},
    {"type": "AGENT_REMOVED", "agent_removed": {"agent_id": {"value": 'é  \n"1'}}},
    {"type": "AGENT_REMOVED", "agent_removed": {"agent_id": {"value": "S0"}}},
    {"type": "NO_SUCH_TYPE", "no_such_member": [1, {}, "  "]},
]
JSON_TEXTS = [json.dumps(each, separators=(",", ":"), ensure_ascii=False) for each in MESSAGES]
TEXTS = st.sampled_from(JSON_TEXTS).map(str.encode)
PROTOBUF = st.sampled_from(MESSAGES[:3]).map(
    lambda each: mapping.decode(json.dumps(each).encode(), EVENT).SerializePartialToString()
)
USUAL = st.one_of(
    TEXTS.map(lambda data: decode_body(data, "json")),
    PROTOBUF.map(lambda data: decode_body(data, "proto", EVENT)),
)
CHUNKS = st.none() | st.lists(st.tuples(st.integers(1, 99), st.just(0.5)), min_size=1, max_size=2)
RECORDS = st.lists(
    st.tuples(st.sampled_from([1, 1, 1, 2]), st.one_of(USUAL, USUAL, bodies()), CHUNKS),
    max_size=12,
)
EDITS = [b"", b" ", b"\n", b"# comment\n", b'"', b"0", b"\n  ", b"}", b"\xc3", b"\t", b"--- "]


def write(path, records, edit=None):
    request = Request(method="POST", path="/api/v1", json='{"type": "SUBSCRIBE"}')
    response = Response(after=0.0, status=200, stream="recordio")
    documents = [Header(mesotape=1, server="master", recorded_at=RECORDED_AT)] + [
        Exchange(exchange=n, at=0.0, client=1, request=request, response=response) for n in (1, 2)
    ]
    numbers = {1: 0, 2: 0}
    for of, body, chunks in records:
        numbers[of] += 1
        documents.append(Event(event=numbers[of], of=of, at=1.0, chunks=chunks, **body))
    head = b"".join(map(yaml_writer.format_document, documents[:3]))
    events = b"".join(map(yaml_writer.format_document, documents[3:]))
    if edit is not None and events:
        place, size, text = edit
        place %= len(events)
        events = events[:place] + text + events[place + size :]
    end = yaml_writer.format_document(End(end=1, at=9.0, cause="server"))
    path.write_bytes(head + events + end)


def extend(values, read):
    """Append all that is read; return the text of the error that ends it, if any."""
    try:
        for each in read:
            values.append(each)
    except CassetteError as error:
        return str(error)
    return None


def single(records, cassette):
    """Read all records one by one, without the caches."""
    values = []
    error = extend(values, map(records.read_record, cassette.events(1)))
    return [each for each in values if each.data], error


def on_the_wire(records):
    """Read all records joined; return their bytes, their number, and the error, if any."""
    values = []
    error = extend(values, records.read_joined())
    data = [each.data if isinstance(each, RecordBlock) else encode_chunk(each) for each in values]
    count = sum(each.count if isinstance(each, RecordBlock) else 1 for each in values)
    return b"".join(data), count, error


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    records=RECORDS,
    edit=st.none() | st.tuples(st.integers(0, 5000), st.integers(0, 3), st.sampled_from(EDITS)),
    to=st.sampled_from([None, "json", "protobuf"]),
    block_bytes=st.sampled_from([150, 500, 1 << 17]),
)
def test_any_cassette_is_read_the_same(tmp_path, records, edit, to, block_bytes):
    path = tmp_path / "c.yaml"
    write(path, records, edit)
    convert = None if to is None else lambda data: transcode(data, EVENT, to).data
    caches = RecordCaches()
    try:
        opened = Cassette.open(path, lenient=True)
    except CassetteError:
        return
    with (
        opened as cassette,
        mock.patch.object(stream_records, "_JOINED_BYTES", block_bytes),
        mock.patch.object(stream_records, "_SINGLE_BYTES", block_bytes),
    ):
        expected, error = single(StreamRecords(cassette, 1, EVENT, convert), cassette)
        data = b"".join(encode_chunk(each.data) for each in expected)
        for _ in ("read", "out of the caches"):
            read = StreamRecords(cassette, 1, EVENT, convert, caches, (to,))
            assert on_the_wire(read) == (data, len(expected), error)
            values = []
            assert extend(values, read.read_single()) == error
            assert [each for each in values if each.data] == expected


@pytest.mark.parametrize(
    "inserted",
    [
        b"\x07",
        b"\x7f",
        b"\xc2\x80",
        b"\xc2\x85",
        b"\xe2\x80\xa8",
        b"\xef\xbf\xbe",
        b"\xff",
        b"\t",
    ],
)
def test_a_character_that_the_writer_escapes_is_read_as_yaml(tmp_path, inserted):
    path = tmp_path / "c.yaml"
    write(path, usual(3))
    path.write_bytes(path.read_bytes().replace(b"HEARTBEAT", b"HEART" + inserted + b"BEAT"))
    with Cassette.open(path, lenient=True) as cassette:
        expected, error = single(StreamRecords(cassette, 1, EVENT), cassette)
        data = b"".join(encode_chunk(each.data) for each in expected)
        read = StreamRecords(cassette, 1, EVENT)
        assert on_the_wire(read) == (data, len(expected), error)


def usual(count):
    return [(1, decode_body(JSON_TEXTS[n % 3].encode(), "json"), None) for n in range(count)]


def test_clients_share_what_was_read(tmp_path):
    write(tmp_path / "c.yaml", usual(50))
    caches = RecordCaches()
    with Cassette.open(tmp_path / "c.yaml") as cassette:
        one, other = (StreamRecords(cassette, 1, EVENT, None, caches) for _ in range(2))
        (block,) = one.read_joined()
        assert block.count == 50
        assert next(other.read_joined()) is block
        assert list(map(id, one.read_single())) == list(map(id, other.read_single()))
        (converted,) = StreamRecords(cassette, 1, EVENT, bytes.upper, caches, "x").read_joined()
        assert b"HEARTBEAT" in block.data
        assert b'"TYPE":"HEARTBEAT"' in converted.data


def test_streams_that_alternate_are_read_in_blocks(tmp_path):
    bodies_of_both = [body for _, body, _ in usual(100)]
    write(tmp_path / "c.yaml", [(1 + n % 2, body, None) for n, body in enumerate(bodies_of_both)])
    with Cassette.open(tmp_path / "c.yaml") as cassette:
        (block,) = StreamRecords(cassette, 1, EVENT).read_joined()
    assert block.count == 50


@pytest.mark.parametrize("read", [StreamRecords.read_joined, StreamRecords.read_single])
@pytest.mark.parametrize("plays_before", [0, 1])
def test_a_file_that_changed_is_not_sent(tmp_path, read, plays_before):
    path, caches = tmp_path / "c.yaml", RecordCaches()
    write(path, usual(50))
    with Cassette.open(path) as cassette:
        records = StreamRecords(cassette, 1, EVENT, None, caches)
        for _ in range(plays_before):
            assert list(read(records))
        with path.open("ab") as file:
            file.write(b"# changed\n")
        with pytest.raises(ChangedError):
            next(read(records))


def test_a_file_that_changes_ends_a_stream_at_the_next_record(tmp_path):
    path = tmp_path / "c.yaml"
    write(path, usual(50))
    with Cassette.open(path) as cassette:
        steps = StreamRecords(cassette, 1, EVENT).read_single()
        assert next(steps).data
        with path.open("ab") as file:
            file.write(b"# changed\n")
        with pytest.raises(ChangedError):
            next(steps)
