"""Replacing secrets before anything is written: the values of headers that hold credentials.

    Authorization: Basic dXNlcjpwYXNz     Authorization: Basic REDACTED
    Cookie: session=1                     Cookie: REDACTED

The scheme stays, because a replay tells requests apart by it. A rule has a stable id, which the
header of the cassette lists under `redaction`.
"""

from ...proto.http.credentials import scheme_prefix
from ..format.documents import Headers

REDACTED = "REDACTED"

REDACTION_RULE_IDS = ("authorization", "proxy-authorization", "cookie", "set-cookie")
"""Ids of the rules. The id of a header's rule is its name in lower case."""

_SECRET_HEADERS = frozenset(REDACTION_RULE_IDS)


_SCHEME_HEADERS = frozenset({"authorization", "proxy-authorization"})


def redact_headers(headers: Headers) -> Headers:
    """Return headers with the values of credentials replaced; names and order stay."""
    return {name: _redacted(name.lower(), value) for name, value in headers.items()}


def _redacted(name: str, value: str | list[str]) -> str | list[str]:
    if name not in _SECRET_HEADERS:
        return value
    if not isinstance(value, str):
        return [_redacted_value(name, each) for each in value]
    return _redacted_value(name, value)


def _redacted_value(name: str, value: str) -> str:
    return (scheme_prefix(value) if name in _SCHEME_HEADERS else "") + REDACTED
