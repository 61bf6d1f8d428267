"""Streams inside the framing of HTTP: the rows of the records, and what is wrong with the framing.

Each capture is read whole, byte by byte, and cut in two at a byte that hypothesis selects.
"""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesotape.cassettes.inspection.capture_rows import CaptureRows
from mesotape.cassettes.inspection.rows import Row
from mesotape.cassettes.inspection.stream_rows import StreamOrigin, StreamRows

START = b'85\n{"type":"SUBSCRIBED","subscribed":{"get_state":{},"heartbeat_interval_seconds":15.0}}'
HEARTBEAT = b'20\n{"type":"HEARTBEAT"}'
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
LAST = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


STREAM = chunk(START) + chunk(HEARTBEAT) * 2 + LAST


def rows_of(*parts: bytes) -> list[Row]:
    rows = CaptureRows()
    found = [row for part in parts for row in rows.feed(part)]
    return [*found, *rows.close()]


def facts(rows: list[Row]) -> list[tuple[object, ...]]:
    """Return the type or text of each row, with its exchange and its two offsets."""
    return [
        (
            row.type or row.cause or row.text or [one.reason for one in row.diagnostics],
            row.exchange,
            row.offset,
            row.file_offset,
        )
        for row in rows
    ]


CHUNKS = "HTTP chunks, looked through; offsets are those of the stream"
HEAD = "HTTP/1.1 200 OK, application/json, chunked"
EVENTS = [("SUBSCRIBED", 88), ("HEARTBEAT", 23), ("HEARTBEAT", 23)]


def events(exchange: int, first: int, framing: int = 6) -> list[tuple[object, ...]]:
    """Return the rows of `STREAM`, whose first record is at the byte `first` of the file."""
    offset, found = 0, list[tuple[object, ...]]()
    for number, (name, size) in enumerate(EVENTS):
        found.append((name, exchange, offset, first + offset + framing * number))
        offset += size
    return found


CASES: dict[str, tuple[bytes, list[tuple[object, ...]]]] = {
    "chunks": (STREAM, [(CHUNKS, 1, None, None), *events(1, 4), ("server", 1, None, None)]),
    "chunks that do not end": (
        STREAM[: -len(LAST)],
        [(CHUNKS, 1, None, None), *events(1, 4)],
    ),
    "a head": (
        OK + b"\r\n" + STREAM,
        [(HEAD, 1, None, 0), *events(1, len(OK) + 6), ("server", 1, None, None)],
    ),
    "two responses": (
        (OK + b"\r\n" + STREAM) * 2,
        [
            (HEAD, 1, None, 0),
            *events(1, len(OK) + 6),
            ("server", 1, None, None),
            (HEAD, 2, None, len(OK) + 2 + len(STREAM)),
            *events(2, len(OK) * 2 + len(STREAM) + 8),
            ("server", 2, None, None),
        ],
    ),
    "two bodies without heads": (
        STREAM * 2,
        [
            (CHUNKS, 1, None, None),
            *events(1, 4),
            ("server", 1, None, None),
            (CHUNKS, 2, None, None),
            *events(2, len(STREAM) + 4),
            ("server", 2, None, None),
        ],
    ),
    "answers before a stream": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}"
        + OK
        + b"\r\n"
        + chunk(b'{"type":"GET_STATE"}')
        + LAST
        + OK
        + b"\r\n"
        + chunk(HEARTBEAT)
        + LAST,
        [
            ("HTTP/1.1 100 Continue", 1, None, 0),
            ("HTTP/1.1 202 Accepted", 2, None, 25),
            (HEAD, 3, None, 71),
            (HEAD, 4, None, 71 + len(OK) + 33),
            ("HEARTBEAT", 4, 0, 71 + len(OK) * 2 + 33 + 6),
            ("server", 4, None, None),
        ],
    ),
    "requests": (
        b'POST /api/v1 HTTP/1.1\r\nContent-Length: 20\r\n\r\n{"type":"SUBSCRIBE"}'
        b"GET /version HTTP/1.1\r\n\r\n"
        b"POST /api/v1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(HEARTBEAT) + LAST,
        [
            ("POST /api/v1 HTTP/1.1", 1, None, 0),
            ("GET /version HTTP/1.1", 2, None, 65),
            ("POST /api/v1 HTTP/1.1, chunked", 3, None, 90),
            ("HEARTBEAT", 3, 0, 147),
            ("server", 3, None, None),
        ],
    ),
    "gzip": (
        OK + b"Content-Encoding: gzip\r\n\r\n" + chunk(gzip.compress(START + HEARTBEAT)) + LAST,
        [
            ("HTTP/1.1 200 OK, application/json, gzip, chunked", 1, None, 0),
            ("SUBSCRIBED", 1, 0, None),
            ("HEARTBEAT", 1, 88, None),
            ("server", 1, None, None),
        ],
    ),
    "no gzip": (
        OK + b"Content-Encoding: gzip\r\n\r\n" + chunk(START) + LAST,
        [
            (["content-coding"], 1, 0, len(OK) + 30),
            ("HTTP/1.1 200 OK, application/json, gzip, chunked", 1, None, 0),
        ],
    ),
    "a record in two chunks, two records in one": (
        chunk(START[:10]) + chunk(START[10:] + HEARTBEAT + HEARTBEAT[:1]) + chunk(HEARTBEAT[1:]),
        [
            (CHUNKS, 1, None, None),
            ("SUBSCRIBED", 1, 0, 3),
            ("HEARTBEAT", 1, 88, 97),
            ("HEARTBEAT", 1, 111, 120),
        ],
    ),
    "a body until the connection closes": (
        b"HTTP/1.0 200 OK\r\n\r\nhello",
        [("HTTP/1.0 200 OK", 1, None, 0)],
    ),
}


