from mesotape.cassettes.recording.redaction import RULES, redacted_headers


def test_credentials_are_replaced() -> None:
    headers = {
        "Host": "master.example",
        "authorization": "Basic c2VjcmV0",
        "Proxy-Authorization": "x",
        "COOKIE": "a=b",
        "Set-Cookie": ["a=b", "c=d"],
        "X-Cookie": ["kept", "too"],
    }
    assert redacted_headers(headers) == {
        "Host": "master.example",
        "authorization": "REDACTED",
        "Proxy-Authorization": "REDACTED",
        "COOKIE": "REDACTED",
        "Set-Cookie": ["REDACTED", "REDACTED"],
        "X-Cookie": ["kept", "too"],
    }
    assert list(redacted_headers(headers)) == list(headers)


def test_rule_ids_are_stable() -> None:
    assert RULES == ("authorization", "proxy-authorization", "cookie", "set-cookie")
