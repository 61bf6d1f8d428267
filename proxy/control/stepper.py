"""The stepper: lets the events of a replay at pace `step` go out, in the order of the recording.

The next event is the one that was recorded first, of all open streams. What holds it besides, such
as a call that its client has not made yet, is waited for and not passed over.
"""

import asyncio

from ...cassettes.answers.stepping import END, Pending
from ..server.clock import ManualClock
from ..server.server import ReplayServer
from ..server.stream_sender import Streaming
from .condition import Watch

_SAME = 1e-6
"""Seconds. Recorded times have microseconds."""


class Stepper:
    """Steps the streams of a server; `watch` is told of what they send.

    Waiting for `timeout_seconds` without an event going out ends in a TimeoutError that says why.
    """

    def __init__(self, server: ReplayServer, watch: Watch) -> None:
        self._server = server
        self._watch = watch
        self._position_seconds: float | None = None
        self._under_way: tuple[Streaming, Pending, int] | None = None

    @property
    def position_seconds(self) -> float | None:
        """How far the recording has come, in seconds since the first cassette began."""
        return self._position_seconds

    def rewind(self) -> None:
        """Begin anew."""
        self._position_seconds = self._under_way = None

    async def step(self, events: int, timeout_seconds: float) -> int:
        """Let so many events go out, and give how many that are; a fault can make it more."""
        sent = 0
        while sent < events:
            try:
                sent += (await self._one(timeout_seconds))[0]
            except TimeoutError as error:
                raise TimeoutError(f"{sent} of {events} events went out; {error}") from None
        return sent

    async def until(self, kind: str, timeout_seconds: float) -> int:
        """Let events go out, up to the next of a type, and give how many that are."""
        sent, last = 0, None
        while last != kind:
            try:
                count, last = await self._one(timeout_seconds)
            except TimeoutError as error:
                raise TimeoutError(f"{sent} events and no {kind} went out; {error}") from None
            sent += count
        return sent

    async def play(self, seconds: float, timeout_seconds: float) -> int:
        """Let go out what was recorded in the next seconds, and give how many events that are.

        They count from where the recording has come to, or from the request of the stream that was
        asked for first, if that is later.
        """
        began = await self._began(timeout_seconds)
        until_seconds = max(self._position_seconds or 0.0, began) + seconds
        sent = 0
        while await self._is_due(until_seconds + _SAME):
            try:
                sent += (await self._one(timeout_seconds))[0]
            except TimeoutError as error:
                raise TimeoutError(f"{sent} events went out; {error}") from None
        self._position_seconds = until_seconds
        return sent

    async def settle(self) -> None:
        """Wait until every stream has sent what is due."""
        clock = self._server.clock
        while self._server.schedule.is_due:
            if isinstance(clock, ManualClock):
                clock.advance(0.0)
            await asyncio.sleep(0)

    async def _began(self, timeout_seconds: float) -> float:
        """When the first of the open streams was asked for, or 0; if there never was one, wait."""

        def look() -> float | None:
            times = [streaming.answer.at_seconds for streaming in self._server.streams.open()]
            if not times and self._position_seconds is None:
                return None
            return min(times, default=0.0)

        if (began := await self._watch.until(look, timeout_seconds)) is None:
            raise TimeoutError(f"no stream was asked for in {timeout_seconds} s")
        return began

    async def _is_due(self, until_seconds: float) -> bool:
        await self.settle()
        found = self._next()
        return self._under_way is not None or (
            found is not None and found[1].at_seconds <= until_seconds
        )

    async def _one(self, timeout_seconds: float) -> tuple[int, str | None]:
        """Let the next event go out, and wait until it did; gives how many did, and its type.

        They are 0 if a fault swallowed it, or its client left.
        """
        streaming, gate, before = self._under_way or await self._tell(timeout_seconds)
        await self.settle()
        await self._went(streaming, gate, before, timeout_seconds)
        self._under_way = None
        count = streaming.sent + streaming.raw - before
        if gate.type == END and streaming.is_over:
            count += 1
        return count, gate.type if count else None

    async def _went(
        self, streaming: Streaming, gate: Pending, before: int, timeout_seconds: float
    ) -> None:
        """Wait until a stream has sent more than before, or will not send this event any more."""

        def look() -> bool | None:
            sent = streaming.sent + streaming.raw > before
            passed = isinstance(streaming.gate, Pending) and streaming.gate is not gate
            return sent or passed or streaming.rests or streaming.is_over or None

        if await self._watch.until(look, timeout_seconds) is None:
            raise TimeoutError(f"the next waits: {self._server.streams.told(streaming)}")

    async def _tell(self, timeout_seconds: float) -> tuple[Streaming, Pending, int]:
        """Tell the next event to go out."""
        loop = asyncio.get_running_loop()
        deadline_seconds = loop.time() + timeout_seconds
        await self.settle()
        while (found := self._next()) is None:
            if not await self._watch.change(deadline_seconds - loop.time()):
                raise TimeoutError(f"no open stream has another in {timeout_seconds} s")
            await self.settle()
        streaming, gate = found
        self._under_way = streaming, gate, streaming.sent + streaming.raw
        self._position_seconds = max(self._position_seconds or 0.0, gate.at_seconds)
        gate.open()
        return self._under_way

    def _next(self) -> tuple[Streaming, Pending] | None:
        """The event that was recorded first, of those that wait to be told."""
        waiting = (
            (streaming, streaming.gate)
            for streaming in self._server.streams.open()
            if isinstance(streaming.gate, Pending)
        )
        return min(waiting, key=lambda found: found[1].at_seconds, default=None)