@pytest.mark.parametrize(("data", "found"), CASES.values(), ids=CASES)
def test_a_capture_has_the_rows_of_its_streams(
    data: bytes, found: list[tuple[object, ...]]
) -> None:
    assert facts(rows_of(data)) == found
    assert facts(rows_of(*(bytes([byte]) for byte in data))) == found


@given(st.sampled_from([data for data, _ in CASES.values()]), st.data())
def test_the_rows_do_not_depend_on_how_the_file_is_read(data: bytes, cuts: st.DataObject) -> None:
    cut = cuts.draw(st.integers(0, len(data)))
    assert facts(rows_of(data[:cut], data[cut:])) == facts(rows_of(data))


GOOD = chunk(START)

BROKEN = {
    "a size that is no number": (
        b"xy\r\n" + HEARTBEAT + b"\r\n",
        "chunk-size",
        0,
        "size of a chunk is b'xy\\r', expected hexadecimal digits and CRLF; 29 bytes skipped",
    ),
    "no size": (HEARTBEAT + b"\r\n", "chunk-size", 0, "size of a chunk is b'20', expected "),
    "a size that is too small": (
        b"15\r\n" + HEARTBEAT + b"\r\n",
        "chunk-end",
        25,
        "a chunk of 21 bytes is followed by b'\"}', expected CRLF; 4 bytes skipped",
    ),
    "no CRLF after the data": (
        b"17\r\n" + HEARTBEAT,
        "chunk-end",
        27,
        "a chunk of 23 bytes is followed by b'17', expected CRLF",
    ),
}


@pytest.mark.parametrize(("broken", "reason", "place", "text"), BROKEN.values(), ids=BROKEN)
def test_broken_framing_is_named_and_reading_goes_on(
    broken: bytes, reason: str, place: int, text: str
) -> None:
    found = rows_of(GOOD + broken + chunk(HEARTBEAT) * 3 + LAST)
    (bad,) = [row for row in found if row.diagnostics and row.diagnostics[0].reason == reason]
    assert bad.file_offset == len(GOOD) + place
    assert bad.diagnostics[0].text.startswith(f"byte {len(GOOD) + place} of the file: {text}")
    assert found[-1].cause == "server"
    assert [row.type for row in found if row.row_type == "event"][-2:] == ["HEARTBEAT"] * 2


TRUNCATED = [
    (b"1", "the capture ends inside the size of a chunk"),
    (b"17\r\n20\n{", "the capture ends after 4 of 23 bytes of a chunk"),
    (chunk(HEARTBEAT)[:-2], "the capture ends before the CRLF after a chunk"),
    (chunk(HEARTBEAT)[:-1], "the capture ends before the CRLF after a chunk"),
    (b"0\r\n", "the capture ends before the empty line after the last chunk"),
]


@pytest.mark.parametrize(("rest", "text"), TRUNCATED)
def test_a_truncated_capture_says_where(rest: bytes, text: str) -> None:
    found = [row for row in rows_of(GOOD + rest) if row.diagnostics]
    assert text in found[0].diagnostics[0].text
    assert found[0].diagnostics[0].reason == "truncated-chunk"


@pytest.mark.parametrize("size", range(len(STREAM)))
def test_a_capture_can_end_at_any_byte(size: int) -> None:
    found = rows_of(OK + b"\r\n" + STREAM[:size])
    borders = {0, len(chunk(START)), *(len(chunk(START)) + 29 * n for n in (1, 2))}
    reasons = {one.reason for row in found for one in row.diagnostics}
    assert ("truncated-chunk" in reasons) == (size not in borders)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (OK + b"\r\n" + STREAM + b"what is this\n", "found b'what is this\\n', expected the head"),
        (b"HTTP/1.1 200 OK\r\nA", "the head of a message does not end"),
        (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "the head of a message is wrong: "),
        (OK + b"A: " + b"x" * 70_000, "the head of a message does not end"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "after 3 of 9 bytes of a body"),
    ],
)
def test_other_errors_of_framing(data: bytes, text: str) -> None:
    (error,) = [one.text for row in rows_of(data) for one in row.diagnostics]
    assert text in error


def test_a_damaged_record_has_both_offsets() -> None:
    found = rows_of(chunk(START) + chunk(b"2O" + HEARTBEAT[2:]) + chunk(HEARTBEAT) + LAST)
    (bad,) = [row for row in found if row.row_type == "skipped"]
    assert (bad.diagnostics[0].reason, bad.offset, bad.file_offset) == ("not-digits", 88, 98)


@given(st.binary(max_size=200), st.sampled_from([b"", OK + b"\r\n", GOOD, b"5\r\n"]))
def test_any_bytes_have_rows(data: bytes, start: bytes) -> None:
    assert facts(rows_of(start + data, data)) == facts(
        rows_of(*(bytes([byte]) for byte in start + data + data))
    )


def test_only_the_beginning_of_a_large_body_is_kept() -> None:
    rows = CaptureRows(max_record_bytes=1000)
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
    found = [row for part in (head, *[b"x" * 1000] * 100) for row in rows.feed(part)]
    assert [(row.size, len(row.body)) for row in found] == [(100_000, 1000)]


def test_the_stream_alone_has_the_same_records() -> None:
    stream = StreamRows(StreamOrigin())
    plain = [*stream.feed(START + HEARTBEAT * 2), *stream.close()]
    framed = [row for row in rows_of(STREAM) if row.row_type == "event"]
    assert [(row.type, row.offset, row.size) for row in framed] == [
        (row.type, row.offset, row.size) for row in plain
    ]
