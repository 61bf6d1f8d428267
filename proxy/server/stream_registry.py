"""The streams of a replay, those that are open and the latest that were."""

from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import Literal

from msgspec import Struct

from ...cassettes.answers.stepping import EventLatch
from .stream_sender import StreamSender

_ENDED = 1000
"""Streams that are over and still told of; their events go on being counted."""

type State = Literal["open", "held", "ended"]


class StreamState(Struct, frozen=True, kw_only=True):
    """A stream, by its number from 1 on.

    `exchange` is what is played, `call` the type of the call that it answers, `client` numbers the
    connection. `held_by` says what it waits for, besides the time.
    """

    number: int
    exchange: int
    call: str | None
    client: int
    state: State
    events_sent: int
    held_by: str | None = None

    def __str__(self) -> str:
        held = "" if self.held_by is None else f": {self.held_by}"
        told = f"stream {self.number} (exchange {self.exchange}, client {self.client})"
        return f"{told}, {self.events_sent} events sent, {self.state}{held}"


class _RegisteredStream(Struct, frozen=True, eq=False):
    number: int
    client: int
    streaming: StreamSender


class StreamRegistry:
    """All streams of a server. `on_progress` is called when one opens, has sent something, or ends.

    With `halted`, new ones halt as well.
    """

    def __init__(self) -> None:
        self.count = 0
        self.is_on_hold = False
        self.on_progress: Callable[[], object] | None = None
        self._open: dict[int, _RegisteredStream] = {}
        self._ended = deque[StreamState]()
        self._sent_before = Counter[str | None]()

    def register(self, streaming: StreamSender, client: int) -> None:
        """A stream begins."""
        self.count += 1
        stream = _RegisteredStream(self.count, client, streaming)
        self._open[stream.number] = stream

        def progress() -> None:
            if streaming.is_over:
                self._end(stream)
            if self.on_progress is not None:
                self.on_progress()

        streaming.on_progress = progress
        if self.is_on_hold:
            streaming.hold()
        progress()

    def states(self) -> list[StreamState]:
        """Tell of all, in the order in which they began."""
        told = [*self._ended, *map(_state, self._open.values())]
        return sorted(told, key=lambda state: state.number)

    def open_streams(self) -> Iterator[StreamSender]:
        """Those that are not over."""
        return (stream.streaming for stream in self._open.values())

    def hold(self, number: int | None = None) -> None:
        """Stop a stream, or all and those to come. Raises LookupError if it is not open."""
        self.is_on_hold = self.is_on_hold or number is None
        for streaming in self._meant(number):
            streaming.hold()

    def release(self, number: int | None = None) -> None:
        """Go on with a stream, or with all. Raises LookupError if it is not open."""
        self.is_on_hold = self.is_on_hold and number is not None
        for streaming in self._meant(number):
            streaming.release()

    def clear(self) -> None:
        """Forget all; numbers go on."""
        self.is_on_hold = False
        self._open.clear()
        self._ended.clear()
        self._sent_before.clear()

    def describe_stream(self, streaming: StreamSender) -> str:
        """Say what a stream does."""
        found = (each for each in self._open.values() if each.streaming is streaming)
        return next((str(_state(each)) for each in found), "the stream is over")

    def count_events_sent(self, of: int | str | None = None) -> int:
        """How many events went out: of a stream, of those that answer such a call, or of all."""
        if isinstance(of, int):
            return next((state.events_sent for state in self.states() if state.number == of), 0)
        before = self._sent_before
        past = before.total() if of is None else before[of]
        return past + sum(
            one.events_sent for one in self.open_streams() if of in (None, one.response.call_name)
        )

    def _meant(self, number: int | None) -> list[StreamSender]:
        if number is None:
            return list(self.open_streams())
        if number not in self._open:
            are = ", ".join(map(str, self._open)) or "none"
            raise LookupError(f"stream {number} is not open; open are: {are}")
        return [self._open[number].streaming]

    def _end(self, stream: _RegisteredStream) -> None:
        if self._open.pop(stream.number, None) is None:
            return
        self._sent_before[stream.streaming.response.call_name] += stream.streaming.events_sent
        self._ended.append(_state(stream))
        if len(self._ended) > _ENDED:
            self._ended.popleft()


def held_by(streaming: StreamSender) -> str | None:
    """Say what a stream waits for, besides its time."""
    if streaming.is_on_hold:
        return "on hold, until it is released"
    if isinstance(streaming.awaited_latch, EventLatch):
        return f"waits to be advanced; next is {streaming.awaited_latch.type or 'an event'}"
    if streaming.awaited_latch is not None:
        return streaming.awaited_latch.reason
    return "its client does not read" if streaming.is_waiting_for_reader else None


def _state(stream: _RegisteredStream) -> StreamState:
    streaming = stream.streaming
    held = None if streaming.is_over else held_by(streaming)
    state: State = "held" if held is not None else "open"
    return StreamState(
        number=stream.number,
        exchange=streaming.response.exchange,
        call=streaming.response.call_name,
        client=stream.client,
        state="ended" if streaming.is_over else state,
        events_sent=streaming.events_sent,
        held_by=held,
    )
