"""The stepper: lets the events of a replay at pace `step` go out, in the order of the recording.

The next event is the one that was recorded first, of all open streams. What holds it besides, such
as a call that its client has not made yet, is waited for and not passed over.
"""

import asyncio

from ...cassettes.answers.stepping import END_TYPE, EventLatch
from ..server.clock import ManualClock
from ..server.server import ReplayServer
from ..server.stream_sender import StreamSender
from .condition import Condition

_SAME = 1e-6
"""Seconds. Recorded times have microseconds."""


class Stepper:
    """Steps the streams of a server; `watch` is told of what they send.

    Waiting for `timeout_seconds` without an event going out ends in a TimeoutError that says why.
    """

    def __init__(self, server: ReplayServer, watch: Condition) -> None:
        self._server = server
        self._watch = watch
        self._position_seconds: float | None = None
        self._under_way: tuple[StreamSender, EventLatch, int] | None = None

    @property
    def position_seconds(self) -> float | None:
        """How far the recording has come, in seconds since the first cassette began."""
        return self._position_seconds

    def rewind(self) -> None:
        """Begin anew."""
        self._position_seconds = self._under_way = None

    async def step_events(self, events: int, timeout_seconds: float) -> int:
        """Let so many events go out, and give how many that are; a fault can make it more."""
        sent = 0
        while sent < events:
            try:
                sent += (await self._one(timeout_seconds))[0]
            except TimeoutError as error:
                raise TimeoutError(f"{sent} of {events} events went out; {error}") from None
        return sent

    async def step_until_type(self, kind: str, timeout_seconds: float) -> int:
        """Let events go out, up to the next of a type, and give how many that are."""
        sent, last = 0, None
        while last != kind:
            try:
                count, last = await self._one(timeout_seconds)
            except TimeoutError as error:
                raise TimeoutError(f"{sent} events and no {kind} went out; {error}") from None
            sent += count
        return sent

    async def step_seconds(self, seconds: float, timeout_seconds: float) -> int:
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
            times = [
                streaming.response.at_seconds
                for streaming in self._server.stream_registry.open_streams()
            ]
            if not times and self._position_seconds is None:
                return None
            return min(times, default=0.0)

        if (began := await self._watch.wait_for(look, timeout_seconds)) is None:
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
        count = streaming.events_sent + streaming.raw_writes - before
        if gate.type == END_TYPE and streaming.is_over:
            count += 1
        return count, gate.type if count else None

    async def _went(
        self, streaming: StreamSender, gate: EventLatch, before: int, timeout_seconds: float
    ) -> None:
        """Wait until a stream has sent more than before, or will not send this event any more."""

        def look() -> bool | None:
            sent = streaming.events_sent + streaming.raw_writes > before
            passed = (
                isinstance(streaming.awaited_latch, EventLatch)
                and streaming.awaited_latch is not gate
            )
            return sent or passed or streaming.is_idle or streaming.is_over or None

        if await self._watch.wait_for(look, timeout_seconds) is None:
            raise TimeoutError(
                f"the next waits: {self._server.stream_registry.describe_stream(streaming)}"
            )

    async def _tell(self, timeout_seconds: float) -> tuple[StreamSender, EventLatch, int]:
        """Tell the next event to go out."""
        loop = asyncio.get_running_loop()
        deadline_seconds = loop.time() + timeout_seconds
        await self.settle()
        while (found := self._next()) is None:
            if not await self._watch.wait_for_change(deadline_seconds - loop.time()):
                raise TimeoutError(f"no open stream has another in {timeout_seconds} s")
            await self.settle()
        streaming, gate = found
        self._under_way = streaming, gate, streaming.events_sent + streaming.raw_writes
        self._position_seconds = max(self._position_seconds or 0.0, gate.at_seconds)
        gate.open()
        return self._under_way

    def _next(self) -> tuple[StreamSender, EventLatch] | None:
        """The event that was recorded first, of those that wait to be told."""
        waiting = (
            (streaming, streaming.awaited_latch)
            for streaming in self._server.stream_registry.open_streams()
            if isinstance(streaming.awaited_latch, EventLatch)
        )
        return min(waiting, key=lambda found: found[1].at_seconds, default=None)
