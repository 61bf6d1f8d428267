r"""Faults of records: the steps of a stream, damaged.

    steps     5\nhello   3\nfoo   4\nlast
    drop@2    5\nhello   4\nlast

Records are numbered as they were recorded, whatever other faults do to them. A `Notify` precedes
every record that a fault hits, and reports the hit at the moment it goes out. Steps are made
lazily, one record at a time, and nothing here may read the clock.
"""

from collections.abc import Iterable, Iterator
from functools import partial

from msgspec.structs import replace

from ..answers.answer import Ending, Notify, RawBytes, StreamStep
from ..answers.gates import WaitFor
from ..answers.pace import Timed
from ..answers.records import is_heartbeat
from .fault_spec import Fault
from .record_effects import (
    RECORD_EFFECTS,
    HitReporter,
    NumberedStep,
    NumberedSteps,
    RecordEffect,
    RecordHit,
    split_record,
)
from .seeded_random import SeededRandom


class StreamFault:
    """One fault in one stream. `message` is the full name of the message type of its records."""

    def __init__(
        self,
        fault: Fault,
        seeded_random: SeededRandom,
        report: HitReporter,
        message: str | None,
    ) -> None:
        self._fault = fault
        self._random = seeded_random
        self._report = report
        self._message = message

    def apply_to_steps(self, steps: NumberedSteps) -> NumberedSteps:
        """Return the steps with the damage that the fault does, lazily."""
        match self._fault.kind.name:
            case "reorder":
                return self._reordered(steps)
            case "no-heartbeats":
                return self._without_heartbeats(steps)
            case name:
                return self._damaged(steps, RECORD_EFFECTS[name])

    def _damaged(self, steps: NumberedSteps, effect: RecordEffect) -> NumberedSteps:
        # Every fault but two replaces single records, and its effect needs to know nothing but the
        # record and the latest deadline before it. An effect yields what goes out instead: a step
        # that reports the hit, then no record, one or more, then an ending if there is one. It may
        # also make the stream stop (`ends_stream`) without an ending, for a stall without end.
        # What an effect yields with record number 0 is invisible to the faults that come after this
        # one: the half of a cut record, or the single bytes of a trickled one but the last.
        latest_seconds = 0.0
        for each in steps:
            at_seconds, step, number = each
            if not isinstance(step, bytes) or not self._is_hit(number):
                latest_seconds = max(latest_seconds, at_seconds)
                yield each
                continue
            hit = RecordHit(
                at_seconds=at_seconds,
                earliest_seconds=max(at_seconds, latest_seconds),
                record_number=number,
                framed=step,
                value=self._fault.effective_value,
                seeded_random=self._random,
                report=self._report,
            )
            for damaged in effect(hit):
                latest_seconds = max(latest_seconds, damaged.at_seconds)
                yield damaged
            if hit.ends_stream:
                return

    def _reordered(self, steps: NumberedSteps) -> NumberedSteps:
        # A record that is hit is held, until the next record has gone out; both are due at the time
        # of that one. The next record is not asked whether it is hit, so `reorder` without a
        # selector swaps pairs: 2 1 4 3. Waits and signals between the two are not held: they
        # belong to the time of the recording. A record that is the last of its stream stays in its
        # place, before the ending if there is one; then nothing is reported.
        held: NumberedStep | None = None
        for each in steps:
            if held is None:
                if self._is_hit(each.record_number):
                    held = each
                else:
                    yield each
            elif each.record_number:
                text = f"record {held.record_number}: sent after record {each.record_number}"
                yield NumberedStep(each.at_seconds, Notify(partial(self._report, text)))
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
        has_begun = False
        for each in steps:
            at_seconds, step, number = each
            has_begun = has_begun or self._is_hit(number)
            if has_begun and isinstance(step, bytes) and self._is_heartbeat(step):
                text = f"record {number}: a heartbeat, left out"
                yield NumberedStep(at_seconds, Notify(partial(self._report, text)))
            elif has_begun and isinstance(step, WaitFor) and step.heartbeats is not None:
                yield NumberedStep(at_seconds, replace(step, heartbeats=self._no_heartbeats()))
            else:
                yield each

    def _no_heartbeats(self) -> Iterator[Timed[bytes]]:
        """Yield nothing; report it when a stream that is held asks for its first heartbeat."""
        self._report("no heartbeats while the stream is held")
        return
        yield

    def _is_hit(self, record_number: int) -> bool:
        return record_number > 0 and self._fault.selector.is_selected(
            record_number, partial(self._random.random_fraction, record_number)
        )

    def _is_heartbeat(self, step: bytes) -> bool:
        return is_heartbeat(split_record(step)[1], self._message)


def number_records(steps: Iterable[Timed[StreamStep | RawBytes]]) -> NumberedSteps:
    """Number the records among the steps of a stream, from 1 on."""
    number = 0
    for at_seconds, step in steps:
        number += isinstance(step, bytes)
        yield NumberedStep(at_seconds, step, number if isinstance(step, bytes) else 0)


def strip_record_numbers(steps: NumberedSteps) -> Iterator[Timed[StreamStep | RawBytes]]:
    """Return the steps in the form in which a `StreamedResponse` has them."""
    for at_seconds, step, _ in steps:
        yield at_seconds, step
