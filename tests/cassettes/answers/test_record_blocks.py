"""A stream that is sent in blocks is, byte for byte, the stream that is sent record by record."""

import json
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.cassette_builder import RECORDED_AT
from support.document_strategies import bodies

from mesotape.cassettes.answers.answer import Ending, RecordBlock, encode_chunk
from mesotape.cassettes.answers.pace import Instant
from mesotape.cassettes.answers.record_blocks import BlockCache
from mesotape.cassettes.answers.timeline import Timeline
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
from mesotape.cassettes.storage import event_blocks
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


def sent(steps):
    """Return the bytes on the wire, the number of records, the end, and the error, if any."""
    data, count, ending = b"", 0, None
    try:
        for deadline_seconds, step in steps:
            assert deadline_seconds == 7.0
            match step:
                case Ending():
                    ending = step
                case RecordBlock():
                    data, count = data + step.data, count + step.count
                case _:
                    data, count = data + encode_chunk(step), count + 1
    except (CassetteError, ValueError) as error:
        return data, count, ending, str(error)
    return data, count, ending, None


def play(path, to, blocks=None):
    transcoded = None if to is None else lambda data: transcode(data, EVENT, to).data
    with Cassette.open(path, lenient=True) as cassette:
        timeline = Timeline(
            cassette,
            cassette.exchange(1),
            EVENT,
            None if transcoded is None else lambda _, data: transcoded(data),
        )
        if blocks is None:
            return sent(timeline.play(Instant(), 7.0))
        return sent(timeline.play_in_blocks(blocks, (to,), 7.0, transcoded))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    records=RECORDS,
    edit=st.none() | st.tuples(st.integers(0, 5000), st.integers(0, 3), st.sampled_from(EDITS)),
    to=st.sampled_from([None, "json", "protobuf"]),
    block_bytes=st.sampled_from([150, 500, 1 << 17]),
)
def test_any_cassette_is_the_same_in_blocks(tmp_path, records, edit, to, block_bytes):
    path, blocks = tmp_path / "c.yaml", BlockCache()
    write(path, records, edit)
    try:
        expected = play(path, to)
    except CassetteError:
        return  # It cannot be opened, or has no such exchange any more.
    with mock.patch.object(event_blocks, "_BLOCK_BYTES", block_bytes):
        assert play(path, to, blocks) == expected
        assert play(path, to, blocks) == expected  # Out of the cache.


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
    assert play(path, None, BlockCache()) == play(path, None)


def usual(count):
    return [(1, decode_body(JSON_TEXTS[n % 3].encode(), "json"), None) for n in range(count)]


def blocks_of(cassette, cache):
    timeline = Timeline(cassette, cassette.exchange(1), EVENT)
    return timeline.play_in_blocks(cache, (), 7.0, None)


def test_records_of_the_writer_are_one_block_that_clients_share(tmp_path):
    write(tmp_path / "c.yaml", usual(50))
    cache = BlockCache()
    with Cassette.open(tmp_path / "c.yaml") as cassette:
        (_, one), (_, ending) = blocks_of(cassette, cache)
        (_, other), _ = blocks_of(cassette, cache)
    assert one is other
    assert (one.count, ending) == (50, Ending.FINAL_CHUNK)


def test_a_stream_of_chunks_has_no_blocks(tmp_path):
    write(tmp_path / "c.yaml", usual(2))
    (tmp_path / "c.yaml").write_bytes(
        (tmp_path / "c.yaml").read_bytes().replace(b"stream: recordio", b"stream: chunks")
    )
    with Cassette.open(tmp_path / "c.yaml") as cassette:
        assert blocks_of(cassette, BlockCache()) is None


@pytest.mark.parametrize("plays_before", [0, 1])
def test_a_file_that_changed_is_not_sent(tmp_path, plays_before):
    path, cache = tmp_path / "c.yaml", BlockCache()
    write(path, usual(50))
    with Cassette.open(path) as cassette:
        for _ in range(plays_before):
            list(blocks_of(cassette, cache))
        steps = blocks_of(cassette, cache)
        with path.open("ab") as file:
            file.write(b"# changed\n")
        with pytest.raises(ChangedError):
            next(steps)


def test_streams_that_alternate_share_a_block_of_the_file(tmp_path):
    records = usual(100)
    write(tmp_path / "c.yaml", [(1 + n % 2, body, None) for n, (_, body, _) in enumerate(records)])
    with Cassette.open(tmp_path / "c.yaml") as cassette:
        (_, block), _ = blocks_of(cassette, BlockCache())
    assert block.count == 50
