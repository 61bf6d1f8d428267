"""Runs of valid records are what the examiner finds step by step."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesotape.proto.api.negotiation import Encoding
from mesotape.proto.diagnosis import examiner
from mesotape.proto.diagnosis.examiner import Examiner
from mesotape.proto.diagnosis.findings import Finding
from mesotape.proto.diagnosis.stream_type import StreamType
from mesotape.proto.diagnosis.valid_runs import read_valid_run
from mesotape.proto.diagnosis.window import Window
from mesotape.proto.messages import mapping
from mesotape.proto.recordio import encode

EVENT = "mesos.v1.master.Event"
JSON = [
    b'{"type":"HEARTBEAT"}',
    b'{"type":"AGENT_REMOVED","agent_removed":{"agent_id":{"value":"12\\n34"}}}',
    b'{"type":"TASK_UPDATED","task_updated":{"status":{"task_id":{"value":"t"},"state":"NEW"}}}',
    b'{"type":"OFFERS"}',
    b'{"type":"HEARTBEAT","\xc3\xa9":1}',
    b"{}",
    b"[]",
    b"",
]
PROTOBUF = [
    *(mapping.decode(text, EVENT).SerializeToString() for text in JSON[:2]),
    b"\x08\x02",
    b"\x08\x7f",
    b"\x7a\x05\n20\n{",
    b"\xff",
]
OUTPUT = [b"\x08\x02", b"\x08\x01\x12\x03\x08\x01\x12", b"\x08\x02" + encode(b"\x08\x02") * 3]
"""The last one decodes with an unknown field, but may be a record with a length that is too large:
a record begins in it, and if none begins after it, that is what it is."""


def records(payloads: list[bytes]) -> st.SearchStrategy[bytes]:
    framed = st.sampled_from(payloads).map(encode)
    damage = st.sampled_from([b"020\n" + payloads[0], b"+5\n", b"7\n", b"\n", b"9" * 30, b"3"])
    return st.lists(st.one_of(framed, framed, framed, damage), max_size=12).map(b"".join)


def examine(
    chunks: list[bytes], message: str, encoding: Encoding, *, await_next: bool
) -> list[Finding]:
    reader = Examiner(message, encoding, await_next_record=await_next, max_record_bytes=90)
    return [one for chunk in chunks for one in reader.feed(chunk)] + reader.close()


def no_run(*_: object, **__: object) -> list[Finding]:
    return []


@pytest.mark.parametrize("await_next", [True, False])
@pytest.mark.parametrize(
    ("message", "encoding", "payloads"),
    [
        (EVENT, "json", JSON),
        (EVENT, "protobuf", PROTOBUF),
        ("mesos.v1.agent.ProcessIO", "protobuf", OUTPUT),
    ],
)
@given(data=st.data())
def test_runs_are_found_as_step_by_step(
    message: str, encoding: Encoding, payloads: list[bytes], await_next: bool, data: st.DataObject
) -> None:
    stream = data.draw(records(payloads))
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=4))
    edges = [0, *sorted(cuts), len(stream)]
    chunks = [stream[a:b] for a, b in itertools.pairwise(edges)]
    found = examine(chunks, message, encoding, await_next=await_next)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(examiner, "read_valid_run", no_run)
        assert examine(chunks, message, encoding, await_next=await_next) == found


def test_a_run_ends_before_the_record_that_needs_a_closer_look() -> None:
    window = Window(StreamType(EVENT, "json"), 100)
    window.receive(encode(JSON[0]) * 3 + b"+5\n")
    window.join()
    for is_followed in (False, True):
        run = read_valid_run(
            window, 100, 7, StreamType(EVENT, "json"), 1 << 20, is_followed=is_followed
        )
        expected = [(7, 100, 23), (8, 123, 23), (9, 146, 23)]
        found = [(one.number, one.offset, one.size) for one in run]
        assert found == expected[: len(expected) - is_followed]
