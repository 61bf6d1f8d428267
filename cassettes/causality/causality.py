"""Causality: events that were recorded after a call wait until the client makes that call.

    recorded   2.1 OFFERS   2.4 ACCEPT (a request)   2.6 TASK_RUNNING
    replayed   OFFERS   …nothing, at any pace, until the ACCEPT is made…   TASK_RUNNING

The request counts, not its answer: real answers and events overtake each other. Only calls that can
cause events hold any, and only events for the same client (identities.py), or for all clients. A
call that was refused caused nothing. The first record that answers a SUBSCRIBE waits for nothing,
and no event waits for calls recorded before the first stream that its client begins in this replay.

A client may also end a stream by a call that is not one of that stream's client, or that reads:

    SUBSCRIBE of a framework, resource provider or executor   ends its older stream (failover)
    TEARDOWN by an operator, KILL of a container, …           ends the stream that the call names
    SUBSCRIBE of an operator                                  ends the stream of the oldest operator
"""

import heapq
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from math import inf, nextafter
from operator import attrgetter, itemgetter
from typing import Literal, NamedTuple

from msgspec import Struct

from ...proto.api.apis import CallType
from ...proto.http.request import HttpRequest
from ..answers.gates import Latch, SyncPoint, WaitFor
from ..answers.pace import Timed
from ..format.documents import End, Exchange
from ..format.exchange_ref import ExchangeRef
from ..matching.request_key import ParsedRequest
from ..storage.reader import Cassette
from .identities import ClientIdentity, ended_client, program_of

type CausalityMode = Literal["party", "all", "off"]
"""Whose calls hold events: those of the same client (the party), of all clients, or none."""

_FIRST_REFUSED_STATUS = 300
"""Calls with this status or a higher one were redirected or refused."""

_AT_SECONDS = attrgetter("at_seconds")
_BY_TIME = itemgetter(0)


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
    """Calls, by time, that hold the events of the same streams; when the first of these began.

    `operators` are SUBSCRIBEs of operators, which hold ends only. `programs` have made the calls.
    """

    def __init__(self) -> None:
        self.calls: list[_AwaitedCall] = []
        self.operators: list[_AwaitedCall] = []
        self.programs = set[tuple[str | None, str | None]]()
        self.began_seconds = inf

    def call_that_evicts(self, exchange: Exchange, end: End | None) -> _AwaitedCall | None:
        """Return the SUBSCRIBE that ended the stream of an operator; None if there is none.

        A master ends such a stream only to make room for another one, which is then the latest
        (Master::Subscribers in src/master/master.cpp).
        """
        if end is None or end.cause != "server":
            return None
        position = bisect_left(self.operators, end.at, key=_AT_SECONDS)
        if not position or self.operators[position - 1].at_seconds <= exchange.at:
            return None
        return self.operators[position - 1]


class _RecordedStream(NamedTuple):
    """A stream whose events may wait. A SUBSCRIBE is answered by its first record."""

    group: _Group
    is_subscription: bool
    is_of_operator: bool


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
        self,
        ref: ExchangeRef,
        exchange: Exchange,
        request: HttpRequest,
        parsed: ParsedRequest,
        identity: ClientIdentity,
        *,
        is_refused: bool = False,
    ) -> None:
        """Add a recorded exchange and the client that made it.

        `is_refused` is set for a SUBSCRIBE whose stream has only the reason of a refusal.
        """
        call_type = parsed.call_type
        if self._mode == "off" or call_type is None:
            return
        group, is_subscription = self._group_of(identity), call_type.name == "SUBSCRIBE"
        is_of_operator = is_subscription and not call_type.is_mutating
        group.programs.add(program_of(exchange, request))
        if call_type.record_message is not None:
            self._streams[ref] = _RecordedStream(group, is_subscription, is_of_operator)
        if is_refused or not can_cause_events(call_type, exchange):
            return
        call = self._calls[ref] = _AwaitedCall(exchange.at, call_type.name, ref.exchange, identity)
        if is_of_operator:
            insort(group.operators, call, key=_AT_SECONDS)
            return
        groups = [group, *self._groups_ended_by(exchange, request, parsed, ref.cassette)]
        for each in dict.fromkeys(groups):
            insort(each.calls, call, key=_AT_SECONDS)

    def _groups_ended_by(
        self, exchange: Exchange, request: HttpRequest, parsed: ParsedRequest, cassette: int
    ) -> list[_Group]:
        """Return the groups of other clients whose streams a call ends.

        A container is killed with those nested in it. A framework or resource provider waits for an
        operator only if both are the same program, as far as their host and User-Agent tell:
        otherwise it may be played without that operator, and its stream would never end.
        """
        ended = ended_client(cassette, parsed)
        if ended is None:
            return []
        if ended.kind == "container":
            nested = f"{ended.name}."
            return [self._group_of(ended)] + [
                group
                for identity, group in self._groups.items()
                if isinstance(identity, ClientIdentity)
                and (identity.kind, identity.cassette) == ("container", cassette)
                and identity.name.startswith(nested)
            ]
        group = self._group_of(ended)
        return [group] if program_of(exchange, request) in group.programs else []

    @property
    def abandoned_latches(self) -> list[Latch]:
        """Latches at which streams waited until their clients left, in the order of the calls."""
        latches = (call.latch for call in self._calls.values())
        return [latch for latch in latches if latch is not None and latch.is_abandoned]

    def is_awaited(self, ref: ExchangeRef) -> bool:
        """Return whether an event may wait for the request of an exchange."""
        return ref in self._calls

    def mark_made(self, ref: ExchangeRef) -> None:
        """Release the events that wait for the request of an exchange."""
        if (call := self._calls.get(ref)) is not None and not call.is_made:
            call.mark_made()

    def begin_stream(
        self, ref: ExchangeRef, cassette: Cassette, exchange: Exchange
    ) -> Iterator[Timed[SyncPoint]] | None:
        """Return where a stream that begins now waits, lazily, by time; None if nowhere."""
        stream = self._streams.get(ref)
        if stream is None:
            return None
        group = stream.group
        is_evictable = stream.is_of_operator and group.operators[-1].at_seconds > exchange.at
        if not group.calls and not is_evictable:
            return None
        group.began_seconds = min(group.began_seconds, exchange.at)
        waits = self._waits(stream, cassette, exchange)
        if not is_evictable:
            return waits
        return heapq.merge(waits, self._wait_at_end(group, cassette, exchange), key=_BY_TIME)

    def _wait_at_end(
        self, group: _Group, cassette: Cassette, exchange: Exchange
    ) -> Iterator[Timed[SyncPoint]]:
        end = cassette.stream_end(exchange.exchange)
        call = group.call_that_evicts(exchange, end)
        if end is not None and call is not None and not call.is_made:
            yield end.at, WaitFor(call.latch_for_stream(self._pending_latches))

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


def can_cause_events(call_type: CallType, exchange: Exchange) -> bool:
    """Return whether a call may have caused events, or ends; input and heartbeats do not."""
    status = exchange.response.status
    if status is not None and status >= _FIRST_REFUSED_STATUS:
        return False
    if call_type.name == "SUBSCRIBE":
        return True
    if call_type.record_message is not None or call_type.has_streamed_request:
        return False
    return call_type.is_mutating or (call_type.causes_events and call_type.name != "HEARTBEAT")
