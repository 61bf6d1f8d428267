"""Runs of valid records are what the examiner finds step by step."""

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesotape.proto.api.negotiation import Encoding
from mesotape.proto.diagnosis import examiner, protobuf_content, stream_type
from mesotape.proto.diagnosis.examiner import Examiner
from mesotape.proto.diagnosis.findings import (
    Finding,
    ListedRecord,
    RecordRun,
    ValidRecord,
)
from mesotape.proto.diagnosis.stream_type import StreamType
from mesotape.proto.diagnosis.valid_runs import RunDetail, read_valid_run
from mesotape.proto.diagnosis.window import Window
from mesotape.proto.messages import mapping
from mesotape.proto.messages.summary_fields import summary_text
from mesotape.proto.recordio import encode
from mesotape.proto.shown_text import escape_line

EVENT = "mesos.v1.master.Event"
JSON = [
    b'{"type":"HEARTBEAT"}',
    b'{"type":"AGENT_REMOVED","agent_removed":{"agent_id":{"value":"12\\n34"}}}',
    b'{"type":"TASK_UPDATED","task_updated":{"status":{"task_id":{"value":"t"},"state":"NEW"}}}',
    b'{"type":"OFFERS"}',
    b'{"type":"HEARTBEAT","\xc3\xa9":1}',
    b'{"type":"HEARTBEAT","\xff":1}',
    b'{"type":"OF_LATER_VERSIONS"}',
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
    b"\x08\x04\x12\x00",  # the call of an agent, and an event without the field of its type
]
OUTPUT = [b"\x08\x02", b"\x08\x01\x12\x03\x08\x01\x12", b"\x08\x02" + encode(b"\x08\x02") * 3]
"""The last one decodes with an unknown field, but may be a record with a length that is too large:
a record begins in it, and if none begins after it, that is what it is."""


@pytest.fixture(scope="module", autouse=True)
def warm_decoders() -> Iterator[None]:
    """Let the first records of a type have the same values as the later ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(protobuf_content, "WARM_RECORDS", 0)
        yield


def records(payloads: list[bytes]) -> st.SearchStrategy[bytes]:
    framed = st.sampled_from(payloads).map(encode)
    damage = st.sampled_from([b"020\n" + payloads[0], b"+5\n", b"7\n", b"\n", b"9" * 30, b"3"])
    return st.lists(st.one_of(framed, framed, framed, damage), max_size=12).map(b"".join)


def examine(
    chunks: list[bytes],
    message: str,
    encoding: Encoding | None,
    *,
    await_next: bool,
    runs: RunDetail | None = None,
) -> list[Finding]:
    reader = Examiner(
        message,
        encoding,
        await_next_record=await_next,
        max_record_bytes=90,
        runs=runs,
    )
    return [one for chunk in chunks for one in reader.feed(chunk)] + reader.close()


def no_run(*_: object, **__: object) -> list[Finding]:
    return []


def chunked_records(data: st.DataObject, payloads: list[bytes]) -> list[bytes]:
    stream = data.draw(records(payloads))
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=4))
    edges = [0, *sorted(cuts), len(stream)]
    return [stream[a:b] for a, b in itertools.pairwise(edges)]


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
    chunks = chunked_records(data, payloads)
    found = examine(chunks, message, encoding, await_next=await_next)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(examiner, "read_valid_run", no_run)
        assert examine(chunks, message, encoding, await_next=await_next) == found


type Joined = Finding | dict[str, list[int]] | list[ListedRecord]


def with_runs_joined(findings: list[Finding], runs: RunDetail) -> list[Joined]:
    """Join each run of valid records without diagnostics: their sizes by type, or a list of all."""
    joined: list[Joined] = []
    for one in findings:
        if not isinstance(one, ValidRecord) or one.diagnostics or one.content.type is None:
            joined.append(one)
            continue
        name, value = one.content.type, one.content.value
        run = joined[-1] if joined and isinstance(joined[-1], dict | list) else None
        match run, runs:
            case None, "counted":
                joined.append(run := {})
            case None, "listed":
                joined.append(run := [])
            case _:
                pass
        if isinstance(run, dict):
            own = one.sizes if isinstance(one, RecordRun) else {name: [one.size]}
            for each, sizes in own.items():
                run.setdefault(each, []).extend(sizes)
        elif isinstance(one, RecordRun):
            run += one.records
        else:
            run.append((name, one.size, escape_line(summary_text(value, EVENT, name))))
    return joined


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
def test_records_that_are_joined_are_those_that_are_found(
    message: str,
    encoding: Encoding,
    payloads: list[bytes],
    await_next: bool,
    data: st.DataObject,
) -> None:
    chunks = chunked_records(data, payloads)
    known = data.draw(st.sampled_from([encoding, None]))
    is_compiled = data.draw(st.booleans())
    found = examine(chunks, message, known, await_next=await_next)
    for runs in ("counted", "listed"):
        with pytest.MonkeyPatch.context() as patch:
            if not is_compiled:
                patch.setattr(stream_type, "plain_record_reader", lambda *_, **__: None)
            joined = examine(chunks, message, known, await_next=await_next, runs=runs)
        places = [(one.offset, one.size) for one in joined]
        assert [start for start, _ in places[1:]] == [start + size for start, size in places[:-1]]
        numbers = [(one.number, one.count if isinstance(one, RecordRun) else 1) for one in joined]
        assert [at for at, _ in numbers[1:]] == [at + count for at, count in numbers[:-1]]
        first, expected = with_runs_joined(joined, runs), with_runs_joined(found, runs)
        assert first == expected
        for one, other in zip(first, expected, strict=True):
            assert not isinstance(one, dict) or list(one) == list(other)


@pytest.mark.parametrize(("encoding", "payloads"), [("json", JSON[:2]), ("protobuf", PROTOBUF[:3])])
def test_a_run_is_one_finding(encoding: Encoding, payloads: list[bytes]) -> None:
    stream = b"".join(map(encode, payloads)) * 3
    run, *rest = examine([stream], EVENT, encoding, await_next=False, runs="counted")
    assert isinstance(run, RecordRun)
    assert (run.number, run.offset, run.size, rest) == (1, 0, len(stream), [])
    assert run.count == 3 * len(payloads)


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
