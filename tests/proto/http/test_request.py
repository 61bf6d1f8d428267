from mesotape.proto.http.request import HttpRequest

HEADERS = ((b"Accept", b"\xe9"), (b"ACCEPT", b"b"), (b"X", b"1"))


def test_the_last_value_of_a_header_is_found_by_its_name_in_lower_case() -> None:
    request = HttpRequest(b"POST", b"/", HEADERS)
    assert request.header("accept") == "b"
    assert request.header("content-type") is None
    assert request.text_headers[0] == ("Accept", "é")


def test_a_request_with_another_body_is_like_a_new_one() -> None:
    request = HttpRequest(b"POST", b"/", HEADERS, b"old")
    other, new = request.with_body(b"new"), HttpRequest(b"POST", b"/", HEADERS, b"new")
    assert other == new
    for name in ("headers_by_name", "text_headers_by_name", "text_headers", "match_head", "size"):
        assert getattr(other, name) == getattr(new, name)
    assert other.cache_key == new.cache_key != request.cache_key


def test_every_cached_value_of_another_body_is_one_of_the_class() -> None:
    assert all(name in vars(HttpRequest) for name in vars(HttpRequest(b"", b"").with_body(b"x")))


def test_headers_that_change_no_answer_are_not_in_the_key() -> None:
    request = HttpRequest(b"GET", b"/", HEADERS)
    assert request.cache_key == HttpRequest(b"GET", b"/", HEADERS[1:2]).cache_key


def test_a_request_with_other_headers_is_like_a_new_one() -> None:
    request = HttpRequest(b"POST", b"/", HEADERS, b"old")
    for headers in (HEADERS, (*HEADERS[:2], (b"X", b"2"))):
        other, new = (
            request.with_headers(headers, b"new"),
            HttpRequest(b"POST", b"/", headers, b"new"),
        )
        assert other == new
        for name in ("headers_by_name", "text_headers", "match_head", "cache_key", "size"):
            assert getattr(other, name) == getattr(new, name)
