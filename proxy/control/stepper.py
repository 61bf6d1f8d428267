"""Stepping: releases the events of a replay at pace `step`, in the order of the recording.

The next event is the one that was recorded first, of all open streams. If something else holds it,
such as a call that its client has not made yet, the stepper waits for that and skips nothing.
"""

import asyncio

from msgspec import Struct

from ...cassettes.answers.stepping import END_TYPE, EventLatch
from ...proto.counted import counted, was
from ..server.server import ReplayServer
from ..streams.clock import ManualClock
from ..streams.stream_sender import StreamSender
from .condition import Condition

_TOLERANCE_SECONDS = 1e-6
"""Recorded times have microseconds."""


class _ReleasedEvent(Struct, frozen=True):
    """An event whose latch is open: its stream, and the writes of that before it."""

    sender: StreamSender
    latch: EventLatch
    writes_before: int


class Stepper:
    """Steps the streams of a server; `condition` is notified of their progress.

    At pace `step`, each event waits at a latch of its own (cassettes/answers/stepping.py). A step

    1. waits until a stream waits at such a latch, and takes the one that was recorded first,
    2. opens it: the event is then *released*,
    3. waits until the stream has written something, or will not write this event any more: a
       fault dropped it, so that the stream waits at its next latch or has no next step, or the
       client has left.

    Between 2 and 3 the event may be held by something else. When the time is up, it stays released
    (`_released`), for a latch cannot be closed again; the next step takes it up at 3, so that no
    event is released twice or skipped. Only `rewind` drops it, together with its stream.

    A step counts what was written, which is 0 for a dropped event and 2 for a duplicated one.
    Before it looks for the earliest latch, it lets the streams send all that is due (`settle`), so
    that each waits at its latch. Steps must not overlap: `ReplayControls` has a lock.

    All methods raise TimeoutError with the reason if no event goes out for `timeout_seconds`.
    """

    def __init__(self, server: ReplayServer, condition: Condition) -> None:
        self._server = server
        self._condition = condition
        self._position_seconds: float | None = None
        self._released: _ReleasedEvent | None = None

    @property
    def position_seconds(self) -> float | None:
        """The position in the recording, in seconds since the first cassette began."""
        return self._position_seconds

    def rewind(self) -> None:
        """Return to the state of a new stepper."""
        self._position_seconds = self._released = None

    async def step_events(self, count: int, timeout_seconds: float) -> int:
        """Release `count` events, and return how many were written; a fault can make it more."""
        sent = 0
        while sent < count:
            try:
                sent += (await self._step(timeout_seconds))[0]
            except TimeoutError as error:
                raise TimeoutError(f"{sent} of {count} events were sent; {error}") from None
        return sent

    async def step_until_type(self, event_type: str, timeout_seconds: float) -> int:
        """Release events up to the next of a type, and return how many were written."""
        sent, last_type = 0, None
        while last_type != event_type:
            try:
                count, last_type = await self._step(timeout_seconds)
            except TimeoutError as error:
                raise TimeoutError(
                    f"{counted(sent, 'event')} {was(sent)} sent, none of type {event_type}; {error}"
                ) from None
            sent += count
        return sent

    async def step_seconds(self, seconds: float, timeout_seconds: float) -> int:
        """Release the events of the next recorded seconds, and return how many were written.

        The seconds count from the position, or from the first request of an open stream, if that
        is later.
        """
        began_seconds = await self._wait_for_stream(timeout_seconds)
        until_seconds = max(self._position_seconds or 0.0, began_seconds) + seconds
        sent = 0
        while await self._is_due(until_seconds + _TOLERANCE_SECONDS):
            try:
                sent += (await self._step(timeout_seconds))[0]
            except TimeoutError as error:
                raise TimeoutError(f"{counted(sent, 'event')} {was(sent)} sent; {error}") from None
        self._position_seconds = until_seconds
        return sent

    async def settle(self) -> None:
        """Wait until every stream has sent what is due."""
        clock = self._server.clock
        while self._server.schedule.is_due:
            if isinstance(clock, ManualClock):
                clock.advance(0.0)
            await asyncio.sleep(0)

    async def _wait_for_stream(self, timeout_seconds: float) -> float:
        """Return when the first of the open streams was requested; before the first one, wait."""

        def first_request_seconds() -> float | None:
            senders = self._server.stream_registry.open_streams()
            times = [sender.response.at_seconds for sender in senders]
            if not times and self._position_seconds is None:
                return None
            return min(times, default=0.0)

        began_seconds = await self._condition.wait_for(first_request_seconds, timeout_seconds)
        if began_seconds is None:
            raise TimeoutError(f"no stream was requested in {timeout_seconds} s")
        return began_seconds

    async def _is_due(self, until_seconds: float) -> bool:
        await self.settle()
        if self._released is not None:
            return True
        waiting = self._first_waiting()
        return waiting is not None and waiting[1].at_seconds <= until_seconds

    async def _step(self, timeout_seconds: float) -> tuple[int, str | None]:
        """Release the next event and wait for its writes: their number, and the event's type."""
        event = self._released or await self._release_next(timeout_seconds)
        await self.settle()
        await self._wait_for_writes(event, timeout_seconds)
        self._released = None
        count = _writes(event.sender) - event.writes_before
        if event.latch.type == END_TYPE and event.sender.is_over:
            count += 1
        return count, event.latch.type if count else None

    async def _release_next(self, timeout_seconds: float) -> _ReleasedEvent:
        loop = asyncio.get_running_loop()
        deadline_seconds = loop.time() + timeout_seconds
        await self.settle()
        while (waiting := self._first_waiting()) is None:
            if not await self._condition.wait_for_change(deadline_seconds - loop.time()):
                raise TimeoutError(f"no open stream has had another event in {timeout_seconds} s")
            await self.settle()
        sender, latch = waiting
        self._released = _ReleasedEvent(sender, latch, _writes(sender))
        self._position_seconds = max(self._position_seconds or 0.0, latch.at_seconds)
        latch.open()
        return self._released

    async def _wait_for_writes(self, event: _ReleasedEvent, timeout_seconds: float) -> None:
        sender = event.sender

        def is_done() -> bool | None:
            latch = sender.awaited_latch
            is_at_next_latch = isinstance(latch, EventLatch) and latch is not event.latch
            has_written = _writes(sender) > event.writes_before
            return has_written or is_at_next_latch or sender.is_over or sender.is_exhausted or None

        if await self._condition.wait_for(is_done, timeout_seconds) is None:
            stream = self._server.stream_registry.describe_stream(sender)
            raise TimeoutError(f"the next event is held: {stream}")

    def _first_waiting(self) -> tuple[StreamSender, EventLatch] | None:
        """The stream and the latch of the event that was recorded first."""
        waiting = (
            (sender, sender.awaited_latch)
            for sender in self._server.stream_registry.open_streams()
            if isinstance(sender.awaited_latch, EventLatch)
        )
        return min(waiting, key=lambda each: each[1].at_seconds, default=None)


def _writes(sender: StreamSender) -> int:
    return sender.events_sent + sender.raw_writes
