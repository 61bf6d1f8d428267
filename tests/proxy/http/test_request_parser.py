import gzip

import pytest

from mesotape.proto.http.request import HttpRequest
from mesotape.proxy.http.http1 import (
    BodyEnd,
    BodyPart,
    CompleteRequest,
    ConnectionLimits,
    ContinueExpected,
    HttpRequestError,
    RequestStarted,
    encode_chunk,
)
from mesotape.proxy.http.request_cache import RequestCache
from mesotape.proxy.http.request_parser import RequestParser

POST = b"POST /api/v1 HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"
CHUNKED = b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n"
GET = b"GET /version?a=b HTTP/1.1\r\nHost: a\r\n\r\n"


def arrived(data, limits=None):
    return RequestParser(limits or ConnectionLimits()).feed(data)


def refusal(data, limits=None):
    (*_, last) = arrived(data, limits)
    assert isinstance(last, HttpRequestError)
    return last.status, str(last)


def test_a_request_is_method_target_headers_and_body():
    headers = ((b"Host", b"a"), (b"Content-Length", b"4"))
    assert arrived(POST) == [
        CompleteRequest(HttpRequest(b"POST", b"/api/v1", headers, b"body"), True)
    ]


def test_a_chunked_body_is_joined():
    assert arrived(CHUNKED)[0].request.body == b"body"


@pytest.mark.parametrize("data", [POST, CHUNKED, GET, POST + GET + CHUNKED])
def test_how_the_bytes_are_cut_changes_nothing(data):
    requests = RequestParser(ConnectionLimits())
    pieces = [item for byte in data for item in requests.feed(bytes([byte]))]
    assert pieces == arrived(data)
    assert not requests.has_unfinished


def test_pipelined_requests_come_in_order():
    assert [item.request.target for item in arrived(POST + GET + POST)] == [
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
def test_the_version_and_the_connection_header_say_whether_to_go_on(head, keep_alive):
    assert arrived(head)[0].keep_alive is keep_alive


def test_an_unfinished_request_shows():
    requests = RequestParser(ConnectionLimits())
    requests.feed(POST[:-1])
    assert requests.has_unfinished
    assert requests.is_in_body
    assert not requests.is_record_stream


def test_a_streamed_request_may_take_its_time():
    requests = RequestParser(ConnectionLimits())
    requests.feed(b"POST / HTTP/1.1\r\nContent-Type: application/recordio\r\n")
    assert not requests.is_record_stream
    requests.feed(b"Transfer-Encoding: chunked\r\n\r\n")
    assert requests.is_record_stream


def test_a_client_that_expects_to_be_told_is_told_before_its_body():
    head = b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    requests = RequestParser(ConnectionLimits())
    assert requests.feed(head) == [ContinueExpected()]
    assert requests.feed(b"ab")[0].request.body == b"ab"


def test_a_gzipped_body_is_inflated():
    body = gzip.compress(b"a" * 1000)
    head = b"POST / HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    assert arrived(head + body)[0].request.body == b"a" * 1000
    too_small = ConnectionLimits(max_body_bytes=999)
    assert refusal(head + body, too_small) == (413, "the request's body is over 999 bytes")


def test_a_broken_gzipped_body_stays_as_it_is():
    head = b"POST / HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n"
    assert arrived(head + b"abc")[0].request.body == b"abc"


def test_an_upgrade_is_not_heard():
    data = POST.replace(b"Host: a", b"Connection: Upgrade\r\nUpgrade: h2c") + GET
    first, second = arrived(data)
    assert first.request.body == b"body"
    assert second.request.target == b"/version?a=b"


def test_a_head_of_many_headers_is_limited():
    data = b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: abc\r\n" % n for n in range(10_000))
    assert refusal(data) == (431, "the request's head is over 81920 bytes")


def test_a_head_without_end_is_limited():
    requests = RequestParser(ConnectionLimits(max_head_bytes=1000))
    assert requests.feed(b"GET /") == []
    assert requests.feed(b"a" * 996) == []
    (last,) = requests.feed(b"a" * 10)
    assert str(last) == "the request's head is over 1000 bytes"


def test_a_long_body_before_a_head_is_not_counted_as_head():
    body = b"a" * 200_000
    requests = RequestParser(ConnectionLimits())
    requests.feed(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body))
    assert len(requests.feed(body + GET[:10])) == 1
    assert len(requests.feed(GET[10:])) == 1


@pytest.mark.parametrize(
    ("data", "status", "text"),
    [
        (b"nonsense\r\n\r\n", 400, "malformed HTTP request: Invalid method encountered"),
        (
            b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
            "malformed HTTP request: Transfer-Encoding can't be present with Content-Length",
        ),
        (b"CONNECT a:1 HTTP/1.1\r\n\r\n", 400, "CONNECT: this is no proxy"),
        (
            b"POST / HTTP/1.1\r\nContent-Length: 67108865\r\n\r\n",
            413,
            "the request's body is over 67108864 bytes",
        ),
        (
            b"POST / HTTP/1.1\r\nContent-Length: 10000000000000000\r\n\r\n",
            413,
            "the request's body is over 67108864 bytes",
        ),
    ],
)
def test_what_is_no_request_is_refused_in_one_line(data, status, text):
    assert refusal(data) == (status, text)
    assert arrived(data)[-1].render_response().endswith(text.encode() + b"\n")


