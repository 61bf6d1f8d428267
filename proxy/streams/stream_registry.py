"""The streams of a replay: those that are open, and the latest that have ended."""

from collections import Counter, deque
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import Literal

from msgspec import Struct

from ...cassettes.answers.stepping import EventLatch
from ...proto.counted import counted
from .send_state import SendState
from .stream_sender import StreamSender

_MAX_ENDED = 1000
"""Ended streams that are listed; the events of all others are still counted."""


class StreamState(Struct, frozen=True, kw_only=True):
    """The state of a stream; `number` counts the streams of a server from 1 on.

    `exchange` is the exchange that is played, `call` the type of its call, `client` the number of
    the connection. `held_by` is what the stream waits for, apart from its deadlines. `exhausted`
    says that it stayed open after the last event that was recorded.
    """

    number: int
    exchange: int
    call: str | None
    client: int
    state: Literal["open", "held", "ended"]
    events_sent: int
    held_by: str | None = None
    exhausted: bool = False

    def __str__(self) -> str:
        name = f"stream {self.number} (exchange {self.exchange}, client {self.client})"
        reason = "" if self.held_by is None else f": {self.held_by}"
        sent = f"{counted(self.events_sent, 'event')} sent"
        more = ", no more are recorded" if self.exhausted else ""
        return f"{name}, {sent}{more}, {self.state}{reason}"


class _RegisteredStream(Struct, frozen=True, eq=False):
    number: int
    client: int
    sender: StreamSender


class StreamRegistry:
    """All streams of a server.

    `on_progress` is called when a stream begins, has sent something, or ends; `on_begin` and
    `on_end` get its state then. While the registry `is_on_hold`, new streams are put on hold, too.
    """

    def __init__(self) -> None:
        self.is_on_hold = False
        self.on_progress: Callable[[], object] | None = None
        self.on_begin: Callable[[StreamState], object] | None = None
        self.on_end: Callable[[StreamState], object] | None = None
        self._last_number = 0
        self._open: dict[int, _RegisteredStream] = {}
        self._ended = deque[StreamState]()
        self._events_of_ended = Counter[str | None]()

    def register(self, sender: StreamSender, client: int) -> None:
        """Add a stream that has begun on a connection."""
        self._last_number += 1
        stream = _RegisteredStream(self._last_number, client, sender)
        self._open[stream.number] = stream
        sender.on_progress = partial(self._report_progress, stream)
        if self.is_on_hold:
            sender.hold()
        if self.on_begin is not None:
            self.on_begin(_state(stream))
        self._report_progress(stream)

    def _report_progress(self, stream: _RegisteredStream) -> None:
        if stream.sender.is_over:
            self._end(stream)
        if self.on_progress is not None:
            self.on_progress()

    def states(self) -> list[StreamState]:
        """Return the states of all streams, in the order in which they began."""
        states = [*self._ended, *map(_state, self._open.values())]
        return sorted(states, key=lambda state: state.number)

    @property
    def open_count(self) -> int:
        """How many streams are not over."""
        return len(self._open)

    def open_states(self, most: int) -> list[StreamState]:
        """Return the states of the first streams that are not over."""
        return [_state(stream) for stream in islice(self._open.values(), most)]

    def open_streams(self) -> Iterator[StreamSender]:
        """Iterate over the streams that are not over."""
        return (stream.sender for stream in self._open.values())

    def hold(self, number: int | None = None) -> None:
        """Hold a stream, or all and future ones. Raises LookupError if it is not open."""
        self.is_on_hold = self.is_on_hold or number is None
        for sender in self._selected(number):
            sender.hold()

    def release(self, number: int | None = None) -> None:
        """Release a stream, or all. Raises LookupError if it is not open."""
        self.is_on_hold = self.is_on_hold and number is not None
        for sender in self._selected(number):
            sender.release()

    def clear(self) -> None:
        """Remove all streams; the numbers of new ones continue."""
        self.is_on_hold = False
        for stream in list(self._open.values()):
            self._end(stream)
        self._ended.clear()
        self._events_of_ended.clear()

    def describe_stream(self, sender: StreamSender) -> str:
        """Describe the state of a stream in one line."""
        streams = (stream for stream in self._open.values() if stream.sender is sender)
        return next((str(_state(stream)) for stream in streams), "the stream is over")

    def count_events_sent(self, of: int | str | None = None) -> int:
        """Count the events sent: by the stream of a number, for a type of call, or by all."""
        if isinstance(of, int):
            return next((state.events_sent for state in self.states() if state.number == of), 0)
        ended = self._events_of_ended
        return (ended.total() if of is None else ended[of]) + sum(
            sender.events_sent
            for sender in self.open_streams()
            if of in (None, sender.response.call_name)
        )

    def _selected(self, number: int | None) -> list[StreamSender]:
        if number is None:
            return list(self.open_streams())
        if number not in self._open:
            numbers = ", ".join(map(str, self._open)) or "none"
            raise LookupError(f"stream {number} is not open; open are: {numbers}")
        return [self._open[number].sender]

    def _end(self, stream: _RegisteredStream) -> None:
        if self._open.pop(stream.number, None) is None:
            return
        self._events_of_ended[stream.sender.response.call_name] += stream.sender.events_sent
        state = _state(stream)
        if self.on_end is not None:
            self.on_end(state)
        self._ended.append(state)
        if len(self._ended) > _MAX_ENDED:
            self._ended.popleft()


def _hold_reason(sender: StreamSender) -> str | None:
    """Return what a stream waits for, apart from its deadlines."""
    latch = sender.awaited_latch
    if sender.is_over:
        return None
    if sender.is_on_hold:
        return "on hold, until it is released"
    if isinstance(latch, EventLatch):
        return f"waits to be advanced; next is {latch.type or 'an event'}"
    if latch is not None:
        return latch.reason
    return "its client does not read" if sender.state is SendState.UNTIL_READ else None


def _state(stream: _RegisteredStream) -> StreamState:
    sender, reason = stream.sender, _hold_reason(stream.sender)
    return StreamState(
        number=stream.number,
        exchange=sender.response.exchange,
        call=sender.response.call_name,
        client=stream.client,
        state="ended" if sender.is_over else "open" if reason is None else "held",
        events_sent=sender.events_sent,
        held_by=reason,
        exhausted=sender.is_exhausted,
    )
