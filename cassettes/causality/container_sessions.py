"""Sessions of containers: what of the output waits for what of the input.

A container is what these calls of an agent's operator API name:

    LAUNCH_NESTED_CONTAINER_SESSION, ATTACH_CONTAINER_OUTPUT   its output, a stream
    ATTACH_CONTAINER_INPUT                                     its input, a streamed request
    WAIT_NESTED_CONTAINER, WAIT_CONTAINER                      its end

Output that was recorded after some input waits for as much input to come again. The answers of an
input and of a WAIT wait for what was recorded before them of the streams that are open now. A
stream that nobody has asked for holds nobody.
"""

import heapq
from collections.abc import Iterator
from itertools import count

from google.protobuf.message import Message

from ...proto.messages.fields import field_at
from ..answers.answer import StreamStep
from ..answers.gates import Latch, Signal, SyncPoint, WaitFor
from ..answers.pace import Timed
from ..answers.stream_handle import StreamHandle
from ..format.documents import Exchange
from ..format.exchange_ref import ExchangeRef
from ..matching.request_key import ParsedRequest
from .container_input import RecordedInput

_OUTPUTS = ("LAUNCH_NESTED_CONTAINER_SESSION", "ATTACH_CONTAINER_OUTPUT")
_WAITS = ("WAIT_NESTED_CONTAINER", "WAIT_CONTAINER")
_ABOUT = frozenset({*_OUTPUTS, *_WAITS, "ATTACH_CONTAINER_INPUT"})


class ContainerSessions:
    """The containers of a playback. Gates that are waited at are in `waiting`."""

    def __init__(self, waiting: set[Latch]) -> None:
        self._waiting = waiting
        self._named: dict[bytes, _Container] = {}
        self._of: dict[ExchangeRef, _Container] = {}

    def add_exchange(
        self,
        place: ExchangeRef,
        exchange: Exchange,
        what: ParsedRequest,
        typed: RecordedInput | None,
    ) -> None:
        """File an exchange, if it is about a container; `typed` is its input, if it is one."""
        name = what.call_type.name if what.call_type is not None else ""
        if name not in _ABOUT:
            return
        container_id = (
            field_at(what.calls[0], f"{name.lower()}.container_id") if what.calls else None
        )
        if not isinstance(container_id, Message) or not _matters(name, exchange):
            return
        key = container_id.SerializeToString(deterministic=True)
        container = self._named.setdefault(key, _Container(str(field_at(container_id, "value"))))
        self._of[place] = container
        if name not in _OUTPUTS:
            container.answered.append((exchange.at + exchange.response.after, place))
            container.answered.sort(key=lambda each: each[0])
        if typed is not None:
            container.inputs[place] = _InputProgress(typed)

    def record_input_progress(self, place: ExchangeRef, units: int) -> None:
        """So much of an input has come again: open the gates of the output that followed it."""
        container = self._of.get(place)
        if container is not None and place in container.inputs:
            container.inputs[place].progress(units)

    def answer_latches(self, place: ExchangeRef) -> tuple[Latch, ...] | None:
        """What an answer waits for: the streams that are open now have to come as far as then.

        None if it never waits.
        """
        container = self._of.get(place)
        if container is None:
            return None
        found = (session.reached.get(place) for session in container.sessions)
        return tuple(gate for gate in found if gate is not None and not gate.is_open)

    def begin_stream(
        self, place: ExchangeRef, since_seconds: float
    ) -> tuple[Iterator[Timed[SyncPoint]] | None, StreamHandle[StreamStep] | None]:
        """Begin a stream that was recorded from `since_seconds` on, and give its cues."""
        container = self._of.get(place)
        if container is None:
            return None, None
        session = _OutputStream(container, place, self._waiting)
        return session.cues(since_seconds), StreamHandle(session.over)


class _Container:
    """What was recorded of a container, and the streams of it that are open in this replay."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.inputs: dict[ExchangeRef, _InputProgress] = {}
        self.answered: list[Timed[ExchangeRef]] = []
        self.sessions: list[_OutputStream] = []


class _InputProgress:
    """How much of a recorded input has come again, in units, and who waits for more."""

    def __init__(self, typed: RecordedInput) -> None:
        self.typed = typed
        self._come = 0
        self._gates: list[tuple[int, int, Latch, _OutputStream]] = []
        self._order = count()

    def progress(self, units: int) -> None:
        """Open the gates for which that is enough."""
        self._come = max(units, self._come)
        while self._gates and self._gates[0][0] <= units:
            heapq.heappop(self._gates)[2].open()

    def thresholds(self, since_seconds: float) -> Iterator[Timed[int]]:
        """What was recorded from then on, until the answer: when so many units had come."""
        units = 0
        for item in self.typed.read_items():
            units += item.units
            if item.at_seconds > self.typed.answered_at_seconds:
                break
            if item.at_seconds >= since_seconds and not item.is_container_id and units > self._come:
                yield item.at_seconds, units

    def add(self, units: int, gate: Latch, session: "_OutputStream") -> None:
        """Open a gate of a session when so many units have come."""
        heapq.heappush(self._gates, (units, next(self._order), gate, session))

    def forget(self, session: "_OutputStream") -> None:
        """Forget the gates of a session that is over."""
        self._gates = [each for each in self._gates if each[3] is not session]
        heapq.heapify(self._gates)


class _OutputStream:
    """A stream in play; `reached` are the gates that it opens, by whose answers wait at them."""

    def __init__(self, container: _Container, place: ExchangeRef, waiting: set[Latch]) -> None:
        self.reached = {
            other: self._gate_of(place, other, waiting) for _, other in container.answered
        }
        self._container = container
        self._place = place
        self._waiting = waiting
        container.sessions.append(self)

    def cues(self, since_seconds: float) -> Iterator[Timed[SyncPoint]]:
        """Where it waits for input, and where answers wait for it, as recorded."""
        reaches = [(at, Signal(self.reached[other])) for at, other in self._container.answered]
        waits = (
            self._waits(place, typed, since_seconds)
            for place, typed in self._container.inputs.items()
        )
        return heapq.merge(reaches, *waits, key=lambda cue: cue[0])

    def over(self, left: bool) -> None:
        """Nobody waits for it any more, nor it for anybody."""
        self._container.sessions.remove(self)
        for typed in self._container.inputs.values():
            typed.forget(self)
        for gate in self.reached.values():
            gate.open()

    def _waits(
        self, place: ExchangeRef, typed: _InputProgress, since_seconds: float
    ) -> Iterator[Timed[SyncPoint]]:
        for at_seconds, units in typed.thresholds(since_seconds):
            text = (
                f"exchange {self._place.exchange} waits for input to container "
                f"{self._container.name}, as in exchange {place.exchange}: {units} so far"
            )
            gate = Latch(text, self._waiting)
            typed.add(units, gate, self)
            yield at_seconds, WaitFor(gate)

    def _gate_of(self, place: ExchangeRef, answered: ExchangeRef, waiting: set[Latch]) -> Latch:
        text = (
            f"the answer of exchange {answered.exchange} waits for what was recorded before it "
            f"of exchange {place.exchange}"
        )
        return Latch(text, waiting)


def _matters(name: str, exchange: Exchange) -> bool:
    """Whether an exchange is output, input that was taken, or a WAIT."""
    if name in _OUTPUTS:
        return exchange.response.stream is not None
    if name == "ATTACH_CONTAINER_INPUT":
        status = exchange.response.status
        return status is None or status < 400 or status >= 500
    return name in _WAITS
