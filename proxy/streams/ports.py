"""The protocols between a stream and its server. None of them names the classes that use it.

connection --ResponseWriter--> stream or relay
server <--StreamContext-- stream

Calls go both ways, and on to other connections: an event of one stream may release another. So what
others call is `guarded`, and an error ends only the part that it occurred in.
"""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, Protocol

from ..http.http1 import ConnectionLimits
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
