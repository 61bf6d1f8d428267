"""The ports of a replay server: what it is to its connections, and a connection to its streams."""

from typing import TYPE_CHECKING, Protocol

from ...cassettes.answers.answer import ReplayResponse, StreamedResponse
from ...proto.http.request import HttpRequest
from ..http.http1 import ConnectionLimits
from ..http.request_cache import RequestCache
from .clock import Clock
from .schedule import Schedule

if TYPE_CHECKING:
    from .connection import Connection
    from .stream_sender import StreamSender


class ResponseWriter(Protocol):
    """A connection, as a stream sees it."""

    @property
    def is_full(self) -> bool:
        """Whether the client has left too much unread."""
        ...

    @property
    def is_closed(self) -> bool:
        """Whether nothing more can be sent."""
        ...

    def write(self, data: bytes) -> None:
        """Send bytes."""
        ...

    def stream_ended(self, *, close: bool) -> None:
        """Go on without the stream, or close."""
        ...

    def reset_connection(self) -> None:
        """Break the connection."""
        ...


class StreamContext(Protocol):
    """The server, as a stream sees it."""

    @property
    def clock(self) -> Clock:
        """What time it is."""
        ...

    @property
    def schedule(self) -> Schedule:
        """Where streams wait for their deadlines."""
        ...

    @property
    def limits(self) -> ConnectionLimits:
        """The bounds of a connection."""
        ...

    def report_failure(self, exchange: int, error: Exception) -> None:
        """Report that a stream could not be played to its end."""
        ...


class BodySink(Protocol):
    """A request that is taken as it comes; one call gives its answer."""

    def feed(self, data: bytes) -> ReplayResponse | StreamedResponse | None:
        """Take a piece of the body."""
        ...

    def close(self) -> ReplayResponse | StreamedResponse | None:
        """Take the end."""
        ...

    def abort(self) -> None:
        """Give up: the client has gone."""
        ...


class ConnectionHost(StreamContext, Protocol):
    """The server, as a connection sees it."""

    @property
    def request_cache(self) -> RequestCache:
        """Requests that came before, on any connection."""
        ...

    @property
    def connections(self) -> "set[Connection]":
        """All that are open."""
        ...

    def next_connection_number(self) -> int:
        """Give a new connection its number, from 1 on."""
        ...

    def answer_request(
        self, request: HttpRequest, client: int
    ) -> ReplayResponse | StreamedResponse:
        """Answer a connection, by its number, also with the report of a miss or a failure."""
        ...

    def connection_closed(self, client: int) -> None:
        """Forget a connection that is gone."""
        ...

    def begin_streamed_request(self, head: HttpRequest, client: int) -> BodySink | None:
        """Begin to take a request as it comes; None if it is to be taken whole."""
        ...

    def stream_opened(self, stream: "StreamSender", client: int) -> None:
        """Note that a stream begins on a connection."""
        ...
