"""The operations on a running replay.

    advance    release the next events: a number of them, some seconds, or up to one of a type
    hold       pause streams; `release` resumes them where they paused
    reset      begin a new playback, as if no request had been made

They run in the loop of the server. player.py offers them to other threads, and http_api.py to
other processes.
"""

import asyncio
from typing import Any, Protocol

from msgspec import Struct

from ...cassettes.answers.pace import Stepped
from ...cassettes.matching.advice import COMMAND, Setting
from ...cassettes.playback.playback import Playback
from ..server.request_journal import Call, summarize_calls
from ..server.server import ReplayServer
from ..streams.clock import ManualClock
from ..streams.stream_registry import StreamState
from .condition import DEFAULT_TIMEOUT_SECONDS, Condition
from .stepper import Stepper


class ReplayStatus(Struct, frozen=True, kw_only=True):
    """The state of a replay. All counts are since the last reset, `streams` counts open ones.

    `position` is in seconds of the recording at pace `step`, or None before the first step.
    """

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


class OtherProcesses(Protocol):
    """Processes that answer for the same replay (proxy/workers)."""

    async def synchronize(self, *, is_reset: bool = False) -> None:
        """Take over what they have answered until now, before the playback begins anew or not."""
        ...


class ReplayControls:
    """Controls a server, and the `others` that answer for its replay.

    A TimeoutError says which calls were made and what is held.
    """

    def __init__(self, server: ReplayServer, others: OtherProcesses | None = None) -> None:
        self.server = server
        self._others = others
        self._condition = Condition()
        self._stepper = Stepper(server, self._condition)
        self._returned_numbers = set[int]()
        self._step_lock = asyncio.Lock()
        server.responder.request_journal.on_call = self._condition.notify
        server.stream_registry.on_progress = self._condition.notify

    # Queries.

    async def synchronize(self) -> None:
        """Let the queries after this include what other processes have answered."""
        if self._others is not None:
            await self._others.synchronize()

    @property
    def playback(self) -> Playback:
        """The playback since the last reset."""
        return self.server.responder.playback

    @property
    def calls(self) -> list[Call]:
        """The latest requests, at most 10,000."""
        return self.server.responder.request_journal.calls_since(0)

    @property
    def streams(self) -> list[StreamState]:
        """The open streams, and the latest 1000 that have ended."""
        return self.server.stream_registry.states()

    @property
    def waiting(self) -> list[str]:
        """The streams and responses that are held, and what each waits for."""
        held = [state for state in self.streams if state.held_by is not None]
        reasons = {state.held_by for state in held}
        return [*map(str, held), *(each for each in self.playback.waiting if each not in reasons)]

    @property
    def status(self) -> ReplayStatus:
        """Counts, the position, and what is held."""
        playback, streams = self.playback, self.server.stream_registry
        return ReplayStatus(
            calls=len(self.server.responder.request_journal),
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

    async def await_call(
        self,
        call: str | None = None,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        **fields: Any,
    ) -> Call:
        """Wait for a call of a type, and with values of its fields, like `client` or `path`.

        Returns each call once, also one that was made before. Raises TimeoutError with the calls
        that were made and what is held, and TypeError for a field that calls do not have.
        """
        fields = fields if call is None else {"type": call, **fields}
        if unknown := fields.keys() - set(Call.__struct_fields__):
            known = ", ".join(Call.__struct_fields__)
            raise TypeError(f"a call has no {', '.join(sorted(unknown))}; it has {known}")
        journal, last_number = self.server.responder.request_journal, 0

        def next_match() -> Call | None:
            nonlocal last_number
            calls, last_number = journal.calls_since(last_number), journal.last_number
            return next((each for each in calls if self._matches(each, fields)), None)

        if (match := await self._condition.wait_for(next_match, timeout_seconds)) is None:
            wanted = ", ".join(f"{name} {value!r}" for name, value in fields.items())
            text = f"no call with {wanted} was made in {timeout_seconds} s"
            raise TimeoutError(
                f"{text}; calls: {summarize_calls(self.calls)}{self._streams_text()}"
            )
        self._returned_numbers.add(match.number)
        return match

    async def await_events(
        self,
        count: int,
        of: int | str | None = None,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
    ) -> int:
        """Wait until `count` events were sent, and return how many were.

        `of` counts only the stream of a number, or the streams that answer a type of call. Raises
        TimeoutError with what is held.
        """
        count_sent = self.server.stream_registry.count_events_sent
        has_enough = await self._condition.wait_for(
            lambda: count_sent(of) >= count or None, timeout_seconds
        )
        if has_enough is None:
            source = "" if of is None else f" of {f'stream {of}' if isinstance(of, int) else of}"
            text = f"{count_sent(of)} of {count} events{source} were sent in {timeout_seconds} s"
            raise TimeoutError(f"{text}{self._streams_text()}")
        return count_sent(of)

    # Actions.

    async def advance(
        self,
        events: int | None = None,
        *,
        seconds: float | None = None,
        until: str | None = None,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
    ) -> int:
        """Release the next events at pace `step`, or move a manual clock by `seconds`.

        At pace `step` that is a number of events (by default one), those of `seconds` of the
        recording, or those up to the next of the type `until`. The end of a stream counts as an
        event of type END.

        Returns how many events were sent. Raises TimeoutError with what the next one waits for if
        none was sent in `timeout_seconds`, and ValueError for arguments that this pace does not
        support.
        """
        if sum(each is not None for each in (events, seconds, until)) > 1:
            raise ValueError("advance: expected at most one of events, seconds and until")
        if not 0 <= (events or seconds or 0) < float("inf"):
            raise ValueError(f"cannot advance by {events or seconds}, expected 0 or more")
        async with self._step_lock:
            if not isinstance(self.playback.options.pace, Stepped):
                return self._advance_clock(seconds)
            if seconds is not None:
                return await self._stepper.step_seconds(seconds, timeout_seconds)
            if until is not None:
                return await self._stepper.step_until_type(until, timeout_seconds)
            return await self._stepper.step_events(1 if events is None else events, timeout_seconds)

    def hold(self, stream: int | None = None) -> None:
        """Hold a stream, or all and future ones. Raises LookupError if it is not open."""
        self.server.stream_registry.hold(stream)
        self._condition.notify()

    def release(self, stream: int | None = None) -> None:
        """Release a stream, or all. Raises LookupError if it is not open."""
        self.server.stream_registry.release(stream)
        self._condition.notify()

    async def reset(self) -> None:
        """Begin a new playback, as if no request had been made, and cut open streams.

        Raises ValueError or OSError if the cassettes cannot be played any more.
        """
        await self.begin(None)

    async def begin(self, playback: Playback | None) -> None:
        """Begin this playback, with which all totals begin, or a new one of the same cassettes.

        Raises as `reset`.
        """
        async with self._step_lock:
            if self._others is not None:
                await self._others.synchronize(is_reset=True)
            self.server.reset(playback)
            self._stepper.rewind()
            self._condition.notify()

    def _advance_clock(self, seconds: float | None) -> int:
        clock = self.server.clock
        if not isinstance(clock, ManualClock):
            raise ValueError(f"advance: expected {self._advanced_by(seconds)}")
        if seconds is None:
            step = self.playback.audience.write(Setting("pace", ("step",)))
            raise ValueError(
                f"advance: expected seconds with a manual clock (events and until need {step})"
            )
        before = self.server.stream_registry.count_events_sent()
        clock.advance(seconds)
        return self.server.stream_registry.count_events_sent() - before

    def _advanced_by(self, seconds: float | None) -> str:
        """Return the settings with which a replay can be advanced. The command has no clock."""
        audience = self.playback.audience
        settings = [Setting("pace", ("step",))]
        if seconds is not None and audience is not COMMAND:
            settings.append(Setting("clock", ("manual",)))
        return " or ".join(map(audience.write, settings))

    def _matches(self, call: Call, fields: dict[str, Any]) -> bool:
        return call.number not in self._returned_numbers and all(
            getattr(call, name) == value for name, value in fields.items()
        )

    def _streams_text(self) -> str:
        exhausted = (f"\n  {state}" for state in self.streams if state.exhausted)
        return "".join([*(f"\n  held: {reason}" for reason in self.waiting), *exhausted])
