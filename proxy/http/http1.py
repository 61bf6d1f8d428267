"""HTTP/1 on the server's side: what comes of the bytes of a connection, and some that go back.

requests.py makes these of the bytes. The limits bound what one connection may take.
"""

from msgspec import Struct

from ...cassettes.answers.answer import head
from ...proto.http.request import Received

LAST_CHUNK = b"0\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Limits(Struct, frozen=True, kw_only=True):
    """What one connection may take. Sizes are bytes, times are seconds."""

    head: int = 80 * 1024
    """llhttp's and so Mesos's limit (HTTP_MAX_HEADER_SIZE)."""
    body: int = 64 * 1024 * 1024
    patience: float = 30.0
    """How long a head, or the next piece of a body, may take to arrive."""
    unsent: int = 256 * 1024
    """A stream waits while more than this lies unread by its client."""
    pipelined: int = 16
    """Answers that wait behind a stream; more requests are not read."""


class RefusedError(ValueError):
    """A request that is not answered as HTTP asks: the status and one line of why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status

    def answer(self) -> bytes:
        """Render the refusal; the connection ends after it."""
        body = f"{self}\n".encode()
        headers = [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Connection", "close"),
        ]
        return head(self.status, None, headers) + body


class Arrived(Struct, frozen=True):
    """A whole request, and whether the client wants the connection to go on."""

    request: Received
    keep_alive: bool


class Expected(Struct, frozen=True):
    """The client waits for `100 Continue` before it sends the body.

    Mesos never sends one, and curl then waits a second before any body over a KiB; we do.
    """


class Begun(Struct, frozen=True):
    """A request of which the body comes in parts: `Part`, then `Ended` unless the client leaves."""

    head: Received
    keep_alive: bool


class Part(Struct, frozen=True):
    """A piece of the body of a request that has begun."""

    data: bytes


class Ended(Struct, frozen=True):
    """The end of a request that has begun."""


type Item = Arrived | Begun | Part | Ended | Expected | RefusedError


def chunk(data: bytes) -> bytes:
    """One HTTP chunk, its size in lower-case hex as libprocess writes it."""
    return b"%x\r\n%b\r\n" % (len(data), data)
