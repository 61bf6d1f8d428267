"""HTTP/1 on the side of the server: events of a connection, its limits, and small responses.

request_parser.py makes the events out of the received bytes.
"""

from msgspec import Struct

from ...cassettes.answers.answer import render_head
from ...proto.http.request import HttpRequest
from ...proto.shown_text import escape_text

LAST_CHUNK = b"0\r\n\r\n"
CONTINUE_RESPONSE = b"HTTP/1.1 100 Continue\r\n\r\n"


class ConnectionLimits(Struct, frozen=True, kw_only=True):
    """The resources that the clients of a server, and each connection, may use.

    Sizes are in bytes, times in seconds.
    """

    max_connections: int = 10_000
    """Open at once; fewer if the process may not open that many files."""

    max_head_bytes: int = 80 * 1024
    """llhttp's and so Mesos's limit (HTTP_MAX_HEADER_SIZE)."""
    max_body_bytes: int = 64 * 1024 * 1024
    max_held_body_bytes: int = 256 * 1024 * 1024
    """Bodies of unfinished requests, of all connections together."""
    receive_timeout_seconds: float = 30.0
    """How long a head may take to arrive, and how long a body may pause."""
    min_body_bytes_per_second: int = 1024
    """A body that arrives more slowly is a pause."""
    hang_up_timeout_seconds: float = 30.0
    """How long a request is held whose recorded client left before the answer."""
    linger_seconds: float = 2.0
    """How long a client that got its last response may go on sending, so that it can read it."""
    max_unsent_bytes: int = 256 * 1024
    """A stream waits while its client has left more than this unread."""
    max_pipelined_responses: int = 16
    """Responses that may wait for the end of a stream; further requests are not read."""


class HttpRequestError(ValueError):
    """A request that violates HTTP or a limit: the status of the response, and its text.

    Some of these Mesos does not answer.
    """

    def __init__(self, status: int, reason: str, *, is_answered: bool = True) -> None:
        super().__init__(reason)
        self.status = status
        self.is_answered = is_answered

    def render_response(self) -> bytes:
        """Render the response, empty if there is none; the connection ends after it."""
        if not self.is_answered:
            return b""
        head, body = render_text_response(self.status, str(self), ("Connection", "close"))
        return head + body


class CompleteRequest(Struct, frozen=True):
    """A whole request, and whether the client wants to keep the connection."""

    request: HttpRequest
    keep_alive: bool


class ContinueExpected(Struct, frozen=True):
    """The client waits for `100 Continue` before it sends the body.

    Mesos never sends one, and curl then waits a second before any body over a KiB; we do.
    """


class RequestStarted(Struct, frozen=True):
    """The head of a request whose body follows as `BodyPart`s, then `BodyEnd` if it is complete."""

    head: HttpRequest
    keep_alive: bool


class BodyPart(Struct, frozen=True):
    """A part of the body of a request that has started."""

    data: bytes


class BodyEnd(Struct, frozen=True):
    """The end of a request that has started."""


type RequestEvent = (
    CompleteRequest | RequestStarted | BodyPart | BodyEnd | ContinueExpected | HttpRequestError
)


def render_text_response(status: int, text: str, *headers: tuple[str, str]) -> tuple[bytes, bytes]:
    """Return the head and the body of a plain-text response of one line."""
    body = f"{escape_text(text)}\n".encode()
    fields = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(body))),
        *headers,
    ]
    return render_head(status, None, fields), body
