"""Causality: the events that were recorded after a call wait until that call is made again.

    recorded   2.1 OFFERS   2.4 ACCEPT (a request)   2.6 TASK_RUNNING
    replayed   OFFERS   …nothing, at any pace, until the ACCEPT comes…   TASK_RUNNING

It is the request that counts, not its answer: real answers and events overtake each other. Only
calls that can cause events hold any, and only those of the same party (identities.py), or of all.
A call that was refused caused nothing. The first record that answers a SUBSCRIBE waits for nothing,
nor does any for calls recorded before the first stream that its party begins in this replay.
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
"""Whose calls hold events: those of the same party, those of anybody, or none."""

_REFUSED = 300
"""Statuses from here on are of calls that were not taken, but sent elsewhere or refused."""

_AT = attrgetter("at")


class _AwaitedCall(Struct):
    """A recorded call that holds events until it is made."""

    at: float
    name: str
    exchange: int
    made_by: ClientIdentity
    is_made: bool = False
    gate: Latch | None = None

    def awaited(self, waiting: set[Latch]) -> Latch:
        """Give the gate that opens when the call is made."""
        if self.gate is None:
            told = f"{self.name} of {self.made_by}, as in exchange {self.exchange}"
            self.gate = Latch(f"events wait for {told}", waiting)
        return self.gate

    def make(self) -> None:
        """Let pass whoever waits for it."""
        self.is_made = True
        if self.gate is not None:
            self.gate.open()
            self.gate = None


class _Group:
    """Calls and streams that have to do with each other, in the order of their times."""

    def __init__(self) -> None:
        self.calls: list[_AwaitedCall] = []
        self.began = inf


class _WaitingStream(NamedTuple):
    """A recorded stream; one with an opening is answered by its first record (SUBSCRIBED)."""

    group: _Group
    has_opening: bool


class Causality:
    """What waits for what in a playback. Gates that are waited at are in `waiting`.

    Nothing waits for calls that were recorded before `start_seconds`.
    """

    def __init__(
        self, mode: CausalityMode, waiting: set[Latch], start_seconds: float = 0.0
    ) -> None:
        self._mode = mode
        self._waiting = waiting
        self._start_seconds = start_seconds
        self._groups = defaultdict[ClientIdentity | int, _Group](_Group)
        self._streams: dict[ExchangeRef, _WaitingStream] = {}
        self._calls: dict[ExchangeRef, _AwaitedCall] = {}

    def add_exchange(
        self, place: ExchangeRef, exchange: Exchange, what: ParsedRequest, made_by: ClientIdentity
    ) -> None:
        """File an exchange of a party."""
        if self._mode == "off":
            return
        kind = what.call_type
        if kind is not None and kind.record_message is not None:
            self._streams[place] = _WaitingStream(self._group(made_by), kind.name == "SUBSCRIBE")
        elif kind is not None and _causes_events(kind, exchange):
            call = _AwaitedCall(exchange.at, kind.name, place.exchange, made_by)
            self._calls[place] = call
            held = self._group(made_by)
            insort(held.calls, call, key=_AT)
            whose = killed_container(place.cassette, what)
            if whose is not None and self._group(whose) is not held:
                insort(self._group(whose).calls, call, key=_AT)

    @property
    def abandoned_latches(self) -> list[Latch]:
        """Gates at which streams waited until their clients left, in the order of the calls."""
        gates = (call.gate for call in self._calls.values())
        return [gate for gate in gates if gate is not None and gate.is_abandoned]

    def mark_made(self, place: ExchangeRef) -> None:
        """An exchange is played: what waits for its request goes on."""
        if (call := self._calls.get(place)) is not None and not call.is_made:
            call.make()

    def begin_stream(
        self, place: ExchangeRef, cassette: Cassette, exchange: Exchange
    ) -> Iterator[Timed[SyncPoint]] | None:
        """A stream begins: give where it waits, lazily; None if nowhere."""
        stream = self._streams.get(place)
        if stream is None or not stream.group.calls:
            return None
        stream.group.began = min(stream.group.began, exchange.at)
        return self._cues(stream, cassette, exchange)

    def _cues(
        self, stream: _WaitingStream, cassette: Cassette, exchange: Exchange
    ) -> Iterator[Timed[SyncPoint]]:
        calls = stream.group.calls
        since_seconds = max(stream.group.began, self._start_seconds)
        first_seconds: float | None = None if stream.has_opening else -inf
        for call in islice(calls, bisect_left(calls, since_seconds, key=_AT), None):
            if call.is_made:
                continue
            if first_seconds is None:
                first = next(cassette.events(exchange.exchange), None)
                first_seconds = -inf if first is None else first.at
            # What has the very time of the call, or of the first record, did not come after it.
            at_seconds = nextafter(max(call.at, first_seconds), inf)
            yield at_seconds, WaitFor(call.awaited(self._waiting))

    def _group(self, whose: ClientIdentity) -> _Group:
        return self._groups[whose.cassette if self._mode == "all" else whose]


def _causes_events(kind: CallType, exchange: Exchange) -> bool:
    """Whether a call may have caused events: SUBSCRIBE, input and signs of life do not count."""
    status = exchange.response.status
    if status is not None and status >= _REFUSED:
        return False
    if kind.record_message is not None or kind.has_streamed_request:
        return False
    return kind.is_mutating or (kind.causes_events and kind.name != "HEARTBEAT")
