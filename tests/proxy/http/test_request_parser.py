import gzip
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesotape.cassettes.answers.answer import encode_chunk
from mesotape.proto.http.request import HttpRequest
from mesotape.proxy.http.http1 import (
    BodyEnd,
    BodyPart,
    CompleteRequest,
    ConnectionLimits,
    ContinueExpected,
    HttpRequestError,
    RequestStarted,
)
from mesotape.proxy.http.request_cache import RequestCache
from mesotape.proxy.http.request_parser import HeldBodies, RequestParser

POST = b"POST /api/v1 HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"
CHUNKED = b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n"
GET = b"GET /version?a=b HTTP/1.1\r\nHost: a\r\n\r\n"


def events_of(data, limits=None):
    return RequestParser(limits or ConnectionLimits()).feed(data)


def error_of(data, limits=None):
    (*_, last) = events_of(data, limits)
    assert isinstance(last, HttpRequestError)
    return last.status, str(last)


def test_a_request_is_method_target_headers_and_body():
    headers = ((b"Host", b"a"), (b"Content-Length", b"4"))
    assert events_of(POST) == [
        CompleteRequest(HttpRequest(b"POST", b"/api/v1", headers, b"body"), True)
    ]


def test_a_chunked_body_is_joined():
    assert events_of(CHUNKED)[0].request.body == b"body"


@pytest.mark.parametrize("data", [POST, CHUNKED, GET, POST + GET + CHUNKED])
def test_the_division_of_the_bytes_does_not_matter(data):
    parser = RequestParser(ConnectionLimits())
    pieces = [item for byte in data for item in parser.feed(bytes([byte]))]
    assert pieces == events_of(data)
    assert not parser.has_unfinished


def test_pipelined_requests_are_returned_in_order():
    assert [item.request.target for item in events_of(POST + GET + POST)] == [
        b"/api/v1",
        b"/version?a=b",
        b"/api/v1",
    ]


@pytest.mark.parametrize(
    ("head", "keep_alive"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", True),
        (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", True),
    ],
)
def test_the_version_and_the_connection_header_decide_about_keep_alive(head, keep_alive):
    assert events_of(head)[0].keep_alive is keep_alive


def test_an_unfinished_request_is_reported():
    parser = RequestParser(ConnectionLimits())
    parser.feed(POST[:-1])
    assert parser.has_unfinished
    assert parser.is_in_body
    assert not parser.is_record_stream


def test_a_request_of_records_is_known_once_its_head_is_complete():
    parser = RequestParser(ConnectionLimits())
    parser.feed(b"POST / HTTP/1.1\r\nContent-Type: application/recordio\r\n")
    assert not parser.is_record_stream
    parser.feed(b"Transfer-Encoding: chunked\r\n\r\n")
    assert parser.is_record_stream


def test_100_continue_is_expected_before_the_body():
    head = b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    parser = RequestParser(ConnectionLimits())
    assert parser.feed(head) == [ContinueExpected()]
    assert parser.feed(b"ab")[0].request.body == b"ab"


def test_a_gzipped_body_is_decompressed():
    body = gzip.compress(b"a" * 1000)
    head = b"POST / HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    assert events_of(head + body)[0].request.body == b"a" * 1000
    too_small = ConnectionLimits(max_body_bytes=999)
    assert error_of(head + body, too_small) == (413, "the body of the request exceeds 999 bytes")


def test_a_broken_gzipped_body_is_unchanged_and_flagged():
    head = b"POST / HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n"
    request = events_of(head + b"abc")[0].request
    assert (request.body, request.has_undecodable_body) == (b"abc", True)


def test_an_upgrade_of_a_streamed_request_is_ignored():
    parser = RequestParser(ConnectionLimits(), is_streamed=lambda _: True)
    upgrade = b"Connection: Upgrade\r\nUpgrade: h2c\r\nExpect: 100-continue\r\nTransfer"
    events = parser.feed(IN_CHUNKS.replace(b"Transfer", upgrade) + b"2\r\nbo\r\n0\r\n\r\n")
    types = [ContinueExpected, RequestStarted, BodyPart, BodyEnd]
    assert [type(event) for event in events] == types


def test_an_upgrade_is_ignored():
    data = POST.replace(b"Host: a", b"Connection: Upgrade\r\nUpgrade: h2c") + GET
    first, second = events_of(data)
    assert first.request.body == b"body"
    assert second.request.target == b"/version?a=b"


def test_a_head_of_many_headers_is_limited():
    data = b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: abc\r\n" % n for n in range(10_000))
    assert error_of(data) == (431, "the head of the request exceeds 81920 bytes")


def test_a_head_without_end_is_limited():
    parser = RequestParser(ConnectionLimits(max_head_bytes=1000))
    assert parser.feed(b"GET /") == []
    assert parser.feed(b"a" * 996) == []
    (last,) = parser.feed(b"a" * 10)
    assert str(last) == "the head of the request exceeds 1000 bytes"


def test_a_long_body_before_a_head_is_not_counted_as_head():
    body = b"a" * 200_000
    parser = RequestParser(ConnectionLimits())
    parser.feed(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body))
    assert len(parser.feed(body + GET[:10])) == 1
    assert len(parser.feed(GET[10:])) == 1


