"""The streams of a replay, those that are open and the latest that were."""

from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import Literal

from msgspec import Struct

from ...cassettes.answers.stepping import Pending
from .stream_sender import Streaming

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


class _Stream(Struct, frozen=True, eq=False):
    number: int
    client: int
    streaming: Streaming


class Streams:
    """All streams of a server. `on_progress` is called when one opens, has sent something, or ends.

    With `halted`, new ones halt as well.
    """

    def __init__(self) -> None:
        self.count = 0
        self.halted = False
        self.on_progress: Callable[[], object] | None = None
        self._open: dict[int, _Stream] = {}
        self._ended = deque[StreamState]()
        self._sent_before = Counter[str | None]()

    def add(self, streaming: Streaming, client: int) -> None:
        """A stream begins."""
        self.count += 1
        stream = _Stream(self.count, client, streaming)
        self._open[stream.number] = stream

        def progress() -> None:
            if streaming.is_over:
                self._end(stream)
            if self.on_progress is not None:
                self.on_progress()

        streaming.on_progress = progress
        if self.halted:
            streaming.halt()
        progress()

    def states(self) -> list[StreamState]:
        """Tell of all, in the order in which they began."""
        told = [*self._ended, *map(_state, self._open.values())]
        return sorted(told, key=lambda state: state.number)

    def open(self) -> Iterator[Streaming]:
        """Those that are not over."""
        return (stream.streaming for stream in self._open.values())

    def halt(self, number: int | None = None) -> None:
        """Stop a stream, or all and those to come. Raises LookupError if it is not open."""
        self.halted = self.halted or number is None
        for streaming in self._meant(number):
            streaming.halt()

    def go_on(self, number: int | None = None) -> None:
        """Go on with a stream, or with all. Raises LookupError if it is not open."""
        self.halted = self.halted and number is not None
        for streaming in self._meant(number):
            streaming.go_on()

    def clear(self) -> None:
        """Forget all; numbers go on."""
        self.halted = False
        self._open.clear()
        self._ended.clear()
        self._sent_before.clear()

    def told(self, streaming: Streaming) -> str:
        """Say what a stream does."""
        found = (each for each in self._open.values() if each.streaming is streaming)
        return next((str(_state(each)) for each in found), "the stream is over")

    def sent(self, of: int | str | None = None) -> int:
        """How many events went out: of a stream, of those that answer such a call, or of all."""
        if isinstance(of, int):
            return next((state.events_sent for state in self.states() if state.number == of), 0)
        before = self._sent_before
        past = before.total() if of is None else before[of]
        return past + sum(one.sent for one in self.open() if of in (None, one.answer.call))

    def _meant(self, number: int | None) -> list[Streaming]:
        if number is None:
            return list(self.open())
        if number not in self._open:
            are = ", ".join(map(str, self._open)) or "none"
            raise LookupError(f"stream {number} is not open; open are: {are}")
        return [self._open[number].streaming]

    def _end(self, stream: _Stream) -> None:
        if self._open.pop(stream.number, None) is None:
            return
        self._sent_before[stream.streaming.answer.call] += stream.streaming.sent
        self._ended.append(_state(stream))
        if len(self._ended) > _ENDED:
            self._ended.popleft()


def held_by(streaming: Streaming) -> str | None:
    """Say what a stream waits for, besides its time."""
    if streaming.halted:
        return "on hold, until it is released"
    if isinstance(streaming.gate, Pending):
        return f"waits to be advanced; next is {streaming.gate.type or 'an event'}"
    if streaming.gate is not None:
        return streaming.gate.reason
    return "its client does not read" if streaming.parked else None


def _state(stream: _Stream) -> StreamState:
    streaming = stream.streaming
    held = None if streaming.is_over else held_by(streaming)
    state: State = "held" if held is not None else "open"
    return StreamState(
        number=stream.number,
        exchange=streaming.answer.exchange,
        call=streaming.answer.call,
        client=stream.client,
        state="ended" if streaming.is_over else state,
        events_sent=streaming.sent,
        held_by=held,
    )
