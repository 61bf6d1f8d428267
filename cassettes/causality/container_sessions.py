"""Sessions of containers: the order between their output, their input and their end.

container_calls.py has the calls. Output that was recorded after some input waits until as much
input has arrived again. The answers of an input and of a WAIT wait for what was recorded before
them in the output streams that are open now; a stream that no client has asked for holds nothing.
The answer of a WAIT also waits for a KILL of the container that was recorded before it.
"""

import heapq
from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

from ..answers.answer import StreamStep
from ..answers.gates import Latch, Signal, SyncPoint, WaitFor
from ..answers.pace import Timed
from ..answers.stream_handle import StreamHandle
from ..format.documents import Exchange
from ..format.exchange_ref import ExchangeRef
from ..matching.request_key import ParsedRequest
from .container_calls import ContainerRole, container_call_of
from .container_input import RecordedInput


class ContainerSessions:
    """The containers of a playback. Latches with waiters are in `pending_latches`."""

    def __init__(self, pending_latches: set[Latch]) -> None:
        self._pending_latches = pending_latches
        self._by_id: dict[bytes, _Container] = {}
        self._container_of: dict[ExchangeRef, _Container] = {}
        self._kills: dict[ExchangeRef, _Kill] = {}
        self._waits: dict[ExchangeRef, _Wait] = {}

    def add_exchange(
        self,
        ref: ExchangeRef,
        exchange: Exchange,
        parsed: ParsedRequest,
        recorded_input: RecordedInput | None,
    ) -> None:
        """Add a recorded exchange, if it is about a container; `recorded_input` is its body."""
        about = container_call_of(parsed)
        if about is None:
            return
        if about.role == "kill" and _is_accepted(exchange):
            call = f"{parsed.description}, as in exchange {ref.exchange}"
            latch = Latch(f"the end of a container waits for {call}", self._pending_latches)
            self._kills[ref] = _Kill(about.container_name, exchange.at, latch)
        if not _is_in_session(about.role, exchange):
            return
        if about.role == "wait":
            answered_seconds = exchange.answered_at
            self._waits[ref] = _Wait(about.container_name, exchange.at, answered_seconds)
        key = about.container_id.SerializeToString(deterministic=True)
        container = self._by_id.setdefault(key, _Container(about.container_name))
        self._container_of[ref] = container
        if about.role != "output":
            container.answered.append((exchange.answered_at, ref))
            container.answered.sort(key=lambda timed: timed[0])
        if recorded_input is not None:
            container.inputs[ref] = _InputProgress(recorded_input)

    def record_input_progress(self, ref: ExchangeRef, units: int) -> None:
        """Open the latches of output that waits for at most `units` of a recorded input."""
        container = self._container_of.get(ref)
        if container is not None and ref in container.inputs:
            container.inputs[ref].advance(units)

    def answer_latches(self, ref: ExchangeRef) -> tuple[Latch, ...] | None:
        """Return the latches that an answer waits at: one for each stream that is open now.

        None if the answer never waits.
        """
        container = self._container_of.get(ref)
        if container is None:
            return None
        reached = (stream.reached.get(ref) for stream in container.open_streams)
        latches = [latch for latch in reached if latch is not None]
        if (wait := self._waits.get(ref)) is not None:
            kills = self._kills.items()
            latches += [kill.latch for killed, kill in kills if wait.is_ended_by(ref, killed, kill)]
        return tuple(latch for latch in latches if not latch.is_open)

    def is_part(self, ref: ExchangeRef) -> bool:
        """Return whether an exchange waits for others of a container, or others for it."""
        return ref in self._container_of or ref in self._kills

    def mark_made(self, ref: ExchangeRef) -> None:
        """Release the answers that wait for a KILL, if the exchange is one."""
        if (kill := self._kills.get(ref)) is not None:
            kill.latch.open()

    def begin_stream(
        self, ref: ExchangeRef, since_seconds: float
    ) -> tuple[Iterator[Timed[SyncPoint]] | None, StreamHandle[StreamStep] | None]:
        """Begin a stream; it waits for input that was recorded at `since_seconds` or later."""
        container = self._container_of.get(ref)
        if container is None:
            return None, None
        stream = _OutputStream(container, ref, self._pending_latches)
        return stream.sync_points(since_seconds), StreamHandle(stream.close)


class _Kill(NamedTuple):
    """A call that kills a container, with those nested in it."""

    container_name: str
    at_seconds: float
    latch: Latch


class _Wait(NamedTuple):
    """A WAIT for the end of a container."""

    container_name: str
    at_seconds: float
    answered_seconds: float

    def is_ended_by(self, ref: ExchangeRef, killed: ExchangeRef, kill: _Kill) -> bool:
        """Return whether a KILL may have caused the answer."""
        is_killed = f"{self.container_name}.".startswith(f"{kill.container_name}.")
        is_between = self.at_seconds < kill.at_seconds < self.answered_seconds
        return is_killed and is_between and ref.cassette == killed.cassette