@pytest.mark.parametrize(
    ("data", "status", "text"),
    [
        (b"nonsense\r\n\r\n", 400, "malformed HTTP request: Invalid method encountered"),
        (
            b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
            "malformed HTTP request: Transfer-Encoding can't be present with Content-Length",
        ),
        (b"CONNECT a:1 HTTP/1.1\r\n\r\n", 400, "CONNECT is not supported: this is not a proxy"),
        (
            b"POST / HTTP/1.1\r\nContent-Length: 67108865\r\n\r\n",
            413,
            "the body of the request exceeds 67108864 bytes",
        ),
        (
            b"POST / HTTP/1.1\r\nContent-Length: 10000000000000000\r\n\r\n",
            413,
            "the body of the request exceeds 67108864 bytes",
        ),
    ],
)
def test_an_invalid_request_is_an_error_of_one_line(data, status, text):
    assert error_of(data) == (status, text)
    assert events_of(data)[-1].render_response().endswith(text.encode() + b"\n")


def test_a_chunked_body_is_limited():
    data = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n"
    assert error_of(data, ConnectionLimits(max_body_bytes=4)) == (
        413,
        "the body of the request exceeds 4 bytes",
    )


def test_nothing_is_taken_after_a_error_of():
    parser = RequestParser(ConnectionLimits())
    parser.feed(b"nonsense\r\n\r\n")
    assert parser.feed(GET) == []


def test_a_chunk_has_its_size_in_lower_case_hex():
    assert encode_chunk(b"a" * 171) == b"ab\r\n" + b"a" * 171 + b"\r\n"


def feed_twice(cache, data):
    for _ in range(2):
        RequestParser(ConnectionLimits(), cache).feed(data)


@pytest.mark.parametrize("data", [GET, POST])
def test_heads_received_once_are_not_cached(data):
    cache = RequestCache()
    RequestParser(ConnectionLimits(), cache).feed(data)
    assert cache.get(data) is None
    RequestParser(ConnectionLimits(), cache).feed(data)
    assert cache.get(data) == events_of(data)


def test_bytes_that_repeat_are_not_even_cut():
    cache = RequestCache()
    feed_twice(cache, POST)
    assert cache.get(POST) is not cache.get(POST)
    assert cache.get(POST) is cache.get(bytes(bytearray(POST)))


NEW_ID = POST.replace(b"Content", b"X-Request-Id: 1\r\nContent")


@pytest.mark.parametrize(
    "similar",
    [
        POST.replace(b"body", b"\r\n\r\n"),
        POST.replace(b"Host: a", b"Host: b"),
        NEW_ID.replace(b": 1", b": other"),
        NEW_ID.replace(b": 1", b": 2") + NEW_ID.replace(b": 1", b": 3"),
    ],
)
def test_similar_requests_are_not_parsed(similar):
    cache = RequestCache()
    feed_twice(cache, POST)
    feed_twice(cache, NEW_ID)
    assert cache.get(similar) == events_of(similar)
    assert cache.get(similar[:-1]) is None
    assert cache.get(similar + b"GE") is None


@pytest.mark.parametrize(
    "line", [b"Accept: b", b"X:", b"X: ", b"X : b", b"X: b ", b"X\tb", b"X: \xff"]
)
def test_other_requests_are_parsed(line):
    cache = RequestCache()
    data = POST.replace(b"Host: a", line)
    feed_twice(cache, POST)
    assert cache.get(data) is None


PIECES = [
    GET,
    POST,
    CHUNKED,
    POST.replace(b"body", b"\r\n\r\n"),
    POST.replace(b"\r\n", b"\n"),
    GET.replace(b"\r\n", b"\n"),
    GET.replace(b"1.1", b"1.0"),
    b"\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: 60\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: 4\r\nContent-Encoding: gzip\r\n\r\nbody",
    b"POST / HTTP/1.1\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\nbody",
    b"POST / HTTP/1.1\r\nContent-Type: application/recordio\r\nContent-Length: 3\r\n\r\n1\na",
    b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    b"nonsense\r\n\r\n",
    b"GET /a HTTP/1.1\r\n\r\n",
    b"GET /b HTTP/1.1\r\nX:\r\n\r\n",
]


@given(st.lists(st.sampled_from(PIECES), max_size=6), st.sets(st.integers(0, 500)))
@settings(max_examples=300, deadline=None)
def test_with_cached_heads_the_same_requests_are_returned(sent, cuts):
    cache = RequestCache()
    for piece in PIECES:
        feed_twice(cache, piece)
    data = b"".join(sent)
    expected = events_of(data)
    bounds = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    parser = RequestParser(ConnectionLimits(), cache)
    returned = [event for a, b in pairwise(bounds) for event in parser.feed(data[a:b])]
    assert list(map(repr, returned)) == list(map(repr, expected))


def test_cached_bytes_in_the_middle_of_a_request_are_its_body():
    cache = RequestCache()
    feed_twice(cache, GET)
    parser = RequestParser(ConnectionLimits(), cache)
    parser.feed(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(GET))
    assert parser.feed(GET)[0].request.body == GET


