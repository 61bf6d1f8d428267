"""A capture of HTTP is told from a stream of records, however it is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesotape.cassettes.inspection.capture_detection import has_http_framing

HEARTBEAT = b'20\n{"type":"HEARTBEAT"}'

CAPTURES = {
    "a record in a chunk": b"17\r\n" + HEARTBEAT + b"\r\n0\r\n\r\n",
    "upper case": b"1A \r\n" + b'23\n{"type":"HEARTBEAT"   }\r\n',
    "a chunk extension": b"17;a=b\r\n" + HEARTBEAT,
    "a chunk that begins inside a record": b'15\r\n{"type":"HEARTBEAT"} \r\n17\r\n' + HEARTBEAT,
    "a chunk of one byte": b"1\r\n2\r\n1\r\n0\r\n",
    "only the last chunk": b"0\r\n\r\n",
    "only the last chunk and a trailer": b"0\r\nA: b\r\n\r\n",
    "a response": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    "a request": b"POST /api/v1 HTTP/1.1\r\n\r\n",
}

OTHERS = {
    "nothing": b"",
    "a record": HEARTBEAT * 3,
    "a record of 16 bytes": b'16\n{"type":"ABCDEF"}',
    "lengths that end in CRLF": b'20\r\n{"type":"HEARTBEAT"}' * 5,
    "records that end in CRLF": b'20\r\n{"type":"HEARTBEAT"}\r\n' * 5,
    "a length in hexadecimal": b'0x14\n{"type":"HEARTBEAT"}',
    "hexadecimal and CRLF": b'14\r\n{"type":"HEARTBEAT"}14\r\n{"type":"HEARTBEAT"}',
    "JSON": b'{"type":"HEARTBEAT"}',
    "text": b"POST a letter\nto somebody\n",
    "a word": b"HTTP",
    "a size without data": b"20\r\n",
    "a large size": b"ffffffff\r\n" + b"x" * (3 << 20),
}


@pytest.mark.parametrize("data", CAPTURES.values(), ids=CAPTURES)
def test_a_capture_is_found(data: bytes) -> None:
    assert has_http_framing(data, is_whole=True) is True
    answers = [has_http_framing(data[:size], is_whole=False) for size in range(len(data) + 1)]
    assert False not in answers
    assert answers == sorted(answers, key=bool)


@pytest.mark.parametrize("data", OTHERS.values(), ids=OTHERS)
def test_anything_else_is_none(data: bytes) -> None:
    assert has_http_framing(data, is_whole=True) is False
    sizes = range(min(len(data), 300))
    assert not any(has_http_framing(data[:size], is_whole=False) for size in sizes)


def test_the_answer_does_not_wait_for_a_large_chunk() -> None:
    assert has_http_framing(b"fffff\r\n1048570\n{", is_whole=False) is True
    assert has_http_framing(b"ffffff\r\n{" + b"x" * (2 << 20), is_whole=False) is False


@given(
    st.lists(st.text('ab{}[]0123456789"\\ \u00e9', max_size=40), min_size=1, max_size=8),
    st.sampled_from([b"\n", b"\r\n"]),
)
def test_records_are_never_taken_for_chunks(texts: list[str], line_end: bytes) -> None:
    payloads = [b'{"type":"' + text.encode() + b'"}' for text in texts]
    data = b"".join(b"%d%b%b" % (len(payload), line_end, payload) for payload in payloads)
    for size in range(len(data) + 1):
        assert not has_http_framing(data[:size], is_whole=size == len(data))
