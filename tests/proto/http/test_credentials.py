"""The scheme of credentials."""

import pytest

from mesotape.proto.http.credentials import UNKNOWN_SCHEME, scheme_of
from mesotape.proto.http.request import HttpRequest


@pytest.mark.parametrize(
    ("value", "scheme"),
    [
        (None, None),
        ("Basic YTpi", "basic"),
        ("BASIC\tYTpi", "basic"),
        ("Bearer x", "bearer"),
        ("token=x", "token"),
        ("Token=x", "token"),
        ("token x", "token"),
        ("Negotiate", "negotiate"),
        ("Basic REDACTED", "basic"),
        ("REDACTED", UNKNOWN_SCHEME),
        ("s3cret", UNKNOWN_SCHEME),
        ("basic=x", UNKNOWN_SCHEME),
        ("", UNKNOWN_SCHEME),
    ],
)
def test_the_scheme_is_that_of_the_last_header(value, scheme):
    assert scheme_of(value) == scheme
    headers = [(b"Authorization", b"Digest x")] if value is not None else []
    headers += [] if value is None else [(b"authorization", value.encode())]
    assert HttpRequest(b"GET", b"/", tuple(headers)).credentials == scheme


def test_requests_with_credentials_of_one_scheme_have_one_cache_key():
    keys = {
        HttpRequest(b"GET", b"/", ((b"Authorization", value),)).cache_key
        for value in (b"Basic YTpi", b"Basic Yjpj", b"basic x")
    }
    without = HttpRequest(b"GET", b"/").cache_key
    assert len(keys) == 1
    assert without not in keys
