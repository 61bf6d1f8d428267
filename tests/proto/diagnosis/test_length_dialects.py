"""Length lines as three readers parse them; C++ is compared with Mesos's decoder."""

import json

import pytest
from support.paths import DATA

from mesotape.proto.diagnosis.length_dialects import (
    parse_length_cpp,
    parse_length_python,
    parse_length_strict,
)
from mesotape.proto.diagnosis.length_errors import diagnose_length_line

VECTORS = json.loads((DATA / "mesos-vectors.json").read_text())
HUGE = 2**64 - 1


@pytest.mark.parametrize(
    ("line", "strict", "cpp", "python"),
    [
        (b"5", 5, 5, 5),
        (b"000003", 3, 3, 3),
        (b"0", 0, 0, 0),
        (b"+5", None, 5, 5),
        (b"-0", None, 0, 0),
        (b"-1", None, HUGE, 0),
        (b"0x5", None, 5, None),
        (b"0X5", None, 5, None),
        (b"-0x1", None, HUGE, None),
        (b"", None, None, None),
        (b" 5 ", None, None, 5),
        (b"5\r", None, None, 5),
        (b"5_0", None, None, 50),
        ("\u0665".encode(), None, None, 5),
        (b"5.0", None, None, None),
        (b"1e1", None, None, None),
        (b"1,000", None, None, None),
        (b"0x", None, None, None),
        (b"5\0", None, None, None),
        (b"18446744073709551615", HUGE, HUGE, HUGE),
        (b"18446744073709551616", None, None, 2**64),
    ],
)
def test_three_readers_parse_a_length_differently(
    line: bytes, strict: int | None, cpp: int | None, python: int | None
) -> None:
    assert (parse_length_strict(line), parse_length_cpp(line), parse_length_python(line)) == (
        strict,
        cpp,
        python,
    )


@pytest.mark.parametrize("vector", VECTORS["recordio_decode_cpp"])
def test_cpp_fails_where_the_decoder_of_mesos_did(vector: dict[str, list[str]]) -> None:
    data = bytes.fromhex("".join(vector["chunks_hex"]))
    failed = any("error" in result for result in vector["results"])
    assert (parse_length_cpp(data.partition(b"\n")[0]) is None) == failed


@pytest.mark.parametrize(
    ("line", "reason", "start", "stop"),
    [
        (b"+20", "sign", 100, 101),
        (b"-20", "sign", 100, 101),
        (b"0x14", "hex", 101, 102),
        (b"20\r", "crlf", 102, 103),
        (b"  20", "blank", 100, 102),
        (b"20\t", "blank", 102, 103),
        (b"", "empty-length", 100, 101),
        (b"2O", "not-digits", 101, 102),
        (b'{"type"', "missing-length", 100, 101),
        (b"9" * 30, "overflow", 100, 130),
        (b"HTTP/1.1 500 No", "http-answer", 100, 115),
    ],
)
def test_a_diagnostic_has_the_reason_and_the_offending_bytes(
    line: bytes, reason: str, start: int, stop: int
) -> None:
    problem = diagnose_length_line(line, 100)
    assert (problem.reason, problem.start, problem.stop) == (reason, start, stop)
