"""The protocols between a server and its connections. None of them names the classes that use it.

server --Peer--> connection
server <--ConnectionHost-- connection <--ResponseOwner-- response queue

Those of streams are in streams/ports.py.
"""

from typing import Protocol

from ...cassettes.answers.answer import ReplayResponse, StreamedResponse
from ...proto.http.request import HttpRequest
from ..http.request_cache import RequestCache
from ..http.request_parser import HeldBodies
from ..streams.ports import CanFail, StreamContext
from ..streams.stream_sender import StreamSender
from .turns import Turns


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

    @property
    def awaits_turn(self) -> bool:
        """True if it goes on with requests that have arrived, after a turn of others."""
        ...

    def check_timeout(self, now_seconds: float) -> None:
        """End the connection if its client has been silent for too long."""
        ...

    def abort(self) -> None:
        """Close the connection now."""
        ...


class ResponseOwner(CanFail, Protocol):
    """A connection, as its responses see it."""

    def stream_began(self, sender: StreamSender) -> None:
        """Register a stream that is being sent."""
        ...

    def end_after_response(self) -> None:
        """End the connection: the last response was sent."""
        ...

    def process_backlog(self) -> None:
        """Answer further requests: their responses can be queued."""
        ...

    def close(self) -> None:
        """Close the connection after what was written has been sent."""
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

    @property
    def turns(self) -> Turns:
        """The turns of the connections that have many requests to answer."""
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
