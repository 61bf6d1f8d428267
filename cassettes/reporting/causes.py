"""The calls that caused events, by the ids that both name.

    call    ACCEPT, which launches t1        event   UPDATE t1
    call    KILL t1                          event   UPDATE t1

An event is caused by the latest earlier call that names the same task, operation or container and
that can change something. Tasks of two frameworks that have the same id are taken for one.
"""

from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator

from google.protobuf.message import Message

from ...proto.api.apis import CallType
from ...proto.messages.ids import id_fields

_KINDS = frozenset(("task-id", "operation-id", "container-id"))
_MOST_IDS = 16
"""An event that names more is a snapshot of what is there, which no single call has caused."""


class Causes:
    """Collects ids of calls and of events, which may come in any order."""

    def __init__(self) -> None:
        self._calls = defaultdict[int, list[tuple[float, int]]](list)
        self._ids = array("q")
        self._times = array("d")
        self._events = array("I")

    def add_call(self, row: int, at_seconds: float, call: Message) -> None:
        """Add a call that can cause events, by its row in the table of exchanges."""
        for key in _keys(call):
            self._calls[key].append((at_seconds, row))

    def add_event(self, row: int, at_seconds: float, event: Message) -> None:
        """Add an event, by its row in the table of events."""
        keys = _keys(event)
        if len(keys) <= _MOST_IDS:
            for key in keys:
                self._ids.append(key)
                self._times.append(at_seconds)
                self._events.append(row)

    def pairs(self) -> Iterator[tuple[int, int]]:
        """Iterate over the rows of calls and of the events that they caused."""
        for calls in self._calls.values():
            calls.sort()
        seen: tuple[int, int] | None = None
        for key, at_seconds, event in zip(self._ids, self._times, self._events, strict=True):
            calls = self._calls.get(key, [])
            position = bisect_left(calls, (at_seconds, -1))
            if position and (pair := (calls[position - 1][1], event)) != seen:
                yield pair
                seen = pair


def is_cause(call_type: CallType, status: int | None) -> bool:
    """Return whether a call may cause events that name its ids. Acknowledgements only confirm."""
    is_answered = status is not None and status < 300
    is_confirming = call_type.name.startswith(("ACKNOWLEDGE", "HEARTBEAT", "SUBSCRIBE"))
    can_cause = call_type.is_mutating or call_type.causes_events
    return is_answered and can_cause and not is_confirming


def _keys(message: Message) -> set[int]:
    return {hash((field.kind, field.value)) for field in id_fields(message) if field.kind in _KINDS}