NOT_CACHED = [CHUNKED, *PIECES[4:7], *PIECES[8:12], PIECES[13]]


@pytest.mark.parametrize("data", [GET[:-1], *NOT_CACHED])
def test_heads_that_do_not_say_all_of_the_body_are_not_cached(data):
    cache = RequestCache()
    feed_twice(cache, data)
    assert cache.get(data) is None


@pytest.mark.parametrize("size", [0, 7000])
def test_the_cache_is_bounded(size):
    cache = RequestCache()
    tracemalloc.start()
    for number in range(8000):
        feed_twice(cache, b"GET /%d%b HTTP/1.1\r\nHost: a\r\n\r\n" % (number, b"x" * size))
        cache.get(b"GET /%d%b HTTP/1.1\r\nHost: a\r\n\r\n" % (number, b"x" * size))
    assert tracemalloc.get_traced_memory()[0] < 64 << 20
    tracemalloc.stop()


STREAMED = b"POST /api/v1 HTTP/1.1\r\nContent-Type: application/recordio\r\n"
IN_CHUNKS = STREAMED + b"Transfer-Encoding: chunked\r\n\r\n"


def test_a_streamed_request_is_returned_in_parts():
    parser = RequestParser(ConnectionLimits(), is_streamed=lambda head: head.target == b"/api/v1")
    (started,) = parser.feed(IN_CHUNKS)
    assert isinstance(started, RequestStarted)
    assert started.head.header("content-type") == "application/recordio"
    assert started.keep_alive
    assert parser.feed(b"2\r\nbo\r\n") == [BodyPart(b"bo")]
    assert parser.feed(b"1\r\nd") == [BodyPart(b"d")]
    assert parser.has_unfinished
    assert parser.feed(b"\r\n0\r\n\r\n" + GET)[:1] == [BodyEnd()]
    assert not parser.has_unfinished


def test_a_streamed_request_may_have_a_length():
    parser = RequestParser(ConnectionLimits(), is_streamed=lambda _: True)
    started, part, ended = parser.feed(STREAMED + b"Content-Length: 4\r\n\r\nbody")
    assert (type(started), part, ended) == (RequestStarted, BodyPart(b"body"), BodyEnd())


def test_the_body_of_a_streamed_request_is_not_limited():
    parser = RequestParser(ConnectionLimits(max_body_bytes=10), is_streamed=lambda _: True)
    parser.feed(IN_CHUNKS)
    for _ in range(100):
        assert parser.feed(b"8\r\n12345678\r\n") == [BodyPart(b"12345678")]


@pytest.mark.parametrize(
    "head",
    [
        IN_CHUNKS.replace(b"recordio", b"json"),
        IN_CHUNKS.replace(b"/api/v1", b"/other"),
        IN_CHUNKS.replace(b"Transfer", b"Content-Encoding: gzip\r\nTransfer"),
    ],
)
def test_other_requests_are_returned_whole(head):
    parser = RequestParser(ConnectionLimits(), is_streamed=lambda head: head.target == b"/api/v1")
    (item,) = parser.feed(head + b"4\r\nbody\r\n0\r\n\r\n")
    assert isinstance(item, CompleteRequest)


def test_a_broken_chunk_ends_a_streamed_request():
    parser = RequestParser(ConnectionLimits(), is_streamed=lambda _: True)
    started, part, broken = parser.feed(IN_CHUNKS + b"2\r\nbo\r\nzz\r\n")
    assert isinstance(started, RequestStarted)
    assert part == BodyPart(b"bo")
    assert isinstance(broken, HttpRequestError)


def test_a_head_that_begins_after_others_is_not_charged_for_them():
    parser = RequestParser(ConnectionLimits(max_head_bytes=200))
    data = GET * 100
    pieces = [data[begin : begin + 501] for begin in range(0, len(data), 501)]
    events = [event for piece in pieces for event in parser.feed(piece)]
    assert events == events_of(GET) * 100


def test_all_unfinished_bodies_together_are_limited():
    limits, held = ConnectionLimits(max_held_body_bytes=1000), HeldBodies()
    parsers = [RequestParser(limits, held=held) for _ in range(3)]
    head, part = b"POST /x HTTP/1.1\r\nContent-Length: 500\r\n\r\n", b"a" * 400
    assert [parser.feed(head + part) for parser in parsers[:2]] == [[], []]
    (refusal,) = parsers[2].feed(head + part)
    assert isinstance(refusal, HttpRequestError)
    text = "unfinished bodies of all clients exceed 1000 bytes"
    assert (refusal.status, str(refusal)) == (503, text)
    assert held.size == 800
    parsers[0].close()
    assert held.size == 400
    (whole,) = parsers[1].feed(b"a" * 100)
    assert isinstance(whole, CompleteRequest)
    assert held.size == 0


@pytest.mark.parametrize("part", [b"a", b"ab", b"a" * 1000])
def test_a_body_of_many_parts_is_whole(part):
    data = b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    data += encode_chunk(part) * 50 + b"0\r\n\r\n"
    assert events_of(data)[0].request.body == part * 50
