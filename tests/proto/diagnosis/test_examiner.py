"""Damaged streams: the corpus of corruptions.py, and rules that hold for any bytes."""

import base64
import gzip
import json
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.captures.capture import expected, load, names
from support.corruptions import CORPUS

from mesotape.proto.diagnosis.examiner import Examiner
from mesotape.proto.diagnosis.findings import Finding, SkippedBytes, ValidRecord

CASES: list[dict[str, Any]] = json.loads(gzip.decompress(CORPUS.read_bytes()))
HEARTBEAT = b'20\n{"type":"HEARTBEAT"}'
MASTER = "mesos.v1.master.Event"


def examine(
    data: bytes, size: int | None = None, *stream_type: Any, **options: Any
) -> list[Finding]:
    examiner = Examiner(*stream_type, **options)
    size = size or len(data) or 1
    findings: list[Finding] = []
    for start in range(0, len(data), size):
        findings += examiner.feed(data[start : start + size])
    return findings + examiner.close()


def as_tuple(finding: Finding) -> tuple[Any, ...]:
    return (
        type(finding),
        finding.number,
        finding.offset,
        finding.size,
        finding.payload,
        finding.diagnostics,
        finding.content.type,
        finding.content.diagnostics,
    )


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 60
    assert {case["encoding"] for case in CASES} == {"json", "protobuf"}


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_damaged_stream_has_one_malformed_finding_and_resumes_after_it(
    case: dict[str, Any],
) -> None:
    data = base64.b64decode(case["data"])
    findings = examine(data, None, case["message"], case["encoding"])
    assert sum(one.size for one in findings) == len(data)
    (bad,) = [one for one in findings if one.diagnostics]
    place = (bad.number, bad.offset, bad.size, bad.diagnostics[0].reason)
    assert place == (case["number"], case["offset"], case["size"], case["reason"])
    assert len(bad.diagnostics) == 1
    rest = findings[bad.number :]
    assert all(isinstance(one, ValidRecord) for one in rest)
    assert [one.offset for one in rest[:1]] == [case["resumes"]] * bool(rest)
    assert len(rest) == case["left"]
    assert zlib.crc32(b"".join(one.payload or b"" for one in rest)) == case["crc"]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_findings_do_not_depend_on_how_the_bytes_are_cut(case: dict[str, Any]) -> None:
    data = base64.b64decode(case["data"])
    for stream_type in ((case["message"], case["encoding"]), ()):
        whole = [as_tuple(one) for one in examine(data, None, *stream_type)]
        for size in (1, 2, 3, 7, 4096):
            assert [as_tuple(one) for one in examine(data, size, *stream_type)] == whole, size


WITHOUT_BYTES = {"not-message", "missing-field", "no-type", "wrong-server", "unknown-enum"}
"""Reasons about a message as a whole; all others name the offending bytes."""


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_offending_bytes_are_inside_their_finding(case: dict[str, Any]) -> None:
    data = base64.b64decode(case["data"])
    findings = examine(data, None, case["message"], case["encoding"])
    (bad,) = [one for one in findings if one.diagnostics]
    (problem,) = bad.diagnostics
    if case["reason"] in WITHOUT_BYTES:
        assert (problem.start, problem.stop) == (None, None)
    else:
        assert problem.start is not None
        assert problem.stop is not None
        assert bad.offset <= problem.start <= problem.stop <= bad.offset + bad.size


PIECES = st.lists(
    st.one_of(
        st.just(HEARTBEAT),
        st.sampled_from(
            [b"20\r\n", b"+20\n", b"0x14\n", b"\n", b"0\n", b"5\n", b"{", b"}", b"9" * 30]
        ),
        st.sampled_from(
            [b"2\n{}", b"2\n\x08\x02", b'{"type":"HEARTBEAT"}', b"HTTP/1.1 500 x\r\n\r\n"]
        ),
        st.binary(max_size=40),
        st.integers(0, 300).map(lambda n: b"%d\n" % n),
    ),
    max_size=12,
).map(b"".join)
STREAM_TYPES = st.sampled_from(
    [(), (MASTER, "json"), (MASTER, "protobuf"), (MASTER, None), (None, "protobuf"), (None, "json")]
)


@given(PIECES, STREAM_TYPES, st.integers(1, 50))
@settings(max_examples=400, deadline=None)
def test_findings_cover_any_bytes(data: bytes, stream_type: tuple[Any, ...], size: int) -> None:
    findings = examine(data, None, *stream_type)
    offset = 0
    for number, one in enumerate(findings, 1):
        assert (one.number, one.offset) == (number, offset)
        assert one.size > 0
        if isinstance(one, SkippedBytes):
            assert one.data == data[offset : offset + one.size][:4096]
            assert one.severity == "malformed"
        offset += one.size
    assert offset == len(data)
    assert [as_tuple(one) for one in examine(data, size, *stream_type)] == [
        as_tuple(one) for one in findings
    ]


def test_a_record_over_the_limit_is_skipped_without_being_held() -> None:
    data = HEARTBEAT + b"1000000\n" + b"x" * 1_000_000 + HEARTBEAT
    findings = examine(data, 4096, MASTER, max_record_bytes=1000)
    assert [one.diagnostics[0].reason if one.diagnostics else None for one in findings] == [
        None,
        "over-limit",
        None,
    ]
    assert findings[1].size == 1_000_008


STREAMS = [
    (name, exchange)
    for name in names()
    for exchange in expected(load(name))
    if exchange.response is not None and exchange.response.records
]


@pytest.mark.parametrize("name", sorted({name for name, _ in STREAMS}))
def test_the_records_of_captured_streams_are_valid(name: str) -> None:
    for one, exchange in STREAMS:
        if one == name:
            assert exchange.response is not None
            data = b"".join(b"%d\n%b" % (len(r), r) for r in exchange.response.records)
            findings = examine(data, 65536, message(exchange.request.target, exchange))
            assert [f.payload for f in findings] == list(exchange.response.records)
            assert not any(f.diagnostics for f in findings)
            assert all(f.content.type for f in findings)


def message(target: str, exchange: Any) -> str:
    if "scheduler" in target:
        return "mesos.v1.scheduler.Event"
    if "executor" in target:
        return "mesos.v1.executor.Event"
    if "resource_provider" in target:
        return "mesos.v1.resource_provider.Event"
    agent = b"CONTAINER" in exchange.request.raw_body or b"DATA" in exchange.response.records[0]
    other = {name for name, _ in STREAMS if name.startswith(("agent", "session", "secrets-agent"))}
    is_agent = agent or any(exchange is e and n in other for n, e in STREAMS)
    return "mesos.v1.agent.ProcessIO" if is_agent else MASTER
