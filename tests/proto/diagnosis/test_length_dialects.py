"""Length lines, as three readers take them; the C++ ones against what Mesos's decoder did."""

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
    ("line", "strictly", "in_cpp", "in_python"),
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
def test_readers_take_a_length_each_in_their_way(
    line: bytes, strictly: int | None, in_cpp: int | None, in_python: int | None
) -> None:
    assert (parse_length_strict(line), parse_length_cpp(line), parse_length_python(line)) == (
        strictly,
        in_cpp,
        in_python,
    )


@pytest.mark.parametrize("vector", VECTORS["recordio_decode_cpp"])
def test_cpp_is_what_mesos_did(vector: dict[str, list[str]]) -> None:
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
def test_a_reason_names_the_bytes(line: bytes, reason: str, start: int, stop: int) -> None:
    remark = diagnose_length_line(line, 100)
    assert (remark.reason, remark.start, remark.stop) == (reason, start, stop)