class _Container:
    """The recorded exchanges of a container, and its streams that are open in this replay.

    `answered` are inputs and WAITs by the time of their answer.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.inputs: dict[ExchangeRef, _InputProgress] = {}
        self.answered: list[Timed[ExchangeRef]] = []
        self.open_streams: list[_OutputStream] = []


class _InputProgress:
    """How much of a recorded input has arrived again, in units, and the latches for more."""

    # Each open stream of the container adds a latch for every recorded item that it has come to,
    # with the units that had been typed by then. All streams share one heap, ordered by units: an
    # arriving item opens all latches up to its amount, and looks at no other. Latches of equal
    # units open in the order in which they were added; the number makes the entries comparable,
    # for latches are not. A stream that is closed takes its latches out of the heap, so that none
    # of a client that has left is opened or kept.
    #
    # Progress only grows: a client that begins the input anew, after another one has left, opens
    # nothing until it gets further than that one.

    def __init__(self, recorded_input: RecordedInput) -> None:
        self.recorded_input = recorded_input
        self._units = 0
        self._latches: list[tuple[int, int, Latch, _OutputStream]] = []
        self._numbers = count()

    def advance(self, units: int) -> None:
        """Open the latches for which that is enough."""
        self._units = max(units, self._units)
        while self._latches and self._latches[0][0] <= units:
            heapq.heappop(self._latches)[2].open()

    def thresholds(self, since_seconds: float) -> Iterator[Timed[int]]:
        """Yield the amounts that were typed from then on until the answer, and have not arrived."""
        units = 0
        for item in self.recorded_input.read_items():
            units += item.units
            if item.at_seconds > self.recorded_input.answered_at_seconds:
                break
            if item.is_container_id or item.at_seconds < since_seconds:
                continue
            if units > self._units:
                yield item.at_seconds, units

    def add_latch(self, units: int, latch: Latch, stream: "_OutputStream") -> None:
        """Add a latch of a stream; it opens when `units` of the input have arrived."""
        heapq.heappush(self._latches, (units, next(self._numbers), latch, stream))

    def remove_latches(self, stream: "_OutputStream") -> None:
        """Remove the latches of a stream that is closed."""
        self._latches = [entry for entry in self._latches if entry[3] is not stream]
        heapq.heapify(self._latches)


class _OutputStream:
    """An open stream; `reached` has the latch that it opens for each answer, on reaching it."""

    def __init__(
        self, container: _Container, ref: ExchangeRef, pending_latches: set[Latch]
    ) -> None:
        self._container = container
        self._ref = ref
        self._pending_latches = pending_latches
        self.reached = {answered: self._latch_for(answered) for _, answered in container.answered}
        container.open_streams.append(self)

    def sync_points(self, since_seconds: float) -> Iterator[Timed[SyncPoint]]:
        """Yield the waits for input and the signals for answers, by recorded time."""
        signals = [
            (at_seconds, Signal(self.reached[answered]))
            for at_seconds, answered in self._container.answered
        ]
        waits = (
            self._waits(ref, progress, since_seconds)
            for ref, progress in self._container.inputs.items()
        )
        return heapq.merge(signals, *waits, key=lambda timed: timed[0])

    def close(self, client_left: bool) -> None:
        """Release the answers that wait for the stream, and drop the latches it waits at."""
        self._container.open_streams.remove(self)
        for progress in self._container.inputs.values():
            progress.remove_latches(self)
        for latch in self.reached.values():
            latch.open()

    def _waits(
        self, input_ref: ExchangeRef, progress: _InputProgress, since_seconds: float
    ) -> Iterator[Timed[SyncPoint]]:
        for at_seconds, units in progress.thresholds(since_seconds):
            text = (
                f"exchange {self._ref.exchange} waits for input to container "
                f"{self._container.name}, as in exchange {input_ref.exchange}: {units} so far"
            )
            latch = Latch(text, self._pending_latches)
            progress.add_latch(units, latch, self)
            yield at_seconds, WaitFor(latch)

    def _latch_for(self, answered: ExchangeRef) -> Latch:
        text = (
            f"the answer of exchange {answered.exchange} waits for what was recorded before it "
            f"in exchange {self._ref.exchange}"
        )
        return Latch(text, self._pending_latches)


def _is_accepted(exchange: Exchange) -> bool:
    return exchange.response.status is None or exchange.response.status < 300


def _is_in_session(role: ContainerRole, exchange: Exchange) -> bool:
    """Return whether an exchange is output, input that was accepted, or a WAIT."""
    if role == "output":
        return exchange.response.stream is not None
    if role == "input":
        status = exchange.response.status
        return status is None or status < 400 or status >= 500
    return role == "wait"
