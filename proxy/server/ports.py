"""The protocols between the parts of a replay server. None of them names the classes that use it.

server --Peer--> connection --ResponseWriter--> stream or relay
server <--ConnectionHost-- connection
server <--StreamContext--- stream

Calls go both ways, and on to other connections: an event of one stream may release another. So what
others call is `guarded`, and an error ends only the part that it occurred in.
"""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, Protocol

from ...cassettes.answers.answer import ReplayResponse, StreamedResponse
from ...proto.http.request import HttpRequest
from ..http.http1 import ConnectionLimits
from ..http.request_cache import RequestCache
from ..http.request_parser import HeldBodies
from .clock import Clock
from .schedule import Schedule


class CanFail(Protocol):
    """A part of the server that can end alone."""

    def fail(self, error: Exception, /) -> object:
        """Report an error and end; must not raise."""
        ...


def guarded[T: CanFail, **P](
    method: Callable[Concatenate[T, P], None],
) -> Callable[Concatenate[T, P], None]:
    """Return a method that calls `fail` with an error of any kind, instead of raising it."""

    @wraps(method)
    def call(part: T, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            method(part, *args, **kwargs)
        except Exception as error:
            part.fail(error)

    return call


class Peer(Protocol):
    """A connection, as its server sees it."""

    @property
    def number(self) -> int:
        """The number of the connection, from 1 on."""
        ...

    @property
    def is_busy(self) -> bool:
        """True if a response is being sent, or a request has begun to arrive."""
        ...

    def check_timeout(self, now_seconds: float) -> None:
        """End the connection if its client has been silent for too long."""
        ...

    def abort(self) -> None:
        """Close the connection now."""
        ...


class ResponseWriter(Protocol):
    """A connection, as a stream sees it."""

    @property
    def is_full(self) -> bool:
        """True if the client has left too much unread."""
        ...

    @property
    def is_closed(self) -> bool:
        """True if nothing more can be sent."""
        ...

    def write(self, data: bytes) -> None:
        """Send bytes."""
        ...

    def stream_ended(self, *, close: bool) -> None:
        """Send the next response, or close the connection."""
        ...

    def reset_connection(self) -> None:
        """Close the connection with a reset (RST)."""
        ...


class StreamContext(Protocol):
    """The server, as a stream sees it."""

    @property
    def clock(self) -> Clock:
        """The clock of all deadlines."""
        ...

    @property
    def schedule(self) -> Schedule:
        """The schedule of all streams."""
        ...

    @property
    def limits(self) -> ConnectionLimits:
        """The limits of a connection."""
        ...

    def report_failure(self, exchange: int, error: Exception) -> None:
        """Report that an exchange could not be played to its end; 0 if it is not known."""
        ...


class BodySink(Protocol):
    """Receives the body of a streamed request; at most one call returns the response."""

    def feed(self, data: bytes) -> ReplayResponse | StreamedResponse | None:
        """Process a part of the body."""
        ...

    def close(self) -> ReplayResponse | StreamedResponse | None:
        """Process the end of the body."""
        ...

    def abort(self) -> None:
        """Abandon the request: the client has left before its end."""
        ...


class ConnectionHost(StreamContext, Protocol):
    """The server, as a connection sees it. `client` is the number of the connection."""

    @property
    def request_cache(self) -> RequestCache:
        """The parsed requests that all connections share."""
        ...

    @property
    def held_bodies(self) -> HeldBodies:
        """What the parsers of all connections hold."""
        ...

    def joined(self, peer: Peer) -> bool:
        """Add an open connection; return False if there are too many."""
        ...

    def left(self, peer: Peer) -> None:
        """Remove a closed connection."""
        ...

    def answer_request(
        self, request: HttpRequest, client: int
    ) -> ReplayResponse | StreamedResponse:
        """Return the response to a request, also for a miss or a failure."""
        ...

    def begin_streamed_request(self, head: HttpRequest, client: int) -> BodySink | None:
        """Return a sink for the body if it is processed in parts, or None if as a whole."""
        ...
