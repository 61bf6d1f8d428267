"""What must not reach the disk. For now: the headers that carry credentials.

A rule has a stable id, which the cassette's header lists under `redaction`.
"""

from ..format.documents import Headers

REDACTED = "REDACTED"

REDACTION_RULE_IDS = ("authorization", "proxy-authorization", "cookie", "set-cookie")
"""Ids of the rules; for headers the id is the name in lower case."""

_SECRET_HEADERS = frozenset(REDACTION_RULE_IDS)


def redact_headers(headers: Headers) -> Headers:
    """Headers as they may be written: values of credentials replaced, names and order kept."""
    return {
        name: _redacted(value) if name.lower() in _SECRET_HEADERS else value
        for name, value in headers.items()
    }


def _redacted(value: str | list[str]) -> str | list[str]:
    return REDACTED if isinstance(value, str) else [REDACTED] * len(value)
