"""The ports of a replay server: what it is to its connections, and a connection to its streams."""

from typing import TYPE_CHECKING, Protocol

from ...cassettes.answers.answer import Answer, StreamAnswer
from ...proto.http.request import Received
from ..http.http1 import Limits
from ..http.request_cache import Known
from .clock import Clock
from .schedule import Schedule

if TYPE_CHECKING:
    from .connection import Connection
    from .stream_sender import Streaming


class Outlet(Protocol):
    """A connection, as a stream sees it."""

    @property
    def full(self) -> bool:
        """Whether the client has left too much unread."""
        ...

    @property
    def lost(self) -> bool:
        """Whether nothing more can be sent."""
        ...

    def write(self, data: bytes) -> None:
        """Send bytes."""
        ...

    def stream_ended(self, *, close: bool) -> None:
        """Go on without the stream, or close."""
        ...

    def reset(self) -> None:
        """Break the connection."""
        ...


class Stage(Protocol):
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
    def limits(self) -> Limits:
        """The bounds of a connection."""
        ...

    def failed(self, exchange: int, error: Exception) -> None:
        """Report that a stream could not be played to its end."""
        ...


class Reception(Protocol):
    """A request that is taken as it comes; one call gives its answer."""

    def feed(self, data: bytes) -> Answer | StreamAnswer | None:
        """Take a piece of the body."""
        ...

    def end(self) -> Answer | StreamAnswer | None:
        """Take the end."""
        ...

    def leave(self) -> None:
        """Give up: the client has gone."""
        ...


class Host(Stage, Protocol):
    """The server, as a connection sees it."""

    @property
    def known(self) -> Known:
        """Requests that came before, on any connection."""
        ...

    @property
    def connections(self) -> "set[Connection]":
        """All that are open."""
        ...

    def number(self) -> int:
        """Give a new connection its number, from 1 on."""
        ...

    def answer(self, request: Received, client: int) -> Answer | StreamAnswer:
        """Answer a connection, by its number, also with the report of a miss or a failure."""
        ...

    def left(self, client: int) -> None:
        """Forget a connection that is gone."""
        ...

    def receive(self, head: Received, client: int) -> Reception | None:
        """Begin to take a request as it comes; None if it is to be taken whole."""
        ...

    def opened(self, stream: "Streaming", client: int) -> None:
        """Note that a stream begins on a connection."""
        ...
