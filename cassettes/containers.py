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
from collections import defaultdict
from collections.abc import Iterator
from itertools import count

from google.protobuf.message import Message

from .answers import Step
from .documents import Exchange
from .fields import at
from .gates import Cue, Gate, Reach, Wait
from .inputs import Recorded
from .journal import Place
from .live import Live
from .matching import Meaning
from .pace import Timed

_OUTPUTS = ("LAUNCH_NESTED_CONTAINER_SESSION", "ATTACH_CONTAINER_OUTPUT")
_WAITS = ("WAIT_NESTED_CONTAINER", "WAIT_CONTAINER")


class _Container:
    """What was recorded of a container, and the streams of it that are open in this replay."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.inputs: dict[Place, Recorded] = {}
        self.answered: list[Timed[Place]] = []
        self.open: list[dict[Place, Gate]] = []


class Containers:
    """The containers of a playback. Gates that are waited at are in `waiting`."""

    def __init__(self, waiting: set[Gate]) -> None:
        self._waiting = waiting
        self._named: dict[bytes, _Container] = {}
        self._of: dict[Place, _Container] = {}
        self._come = defaultdict[Place, int](int)
        self._awaited = defaultdict[Place, list[tuple[int, int, Gate]]](list)
        self._order = count()

    def add(self, place: Place, exchange: Exchange, what: Meaning, typed: Recorded | None) -> None:
        """File an exchange, if it is about a container; `typed` is its input, if it is one."""
        name = what.type.name if what.type is not None else ""
        container_id = at(what.calls[0], f"{name.lower()}.container_id") if what.calls else None
        if not isinstance(container_id, Message) or not _matters(name, exchange):
            return
        key = container_id.SerializeToString(deterministic=True)
        container = self._named.setdefault(key, _Container(str(at(container_id, "value"))))
        self._of[place] = container
        if name not in _OUTPUTS:
            container.answered.append((exchange.at + exchange.response.after, place))
            container.answered.sort(key=lambda each: each[0])
        if typed is not None:
            container.inputs[place] = typed

    def progress(self, place: Place, units: int) -> None:
        """So much of an input has come again: open the gates of the output that followed it."""
        self._come[place] = max(units, self._come[place])
        awaited = self._awaited[place]
        while awaited and awaited[0][0] <= units:
            heapq.heappop(awaited)[2].open()

    def gates(self, place: Place) -> tuple[Gate, ...] | None:
        """What an answer waits for: the streams that are open now have to come as far as then.

        None if it never waits.
        """
        container = self._of.get(place)
        if container is None:
            return None
        found = (gates.get(place) for gates in container.open)
        return tuple(gate for gate in found if gate is not None and not gate.is_open)

    def begin(
        self, place: Place, since_seconds: float
    ) -> tuple[Iterator[Timed[Cue]] | None, Live[Step] | None]:
        """Begin a stream that was recorded from `since_seconds` on, and give its cues."""
        container = self._of.get(place)
        if container is None:
            return None, None
        reached = {
            answered: Gate(f"exchange {place.exchange}, up to what came before {answered.exchange}")
            for _, answered in container.answered
        }
        container.open.append(reached)

        def over(_: bool) -> None:
            container.open.remove(reached)
            for gate in reached.values():
                gate.open()

        reaches = [(at, Reach(reached[other])) for at, other in container.answered]
        waits = (
            self._waits(place, container, number, typed, since_seconds)
            for number, typed in container.inputs.items()
        )
        return heapq.merge(reaches, *waits, key=lambda cue: cue[0]), Live(over)

    def _waits(
        self, stream: Place, container: _Container, place: Place, typed: Recorded, since: float
    ) -> Iterator[Timed[Cue]]:
        """A gate for each piece of input that came while the stream was recorded."""
        units = 0
        for item in typed.items():
            units += item.units
            if item.at > typed.answered_at:
                break
            if item.opening or item.at < since or self._come[place] >= units:
                continue
            text = (
                f"exchange {stream.exchange} waits for input to container {container.name}: "
                f"{units} bytes as in exchange {place.exchange}"
            )
            gate = Gate(text, self._waiting)
            heapq.heappush(self._awaited[place], (units, next(self._order), gate))
            yield item.at, Wait(gate)


def _matters(name: str, exchange: Exchange) -> bool:
    """Whether an exchange is output, input that was taken, or a WAIT."""
    if name in _OUTPUTS:
        return exchange.response.stream is not None
    if name == "ATTACH_CONTAINER_INPUT":
        status = exchange.response.status
        return status is None or status < 400 or status >= 500
    return name in _WAITS
