"""What is kept of the traffic while the cassette cannot be written, as when the disk is full.

Exchanges that were open before go on after the gap: their heads and ends are kept, and their bodies
are counted. Exchanges that begin in the gap are counted. So memory does not grow with the traffic.
"""

from collections.abc import Iterable

from ...proto.counted import counted
from .observations import (
    AnyObservation,
    BodyData,
    DroppedData,
    ExchangeEnd,
    RecorderNote,
    RecordingStopped,
    RequestHead,
)

_MOST_NOTES = 100


class Gap:
    """A time without recording, for a `reason`; the exchanges in `open_exchanges` go on after it.

    Feed the observations, and take `observations` when the cassette can be written again.
    """

    def __init__(self, reason: str, begin_seconds: float, open_exchanges: Iterable[int]) -> None:
        self.reason = reason
        self._begin_seconds = self._end_seconds = begin_seconds
        self._open = set(open_exchanges)
        self._kept: list[AnyObservation] = []
        self._last: dict[int, int] = {}
        self._notes = self._lost_exchanges = self._lost_bytes = 0

    def feed(self, observation: AnyObservation) -> None:
        """Keep or count an observation."""
        self._end_seconds = observation.at_seconds
        match observation:
            case BodyData():
                self._lost_bytes += len(observation.data)
                if observation.exchange in self._open:
                    self._count(observation)
            case RequestHead():
                self._lost_exchanges += 1
            case RecordingStopped():
                self._kept.append(observation)
            case RecorderNote():
                self._notes += 1
                if self._notes <= _MOST_NOTES:
                    self._kept.append(observation)
            case _ if observation.exchange in self._open:
                self._last.pop(observation.exchange, None)
                self._kept.append(observation)
                if isinstance(observation, ExchangeEnd):
                    self._open.remove(observation.exchange)
            case _:
                pass

    def observations(self) -> list[AnyObservation]:
        """Return what was kept, after a note."""
        return [RecorderNote(0, self._begin_seconds, self._text()), *self._kept]

    def _count(self, data: BodyData) -> None:
        """Add a piece to the lost ones of its body, which are one observation if they adjoin."""
        place = self._last.get(data.exchange)
        last = None if place is None else self._kept[place]
        chunk_count, size = 1, len(data.data)
        if place is not None and isinstance(last, DroppedData) and last.side == data.side:
            chunk_count, size = last.chunk_count + 1, last.size + size
        else:
            place = self._last[data.exchange] = len(self._kept)
            self._kept.append(data)
        self._kept[place] = DroppedData(
            data.exchange, data.at_seconds, data.side, chunk_count, size, self.reason
        )

    def _text(self) -> str:
        seconds = self._end_seconds - self._begin_seconds
        exchanges = counted(self._lost_exchanges, "exchange")
        lost = f"{exchanges} and {counted(self._lost_bytes, 'byte')} of bodies were lost"
        return f"not recorded for {seconds:.1f} s: {self.reason}; {lost}"
