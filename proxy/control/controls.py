"""The deck: what the buttons and the displays of a running replay do.

    advance    let the next events go out: so many, or of so many seconds, or up to one of a type
    hold       stop streams; `release` goes on where they stopped
    reset      begin anew, as if nobody had asked for anything yet

Everything here runs in the loop of its server. Player has the same for other threads, and control
for other processes.
"""

import asyncio
from typing import Any

from msgspec import Struct

from ...cassettes.answers.pace import Stepped
from ...cassettes.format.exchange_ref import ExchangeRef
from ..server.clock import ManualClock
from ..server.request_journal import Call, summarize_calls
from ..server.server import ReplayServer
from ..server.stream_registry import StreamState
from .condition import Condition
from .stepper import Stepper

DEFAULT_TIMEOUT_SECONDS = 10.0


class ReplayStatus(Struct, frozen=True, kw_only=True):
    """Where a replay is. `position` is in seconds of the recording, at pace `step`."""

    calls: int
    served: int
    refused: int
    missed: int
    unused: int
    left_out: int
    streams: int
    events_sent: int
    position: float | None
    on_hold: bool
    waiting: list[str]


class ReplayControls:
    """Controls a server. Waiting in vain is a TimeoutError that says what came and what is held."""

    def __init__(self, server: ReplayServer) -> None:
        self.server = server
        self._watch = Condition()
        self._stepper = Stepper(server, self._watch)
        self._given = set[int]()
        self._turn = asyncio.Lock()
        server.request_journal.on_call = server.stream_registry.on_progress = self._watch.notify

    # Displays.

    @property
    def calls(self) -> list[Call]:
        """The requests so far, as many of the latest as are kept."""
        return self.server.request_journal.calls_since(0)

    @property
    def streams(self) -> list[StreamState]:
        """The streams, also those that are over."""
        return self.server.stream_registry.states()

    @property
    def waiting(self) -> list[str]:
        """What is held, and what it waits for."""
        held = [state for state in self.streams if state.held_by is not None]
        told = [state.held_by for state in held]
        others = (reason for reason in self.server.playback.waiting if reason not in told)
        return [*map(str, held), *others]

    @property
    def status(self) -> ReplayStatus:
        """Counts, and what is held."""
        playback, streams = self.server.playback, self.server.stream_registry
        return ReplayStatus(
            calls=len(self.server.request_journal),
            served=playback.journal.served_count,
            refused=playback.journal.refused_count,
            missed=playback.journal.missed_count,
            unused=len(playback.unused),
            left_out=len(playback.left_out),
            streams=sum(1 for _ in streams.open_streams()),
            events_sent=streams.count_events_sent(),
            position=self._stepper.position_seconds,
            on_hold=streams.is_on_hold,
            waiting=self.waiting,
        )

    def name_exchanges(self, places: list[ExchangeRef]) -> list[dict[str, Any]]:
        """Name exchanges for programs."""
        cassettes = self.server.playback.cassettes
        return [
            {"cassette": str(cassettes[place.cassette].path), "exchange": place.exchange}
            for place in places
        ]

    async def await_call(
        self, call: str | None, timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS, **fields: Any
    ) -> Call:
        """Wait for a call of a type and with these fields. Each one is given once."""
        fields = fields if call is None else {"type": call, **fields}
        if unknown := fields.keys() - set(Call.__struct_fields__):
            known = ", ".join(Call.__struct_fields__)
            raise TypeError(f"a call has no {', '.join(sorted(unknown))}; it has {known}")
        seen = 0

        def look() -> Call | None:
            nonlocal seen
            calls, seen = (
                self.server.request_journal.calls_since(seen),
                self.server.request_journal.last_number,
            )
            return next((each for each in calls if self._is_meant(each, fields)), None)

        if (found := await self._watch.wait_for(look, timeout_seconds)) is None:
            wanted = ", ".join(f"{name} {value!r}" for name, value in fields.items())
            came = f"what came: {summarize_calls(self.calls)}{self._held()}"
            raise TimeoutError(f"no call with {wanted} came in {timeout_seconds} s; {came}")
        self._given.add(found.number)
        return found

    async def await_events(
        self,
        count: int,
        of: int | str | None = None,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
    ) -> int:
        """Wait until so many events went out: of a stream, or of those that answer such calls.

        Gives how many did.
        """
        sent = self.server.stream_registry.count_events_sent
        if await self._watch.wait_for(lambda: sent(of) >= count or None, timeout_seconds) is None:
            which = "" if of is None else f" of {f'stream {of}' if isinstance(of, int) else of}"
            text = f"{sent(of)} of {count} events{which} went out in {timeout_seconds} s"
            raise TimeoutError(f"{text}{self._held()}")
        return sent(of)

    # Buttons.

    async def advance(
        self,
        events: int | None = None,
        *,
        seconds: float | None = None,
        until: str | None = None,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
    ) -> int:
        """Let events go out: so many, or those of so many recorded seconds, or up to a type.

        Gives how many were written. The end of a stream counts, and is of type END. With nothing
        given, it is one event. Raises ValueError for what makes no sense at this pace.
        """
        if sum(each is not None for each in (events, seconds, until)) > 1:
            raise ValueError("advance takes one of events, seconds and until")
        if not 0 <= (events or seconds or 0) < float("inf"):
            raise ValueError(f"cannot advance by {events or seconds}, expected 0 or more")
        async with self._turn:
            if not isinstance(self.server.playback.options.pace, Stepped):
                return self._move(seconds)
            if seconds is not None:
                return await self._stepper.step_seconds(seconds, timeout_seconds)
            if until is not None:
                return await self._stepper.step_until_type(until, timeout_seconds)
            return await self._stepper.step_events(1 if events is None else events, timeout_seconds)

    def hold(self, stream: int | None = None) -> None:
        """Stop a stream, or all and those to come. Raises LookupError if it is not open."""
        self.server.stream_registry.hold(stream)
        self._watch.notify()

    def release(self, stream: int | None = None) -> None:
        """Go on with a stream, or with all. Raises LookupError if it is not open."""
        self.server.stream_registry.release(stream)
        self._watch.notify()

    async def reset(self) -> None:
        """Begin anew; open streams are cut. Raises ValueError or OSError as a Playback does."""
        async with self._turn:
            self.server.reset()
            self._stepper.rewind()
            self._watch.notify()

    def _move(self, seconds: float | None) -> int:
        """Move the clock by hand, where the pace goes by one."""
        clock = self.server.clock
        if not isinstance(clock, ManualClock):
            raise ValueError("advance takes pace step, or a manual clock; here time passes alone")
        if seconds is None:
            raise ValueError("advance takes seconds with a manual clock, and events at pace step")
        before = self.server.stream_registry.count_events_sent()
        clock.advance(seconds)
        return self.server.stream_registry.count_events_sent() - before

    def _is_meant(self, call: Call, fields: dict[str, Any]) -> bool:
        return call.number not in self._given and all(
            getattr(call, name) == value for name, value in fields.items()
        )

    def _held(self) -> str:
        return "".join(f"\n  held: {reason}" for reason in self.waiting)
