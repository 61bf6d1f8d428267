"""Causality: events that were recorded after a call wait until the client makes that call.

    recorded   2.1 OFFERS   2.4 ACCEPT (a request)   2.6 TASK_RUNNING
    replayed   OFFERS   …nothing, at any pace, until the ACCEPT is made…   TASK_RUNNING

The request counts, not its answer: real answers and events overtake each other. Only calls that can
cause events hold any, and only events for the same client (identities.py), or for all clients. A
call that was refused caused nothing. The first record that answers a SUBSCRIBE waits for nothing,
and no event waits for calls recorded before the first stream that its client begins in this replay.
"""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from math import inf, nextafter
from operator import attrgetter
from typing import Literal, NamedTuple

from msgspec import Struct

from ...proto.api.apis import CallType
from ..answers.gates import Latch, SyncPoint, WaitFor
from ..answers.pace import Timed
from ..format.documents import Exchange
from ..format.exchange_ref import ExchangeRef
from ..matching.request_key import ParsedRequest
from ..storage.reader import Cassette
from .identities import ClientIdentity, killed_container

type CausalityMode = Literal["party", "all", "off"]
"""Whose calls hold events: those of the same client (the party), of all clients, or none."""

_FIRST_REFUSED_STATUS = 300
"""Calls with this status or a higher one were redirected or refused."""

_AT_SECONDS = attrgetter("at_seconds")


class _AwaitedCall(Struct):
    """A recorded call that holds events until it is made. The latch exists once one waits."""

    at_seconds: float
    name: str
    exchange: int
    identity: ClientIdentity
    is_made: bool = False
    latch: Latch | None = None

    def latch_for_stream(self, pending: set[Latch]) -> Latch:
        if self.latch is None:
            description = f"{self.name} of {self.identity}, as in exchange {self.exchange}"
            self.latch = Latch(f"events wait for {description}", pending)
        return self.latch

    def mark_made(self) -> None:
        self.is_made = True
        if self.latch is not None:
            self.latch.open()
            self.latch = None


class _Group:
    """Calls, by time, that hold the events of the same streams; when the first of these began."""

    def __init__(self) -> None:
        self.calls: list[_AwaitedCall] = []
        self.began_seconds = inf


class _RecordedStream(NamedTuple):
    """A stream whose events may wait. A SUBSCRIBE is answered by its first record."""

    group: _Group
    is_subscription: bool


class Causality:
    """The calls that events of a playback wait for. Latches with waiters are in `pending_latches`.

    Nothing waits for calls that were recorded before `start_seconds`.
    """

    def __init__(
        self, mode: CausalityMode, pending_latches: set[Latch], start_seconds: float = 0.0
    ) -> None:
        self._mode = mode
        self._pending_latches = pending_latches
        self._start_seconds = start_seconds
        self._groups = defaultdict[ClientIdentity | int, _Group](_Group)
        self._streams: dict[ExchangeRef, _RecordedStream] = {}
        self._calls: dict[ExchangeRef, _AwaitedCall] = {}

    def add_exchange(
        self, ref: ExchangeRef, exchange: Exchange, parsed: ParsedRequest, identity: ClientIdentity
    ) -> None:
        """Add a recorded exchange and the client that made it."""
        call_type = parsed.call_type
        if self._mode == "off" or call_type is None:
            return
        if call_type.record_message is not None:
            is_subscription = call_type.name == "SUBSCRIBE"
            self._streams[ref] = _RecordedStream(self._group_of(identity), is_subscription)
        elif _can_cause_events(call_type, exchange):
            call = _AwaitedCall(exchange.at, call_type.name, ref.exchange, identity)
            self._calls[ref] = call
            group = self._group_of(identity)
            insort(group.calls, call, key=_AT_SECONDS)
            killed = killed_container(ref.cassette, parsed)
            if killed is not None and self._group_of(killed) is not group:
                insort(self._group_of(killed).calls, call, key=_AT_SECONDS)

    @property
    def abandoned_latches(self) -> list[Latch]:
        """Latches at which streams waited until their clients left, in the order of the calls."""
        latches = (call.latch for call in self._calls.values())
        return [latch for latch in latches if latch is not None and latch.is_abandoned]

    def mark_made(self, ref: ExchangeRef) -> None:
        """Release the events that wait for the request of an exchange."""
        if (call := self._calls.get(ref)) is not None and not call.is_made:
            call.mark_made()

    def begin_stream(
        self, ref: ExchangeRef, cassette: Cassette, exchange: Exchange
    ) -> Iterator[Timed[SyncPoint]] | None:
        """Return where a stream that begins now waits, lazily, by time; None if nowhere."""
        stream = self._streams.get(ref)
        if stream is None or not stream.group.calls:
            return None
        stream.group.began_seconds = min(stream.group.began_seconds, exchange.at)
        return self._waits(stream, cassette, exchange)

    def _waits(
        self, stream: _RecordedStream, cassette: Cassette, exchange: Exchange
    ) -> Iterator[Timed[SyncPoint]]:
        # This runs while the stream is played, a step ahead of it. So a call that the client makes
        # early is skipped here, and latches exist for those calls alone that are waited for.
        #
        # A wait at time t precedes all events recorded at t or later. An event with exactly the
        # timestamp of the call was not caused by it and must not be held, so the wait is placed at
        # the next larger float.
        #
        # The first record that answers a SUBSCRIBE is never held, even if a call was recorded
        # before it: no wait is placed at or before its time. It is read from the cassette when a
        # call is to be waited for, because most streams of a replay have none.
        calls = stream.group.calls
        since_seconds = max(stream.group.began_seconds, self._start_seconds)
        first_seconds: float | None = None if stream.is_subscription else -inf
        for call in islice(calls, bisect_left(calls, since_seconds, key=_AT_SECONDS), None):
            if call.is_made:
                continue
            if first_seconds is None:
                first = next(cassette.events(exchange.exchange), None)
                first_seconds = -inf if first is None else first.at
            at_seconds = nextafter(max(call.at_seconds, first_seconds), inf)
            yield at_seconds, WaitFor(call.latch_for_stream(self._pending_latches))

    def _group_of(self, identity: ClientIdentity) -> _Group:
        return self._groups[identity.cassette if self._mode == "all" else identity]


def _can_cause_events(call_type: CallType, exchange: Exchange) -> bool:
    """Return whether a call may have caused events; SUBSCRIBE, input and heartbeats do not."""
    status = exchange.response.status
    if status is not None and status >= _FIRST_REFUSED_STATUS:
        return False
    if call_type.record_message is not None or call_type.has_streamed_request:
        return False
    return call_type.is_mutating or (call_type.causes_events and call_type.name != "HEARTBEAT")
