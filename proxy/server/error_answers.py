"""The responses of a replay itself, where the cassettes have none."""

from collections.abc import Callable
from http import HTTPStatus

from ...cassettes.answers.answer import ReplayResponse, render_head
from ...cassettes.format.documents import CassetteError
from ...cassettes.matching.misses import Miss
from ..http.http1 import render_text_response


class UnansweredRequest(ReplayResponse, frozen=True, eq=False, kw_only=True):
    """No response: the recorded client left before it, and the request is held until this one does.

    A client that stays gets the result of `give_up`, which reports it.
    """

    give_up: Callable[[], ReplayResponse]


def build_miss_response(miss: Miss, *, bodiless: bool) -> ReplayResponse:
    """Return the 501 for a miss: its reason in a header, and a JSON report for programs."""
    report = miss.to_json()
    headers = [
        ("Mesotape-Miss", miss.reason),
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(report))),
    ]
    status = HTTPStatus.NOT_IMPLEMENTED
    head = render_head(status, None, headers)
    return ReplayResponse(exchange=0, status=status, head=head, content=b"" if bodiless else report)


def build_health_response(*, bodiless: bool) -> ReplayResponse:
    """Return the answer to a probe of the replay itself, of which no journal takes note."""
    head, body = render_text_response(HTTPStatus.OK, "ok")
    return ReplayResponse(
        exchange=0, status=HTTPStatus.OK, head=head, content=b"" if bodiless else body
    )


def describe_failure(exchange: int, error: Exception) -> str:
    """Return the message for something that could not be played, with its place."""
    if isinstance(error, CassetteError):
        return str(error)
    text = str(error)
    if not isinstance(error, ValueError | LookupError | OSError):
        text = f"{type(error).__name__}: {error}".removesuffix(": ")
    return f"exchange {exchange}: {text}" if exchange else text


def build_failure_response(error: Exception) -> ReplayResponse:
    """Return the 500 for a cassette that cannot be played."""
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    text = f"mesotape could not play the cassette: {describe_failure(0, error)}"
    head, body = render_text_response(status, text)
    return ReplayResponse(exchange=0, status=status, head=head, content=body)
