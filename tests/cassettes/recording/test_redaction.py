import pytest

from mesotape.cassettes.recording.redaction import REDACTION_RULE_IDS, redact_headers


def test_credentials_are_replaced() -> None:
    headers = {
        "Host": "master.example",
        "authorization": "Basic c2VjcmV0",
        "Proxy-Authorization": "x",
        "COOKIE": "a=b",
        "Set-Cookie": ["a=b", "c=d"],
        "X-Cookie": ["kept", "too"],
    }
    assert redact_headers(headers) == {
        "Host": "master.example",
        "authorization": "Basic REDACTED",
        "Proxy-Authorization": "REDACTED",
        "COOKIE": "REDACTED",
        "Set-Cookie": ["REDACTED", "REDACTED"],
        "X-Cookie": ["kept", "too"],
    }
    assert list(redact_headers(headers)) == list(headers)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Basic c2VjcmV0", "Basic REDACTED"),
        ("bEARER  c2VjcmV0", "bEARER REDACTED"),
        ("token=eyJhbGciOi", "token=REDACTED"),
        ("token eyJhbGciOi", "token REDACTED"),
        ("Negotiate", "Negotiate REDACTED"),
        ("Digest username=x, response=y", "Digest REDACTED"),
        ("eyJhbGciOi", "REDACTED"),
        ("my secret", "REDACTED"),
        ("Basically c2VjcmV0", "REDACTED"),
        ("BasicSecret", "REDACTED"),
        ("", "REDACTED"),
        ("REDACTED", "REDACTED"),
        ("Basic REDACTED", "Basic REDACTED"),
    ],
)
@pytest.mark.parametrize("name", ["Authorization", "PROXY-authorization"])
def test_the_scheme_of_credentials_is_kept(name: str, value: str, expected: str) -> None:
    assert redact_headers({name: value}) == {name: expected}
    assert redact_headers({name: [value, value]}) == {name: [expected, expected]}


def test_a_cookie_has_no_scheme() -> None:
    assert redact_headers({"Cookie": "token=1"}) == {"Cookie": "REDACTED"}


def test_rule_ids_are_stable() -> None:
    assert REDACTION_RULE_IDS == ("authorization", "proxy-authorization", "cookie", "set-cookie")
