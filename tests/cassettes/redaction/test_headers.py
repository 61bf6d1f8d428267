import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesotape.cassettes.format.documents import Headers
from mesotape.cassettes.redaction.headers import HeaderRedactor
from mesotape.cassettes.redaction.redactor import Redactor


def header_redactor() -> HeaderRedactor:
    return Redactor()._headers


def redact_headers(headers: Headers) -> Headers:
    return header_redactor().redact_headers(headers)


def test_credentials_are_replaced() -> None:
    headers: Headers = {
        "Host": "master.example",
        "authorization": "Basic c2VjcmV0",
        "Proxy-Authorization": "x",
        "COOKIE": "a=b",
        "Set-Cookie": ["a=b; Path=/", "c=d"],
        "X-Cookies": ["kept", "too"],
    }
    assert redact_headers(headers) == {
        "Host": "master.example",
        "authorization": "Basic REDACTED-1",
        "Proxy-Authorization": "REDACTED-2",
        "COOKIE": "a=REDACTED-3",
        "Set-Cookie": ["a=REDACTED-3; Path=/", "c=REDACTED-4"],
        "X-Cookies": ["kept", "too"],
    }
    assert list(redact_headers(headers)) == list(headers)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Basic c2VjcmV0", "Basic REDACTED-1"),
        ("bEARER  c2VjcmV0", "bEARER REDACTED-1"),
        ("token=eyJhbGciOi", "token=REDACTED-1"),
        ("token eyJhbGciOi", "token REDACTED-1"),
        ("Negotiate", "Negotiate"),
        ("Digest realm=y, response=x", "Digest realm=y, response=REDACTED-1"),
        ("eyJhbGciOi", "REDACTED-1"),
        ("my secret", "REDACTED-1"),
        ("Basically c2VjcmV0", "REDACTED-1"),
        ("BasicSecret", "REDACTED-1"),
        ("", ""),
        ("REDACTED-9", "REDACTED-9"),
        ("Basic REDACTED-9", "Basic REDACTED-9"),
    ],
)
@pytest.mark.parametrize("name", ["Authorization", "PROXY-authorization"])
def test_the_scheme_of_credentials_is_kept(name: str, value: str, expected: str) -> None:
    assert redact_headers({name: value}) == {name: expected}
    assert redact_headers({name: [value, value]}) == {name: [expected, expected]}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("Cookie", "token=1; theme=dark", "token=REDACTED-1; theme=REDACTED-2"),
        ("Cookie2", "opaque", "REDACTED-1"),
        ("X-Api-Key", "k1", "REDACTED-1"),
        ("X-Auth-Token", "k1", "REDACTED-1"),
        ("X-Vault-Token", "k1", "REDACTED-1"),
        ("X-Amz-Security-Token", "k1", "REDACTED-1"),
        ("X-Forwarded-Authorization", "Bearer k1", "Bearer REDACTED-1"),
        ("Referer", "http://u:p@h/x?token=t", "http://u:REDACTED-2@h/x?token=REDACTED-1"),
        ("Location", "//h/?access_token=t&a=b", "//h/?access_token=REDACTED-1&a=b"),
        ("WWW-Authenticate", 'Basic realm="m"', 'Basic realm="m"'),
        ("WWW-Authenticate", 'Digest realm="m", nonce="n"', 'Digest realm="m", nonce="REDACTED-1"'),
        ("WWW-Authenticate", "Negotiate YIIabc==", "Negotiate REDACTED-1"),
        ("Authentication-Info", 'nextnonce="n"', 'nextnonce="REDACTED-1"'),
        ("Sec-WebSocket-Protocol", "chat, Bearer.Abc123", "chat, REDACTED-1"),
        ("Mesos-Stream-Id", "c0ffee", "c0ffee"),
        ("User-Agent", "python-requests/2.32", "python-requests/2.32"),
    ],
)
def test_secrets_in_other_headers_are_replaced(name: str, value: str, expected: str) -> None:
    assert redact_headers({name: value}) == {name: expected}


PIECES = [
    *("Authorization", "Cookie", "Set-Cookie2", "Sec-WebSocket-Protocol", "WWW-Authenticate"),
    *("X-Api-Key", "sid", "X-Sig", "Accept", "Mesos-Stream-Id", "Host", "Location", "Digest "),
    *("a", "=", ":", ": ", "; ", "/", "?", "&", "%", "%74", "://", "@", "token", "key", " ", ","),
    *("kX9.fj2-ffQ0zz", "application/json", "Bearer ", "nonce=", '"', "ghp_" + "aB3dE6gH9j" * 4),
]
TEXT = st.lists(st.sampled_from(PIECES), max_size=5).map("".join)
HEADERS = st.dictionaries(TEXT, TEXT | st.lists(TEXT, min_size=1), max_size=3)


@given(HEADERS, TEXT)
def test_a_head_that_is_not_suspect_has_no_secret(headers: Headers, target: str) -> None:
    redactor = header_redactor()
    redactor._text.secrets.placeholder("kX9.fj2-ffQ0zz")
    if not redactor.is_suspect(headers, target):
        assert redactor.redact_target(target) == target
        assert redactor.redact_headers(headers) is headers


def test_a_head_with_a_rule_is_suspect() -> None:
    redactor = header_redactor()
    for name in redactor._rules:
        assert redactor.is_suspect({name.title(): "a"})
    assert redactor.is_suspect({"Mesos": ["a", "b: token=c"]})
    assert redactor.is_suspect({}, "/?%74oken=a")
    assert not redactor.is_suspect({"Accept": "application/json", "Host": "m"}, "/api/v1")
