r"""Damage of streams: their steps, with the faults of records.

    steps     5\nhello   3\nfoo   4\nlast
    drop@2    5\nhello   4\nlast

Records are counted as they were recorded, whatever other faults do to them. Before every record
that a fault strikes stands a `Reach`, which tells of it at the moment at which it goes out. All is
done lazily, one record at a time, and nothing here may read the clock.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from msgspec.structs import replace

from ..answers.answer import Ending, RawBytes, StreamStep
from ..answers.gates import Latch, Signal, WaitFor
from ..answers.pace import Timed
from ..answers.records import is_heartbeat
from .fault_spec import Fault
from .seeded_random import SeededRandom

type HitReporter = Callable[[str], object]
"""Takes down what a fault did, in words."""


class NumberedStep(NamedTuple):
    """A step of a stream; `record` is its number if it is a record, else 0."""

    at_seconds: float
    step: StreamStep | RawBytes
    record_number: int = 0


type NumberedSteps = Iterator[NumberedStep]


class StreamFault:
    """What one fault does to one stream. `message` is that of its records."""

    def __init__(
        self, fault: Fault, dice: SeededRandom, tell: HitReporter, message: str | None
    ) -> None:
        self._fault = fault
        self._dice = dice
        self._tell = tell
        self._message = message
        self._is_over = False
        self._last = 0.0

    def apply_to_steps(self, steps: NumberedSteps) -> NumberedSteps:
        """The steps with the fault."""
        match self._fault.kind.name:
            case "reorder":
                return self._reordered(steps)
            case "no-heartbeats":
                return self._without_heartbeats(steps)
            case _:
                return self._struck(steps)

    def _struck(self, steps: NumberedSteps) -> NumberedSteps:
        for at, step, record in steps:
            if self._strikes(record) and isinstance(step, bytes):
                for hit in self._strike(at, step, record):
                    self._last = max(self._last, hit.at_seconds)
                    yield hit
                if self._is_over:
                    return
            else:
                self._last = max(self._last, at)
                yield NumberedStep(at, step, record)

    def _strikes(self, record: int) -> bool:
        return record > 0 and self._fault.selector.is_selected(
            record, lambda: self._dice.random_fraction(record)
        )

    def _strike(self, at: float, step: bytes, record: int) -> NumberedSteps:
        """What comes instead of a record."""
        name, amount = self._fault.kind.name, self._fault.effective_value
        length, payload = _unframed(step)
        match name:
            case "cut-length" if length:
                size = min(
                    len(length), int(amount or 1 + self._dice.random_below(len(length), record))
                )
                text = f"closed after {length[:size].decode()!r} of its length {length.decode()}"
                yield from self._ended(at, record, Ending.CUT, text, length[:size])
            case "cut-record" if payload:
                drawn = (
                    self._dice.random_below(len(payload), record) if amount is None else int(amount)
                )
                size = min(len(payload) - 1, drawn)
                text = f"closed after {size} of its {len(payload)} bytes"
                head = b"%b\n" % length if length else b""
                yield from self._ended(at, record, Ending.CUT, text, head + payload[:size])
            case "wrong-length" | "huge-length" if length:
                told = max(0, len(payload) + int(amount or 0))
                told = told if name == "wrong-length" else int(amount or 0)
                yield self._told(at, record, f"length {told} instead of {length.decode()}")
                yield NumberedStep(at, b"%d\n%b" % (told, payload), record)
            case "garbage":
                size = int(amount or 0)
                yield self._told(at, record, f"{size} bytes that are no record before it")
                yield NumberedStep(at, self._garbage(size, record) + step, record)
            case "drop":
                yield self._told(at, record, "left out")
            case "duplicate":
                yield self._told(at, record, "twice")
                yield NumberedStep(at, step, record)
                yield NumberedStep(at, step, record)
            case "stall":
                yield from self._stalled(at, step, record)
            case "trickle":
                yield from self._trickled(at, step, record)
            case "end":
                yield from self._ended(at, record, Ending.FINAL_CHUNK, "ended before it")
            case "close":
                yield from self._ended(at, record, Ending.CUT, "closed before it")
            case "reset":
                yield from self._ended(at, record, Ending.RESET, "reset before it")
            case _:
                yield NumberedStep(at, step, record)

    def _garbage(self, size: int, record: int) -> bytes:
        """Bytes of which the first is no digit, so that no length begins with them."""
        drawn = self._dice.random_bytes(size, record)
        return bytes([drawn[0] | 0x80]) + drawn[1:] if drawn else b""

    def _ended(
        self, at: float, record: int, ending: Ending, text: str, last: bytes = b""
    ) -> NumberedSteps:
        self._is_over = True
        yield self._told(at, record, text)
        if last:
            yield NumberedStep(at, last)
        yield NumberedStep(at, ending)

    def _stalled(self, at: float, step: bytes, record: int) -> NumberedSteps:
        seconds = self._fault.effective_value
        if not isinstance(seconds, float | int):
            self._is_over = True
            yield self._told(at, record, "nothing comes any more")
            return
        yield self._told(at, record, f"nothing comes for {seconds:g} seconds before it")
        yield NumberedStep(max(at, self._last) + seconds, step, record)

    def _trickled(self, at: float, step: bytes, record: int) -> NumberedSteps:
        """One byte in each chunk; the last one counts as the record."""
        gap_seconds = float(self._fault.effective_value or 0.0)
        begins_seconds = max(at, self._last)
        yield self._told(at, record, f"{len(step)} bytes one by one, {gap_seconds:g} seconds apart")
        for index in range(len(step) - 1):
            octet = step[index : index + 1]
            yield NumberedStep(
                begins_seconds + index * gap_seconds, RawBytes(b"1\r\n%b\r\n" % octet)
            )
        yield NumberedStep(begins_seconds + (len(step) - 1) * gap_seconds, step[-1:], record)

    def _reordered(self, steps: NumberedSteps) -> NumberedSteps:
        held: NumberedStep | None = None
        for each in steps:
            if held is None:
                if self._strikes(each.record_number):
                    held = each
                else:
                    yield each
            elif each.record_number:
                yield self._told(
                    each.at_seconds, held.record_number, f"behind record {each.record_number}"
                )
                yield each
                yield held._replace(at_seconds=each.at_seconds)
                held = None
            else:
                if isinstance(each.step, Ending):
                    yield held
                    held = None
                yield each
        if held is not None:
            yield held

    def _without_heartbeats(self, steps: NumberedSteps) -> NumberedSteps:
        stopped = False
        for at, step, record in steps:
            stopped = stopped or self._strikes(record)
            if stopped and isinstance(step, bytes) and self._is_heartbeat(step):
                yield self._told(at, record, "a heartbeat, left out")
            elif stopped and isinstance(step, WaitFor) and step.heartbeats is not None:
                yield NumberedStep(at, replace(step, heartbeats=self._withheld()))
            else:
                yield NumberedStep(at, step, record)

    def _withheld(self) -> Iterator[Timed[bytes]]:
        """No heartbeats, for a stream that would send some while it is held."""
        self._tell("no heartbeats while the stream is held")
        return
        yield

    def _is_heartbeat(self, step: bytes) -> bool:
        return is_heartbeat(_unframed(step)[1], self._message)

    def _told(self, at: float, record: int, text: str) -> NumberedStep:
        gate = Latch(text)
        gate.add_open_callback(lambda: self._tell(f"record {record}: {text}"))
        return NumberedStep(at, Signal(gate))


def number_records(steps: Iterable[Timed[StreamStep | RawBytes]]) -> NumberedSteps:
    """Count the records."""
    record = 0
    for at, step in steps:
        record += isinstance(step, bytes)
        yield NumberedStep(at, step, record if isinstance(step, bytes) else 0)


def strip_record_numbers(steps: NumberedSteps) -> Iterator[Timed[StreamStep | RawBytes]]:
    """Steps as a stream takes them."""
    for at, step, _ in steps:
        yield at, step


def _unframed(step: bytes) -> tuple[bytes, bytes]:
    """Length and contents of a record; without a length, the bytes are none."""
    length, newline, payload = step.partition(b"\n")
    return (length, payload) if newline and length.isdigit() else (b"", step)
