"""Reports: what a replay itself answers, where the cassette does not."""

from http import HTTPStatus

from ...cassettes.answers.answer import ReplayResponse, render_head
from ...cassettes.matching.misses import Miss


def build_miss_response(miss: Miss, *, bodiless: bool) -> ReplayResponse:
    """Say why nothing recorded answers, to a program and to a person who looks at the header."""
    report = miss.to_json()
    headers = [
        ("Mesotape-Miss", miss.reason),
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(report))),
    ]
    rendered = render_head(501, "Not Implemented", headers)
    return ReplayResponse(exchange=0, status=501, head=rendered, body=b"" if bodiless else report)


def build_failure_response(error: Exception) -> ReplayResponse:
    """Say that the cassette does not give what it should."""
    body = f"mesotape could not play the cassette: {error}\n".encode()
    headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(body))),
    ]
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return ReplayResponse(
        exchange=0, status=status, head=render_head(status, None, headers), body=body
    )
