"""Replacing secrets before anything is written: the values of headers that hold credentials.

A rule has a stable id, which the header of the cassette lists under `redaction`.
"""

from ..format.documents import Headers

REDACTED = "REDACTED"

REDACTION_RULE_IDS = ("authorization", "proxy-authorization", "cookie", "set-cookie")
"""Ids of the rules. The id of a header's rule is its name in lower case."""

_SECRET_HEADERS = frozenset(REDACTION_RULE_IDS)


def redact_headers(headers: Headers) -> Headers:
    """Return headers with the values of credentials replaced; names and order stay."""
    return {
        name: _redacted(value) if name.lower() in _SECRET_HEADERS else value
        for name, value in headers.items()
    }


def _redacted(value: str | list[str]) -> str | list[str]:
    return REDACTED if isinstance(value, str) else [REDACTED] * len(value)
