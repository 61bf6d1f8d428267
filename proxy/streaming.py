"""A recorded stream on its way to one client."""

from typing import Protocol

from ..cassettes.answers import Ending, Step, StreamAnswer
from ..cassettes.pace import Timed
from .schedule import Schedule
from .wire import LAST_CHUNK, Limits, chunk


class Outlet(Protocol):
    """The connection, as a stream sees it."""

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


class Stage(Protocol):
    """The server, as a stream sees it."""

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


class Streaming:
    """Sends the steps of a stream when they are due. It holds one step, the next."""

    def __init__(
        self, outlet: Outlet, stage: Stage, answer: StreamAnswer, keep_alive: bool
    ) -> None:
        self._outlet = outlet
        self._stage = stage
        self._answer = answer
        self._close = answer.close or not keep_alive
        self._next: Timed[Step] | None = None
        self._parked = False

    def begin(self) -> None:
        """Fetch the first step and wait for its time. A stream without one only stays open."""
        self._fetch()
        if self._next is not None:
            self._stage.schedule.add(self._next[0], self)

    def resume(self) -> None:
        """Go on, if the stream waited for its client to read."""
        if self._parked and self._next is not None:
            self._parked = False
            self._stage.schedule.add(self._next[0], self)

    def advance(self, now_seconds: float, limit: int) -> tuple[int, float | None]:
        """Send what is due, each record in its own chunk, all in one write."""
        if self._outlet.lost:
            self._next = None
            return 0, None
        if self._outlet.full:
            self._parked = True
            return 0, None
        chunks, size = list[bytes](), 0
        while (
            (due := self._next) is not None
            and due[0] <= now_seconds
            and len(chunks) < limit
            and size <= self._stage.limits.unsent
        ):
            step = due[1]
            if isinstance(step, Ending):
                self._end(chunks, step)
                return len(chunks), None
            chunks.append(chunk(step))
            size += len(step)
            self._fetch()
        self._outlet.write(b"".join(chunks))
        self._parked = self._outlet.full and self._next is not None
        return len(chunks), None if self._parked or self._next is None else self._next[0]

    def _end(self, chunks: list[bytes], ending: Ending) -> None:
        self._next = None
        cut = ending is Ending.CUT
        if not cut:
            chunks.append(LAST_CHUNK)
        if chunks:
            self._outlet.write(b"".join(chunks))
        self._outlet.stream_ended(close=cut or self._close)

    def _fetch(self) -> None:
        try:
            self._next = next(self._answer.steps, None)
        except (ValueError, LookupError, OSError) as error:
            self._stage.failed(self._answer.exchange, error)
            self._next = (float("-inf"), Ending.CUT)
