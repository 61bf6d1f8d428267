r"""The effects of faults on single records: per kind, the steps that are sent instead.

    cut-record=2   7\npayload   ->   7\npa, then Ending.CUT
    duplicate      3\nfoo       ->   3\nfoo, 3\nfoo

`reorder` and `no-heartbeats` look at more than one record; they are in stream_faults.py.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple, Protocol

from msgspec import Struct

from ...proto.counted import counted
from ..answers.answer import Ending, Notify, RawBytes, StreamStep
from .fault_spec import FaultValue
from .seeded_random import SeededRandom


class HitReporter(Protocol):
    """Records the effect of a fault, in words, and the number of the record; 0 for none."""

    def __call__(self, effect: str, record_number: int = 0, /) -> object:
        """Record the effect."""
        ...


class NumberedStep(NamedTuple):
    """A step of a stream; `record_number` counts from 1, and is 0 for a step that is no record."""

    at_seconds: float
    step: StreamStep | RawBytes
    record_number: int = 0


type NumberedSteps = Iterator[NumberedStep]


class RecordHit(Struct, eq=False, kw_only=True):
    """A record that a fault hits, and what its effect may use.

    `framed` is the record with its length. `earliest_seconds` is its deadline, or that of the step
    before it if that is later. `ends_stream` is set by an effect after which nothing may follow.
    """

    at_seconds: float
    earliest_seconds: float
    record_number: int
    framed: bytes
    value: FaultValue
    seeded_random: SeededRandom
    report: HitReporter
    ends_stream: bool = False

    def notice(self, effect: str) -> NumberedStep:
        """Return a step that reports the hit when it goes out."""
        text = f"record {self.record_number}: {effect}"
        return NumberedStep(self.at_seconds, Notify(partial(self.report, text, self.record_number)))

    def unchanged(self) -> NumberedSteps:
        """Send the record as it is, and report nothing."""
        yield NumberedStep(self.at_seconds, self.framed, self.record_number)

    def replaced(self, effect: str, *records: bytes) -> NumberedSteps:
        """Send other records, or none, instead."""
        yield self.notice(effect)
        for record in records:
            yield NumberedStep(self.at_seconds, record, self.record_number)

    def ended(self, effect: str, ending: Ending | None, part: bytes = b"") -> NumberedSteps:
        """End the stream instead, after `part` of the record; without an ending it stays open."""
        self.ends_stream = True
        yield self.notice(effect)
        if part:
            yield NumberedStep(self.at_seconds, part)
        if ending is not None:
            yield NumberedStep(self.at_seconds, ending)


type RecordEffect = Callable[[RecordHit], NumberedSteps]
"""Returns what is sent instead of a record. A record without the part to damage stays as it is."""


def _cut_length(hit: RecordHit) -> NumberedSteps:
    length, _ = split_record(hit.framed)
    if not length:
        return hit.unchanged()
    drawn = hit.value or 1 + hit.seeded_random.random_below(len(length), hit.record_number)
    sent = length[: min(len(length), int(drawn))]
    text = f"closed after {sent.decode()!r} of its length {length.decode()}"
    return hit.ended(text, Ending.CUT, sent)


def _cut_record(hit: RecordHit) -> NumberedSteps:
    _, payload = split_record(hit.framed)
    if not payload:
        return hit.unchanged()
    drawn = hit.value
    if drawn is None:
        drawn = hit.seeded_random.random_below(len(payload), hit.record_number)
    size = min(len(payload) - 1, int(drawn))
    sent = hit.framed[: len(hit.framed) - len(payload) + size]
    return hit.ended(f"closed after {size} of its {len(payload)} bytes", Ending.CUT, sent)


def _wrong_length(hit: RecordHit) -> NumberedSteps:
    return _with_length(hit, max(0, len(split_record(hit.framed)[1]) + int(hit.value or 0)))


def _huge_length(hit: RecordHit) -> NumberedSteps:
    return _with_length(hit, int(hit.value or 0))


def _with_length(hit: RecordHit, wrong: int) -> NumberedSteps:
    length, payload = split_record(hit.framed)
    if not length:
        return hit.unchanged()
    return hit.replaced(
        f"length {wrong} instead of {length.decode()}", b"%d\n%b" % (wrong, payload)
    )


def _garbage(hit: RecordHit) -> NumberedSteps:
    drawn = bytearray(hit.seeded_random.random_bytes(int(hit.value or 0), hit.record_number))
    if drawn:
        drawn[0] |= 0x80  # no digit, so that it does not begin a length
    return hit.replaced(
        f"{counted(len(drawn), 'byte')} of garbage before it", bytes(drawn) + hit.framed
    )


def _drop(hit: RecordHit) -> NumberedSteps:
    return hit.replaced("left out")


def _duplicate(hit: RecordHit) -> NumberedSteps:
    return hit.replaced("sent twice", hit.framed, hit.framed)


def _stall(hit: RecordHit) -> NumberedSteps:
    if hit.value is None:
        yield from hit.ended("nothing is sent from here on", None)
        return
    seconds = float(hit.value)
    yield hit.notice(f"nothing is sent for {seconds:g} s before it")
    yield NumberedStep(hit.earliest_seconds + seconds, hit.framed, hit.record_number)


def _trickle(hit: RecordHit) -> NumberedSteps:
    # Raw bytes bring their own chunk framing; the last byte is sent as the record itself.
    gap_seconds, last = float(hit.value or 0.0), len(hit.framed) - 1
    yield hit.notice(f"{counted(last + 1, 'byte')} one by one, {gap_seconds:g} seconds apart")
    for index in range(last):
        chunk = RawBytes(b"1\r\n%b\r\n" % hit.framed[index : index + 1])
        yield NumberedStep(hit.earliest_seconds + index * gap_seconds, chunk)
    last_seconds = hit.earliest_seconds + last * gap_seconds
    yield NumberedStep(last_seconds, hit.framed[last:], hit.record_number)


RECORD_EFFECTS: dict[str, RecordEffect] = {
    "cut-length": _cut_length,
    "cut-record": _cut_record,
    "wrong-length": _wrong_length,
    "huge-length": _huge_length,
    "garbage": _garbage,
    "drop": _drop,
    "duplicate": _duplicate,
    "stall": _stall,
    "trickle": _trickle,
    "end": lambda hit: hit.ended("ended before it", Ending.FINAL_CHUNK),
    "close": lambda hit: hit.ended("closed before it", Ending.CUT),
    "reset": lambda hit: hit.ended("reset before it", Ending.RESET),
}
"""By the names of kinds.py: what is sent instead of a record."""


def split_record(framed: bytes) -> tuple[bytes, bytes]:
    """Split a record into length and payload; bytes that are no record have an empty length."""
    length, newline, payload = framed.partition(b"\n")
    return (length, payload) if newline and length.isdigit() else (b"", framed)
