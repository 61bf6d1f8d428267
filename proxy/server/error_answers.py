"""Reports: what a replay itself answers, where the cassette does not."""

from http import HTTPStatus

from ...cassettes.answers.answer import Answer, head
from ...cassettes.matching.misses import Miss


def missed(miss: Miss, *, bodiless: bool) -> Answer:
    """Say why nothing recorded answers, to a program and to a person who looks at the header."""
    report = miss.report()
    headers = [
        ("Mesotape-Miss", miss.reason),
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(report))),
    ]
    rendered = head(501, "Not Implemented", headers)
    return Answer(exchange=0, status=501, head=rendered, body=b"" if bodiless else report)


def failure(error: Exception) -> Answer:
    """Say that the cassette does not give what it should."""
    body = f"mesotape could not play the cassette: {error}\n".encode()
    headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(body))),
    ]
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return Answer(exchange=0, status=status, head=head(status, None, headers), body=body)
