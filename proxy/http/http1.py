"""HTTP/1 on the server's side: what comes of the bytes of a connection, and some that go back.

requests.py makes these of the bytes. The limits bound what one connection may take.
"""

from msgspec import Struct

from ...cassettes.answers.answer import render_head
from ...proto.http.request import HttpRequest

LAST_CHUNK = b"0\r\n\r\n"
CONTINUE_RESPONSE = b"HTTP/1.1 100 Continue\r\n\r\n"


class ConnectionLimits(Struct, frozen=True, kw_only=True):
    """What one connection may take. Sizes are bytes, times are seconds."""

    max_head_bytes: int = 80 * 1024
    """llhttp's and so Mesos's limit (HTTP_MAX_HEADER_SIZE)."""
    max_body_bytes: int = 64 * 1024 * 1024
    receive_timeout_seconds: float = 30.0
    """How long a head, or the next piece of a body, may take to arrive."""
    max_unsent_bytes: int = 256 * 1024
    """A stream waits while more than this lies unread by its client."""
    max_pipelined_responses: int = 16
    """Answers that wait behind a stream; more requests are not read."""


class HttpRequestError(ValueError):
    """A request that is not answered as HTTP asks: the status and one line of why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status

    def render_response(self) -> bytes:
        """Render the refusal; the connection ends after it."""
        body = f"{self}\n".encode()
        headers = [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Connection", "close"),
        ]
        return render_head(self.status, None, headers) + body


class CompleteRequest(Struct, frozen=True):
    """A whole request, and whether the client wants the connection to go on."""

    request: HttpRequest
    keep_alive: bool


class ContinueExpected(Struct, frozen=True):
    """The client waits for `100 Continue` before it sends the body.

    Mesos never sends one, and curl then waits a second before any body over a KiB; we do.
    """


class RequestStarted(Struct, frozen=True):
    """A request of which the body comes in parts: `Part`, then `Ended` unless the client leaves."""

    head: HttpRequest
    keep_alive: bool


class BodyPart(Struct, frozen=True):
    """A piece of the body of a request that has begun."""

    data: bytes


class BodyEnd(Struct, frozen=True):
    """The end of a request that has begun."""


type RequestEvent = (
    CompleteRequest | RequestStarted | BodyPart | BodyEnd | ContinueExpected | HttpRequestError
)


def encode_chunk(data: bytes) -> bytes:
    """One HTTP chunk, its size in lower-case hex as libprocess writes it."""
    return b"%x\r\n%b\r\n" % (len(data), data)
