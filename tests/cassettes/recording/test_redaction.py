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
        "authorization": "REDACTED",
        "Proxy-Authorization": "REDACTED",
        "COOKIE": "REDACTED",
        "Set-Cookie": ["REDACTED", "REDACTED"],
        "X-Cookie": ["kept", "too"],
    }
    assert list(redact_headers(headers)) == list(headers)


def test_rule_ids_are_stable() -> None:
    assert REDACTION_RULE_IDS == ("authorization", "proxy-authorization", "cookie", "set-cookie")
