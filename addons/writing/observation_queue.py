"""What waits in the proxy for the writer, within a limit of memory."""

from collections import Counter
from collections.abc import Callable

from ...cassettes.format.documents import Side
from ...cassettes.recording import observations

MAX_WAITING_BYTES = 1 << 25
"""32 MiB may wait for a slow writer; beyond, heads, bodies and notes are dropped and counted."""


class ObservationQueue:
    """Observations on their way to the writer.

    An observation passes through `_batch` (since the last flush) and `waiting` (encoded, not yet
    written to the pipe); `batch_bytes` is about the size of the batch. `_dropped` counts the pieces
    and bytes of bodies that were dropped because too much was waiting, by exchange and side.
    `_lost_exchanges` are those that are open, and of which a head was dropped, so that nothing more
    is sent of them; `_lost_counts` is what is to be noted of these and of notes. `on_error` is
    called with the error of an observation that cannot be encoded; the others are.
    """

    def __init__(self, on_error: Callable[[Exception], object]) -> None:
        self.waiting = bytearray()
        self.batch_bytes = 0
        self._on_error = on_error
        self._batch: list[observations.AnyObservation] = []
        self._dropped: dict[tuple[int, Side], tuple[int, int]] = {}
        self._lost_exchanges = set[int]()
        self._lost_counts = Counter[str]()

    @property
    def size_bytes(self) -> int:
        """Bytes that wait here, approximately: the framing of the current batch is missing."""
        return len(self.waiting) + self.batch_bytes

    def add(self, observation: observations.AnyObservation) -> None:
        """Add an observation; if too much is waiting, heads, bodies and notes are dropped."""
        if self._lost_exchanges and observation.exchange in self._lost_exchanges:
            if isinstance(observation, observations.ExchangeEnd):
                self._lost_exchanges.remove(observation.exchange)
            return
        if len(self.waiting) > MAX_WAITING_BYTES and self._drop(observation):
            return
        if self._dropped or self._lost_counts:
            self._report_dropped(observation.at_seconds)
        if isinstance(observation, observations.BodyData):
            self.batch_bytes += len(observation.data)
        elif isinstance(observation, (observations.RequestHead, observations.ResponseHead)):
            self.batch_bytes += sum([len(name) + len(text) for name, text in observation.headers])
        elif isinstance(observation, observations.RecorderNote):
            self.batch_bytes += len(observation.text)
        self._batch.append(observation)

    def flush(self) -> None:
        """Encode the batch."""
        if self._batch:
            batch, self._batch = self._batch, []
            self.batch_bytes = 0
            self.waiting += self._encode(batch)

    def clear(self) -> None:
        """Drop all that waits."""
        self.waiting.clear()
        self._batch.clear()

    def _drop(self, observation: observations.AnyObservation) -> bool:
        """Drop an observation that may be large, and return whether it was."""
        exchange, at_seconds = observation.exchange, observation.at_seconds
        match observation:
            case observations.BodyData():
                key = exchange, observation.side
                pieces, size = self._dropped.get(key, (0, 0))
                self._dropped[key] = (pieces + 1, size + len(observation.data))
            case observations.RequestHead():
                self._lost_exchanges.add(exchange)
                self._lost_counts["exchanges"] += 1
            case observations.ResponseHead():
                text = "the response was lost: the disk was too slow"
                self._batch.append(observations.RecorderNote(exchange, at_seconds, text))
                self._batch.append(observations.ExchangeEnd(exchange, at_seconds, "stopped"))
                self._lost_exchanges.add(exchange)
            case observations.RecorderNote():
                self._lost_counts["notes"] += 1
            case _:
                return False
        return True

    def _report_dropped(self, at_seconds: float) -> None:
        if self._lost_counts:
            counts = " and ".join(
                f"{count} {what}" for what, count in sorted(self._lost_counts.items())
            )
            text = f"{counts} were lost: the disk was too slow"
            self._batch.append(observations.RecorderNote(0, at_seconds, text))
            self._lost_counts.clear()
        for (exchange, side), (pieces, size) in self._dropped.items():
            self._batch.append(observations.DroppedData(exchange, at_seconds, side, pieces, size))
        self._dropped.clear()

    def _encode(self, batch: list[observations.AnyObservation]) -> bytes:
        """Encode a batch, without the observations that cannot be encoded."""
        try:
            return observations.encode_batch(batch)
        except Exception as error:
            if len(batch) > 1:
                return b"".join([self._encode([one]) for one in batch])
            self._on_error(error)
            return b""
