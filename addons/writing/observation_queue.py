"""What waits in the proxy for the writer, within a limit of memory."""

from collections import Counter, deque
from collections.abc import Callable

from ...cassettes.format.documents import Side
from ...cassettes.recording import observations
from ...proto.counted import counted, was

MAX_WAITING_BYTES = 1 << 25
"""32 MiB may wait for a slow writer; beyond, heads, bodies and notes are dropped and counted."""


class ObservationQueue:
    """Observations on their way to the writer.

    An observation passes through `_batch` (since the last flush) and `_waiting` (encoded batches,
    not yet written to the pipe); `batch_bytes` is about the size of the batch. `_dropped` counts
    the pieces and bytes of bodies that were dropped because too much was waiting, by exchange and
    side. `_lost_exchanges` are those that are open, and of which a head was dropped, so that
    nothing more is sent of them; `_lost_counts` is what is to be noted of these and of notes.
    `on_error` is called with the error of an observation that cannot be encoded; the others are.
    """

    def __init__(self, on_error: Callable[[Exception], object]) -> None:
        self.waiting_bytes = self.batch_bytes = 0
        self._on_error = on_error
        self._batch: list[observations.AnyObservation] = []
        self._waiting = deque[bytes]()
        self._dropped: dict[tuple[int, Side], tuple[int, int]] = {}
        self._lost_exchanges = set[int]()
        self._lost_counts = Counter[str]()

    @property
    def size_bytes(self) -> int:
        """Bytes that wait here, approximately: the framing of the current batch is missing."""
        return self.waiting_bytes + self.batch_bytes

    @property
    def first(self) -> bytes | None:
        """The next batch to be written, until `remove_first`; None if there is none."""
        return self._waiting[0] if self._waiting else None

    def remove_first(self) -> None:
        """Remove a batch that was written."""
        self.waiting_bytes -= len(self._waiting.popleft())

    def add(self, observation: observations.AnyObservation) -> None:
        """Add an observation; if too much is waiting, heads, bodies and notes are dropped."""
        if self._lost_exchanges and observation.exchange in self._lost_exchanges:
            if isinstance(observation, observations.ExchangeEnd):
                self._lost_exchanges.remove(observation.exchange)
            return
        if self.waiting_bytes > MAX_WAITING_BYTES and self._drop(observation):
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
            for data in self._encode(batch):
                self._waiting.append(data)
                self.waiting_bytes += len(data)

    def put_first(self, observation: observations.AnyObservation) -> None:
        """Put an observation before all that waits."""
        for data in self._encode([observation]):
            self._waiting.appendleft(data)
            self.waiting_bytes += len(data)

    def clear(self) -> None:
        """Drop all that waits, except a batch that may be written in part."""
        while len(self._waiting) > 1:
            self._waiting.pop()
        self._batch.clear()
        self.waiting_bytes, self.batch_bytes = sum(map(len, self._waiting)), 0

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
                self._lost_counts["exchange"] += 1
            case observations.ResponseHead():
                text = "the response was lost: the disk was too slow"
                self._batch.append(observations.RecorderNote(exchange, at_seconds, text))
                self._batch.append(observations.ExchangeEnd(exchange, at_seconds, "stopped"))
                self._lost_exchanges.add(exchange)
            case observations.RecorderNote():
                self._lost_counts["note"] += 1
            case _:
                return False
        return True

    def _report_dropped(self, at_seconds: float) -> None:
        if self._lost_counts:
            counts = [counted(count, noun) for noun, count in sorted(self._lost_counts.items())]
            were = was(sum(self._lost_counts.values()))
            text = f"{' and '.join(counts)} {were} lost: the disk was too slow"
            self._batch.append(observations.RecorderNote(0, at_seconds, text))
            self._lost_counts.clear()
        for (exchange, side), (pieces, size) in self._dropped.items():
            self._batch.append(observations.DroppedData(exchange, at_seconds, side, pieces, size))
        self._dropped.clear()

    def _encode(self, batch: list[observations.AnyObservation]) -> list[bytes]:
        """Encode a batch, without the observations that cannot be encoded."""
        try:
            return [observations.encode_batch(batch)]
        except Exception as error:
            if len(batch) > 1:
                return [each for one in batch for each in self._encode([one])]
            self._on_error(error)
            return []
