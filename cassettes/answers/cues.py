"""Cues: where a stream waits for others, and others for it, set between its recorded events.

    events   1.0 a        4.0 b                     recorded times
    cues          2.5 Wait      5.0 Reach
    steps    a    Wait    b     Reach               each with a deadline of an event beside it

Cues take no part in the pace: with or without them, events come at the same time, unless a gate
opens late. Nothing here may read the clock.
"""

from collections.abc import Iterable, Iterator

from .gates import Cue, Reach, Wait
from .pace import Pace, Timed


def cued[T](
    events: Iterable[Timed[Timed[T]]],
    cues: Iterator[Timed[Cue]],
    pace: Pace,
    *,
    now_seconds: float,
    until_seconds: float,
) -> Iterator[Timed[T | Cue]]:
    """Set cues between events that are (deadline, (recorded at, event)).

    Of the cues after the last event, those recorded before `until_seconds` are reached, and none
    is waited at.
    """
    last_seconds, cue = now_seconds, next(cues, None)
    for deadline_seconds, (at_seconds, event) in events:
        while cue is not None and cue[0] <= at_seconds:
            match cue[1]:
                case Wait(gate=gate):
                    yield deadline_seconds, Wait(gate, pace.gap(at_seconds - cue[0]))
                case Reach():
                    yield last_seconds, cue[1]
            cue = next(cues, None)
        yield deadline_seconds, event
        last_seconds = deadline_seconds
    while cue is not None and cue[0] <= until_seconds:
        if isinstance(cue[1], Reach):
            yield last_seconds, cue[1]
        cue = next(cues, None)