def test_a_chunked_body_is_limited():
    data = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n"
    assert refusal(data, ConnectionLimits(max_body_bytes=4)) == (
        413,
        "the request's body is over 4 bytes",
    )


def test_nothing_is_taken_after_a_refusal():
    requests = RequestParser(ConnectionLimits())
    requests.feed(b"nonsense\r\n\r\n")
    assert requests.feed(GET) == []


def test_a_chunk_has_its_size_in_lower_case_hex():
    assert encode_chunk(b"a" * 171) == b"ab\r\n" + b"a" * 171 + b"\r\n"


def feed_twice(known, data):
    for _ in range(2):
        RequestParser(ConnectionLimits(), known).feed(data)


def test_what_comes_once_is_not_kept():
    known = RequestCache()
    RequestParser(ConnectionLimits(), known).feed(GET)
    assert known.get(GET) is None


def test_known_bytes_are_the_same_requests_without_parsing():
    known = RequestCache()
    first, second = (
        RequestParser(ConnectionLimits(), known),
        RequestParser(ConnectionLimits(), known),
    )
    once = first.feed(POST + GET)
    items = second.feed(POST + GET)
    assert items == once
    assert second.feed(POST + GET) is items
    assert first.feed(POST + GET) is items


def test_known_bytes_in_the_middle_of_a_request_are_its_body():
    known = RequestCache()
    feed_twice(known, GET)
    requests = RequestParser(ConnectionLimits(), known)
    requests.feed(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(GET))
    assert requests.feed(GET)[0].request.body == GET


@pytest.mark.parametrize("data", [GET[:-1], GET.replace(b"1.1", b"1.0"), b"nonsense\r\n\r\n"])
def test_what_is_not_whole_or_ends_the_connection_is_not_known(data):
    known = RequestCache()
    feed_twice(known, data)
    assert known.get(data) is None


def test_known_requests_are_bounded():
    known = RequestCache()
    for number in range(5000):
        feed_twice(known, b"GET /%d HTTP/1.1\r\n\r\n" % number)
    assert known.get(b"GET /0 HTTP/1.1\r\n\r\n") is None
    assert known.get(b"GET /4999 HTTP/1.1\r\n\r\n") is not None


STREAMED = b"POST /api/v1 HTTP/1.1\r\nContent-Type: application/recordio\r\n"
IN_CHUNKS = STREAMED + b"Transfer-Encoding: chunked\r\n\r\n"


def test_a_streamed_request_comes_in_parts():
    requests = RequestParser(ConnectionLimits(), is_streamed=lambda head: head.target == b"/api/v1")
    (begun,) = requests.feed(IN_CHUNKS)
    assert isinstance(begun, RequestStarted)
    assert begun.head.header("content-type") == "application/recordio"
    assert begun.keep_alive
    assert requests.feed(b"2\r\nbo\r\n") == [BodyPart(b"bo")]
    assert requests.feed(b"1\r\nd") == [BodyPart(b"d")]
    assert requests.has_unfinished
    assert requests.feed(b"\r\n0\r\n\r\n" + GET)[:1] == [BodyEnd()]
    assert not requests.has_unfinished


def test_a_streamed_request_may_have_a_length():
    requests = RequestParser(ConnectionLimits(), is_streamed=lambda _: True)
    begun, part, ended = requests.feed(STREAMED + b"Content-Length: 4\r\n\r\nbody")
    assert (type(begun), part, ended) == (RequestStarted, BodyPart(b"body"), BodyEnd())


def test_a_streamed_request_has_no_bounds():
    requests = RequestParser(ConnectionLimits(max_body_bytes=10), is_streamed=lambda _: True)
    requests.feed(IN_CHUNKS)
    for _ in range(100):
        assert requests.feed(b"8\r\n12345678\r\n") == [BodyPart(b"12345678")]


@pytest.mark.parametrize(
    "head",
    [
        IN_CHUNKS.replace(b"recordio", b"json"),
        IN_CHUNKS.replace(b"/api/v1", b"/other"),
        IN_CHUNKS.replace(b"Transfer", b"Content-Encoding: gzip\r\nTransfer"),
    ],
)
def test_other_requests_come_whole(head):
    requests = RequestParser(ConnectionLimits(), is_streamed=lambda head: head.target == b"/api/v1")
    (item,) = requests.feed(head + b"4\r\nbody\r\n0\r\n\r\n")
    assert isinstance(item, CompleteRequest)


def test_a_broken_chunk_ends_a_streamed_request():
    requests = RequestParser(ConnectionLimits(), is_streamed=lambda _: True)
    begun, part, broken = requests.feed(IN_CHUNKS + b"2\r\nbo\r\nzz\r\n")
    assert isinstance(begun, RequestStarted)
    assert part == BodyPart(b"bo")
    assert isinstance(broken, HttpRequestError)
